"""A source: a numbered piece of a document that a model is given to read, and may cite."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from dunoe.errors import Language, Text
from dunoe.library.passage import Place


@dataclass(frozen=True, slots=True)
class Part:
    """One passage of a source. start, end: characters of the document."""

    id: str
    start: int
    end: int
    text: str
    headings: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Source:
    """Neighbouring passages of one document. number: from 1, as `[1]` cites it. file: as a person knows it.

    score: 0 to 1, of the best passage in it. best: that passage.
    """

    number: int
    document: str
    file: str
    title: str
    score: float
    parts: tuple[Part, ...]
    best: Part

    @property
    def text(self) -> str:
        """What stands there, without a gap."""
        return "".join(part.text for part in self.parts)

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that all of it stands under."""
        steps = zip(*(part.headings for part in self.parts), strict=False)
        return tuple(step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps))

    @property
    def place(self) -> Place:
        """Where it stands, from its first passage to its last."""
        first, last = self.parts[0].place, self.parts[-1].place
        return Place(
            line=first.line,
            line_end=last.line_end or last.line,
            page=first.page,
            page_end=last.page_end or last.page,
            slide=first.slide,
            slide_end=last.slide_end or last.slide,
            cells=_range(first.cells, last.cells),
        )


def titled(file: str, headings: Sequence[str], place: Place, language: Language) -> str:
    """What a text is called: `문서.md > 소유권 > 규칙 > 12행`."""
    path = (file.rsplit("/", 1)[-1], *headings, where(place, language))
    return " > ".join(step for step in path if step)


def where(place: Place, language: Language) -> str:
    """A place in a person's words: `12행`, `page 3`, `매출!A3:F9`; "" when there is none."""
    if place.cells:
        return place.cells
    for one, many, first, last in (
        (Text("{}쪽", "page {}"), Text("{}\u2013{}쪽", "pages {}-{}"), place.page, place.page_end),
        (
            Text("슬라이드 {}", "slide {}"),
            Text("슬라이드 {}\u2013{}", "slides {}-{}"),
            place.slide,
            place.slide_end,
        ),
        (Text("{}행", "line {}"), Text("{}\u2013{}행", "lines {}-{}"), place.line, place.line_end),
    ):
        if first is not None:
            said = one if last in (None, first) else many
            return said.in_(language).format(first, last)
    return ""


def _range(first: str | None, last: str | None) -> str | None:
    """From one range of cells to another: `매출!A3:F9` and `매출!A10:F20` are `매출!A3:F20`."""
    if first is None or last is None or first == last:
        return first or last
    sheet, _, cells = last.rpartition("!")
    if first.rpartition("!")[0] != sheet:
        return f"{first}, {last}"
    return f"{first.partition(':')[0]}:{cells.rpartition(':')[2]}"
