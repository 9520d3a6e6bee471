"""What is read together: the smallest section under a heading that is worth reading on its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dunoe.library.passage import Block

READING_TOKENS = 1500  # of a section; a longer one is read in windows
SMALL = 1 / 3  # of a passage: a section below that is joined with its neighbour


@dataclass(slots=True)
class Section:
    """Some blocks in a row. first, last: their numbers, `last` is not one of them. level: of its highest heading."""

    first: int
    last: int
    level: int
    tokens: int


def paths(blocks: Sequence[Block]) -> Iterator[tuple[str, ...]]:
    """The headings above each block, its own among them. A heading without words only ends what was open."""
    open_: list[tuple[int, str]] = []
    path: tuple[str, ...] = ()
    for block in blocks:
        if block.level:
            while open_ and open_[-1][0] >= block.level:
                open_.pop()
            if block.title:
                open_.append((block.level, block.title))
            path = tuple(title for _, title in open_)
        yield path


def sections(blocks: Sequence[Block], tokens: Sequence[int], limit: int) -> list[Section]:
    """The sections in their order. tokens: of each block; limit: of a passage."""
    leaves = list(_leaves(blocks, tokens))
    joined: list[Section] = []
    for leaf, below in pairwise([*leaves, None]):
        assert leaf is not None
        has_child = below is not None and below.level > leaf.level > 0
        _join(joined, leaf, limit * SMALL, has_child)
    return joined


def _leaves(blocks: Sequence[Block], tokens: Sequence[int]) -> Iterator[Section]:
    first = 0
    for number in range(1, len(blocks) + 1):
        if number == len(blocks) or blocks[number].level:
            yield Section(first, number, blocks[first].level, sum(tokens[first:number]))
            first = number


def _join(joined: list[Section], leaf: Section, small: float, has_child: bool) -> None:
    """Append a section, or make it a part of the last one when either is small.

    A small one goes to its own children or to the sibling before it rather than to what stands above it.
    """
    last = joined[-1] if joined else None
    if last is None or last.tokens + leaf.tokens > READING_TOKENS:
        joined.append(leaf)
    elif leaf.tokens < small and not has_child:
        _merge(last, leaf)
    elif last.tokens >= small:
        joined.append(leaf)
    elif leaf.level >= last.level:
        _merge(last, leaf)
    elif len(joined) > 1 and joined[-2].tokens + last.tokens <= READING_TOKENS:
        _merge(joined[-2], joined.pop())
        joined.append(leaf)
    else:
        _merge(last, leaf)


def _merge(into: Section, other: Section) -> None:
    into.last = other.last
    into.tokens += other.tokens
    into.level = min(into.level, other.level)
