"""What syncs did lately, file by file, for whoever watches."""

from collections import deque
from itertools import count
from typing import Literal, NamedTuple

from dunoe.errors import NOTHING, Text

What = Literal["came", "changed", "moved", "gone", "failed", "skipped"]
KEPT = 1000  # who looks every second misses none of them


class Change(NamedTuple):
    """One file. number: grows with each. passages: of what came or changed. why: it failed or was skipped."""

    number: int
    what: What
    path: str
    passages: int = 0
    why: Text = NOTHING


class News:
    """The last changes. Written by one sync, read by anybody."""

    def __init__(self) -> None:
        self._kept = deque[Change](maxlen=KEPT)
        self._numbers = count(1)

    def tell(self, what: What, path: str, passages: int = 0, why: Text = NOTHING) -> None:
        """One more change."""
        self._kept.append(Change(next(self._numbers), what, path, passages, why))

    @property
    def last(self) -> int:
        """The number of the last change, 0 before the first."""
        return self._kept[-1].number if self._kept else 0

    def since(self, number: int) -> list[Change]:
        """The changes after that one, oldest first."""
        return [one for one in list(self._kept) if one.number > number]
