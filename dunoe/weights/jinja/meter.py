"""Counts what one rendering does, so that it ends; and how a template says that it cannot go on."""

STEPS = 3_000_000  # of one rendering: statements, turns of loops, calls, elements looked at
TRIAL_STEPS = 300_000  # of all the renderings together that find out what a template can
STRIDE = 4096  # bytes that are passed over in a step
ROOM = 128 * 2**20  # bytes of text and of elements that one rendering makes, all together
ELEMENT = 64  # bytes that an element of a list or a dict takes, about
DEPTH = 50  # macros within macros


class Fault(Exception):
    """The template cannot go on, in words for a person who writes templates."""


class Spent(Fault):
    """It has used up what one rendering may use."""


class Meter:
    """Counts what one rendering does, so that it ends."""

    def __init__(self, steps: int = STEPS) -> None:
        self.most = self.steps = steps
        self.room, self.depth = ROOM, DEPTH

    def step(self, count: int = 1) -> None:
        """Count work, before it is done."""
        self.steps -= count
        if self.steps < 0:
            raise Spent(f"it takes more than {self.most:,} steps")

    def make(self, size: int) -> None:
        """Count bytes, before they are made."""
        self.room -= size
        if self.room < 0:
            raise Spent(f"it makes more than {ROOM // 2**20} MiB")
