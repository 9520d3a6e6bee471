"""Sources and leaves for tests, made from plain texts."""

from uuid import UUID, uuid5

from dunoe.answering.pack import Candidate, Leaf
from dunoe.answering.source import Part, Source
from dunoe.library.passage import Place

SPACE = UUID(int=1)


def part(text: str, number: int = 0, headings: tuple[str, ...] = ()) -> Part:
    """A passage of its own."""
    return Part(str(uuid5(SPACE, f"{number}{text}")), 0, len(text), text, headings, Place(line=1))


def source(number: int, *texts: str, file: str = "", headings: tuple[str, ...] = ()) -> Source:
    """A source whose passages have these texts."""
    parts = tuple(part(text, n, headings) for n, text in enumerate(texts))
    file = file or f"문서{number}.md"
    return Source(number, str(uuid5(SPACE, str(number))), file, "", 1.0, parts, parts[0])


def grown() -> Source:
    """A source of two passages under one heading, whose second was found."""
    parts = (
        Part("a", 0, 4, "연차는 ", ("휴가", "연차"), Place(line=3, line_end=8)),
        Part("b", 4, 8, "병가는 ", ("휴가", "병가"), Place(line=9, line_end=20)),
    )
    return Source(1, "d", "docs/규칙.md", "", 1.0, parts, parts[1])


def document(name: str, *sections: list[str]) -> tuple[str, list[Leaf]]:
    """A document of sections of passages."""
    leaves: list[Leaf] = []
    for number, section in enumerate(sections):
        for text in section:
            leaves.append(Leaf(len(leaves), number, part(text, len(leaves))))
    return str(uuid5(SPACE, name)), leaves


def candidate(made: tuple[str, list[Leaf]], position: int, score: float = 1.0) -> Candidate:
    """The passage of a document at a position, as search found it."""
    return Candidate(made[0], f"{made[0]}.md", "", score, position, made[1])
