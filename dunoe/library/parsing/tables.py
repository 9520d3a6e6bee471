"""Rows of cells as Markdown, in pieces small enough to be found on their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PIECE_CHARS = 800  # about 512 tokens of Korean


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table under its header: two lines of Markdown, then a line for each of `rows`.

    rows: their numbers, from 0.
    """

    rows: tuple[int, ...]
    markdown: str


def pieces(rows: Sequence[Sequence[str]], chars: int = PIECE_CHARS) -> Iterator[Piece]:
    """A table in Markdown, cut between rows; the first row is the header and is repeated. Empty rows are left out."""
    full = [(number, row) for number, row in enumerate(rows) if any(map(str.strip, row))]
    if not full:
        return
    width = max(len(row) for _, row in full)
    lines = [(number, line([*row, *[""] * (width - len(row))])) for number, row in full]
    head = f"{lines[0][1]}\n|{' --- |' * width}"
    size, body, numbers = len(head), [head], list[int]()
    for number, text in lines[1:]:
        if size + len(text) > chars and numbers:
            yield Piece(tuple(numbers), "\n".join(body))
            size, body, numbers = len(head), [head], []
        body.append(text)
        numbers.append(number)
        size += len(text) + 1
    yield Piece(tuple(numbers), "\n".join(body))


def line(row: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"
