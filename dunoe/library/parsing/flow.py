"""A document's body while it is read: paragraphs, tables of cells, notes; and how they become blocks."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, takewhile

from dunoe.library.parsing.builder import NOWHERE, Builder
from dunoe.library.passage import BlockKind, Place

HEADING_CHARS = 120  # a longer "heading" is a paragraph that was given its style
DEEPEST = 24  # tables in tables; below it nothing is read
SPARSE = 20  # places for each cell of a table: merged cells leave fewer empty
PAGE = "쪽 번호"  # of a note: a box that may be the number of a page
PAGES = 3  # at least, that numbers are taken for theirs
NUMBER = re.compile(r"[-\u2013]?\s*(\d{1,3})\s*[-\u2013]?")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph. level: 1 to 6 of a heading, 0 otherwise."""

    text: str
    level: int = 0
    kind: BlockKind = "paragraph"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; a cell holds what a body holds. Cells hidden by a merged one are empty."""

    rows: list[list[list["Item"]]]


@dataclass(frozen=True, slots=True)
class Note:
    """What stands beside the text: a footnote, a page's header, a comment. label: which of them, in Korean."""

    label: str
    items: list["Item"]


Item = Paragraph | Table | Note


def write(builder: Builder, items: Iterable[Item], place: Place = NOWHERE) -> None:
    """Append the items as blocks. A table of one cell is a frame: what it holds is written as it is."""
    for item in items:
        if isinstance(item, Paragraph):
            is_heading = item.level > 0 and len(item.text) <= HEADING_CHARS
            kind: BlockKind = "heading" if is_heading else item.kind
            builder.add(item.text, kind, min(item.level, 6) if is_heading else 0, place)
        elif isinstance(item, Note) and item.label == PAGE:
            write(builder, item.items, place)
        elif isinstance(item, Note):
            if text := " ".join(plain(item.items)):
                builder.add(f"[{item.label}] {text}", "note", place=place)
        elif len(item.rows) == 1 and len(item.rows[0]) == 1:
            write(builder, item.rows[0][0], place)
        else:
            rows = [[" ".join(plain(cell)) for cell in row] for row in item.rows]
            if len(rows) == 1:  # cells side by side, under no header
                builder.add(" ".join(filter(None, rows[0])), place=place)
            else:
                builder.table(rows, place)


def plain(items: Iterable[Item]) -> Iterator[str]:
    """The texts of items in order, as they stand inside of one cell."""
    for item in items:
        if isinstance(item, Paragraph):
            if item.text.strip():
                yield item.text.strip()
        elif isinstance(item, Note):
            yield from plain(item.items)
        else:
            for row in item.rows:
                yield from (text for cell in row for text in plain(cell))


def boxed(items: list[Item]) -> list[Item]:
    """What a drawn box holds, marked where it is a small number alone."""
    texts = list(plain(items))
    return [Note(PAGE, items)] if len(texts) == 1 and NUMBER.fullmatch(texts[0]) else items


def without_pages(items: Iterable[Item]) -> Iterator[Item]:
    """The items without the numbers of pages: numbers alone in boxes, three or more that follow each other.

    A row from 1 on stays: so are the parts of a text numbered.
    """
    numbered = [(item, _number_alone(item)) for item in items]
    values = {number for _, number in numbered if number > 0}
    pages = set[int]()
    for first in values - {1} - {value + 1 for value in values}:
        row = set(takewhile(values.__contains__, count(first)))
        pages |= row if len(row) >= PAGES else set()
    yield from (item for item, number in numbered if number not in pages)


def _number_alone(item: Item) -> int:
    """The number in a box; -1 for anything else."""
    if not isinstance(item, Note) or item.label != PAGE:
        return -1
    return int("".join(filter(str.isdigit, next(plain(item.items)))))


def grid(cells: Iterable[tuple[int, int, list[Item]]]) -> Table:
    """A table from (row, column, content), the numbers as a file gave them: a wrong one makes no giant table.

    Where a table would be empty for the most part, its cells stand side by side in their rows.
    """
    found = sorted(cells, key=lambda cell: cell[:2])
    row_numbers = {row: index for index, row in enumerate(sorted({row for row, _, _ in found}))}
    columns = {column: index for index, column in enumerate(sorted({col for _, col, _ in found}))}
    if len(row_numbers) * len(columns) > SPARSE * len(found):
        beside: dict[int, list[list[Item]]] = {}
        for row, _, items in found:
            beside.setdefault(row, []).append(items)
        return Table(list(beside.values()))
    rows: list[list[list[Item]]] = [[[] for _ in columns] for _ in row_numbers]
    for row, column, items in found:
        rows[row_numbers[row]][columns[column]] += items
    return Table(rows)
