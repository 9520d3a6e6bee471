"""Rows of cells as Markdown, in pieces small enough to be found on their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PIECE_CHARS = 800  # about 512 tokens of Korean


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a table under its header. first, last: numbers of its rows, from 0, both inclusive."""

    first: int
    last: int
    markdown: str


def pieces(rows: Sequence[Sequence[str]], chars: int = PIECE_CHARS) -> Iterator[Piece]:
    """A table in Markdown, cut between rows; the first row is the header and is repeated. Empty rows are left out."""
    full = [(number, row) for number, row in enumerate(rows) if any(map(str.strip, row))]
    if not full:
        return
    width = max(len(row) for _, row in full)
    lines = [(number, line([*row, *[""] * (width - len(row))])) for number, row in full]
    first, header = lines[0]
    head = f"{header}\n|{' --- |' * width}"
    last, size, body = first, len(head), [head]
    for number, text in lines[1:]:
        if size + len(text) > chars and len(body) > 1:
            yield Piece(first, last, "\n".join(body))
            first, size, body = number, len(head), [head]
        body.append(text)
        size += len(text) + 1
        last = number
    yield Piece(first, last, "\n".join(body))


def line(row: Sequence[str]) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |"
