"""XLSX: each sheet a Markdown table, in ranges of rows that repeat the header."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from itertools import groupby

import openpyxl
from openpyxl.utils import get_column_letter

from dunoe.library.parsing import tables
from dunoe.library.parsing.archive import Archive
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.docx import title_and_date
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Parsed, Place

WHAT = NAMES["xlsx"]
CELLS = 2_000_000  # of a workbook; beyond it nothing is read
COLUMNS = 256
DATA = re.compile(r"[\d\s.,:%/+-]+")  # numbers, dates, times, and where there is none


def parse(data: bytes, name: str) -> Parsed:
    """Read an XLSX file: what the cells show, not their formulas."""
    archive = Archive(data, WHAT)
    for member in archive.names:
        if member.endswith(".xml"):
            archive.claim(member)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that no text depends on
        return _read(data, *title_and_date(archive))


def _read(data: bytes, workbook_title: str, date: str) -> Parsed:
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    builder = Builder("xlsx", WHAT)
    left = CELLS
    for sheet in workbook.worksheets:
        rows = list(_rows(sheet, left))
        left -= sum(map(len, rows))
        if any(any(row) for row in rows):
            builder.add(sheet.title, "heading", 1, Place(cells=f"{sheet.title}!A1"))
            write(builder, sheet.title, rows)
        if left <= 0:
            builder.warnings.append(f"셀이 {CELLS:,}개를 넘어 그 뒤는 읽지 않았습니다")
            break
    return builder.parsed(workbook_title, date)


def _rows(sheet: openpyxl.worksheet._read_only.ReadOnlyWorksheet, left: int) -> Iterator[list[str]]:
    """The rows as text, without the empty cells at their ends, up to so many cells."""
    sheet.reset_dimensions()  # what a file says of its size is often wrong
    for row in sheet.iter_rows(values_only=True):
        texts = [shown(cell) for cell in row[:COLUMNS]]
        while texts and not texts[-1]:
            texts.pop()
        yield texts
        left -= len(texts) + 1
        if left <= 0:
            return


def write(builder: Builder, title: str, rows: list[list[str]]) -> None:
    """Append the tables of a sheet: an empty row ends one, unless what follows is more rows of it."""
    header, columns = list[str](), range(0)
    for top, block in _blocks(rows):
        first = min(next(at for at, cell in enumerate(row) if cell) for row in block)
        within = range(first, max(map(len, block)))
        if header and within[0] in columns and within[-1] in columns and not _has_header(block):
            _table(builder, title, columns, top - 1, [header, *block], is_more=True)
            continue
        columns, header = within, block[0] if len(block) > 1 else []  # a row alone is a title
        _table(builder, title, columns, top, block)


def _blocks(rows: Sequence[list[str]]) -> Iterator[tuple[int, list[list[str]]]]:
    """The rows between empty ones, and the number of their first, from 1."""
    for is_full, numbered in groupby(enumerate(rows, 1), lambda one: any(one[1])):
        if is_full:
            block = list(numbered)
            yield block[0][0], [row for _, row in block]


def _has_header(block: Sequence[list[str]]) -> bool:
    """Is the first row all text, and what is below it not?"""
    kinds = [[DATA.fullmatch(cell) is not None for cell in row if cell] for row in block]
    return not any(kinds[0]) and any(map(any, kinds[1:]))


def _table(
    builder: Builder,
    title: str,
    columns: range,
    top: int,
    rows: Sequence[list[str]],
    *,
    is_more: bool = False,
) -> None:
    """Append a table whose header is its first row. is_more: that stands further up in the sheet."""
    left, right = get_column_letter(columns[0] + 1), get_column_letter(columns[-1] + 1)

    def place(first: int, last: int) -> Place:
        return Place(cells=f"{title}!{left}{top + first}:{right}{top + last}")

    for number, piece in enumerate(tables.pieces([row[columns[0] :] for row in rows])):
        lines = dict(enumerate(piece.rows, 2))
        if not number and not is_more:
            lines = {0: 0} | lines
        found = [*lines.values()]
        builder.add(
            piece.markdown,
            "table",
            place=place(found[0], found[-1]),
            rows={line: place(row, row) for line, row in lines.items()},
        )


def shown(cell: object) -> str:
    """A cell's value as a person writes it."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.15g}"
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, datetime | date | time):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell).strip()
