"""How far a sync is, for the terminal and for the page: ask `now` as often as you like."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dunoe.errors import Problem
from dunoe.library.news import News

Outcome = Literal["taken", "skipped", "failed", "vanished"]
Phase = Literal["idle", "scanning", "comparing", "reading", "done", "failed"]
_RECENT_S = 20.0  # the speed is that of the last seconds


@dataclass(frozen=True, slots=True)
class Stand:
    """One look at a sync. seconds_left: None until there is a speed to tell it by.

    files_total: files that must be read; unchanged ones are not among them. failures: files that could not be read.
    skipped: empty ones and those of kinds that are not read. What is left of files_done was taken in.
    owed: passages that got their vectors, and how many there are to do; (0, 0) when nothing is owed. owing: why not.
    """

    phase: Phase
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    files_per_s: float
    seconds_left: float | None
    current: str
    failures: int
    skipped: int
    passages: int
    problem: Problem | None
    owed: tuple[int, int]
    owing: Problem | None

    @property
    def is_running(self) -> bool:
        """True between the start of a sync and its end."""
        return self.phase not in ("idle", "done", "failed")


class Progress:
    """Written by one sync, read by anybody."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that only go forward."""
        self._clock = clock
        self.news = News()
        self.owed = (0, 0)
        self.owing: Problem | None = None
        self.phase: Phase = "idle"
        self._clear()

    def start(self) -> None:
        """A new sync begins."""
        self.phase = "scanning"
        self._clear()

    def _clear(self) -> None:
        self.files_done = self.files_total = self.bytes_done = self.bytes_total = 0
        self.failures = self.skipped = self.passages = 0
        self.current = ""
        self.problem: Problem | None = None
        self._marks: deque[tuple[float, int, int]] = deque()

    def reading(self, files: int, size: int) -> None:
        """So many files of so many bytes must be read."""
        self.phase, self.files_total, self.bytes_total = "reading", files, size
        self._marks.append((self._clock(), 0, 0))

    def read(self, size: int, passages: int = 0, outcome: Outcome = "taken") -> None:
        """One file of `size` bytes is done; one that vanished is none."""
        if outcome == "vanished":
            self.files_total -= 1
            self.bytes_total -= size
            return
        self.files_done += 1
        self.bytes_done += size
        self.passages += passages
        self.failures += outcome == "failed"
        self.skipped += outcome == "skipped"
        now = self._clock()
        self._marks.append((now, self.files_done, self.bytes_done))
        while now - self._marks[0][0] > _RECENT_S and len(self._marks) > 2:
            self._marks.popleft()

    def end(self, problem: Problem | None = None) -> None:
        """The sync is over; `problem` is why it could not go on."""
        self.phase, self.problem, self.current = "failed" if problem else "done", problem, ""

    def now(self) -> Stand:
        """How far it is at this moment."""
        return Stand(
            phase=self.phase,
            files_done=self.files_done,
            files_total=self.files_total,
            bytes_done=self.bytes_done,
            bytes_total=self.bytes_total,
            files_per_s=self._speed(1),
            seconds_left=self._seconds_left(),
            current=self.current,
            failures=self.failures,
            skipped=self.skipped,
            passages=self.passages,
            problem=self.problem,
            owed=self.owed,
            owing=self.owing,
        )

    def _seconds_left(self) -> float | None:
        """By bytes, for one long book is not one short note."""
        if self.phase != "reading":
            return None
        left, speed = self.bytes_total - self.bytes_done, self._speed(2)
        return left / speed if speed else None

    def _speed(self, of: Literal[1, 2]) -> float:
        """Files (1) or bytes (2) in a second, lately."""
        if len(self._marks) < 2:
            return 0.0
        first, last = self._marks[0], self._marks[-1]
        seconds = last[0] - first[0]
        return (last[of] - first[of]) / seconds if seconds > 0 else 0.0
