"""A source: a numbered piece of a document that a model is given to read, and may cite."""

from dataclasses import dataclass

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
