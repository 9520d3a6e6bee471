"""PDF: page by page in the order of reading; large letters are headings, ruled tables are tables."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pypdfium2
from pypdfium2 import raw

from dunoe.library import unreadable
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.parsing.pdf_lines import SPLIT, Line, in_reading_order, lines_of
from dunoe.library.parsing.pdf_tables import Tables
from dunoe.library.passage import Parsed, Place

WHAT = NAMES["pdf"]
LARGER = 1.15  # times the size of the body: a heading
HEADING_CHARS = 80
HEADING_LEVELS = 3
POINT = re.compile(r"\s*([·•*○●□■◦▪▶※①-⑳-]|\d{1,2}[.)]|[가-하][.)]|\([0-9가-하]\))\s")
EDGE = 2  # lines
LEADER = re.compile(r"(?:\. ?){4}|…")  # of a table of contents
FEW_PAGES = 3  # what stands at the edge of so many pages and of half of all is a running head
PAGE_NUMBER = re.compile(  # with no other words: "Chapter 3" on page 3 is text
    r"[-\u2013\u2014\[(| ]*(?:(?:page|pg\.?|p\.?|제) ?)?(\d{1,5}) ?(?:쪽|페이지|면|page)?"
    r"(?: ?(?:/|\||of) ?\d{1,5} ?(?:쪽|페이지|면|pages)?)?[-\u2013\u2014\])| ]*",
    re.IGNORECASE,
)
FARTHEST = 1000  # from the page's place in the file: 2024 on page 4 is a year


@dataclass(frozen=True, slots=True)
class Piece:
    """A paragraph or a table with the page it stands on. size: of its letters, in points."""

    page: int
    text: str
    size: float
    rows: tuple[tuple[str, ...], ...] = ()


def parse(data: bytes, name: str) -> Parsed:
    """Read a PDF file."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as exc:
        if exc.err_code == raw.FPDF_ERR_PASSWORD:
            raise unreadable.encrypted(WHAT) from exc
        raise unreadable.broken(WHAT) from exc
    builder = Builder("pdf", WHAT)
    pages = _read(data, document, builder.warnings)
    pieces = [
        piece
        for number, lines in enumerate(_without_running(pages), 1)
        for run in in_reading_order(lines)
        for piece in _pieces(number, run)
    ]
    levels = heading_levels(pieces)
    for piece in pieces:
        place = Place(page=piece.page, page_end=piece.page)
        level = levels.get(_rounded(piece.size), 0) if _may_head(piece.text) else 0
        if piece.rows:
            builder.table(piece.rows, place)
        else:
            builder.add(piece.text, "heading" if level else "paragraph", level, place)
    about = document.get_metadata_dict()
    return builder.parsed(
        about.get("Title", ""), _date(about.get("ModDate") or about.get("CreationDate", ""))
    )


def _read(data: bytes, document: pypdfium2.PdfDocument, warnings: list[str]) -> list[list[Line]]:
    """The lines of each page."""
    tables = Tables(data)
    pages: list[list[Line]] = []
    without_text: list[int] = []
    broken: list[int] = []
    for number in range(len(document)):
        pages.append([])
        try:
            page = document[number]
            text = page.get_textpage()
        except pypdfium2.PdfiumError:
            broken.append(number + 1)
            continue
        lines = list(lines_of(text))
        if lines:
            pages[-1] = tables.put(number, page, text, lines)
        elif next(page.get_objects(max_depth=3), None) is not None:
            without_text.append(number + 1)
        text.close()
        page.close()
    if broken and not any(pages):
        raise unreadable.broken(WHAT)
    warnings += _warned("글이 없는 쪽(그림이나 스캔)", without_text)
    warnings += _warned("깨져서 읽지 못한 쪽", broken)
    warnings += _warned("표를 칸으로 나누지 못한 쪽", tables.unread)
    return pages


def _warned(what: str, numbers: list[int]) -> Iterator[str]:
    if numbers:
        yield f"{what}: {', '.join(map(str, numbers[:20]))}{' …' if len(numbers) > 20 else ''}"


def _letters(line: Line) -> str:
    return " ".join(line.text.split())


def _edges(lines: Sequence[Line]) -> list[Line]:
    """The lines at the top and at the bottom of a page."""
    heights = sorted({line.box.top for line in lines}, reverse=True)
    edge = {*heights[:EDGE], *heights[-EDGE:]}
    return [line for line in lines if line.box.top in edge and not line.rows]


def _without_running(pages: Sequence[Sequence[Line]]) -> Iterator[list[Line]]:
    """The lines of each page; a running head or foot only where it first stands, no page numbers.

    A line is one only if it is the same to the letter on page after page: titles or totals that
    differ in a number are text.
    """
    edges = [_edges(lines) for lines in pages]
    least = max(FEW_PAGES, len(pages) / 2)
    count = Counter(text for edge in edges for text in {_letters(line) for line in edge})
    numberings = _page_numbers(edges, least)
    seen: set[str] = set()
    for number, (lines, edge) in enumerate(zip(pages, edges, strict=True), 1):
        texts = {id(line): _letters(line) for line in edge}
        left_out = {
            key
            for key, text in texts.items()
            if (text in seen and count[text] >= least) or _numbering(number, text) in numberings
        }
        seen.update(texts.values())
        yield [line for line in lines if id(line) not in left_out]


def _numbering(number: int, text: str) -> tuple[str, int] | None:
    """How a page number is written, and how far it is from the page's place in the file."""
    match = PAGE_NUMBER.fullmatch(text)
    if not match:
        return None
    offset = int(match[1]) - number
    shape = f"{text[: match.start(1)]}#{text[match.end(1) :]}"
    return (shape, offset) if abs(offset) < FARTHEST else None


def _page_numbers(edges: Sequence[Sequence[Line]], least: float) -> set[tuple[str, int]]:
    """Numberings that hold on every page that has a number so written."""
    pages: Counter[str] = Counter()
    holds: Counter[tuple[str, int]] = Counter()
    for number, edge in enumerate(edges, 1):
        found = {_numbering(number, _letters(line)) for line in edge}
        numberings = {one for one in found if one}
        pages.update({shape for shape, _ in numberings})
        holds.update(numberings)
    return {one for one, count in holds.items() if count >= least and count == pages[one[0]]}


def _pieces(page: int, run: Sequence[Line]) -> Iterator[Piece]:
    """Lines that stand one below the other as paragraphs."""
    right = max(line.box.right for line in run)
    words: list[Line] = []
    for line in run:
        if words and (line.rows or _begins(line, words[-1], right)):
            yield _joined(page, words)
            words = []
        if line.rows:
            yield Piece(page, "", line.size, line.rows)
        else:
            words.append(line)
    if words:
        yield _joined(page, words)


def _begins(line: Line, last: Line, right: float) -> bool:
    """A new paragraph: other letters, more space between, a point of a list, or the last line ended early."""
    is_other = not 0.87 < line.size / max(last.size, 0.1) < LARGER
    is_apart = last.box.bottom - line.box.top > 0.8 * last.size
    return (
        is_other
        or is_apart
        or bool(POINT.match(line.text))
        or last.box.right < right - 4 * last.size
    )


def _joined(page: int, lines: Sequence[Line]) -> Piece:
    text = ""
    for line in lines:
        words = line.text.strip()
        is_split = text[-1:] in SPLIT or (
            text[-1:] == "-" and text[-2:-1].isalpha() and words[:1].islower()
        )
        text = text[:-1] + words if is_split else f"{text} {words}"
    return Piece(page, text.strip(), max(line.size for line in lines))


def heading_levels(pieces: Sequence[Piece]) -> dict[float, int]:
    """Sizes of letters that make a heading -> its level: those clearly larger than what most letters have."""
    letters: Counter[float] = Counter()
    for piece in pieces:
        letters[_rounded(piece.size)] += len(piece.text)
    if not letters:
        return {}
    body = letters.most_common(1)[0][0]
    larger = sorted((size for size in letters if size >= LARGER * body), reverse=True)
    return {size: min(level, HEADING_LEVELS) for level, size in enumerate(larger, 1)}


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _may_head(text: str) -> bool:
    is_short = 1 < len(text) <= HEADING_CHARS and any(map(str.isalpha, text))
    return is_short and not text.endswith((".", ",", ";")) and not LEADER.search(text)


def _date(found: str) -> str:
    match = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?", found)
    if not match:
        return ""
    year, month, day, *time = match.groups()
    return f"{year}-{month}-{day}" + (f"T{':'.join(time)}" if all(time) else "")
