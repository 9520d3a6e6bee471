"""What a passage speaks of (a topic), and what is read together (a section): where headings part a document."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dunoe.library.passage import Block

READING_TOKENS = 1500  # of a section; a longer one is read in windows
SMALL = 1 / 3  # of a passage: sections with less share one, and are read with their neighbours
TINY = 1 / 20  # of a passage: a heading with less below it goes with whatever follows


@dataclass(slots=True)
class Section:
    """Some blocks in a row. first, last: their numbers, `last` is not one of them. level: of its highest heading.

    below: most tokens that stand right under one of its headings. is_named: whether one of these has words.
    is_whole: whether it has a passage of its own however little it holds: a definition of several lines, a slide, a
    sheet.
    """

    first: int
    last: int
    level: int
    tokens: int
    below: int = 0
    is_named: bool = True
    is_whole: bool = False


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


def topics(blocks: Sequence[Block], tokens: Sequence[int], limit: int) -> list[Section]:
    """What has passages of its own: what stands under one heading, or under a few that have little.

    tokens: of each block; limit: of a passage.
    """
    joined: list[Section] = []
    level = 0  # of the last heading
    for leaf in _leaves(blocks, tokens):
        if joined and _goes_with(joined[-1], leaf, level, limit):
            _merge(joined[-1], leaf)
        else:
            joined.append(leaf)
        level = blocks[leaf.first].level
    return joined


def _goes_with(last: Section, leaf: Section, level: int, limit: int) -> bool:
    """Whether both are one topic. Definitions, slides and sheets stay apart, headings with little below them do not."""
    if not last.is_named:  # what stands above the first heading: imports, front matter
        return last.tokens < SMALL * limit
    is_whole = last.is_whole or leaf.is_whole
    enough = (TINY if is_whole else SMALL) * limit
    is_short = leaf.below < enough and last.tokens + leaf.tokens <= limit
    if not leaf.is_named:  # what stands behind a definition
        return is_short
    if leaf.level > level and last.below < TINY * limit:
        return True
    return leaf.level >= level and last.below < enough and is_short and not is_whole


def sections(parts: Sequence[Section], limit: int) -> Iterator[list[Section]]:
    """Topics in their order, those together that are read together. limit: of a passage."""
    joined: list[Section] = []
    for leaf, below in pairwise([*map(replace, parts), None]):
        assert leaf is not None
        has_child = below is not None and below.level > leaf.level > 0
        _join(joined, leaf, limit * SMALL, has_child)
    waiting = iter(parts)
    for whole in joined:
        together = [next(waiting)]
        while together[-1].last < whole.last:
            together.append(next(waiting))
        yield together


def _leaves(blocks: Sequence[Block], tokens: Sequence[int]) -> Iterator[Section]:
    first = 0
    for number in range(1, len(blocks) + 1):
        if number == len(blocks) or blocks[number].level:
            yield _leaf(blocks[first], first, tokens[first:number])
            first = number


def _leaf(head: Block, first: int, tokens: Sequence[int]) -> Section:
    place = head.place
    is_definition = head.kind == "code" and place.line != place.line_end
    is_whole = is_definition or place.slide is not None or place.cells is not None
    is_heading = head.kind == "heading" or (head.level > 0 and not is_definition)
    return Section(
        first=first,
        last=first + len(tokens),
        level=head.level,
        tokens=sum(tokens),
        below=sum(tokens[is_heading:]),
        is_named=bool(head.title),
        is_whole=is_whole,
    )


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
    into.level = min(into.level, other.level) if into.is_named else other.level
    into.below = max(into.below, other.below)
    into.is_named = into.is_named or other.is_named
    into.is_whole = into.is_whole or other.is_whole
