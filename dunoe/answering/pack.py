"""What a model gets to read: the best passages whole, with what stands around them, inside an exact budget."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil

from dunoe.answering.source import Part, Source
from dunoe.library.passage import Spot

READING = 12_000  # tokens of sources that are worth their prefill, however large the context is
CAUTION = 1.05  # neighbours may have more tokens a letter than the section that was counted
FRAME = 40  # tokens for a source's number, file and headings

Count = Callable[[list[str]], Awaitable[list[int]]]  # tokens of each text, by the answering model


@dataclass(frozen=True, slots=True)
class Leaf:
    """A passage in its document. position: from 0, without gaps; section: the same for all of one section."""

    position: int
    section: int
    part: Part


@dataclass(frozen=True, slots=True)
class Candidate:
    """A found passage, best first in a list of them.

    leaves: the document around it, in order: at least its whole section. meant: the spot of it that was looked for.
    """

    document: str
    file: str
    title: str
    score: float
    position: int
    leaves: Sequence[Leaf]
    meant: Spot | None = None

    @property
    def leaf(self) -> Leaf:
        """The passage itself."""
        return next(leaf for leaf in self.leaves if leaf.position == self.position)

    @property
    def section(self) -> list[Leaf]:
        """Its section."""
        return [leaf for leaf in self.leaves if leaf.section == self.leaf.section]


@dataclass(frozen=True, slots=True)
class Packed:
    """sources: numbered, best first. dropped: candidates of which nothing fitted. tokens: about, frames included."""

    sources: list[Source]
    dropped: list[Candidate]
    tokens: int


class _Bag:
    """What was taken so far, and what everything costs: sections as counted, their neighbours by that measure."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: dict[str, dict[int, Leaf]] = {}
        self._costs: dict[str, int] = {}

    async def weigh(self, candidates: Sequence[Candidate], count: Count) -> None:
        """Count every section, all at once; the whole prompt is counted again when it stands."""
        sections = {(one.document, one.leaf.section): one for one in candidates}
        texts = ["".join(leaf.part.text for leaf in one.section) for one in sections.values()]
        counts = await count(texts)
        for one, text, tokens in zip(sections.values(), texts, counts, strict=True):
            density = tokens / max(1, len(text))
            for leaf in one.leaves:
                is_counted = leaf.section == one.leaf.section
                cost = density * len(leaf.part.text) * (1.0 if is_counted else CAUTION)
                if is_counted or leaf.part.id not in self._costs:
                    self._costs[leaf.part.id] = ceil(cost)

    def take(self, document: str, leaves: Sequence[Leaf], frame: int = 0) -> bool:
        """Take what is not taken yet, all or nothing."""
        has = self.taken.get(document, {})
        new = [leaf for leaf in leaves if leaf.position not in has]
        cost = sum(self._costs[leaf.part.id] for leaf in new) + (frame if new else 0)
        if cost > self.room:
            return False
        self.room -= cost
        self.taken.setdefault(document, {}).update({leaf.position: leaf for leaf in new})
        return True


async def pack(candidates: Sequence[Candidate], room: int, count: Count) -> Packed:
    """Choose and number the sources. room: tokens; more than `READING` are not used.

    Sections of the candidates in their order, each whole; where a section does not fit, the passage alone; then
    neighbours of what was taken, for as long as there is room.
    """
    room = min(room, READING)
    bag = _Bag(room)
    await bag.weigh(candidates, count)
    dropped = []
    for one in candidates:
        whole = bag.take(one.document, one.section, FRAME)
        if not whole and not bag.take(one.document, [one.leaf], FRAME):
            dropped.append(one)
    kept = [one for one in candidates if one not in dropped]
    growing = kept
    while growing:
        growing = [one for one in growing if _grows(one, bag)]
    return Packed(_sources(kept, bag), dropped, room - bag.room)


def _grows(one: Candidate, bag: _Bag) -> bool:
    """Take the passage after a source and the one before it; False when neither fits or there is none."""
    has = bag.taken[one.document]
    after = before = one.position
    while after in has:
        after += 1
    while before in has:
        before -= 1
    beside = [leaf for leaf in one.leaves if leaf.position in (after, before)]
    return any([bag.take(one.document, [leaf]) for leaf in beside])  # both, not the first that fits


def _sources(candidates: Sequence[Candidate], bag: _Bag) -> list[Source]:
    """One source for each run of neighbours, in the order of the best candidate in it."""
    sources: list[Source] = []
    seen: set[tuple[str, int]] = set()
    for one in candidates:
        if (one.document, one.position) in seen:
            continue
        has = bag.taken[one.document]
        first = last = one.position
        while first - 1 in has:
            first -= 1
        while last + 1 in has:
            last += 1
        run = range(first, last + 1)
        seen |= {(one.document, position) for position in run}
        sources.append(
            Source(
                number=len(sources) + 1,
                document=one.document,
                file=one.file,
                title=one.title,
                score=one.score,
                parts=tuple(has[position].part for position in run),
                best=one.leaf.part,
                meant=one.meant,
            )
        )
    return sources
