"""Tables of a PDF: looked for only on pages where lines are drawn, and filled with the text that pdfium reads."""

import io
import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import pdfplumber.page
import pdfplumber.pdf
import pypdfium2
from pdfplumber.utils.exceptions import PdfminerException
from pypdfium2 import raw

from dunoe.library.parsing.pdf_lines import Box, Line

logging.getLogger("pdfminer").setLevel(logging.ERROR)  # it tells of every font that is odd

PAGES = 200  # with tables; the search takes a tenth of a second each
PATHS = 4000  # on one page: a drawing, not a table
THIN, LONG = 3.0, 10.0  # points
# pdfminer meets a broken file with whatever goes wrong first.
FOREIGN = (
    PdfminerException, LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError, struct.error,
    zlib.error,
)  # fmt: skip
KEPT = 0.9  # share of the letters in a table that its cells have to hold


class Tables:
    """The tables of one file, page by page. Nothing is opened before a page needs it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.unread: list[int] = []  # pages whose tables stayed lines of text
        self._left = PAGES
        self._file: pdfplumber.pdf.PDF | None = None

    def put(
        self,
        number: int,
        page: pypdfium2.PdfPage,
        text: pypdfium2.PdfTextPage,
        lines: Sequence[Line],
    ) -> list[Line]:
        """The lines of a page with those of a table replaced by the table. number: of the page, from 0."""
        if self._left <= 0 or page.get_rotation() or not _is_ruled(page):
            return list(lines)
        self._left -= 1
        try:
            return self._put(number, page, text, lines)
        except FOREIGN:
            self.unread.append(number + 1)
            return list(lines)

    def _put(
        self,
        number: int,
        page: pypdfium2.PdfPage,
        text: pypdfium2.PdfTextPage,
        lines: Sequence[Line],
    ) -> list[Line]:
        self._file = self._file or pdfplumber.open(io.BytesIO(self._data))
        found = self._file.pages[number]
        left, bottom = page.get_bbox()[:2]
        kept = list(lines)
        for table in found.find_tables({"explicit_vertical_lines": list(_open_sides(found))}):
            rows = [
                [_turned(cell, left, bottom + float(found.height)) for cell in row.cells]
                for row in table.rows
            ]
            kept = _with_table(
                kept, text, _turned(table.bbox, left, bottom + float(found.height)), rows
            )
        found.close()
        return kept


def _is_ruled(page: pypdfium2.PdfPage) -> bool:
    """At least two lines across and two down, or the frames of four cells."""
    across = down = frames = 0
    for number, path in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=3)):
        if number > PATHS:
            return False
        left, bottom, right, top = path.get_bounds()
        width, height = right - left, top - bottom
        across += height < THIN and width > LONG
        down += width < THIN and height > LONG
        frames += width > LONG and height > LONG
    return (across >= 2 and down >= 2) or frames >= 4


def _open_sides(page: pdfplumber.page.Page) -> Iterator[dict[str, Any]]:  # pdfplumber's own edges
    """The left and right edges of tables that are drawn without them, as Korean forms often are: as high as a line
    inside of the table, where the lines across that it meets end."""
    lines_across = [edge for edge in page.edges if edge["orientation"] == "h"]
    for x, top, bottom in _lines_down(page):
        met = [
            edge
            for edge in lines_across
            if top - THIN <= edge["top"] <= bottom + THIN
            and edge["x0"] - THIN <= x <= edge["x1"] + THIN
        ]
        for side in {
            min((edge["x0"] for edge in met), default=x),
            max((edge["x1"] for edge in met), default=x),
        }:
            if abs(side - x) > LONG:
                yield {
                    "object_type": "line", "x0": side, "x1": side, "top": top, "bottom": bottom,
                    "width": 0, "height": bottom - top,
                }  # fmt: skip


def _lines_down(page: pdfplumber.page.Page) -> list[tuple[float, float, float]]:
    """(x, top, bottom) of the lines down, those drawn cell by cell joined."""
    joined: list[tuple[float, float, float]] = []
    drawn = (
        (edge["x0"], edge["top"], edge["bottom"])
        for edge in page.edges
        if edge["orientation"] == "v"
    )
    for x, top, bottom in sorted(drawn, key=lambda line: (round(line[0]), line[1])):
        if joined and abs(joined[-1][0] - x) < 1 and top <= joined[-1][2] + THIN:
            joined[-1] = (joined[-1][0], joined[-1][1], max(bottom, joined[-1][2]))
        else:
            joined.append((x, top, bottom))
    return joined


def _turned(found: tuple[float, float, float, float] | None, left: float, top: float) -> Box | None:
    """pdfplumber counts down from the top of the page."""
    if found is None:
        return None
    return Box(found[0] + left, top - found[3], found[2] + left, top - found[1])


def _with_table(
    lines: list[Line], text: pypdfium2.PdfTextPage, frame: Box | None, rows: list[list[Box | None]]
) -> list[Line]:
    inside = [
        line for line in lines if frame is not None and frame.holds(line.box) and not line.rows
    ]
    texts = tuple(tuple(_words(text, cell) for cell in row) for row in rows)
    is_table = len(rows) > 1 and max(map(len, rows)) > 1
    wanted = sum(map(_letters, (line.text for line in inside)))
    if frame is None or not inside or not is_table:
        return lines
    if sum(_letters(cell) for row in texts for cell in row) < KEPT * wanted:
        return lines
    table = Line("", frame, inside[0].size, texts)
    return list(_replaced(lines, inside, table))


def _replaced(lines: list[Line], inside: list[Line], table: Line) -> Iterator[Line]:
    for line in lines:
        if line is inside[0]:
            yield table
        if not any(line is one for one in inside):
            yield line


def _words(text: pypdfium2.PdfTextPage, cell: Box | None) -> str:
    if cell is None:
        return ""
    return str(text.get_text_bounded(cell.left, cell.bottom, cell.right, cell.top))


def _letters(text: str) -> int:
    return sum(not letter.isspace() for letter in text)
