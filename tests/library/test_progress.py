"""Progress: what the terminal and the page can say while a sync runs."""

from dunoe.errors import Problem
from dunoe.library.progress import Progress


class Clock:
    """Seconds, as far as the test lets them go."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_speed_and_time_left_are_those_of_the_last_seconds() -> None:
    clock = Clock()
    progress = Progress(clock)
    progress.start()
    progress.reading(files=10, size=1000)
    assert progress.now().seconds_left is None
    for _ in range(4):
        clock.now += 1.0
        progress.read(100, passages=3)
    stand = progress.now()
    assert (stand.files_done, stand.bytes_done, stand.passages) == (4, 400, 12)
    assert (stand.files_per_s, stand.seconds_left) == (1.0, 6.0)
    for _ in range(5):
        clock.now += 10.0
        progress.read(100, passages=3)
    stand = progress.now()
    assert (stand.files_per_s, stand.seconds_left) == (0.1, 10.0)


def test_a_sync_that_is_over_says_how_it_ended() -> None:
    progress = Progress()
    assert not progress.now().is_running
    progress.start()
    assert progress.now().is_running
    progress.end(Problem("x"))
    assert (progress.now().phase, progress.now().is_running) == ("failed", False)
    progress.start()
    progress.read(1, outcome="failed")
    progress.end()
    stand = progress.now()
    assert (stand.phase, stand.problem, stand.failures, stand.files_done) == ("done", None, 1, 1)
    assert stand.seconds_left is None


def test_what_was_skipped_is_no_failure_and_what_vanished_is_nothing() -> None:
    progress = Progress()
    progress.start()
    progress.reading(files=4, size=40)
    progress.read(10, passages=2)
    progress.read(10, outcome="skipped")
    progress.read(10, outcome="failed")
    progress.read(10, outcome="vanished")
    progress.end()
    stand = progress.now()
    assert (stand.files_done, stand.files_total, stand.bytes_done, stand.bytes_total) == (
        3,
        3,
        30,
        30,
    )
    assert (stand.failures, stand.skipped) == (1, 1)
