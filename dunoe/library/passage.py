"""What a document is made of: its whole text, the blocks that should stay whole, and the passages that are found."""

from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal["heading", "paragraph", "list", "table", "code", "note", "meta"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands in the file as a person sees it. Numbers count from 1; None where a kind has no such thing.

    line: of a text file. page: of a PDF. slide: of a presentation. cells: of a workbook, like `매출!A3:F9`.
    The `_end` of a passage is inclusive.
    """

    line: int | None = None
    line_end: int | None = None
    page: int | None = None
    page_end: int | None = None
    slide: int | None = None
    slide_end: int | None = None
    cells: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of the text that is not cut where that can be helped: a paragraph, a table, a definition.

    start, end: characters of `Parsed.text`. level: 1 to 6 of a heading (a definition in code is a heading of its
    own section: name it in `title`), 0 otherwise. title: the heading in plain words, without its markup.
    rows: of a table in a workbook, where each row begins, in characters from `start`, and its place.
    """

    start: int
    end: int
    kind: BlockKind = "paragraph"
    level: int = 0
    title: str = ""
    place: Place = Place()
    rows: tuple[tuple[int, Place], ...] = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as it was read. The blocks lie one behind the other and cover the text without a gap.

    text: of a text file exactly its characters (a byte order mark aside); of other files what a reader would read
    aloud, tables as Markdown. kind: `markdown`, `text`, `code`, `html`, `pdf`, `docx`, `pptx`, `xlsx`, `hwp`,
    `hwpx`, `epub`, `eml`, `ipynb`. title: its own, "" where it has none. project, type, status: as front
    matter says them. date: ISO 8601. warnings: what was not read, in Korean, for the person who wonders.
    """

    kind: str
    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    tags: tuple[str, ...] = ()
    project: str = ""
    type: str = ""
    status: str = ""
    date: str = ""
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a person finds some words: their headings, outermost first, and their place.

    start, end: characters of the document.
    """

    start: int
    end: int
    headings: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Passage:
    """A small piece for finding. The passages of a document, joined, are its text.

    headings: what it is found by: the path of headings above it, outermost first; the last names every small section
    of it. section: where its section begins; all passages of one section have the same, and together they are what
    is given to read. spots: what it is made of where headings, page, slide or cells are not the same for all of it.
    """

    start: int
    end: int
    text: str
    headings: tuple[str, ...]
    section: int
    place: Place
    spots: tuple[Spot, ...] = ()
