"""XLSX: each sheet a Markdown table, in ranges of rows that repeat the header."""

import io
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time

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
    """Append the tables of a sheet: an empty row ends one."""
    begin = 0
    while begin < len(rows):
        if not any(rows[begin]):
            begin += 1
            continue
        end = begin
        while end < len(rows) and any(rows[end]):
            end += 1
        block = rows[begin:end]
        first = min(next(at for at, cell in enumerate(row) if cell) for row in block)
        last = max(map(len, block))
        for piece in tables.pieces([row[first:] for row in block]):
            top, bottom = begin + piece.first + 1, begin + piece.last + 1
            corner = f"{get_column_letter(first + 1)}{top}:{get_column_letter(last)}{bottom}"
            builder.add(piece.markdown, "table", place=Place(cells=f"{title}!{corner}"))
        begin = end


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
