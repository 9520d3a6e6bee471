"""Scratch memory: where the results of a computation lie while they are needed, as ggml's allocator lays them.

A result takes the smallest free gap that holds it, else the end; it is given back after its last use; some
operations write over their own input. The end that was reached is the size of the compute buffer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

ALIGNMENT = 32  # bytes, in RAM


@dataclass(eq=False)
class Result:
    """What one operation leaves. of: the result that this is a view of. size: 0 for what lies elsewhere."""

    size: int
    sources: tuple["Result", ...] = ()
    of: "Result | None" = None
    is_over: bool = False  # may be written over one of its sources
    is_kept: bool = False  # the graph's own result
    uses: int = 0
    views: int = 0
    offset: int | None = None


@dataclass
class Graph:
    """Operations in the order in which they are computed; what is given from outside comes first."""

    given: list[Result] = field(default_factory=list)
    steps: list[Result] = field(default_factory=list)

    def give(self, size: int) -> Result:
        """Something from outside."""
        self.given.append(Result(size))
        return self.given[-1]

    def step(
        self, size: int, *sources: Result, is_over: bool = False, is_kept: bool = False
    ) -> Result:
        """A new result."""
        self.steps.append(Result(size, sources, is_over=is_over, is_kept=is_kept))
        return self.steps[-1]

    def over(self, source: Result, *others: Result) -> Result:
        """A result as large as its first source, written over it where nobody else needs that."""
        return self.step(source.size, source, *others, is_over=True)

    def view(self, source: Result, *others: Result, size: int | None = None) -> Result:
        """The same memory, seen otherwise, or changed in place. size: of the part that is seen; None: all."""
        seen = source.size if size is None else size
        self.steps.append(Result(seen, (source, *others), of=source.of or source))
        return self.steps[-1]


def scratch_size(graph: Graph) -> int:
    """Bytes that computing this takes."""
    _count_uses(graph)
    room = _Room()
    for one in graph.given:
        one.offset = room.take(one.size)
    for one in graph.steps:
        if one.of is None:
            place = _written_over(one, room) if one.is_over else None
            one.offset = room.take(one.size) if place is None else place
        for source in one.sources:
            source.uses -= 1
            if not source.uses and not source.views:
                _let_go(source, room)
    return room.end


def _count_uses(graph: Graph) -> None:
    for one in graph.steps:
        for source in one.sources:
            source.uses += 1
        if one.of is not None:
            one.of.views += 1


def _written_over(one: Result, room: "_Room") -> int | None:
    """The place of a source that only this operation still needs, taken over from it; what is left goes back."""
    for source in one.sources:
        owner = source.of or source
        if owner.offset is None or owner.is_kept or source.size != one.size:
            continue
        if source.uses != 1 or source.views or (source.of and (owner.uses or owner.views != 1)):
            continue
        offset, owner.offset = owner.offset, None
        if (kept := _aligned(one.size)) < _aligned(owner.size):
            room.give_back(offset + kept, owner.size - kept)
        return offset
    return None


def _let_go(source: Result, room: "_Room") -> None:
    owner = source
    if source.of is not None:
        owner = source.of
        owner.views -= 1
        if owner.uses or owner.views:
            return
    if owner.offset is not None and not owner.is_kept:
        room.give_back(owner.offset, owner.size)
        owner.offset = None


class _Room:
    """Memory without end, and the gaps in it."""

    def __init__(self) -> None:
        self.end = 0  # the furthest that was ever used
        self.gaps: list[
            tuple[int, int]
        ] = []  # start and length, in order; the rest begins at `rest`
        self.rest = 0

    def take(self, size: int) -> int:
        size = _aligned(size)
        fitting = [
            (length, -index) for index, (_, length) in enumerate(self.gaps) if length >= size
        ]
        if not fitting:
            start, self.rest = self.rest, self.rest + size
            self.end = max(self.end, self.rest)
            return start
        length, index = min(fitting)
        start = self.gaps[-index][0]
        self.gaps[-index : -index + 1] = [(start + size, length - size)] if length > size else []
        return start

    def give_back(self, start: int, size: int) -> None:
        self.gaps = _merged([*self.gaps, (start, _aligned(size))])
        if self.gaps and sum(self.gaps[-1]) == self.rest:
            self.rest = self.gaps.pop()[0]


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _merged(gaps: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    whole: list[tuple[int, int]] = []
    for start, length in sorted(gaps):
        if whole and sum(whole[-1]) == start:
            whole[-1] = (whole[-1][0], whole[-1][1] + length)
        else:
            whole.append((start, length))
    return whole
