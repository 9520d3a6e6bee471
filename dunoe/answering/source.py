"""A source: a numbered piece of a document that a model is given to read, and may cite."""

from collections.abc import Sequence
from dataclasses import dataclass

from dunoe.errors import Language, Text
from dunoe.library.passage import Place, Spot
from dunoe.library.places import around, shared


@dataclass(frozen=True, slots=True)
class Part:
    """One passage of a source. start, end: characters of the document. spots: what it is made of, if of several."""

    id: str
    start: int
    end: int
    text: str
    headings: tuple[str, ...]
    place: Place
    spots: tuple[Spot, ...] = ()

    @property
    def whole(self) -> Spot:
        """All of it as one spot."""
        return Spot(self.start, self.end, self.headings, self.place)

    def words_of(self, spot: Spot) -> str:
        """What one of its spots says."""
        return self.text[spot.start - self.start : spot.end - self.start]


@dataclass(frozen=True, slots=True)
class Source:
    """Neighbouring passages of one document. number: from 1, as `[1]` cites it. file: as a person knows it.

    score: 0 to 1, of the best passage in it. best: that passage. meant: the spot of it with the question's words; None
    where that is all of it.
    """

    number: int
    document: str
    file: str
    title: str
    score: float
    parts: tuple[Part, ...]
    best: Part
    meant: Spot | None = None

    @property
    def spot(self) -> Spot:
        """Where a person who asked should look."""
        return self.meant or self.best.whole

    @property
    def text(self) -> str:
        """What stands there, without a gap."""
        return "".join(part.text for part in self.parts)

    @property
    def headings(self) -> tuple[str, ...]:
        """The headings that all of it stands under."""
        return shared(part.headings for part in self.parts)

    @property
    def place(self) -> Place:
        """Where it stands, from its first passage to its last."""
        return around([spot.place for part in self.parts for spot in part.spots or (part.whole,)])


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
