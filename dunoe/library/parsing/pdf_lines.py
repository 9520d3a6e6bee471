"""A PDF page as lines of text with their boxes, and the lines in the order in which they are read."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pypdfium2
from pypdfium2 import raw

GAP = 2.5  # heights of a letter between two letters: they stand in two columns
JUMPS = 2  # so often up and not to the right: the file's order is not that of reading
LINE_ENDS = {"\r", "\n"}
SPLIT = {"\ufffe", "\x02", "\xad"}  # a word goes on in the next line


class Box(NamedTuple):
    """Left, bottom, right, top in points; up is more."""

    left: float
    bottom: float
    right: float
    top: float

    def holds(self, other: "Box") -> bool:
        """The middle of the other is in this one."""
        x, y = (other.left + other.right) / 2, (other.bottom + other.top) / 2
        return self.left <= x <= self.right and self.bottom <= y <= self.top


@dataclass(frozen=True, slots=True)
class Line:
    """Letters that stand side by side; or a table, whose text is in `rows`. size: height of its letters in points."""

    text: str
    box: Box
    size: float
    rows: tuple[tuple[str, ...], ...] = ()


def lines_of(page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    """The lines of a page in the order of the file."""
    text: list[str] = []
    boxes: list[Box] = []  # of the letters that are seen
    found = raw.FS_RECTF()
    handle, letter_at, box_at = page.raw, raw.FPDFText_GetUnicode, raw.FPDFText_GetLooseCharBox
    for index in range(page.count_chars()):
        letter = chr(letter_at(handle, index))
        if letter in LINE_ENDS:
            yield from _line(text, boxes)
            text, boxes = [], []
        elif letter.isspace() or letter in SPLIT:
            text.append(letter)
        else:
            box_at(handle, index, found)
            box = Box(found.left, found.bottom, found.right, found.top)
            if boxes and box.left - boxes[-1].right > GAP * max(_height(box), _height(boxes[-1])):
                yield from _line(text, boxes)
                text, boxes = [], []
            text.append(letter)
            boxes.append(box)
    yield from _line(text, boxes)


def _height(box: Box) -> float:
    return box.top - box.bottom


def _line(text: list[str], boxes: list[Box]) -> Iterator[Line]:
    if boxes:
        yield Line("".join(text), _around(boxes), statistics.median(map(_height, boxes)))


def _around(boxes: Sequence[Box]) -> Box:
    return Box(
        min(box.left for box in boxes), min(box.bottom for box in boxes),
        max(box.right for box in boxes), max(box.top for box in boxes),
    )  # fmt: skip


def in_reading_order(lines: Sequence[Line]) -> list[list[Line]]:
    """Runs of lines that stand one below the other. The file's own order is kept where it is one of reading."""
    runs: list[list[Line]] = []
    jumps = 0
    for line in lines:
        last = runs[-1][-1] if runs else None
        if last is not None and _follows(line, last):
            runs[-1].append(line)
        else:
            is_up = last is not None and line.box.bottom > last.box.top - last.size / 4
            jumps += int(is_up and last is not None and line.box.left < last.box.right)
            runs.append([line])
    if jumps < JUMPS:
        return runs
    return [run for _, run in _cut([(_around([line.box for line in run]), run) for run in runs])]


def _follows(line: Line, last: Line) -> bool:
    is_below = last.box.bottom - 3 * last.size < line.box.top <= last.box.top + last.size / 2
    return is_below and line.box.left < last.box.right and last.box.left < line.box.right


Run = tuple[Box, list[Line]]


def _cut(runs: list[Run]) -> Iterator[Run]:
    """Runs by the widest empty stripe through them, columns before rows, over and over (the XY cut)."""
    waiting = [runs]
    while waiting:
        part = waiting.pop()
        halves = _halves(part, vertical=True) or _halves(part, vertical=False)
        if halves:
            waiting += [halves[1], halves[0]]
        else:
            yield from sorted(part, key=lambda run: (-run[0].top, run[0].left))


def _halves(runs: list[Run], vertical: bool) -> tuple[list[Run], list[Run]] | None:
    """Left and right of an empty stripe, or above and below it; None where there is no such stripe."""

    def begin(box: Box) -> float:
        return box.left if vertical else -box.top

    def end(box: Box) -> float:
        return box.right if vertical else -box.bottom

    ordered = sorted(runs, key=lambda run: begin(run[0]))
    best, at, reached = 0.0, 0, float("-inf")
    for number, (box, _) in enumerate(ordered):
        if number and begin(box) - reached > best:
            best, at = begin(box) - reached, number
        reached = max(reached, end(box))
    return (ordered[:at], ordered[at:]) if at else None
