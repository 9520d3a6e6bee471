"""HWP 5: the paragraphs of its sections, with tables, notes and boxes where they stand."""

import struct
from collections.abc import Iterator

from dunoe.library import unreadable
from dunoe.library.parsing import flow, headings
from dunoe.library.parsing.builder import CUT_OFF, Builder
from dunoe.library.parsing.flow import Item, Note, Paragraph
from dunoe.library.parsing.hwp_records import (
    CTRL_HEADER,
    EQUATION,
    LIST_HEADER,
    MEMO_LIST,
    NUMBERING,
    PARA_HEADER,
    PARA_SHAPE,
    PARA_TEXT,
    TABLE,
    Record,
    Streams,
    number,
)
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.parsing.numbering import KINDS, OUTLINE, PLAIN, Heads, Level, Shape
from dunoe.library.passage import Parsed

WHAT = NAMES["hwp"]
NOTES = {
    "fn  ": "각주",
    "en  ": "미주",
    "head": "머리말",
    "foot": "꼬리말",
    "tcmt": "숨은 설명",
    "secd": "바탕쪽",
}
ON_EACH_PAGE = {"head", "foot", "secd"}
ONE_WIDE = {
    0: "",
    10: "\n",
    13: "",
    24: "-",
    30: " ",
    31: " ",
}  # signs below 32 that are a letter wide
TAB, WIDE = 9, 8  # the other signs are 8 letters wide
HEAD_OUTLINE, HEAD_NUMBER = 1, 2  # kinds of what stands before a paragraph
LEVELS = 7  # of a numbering


def parse(data: bytes, name: str) -> Parsed:
    """Read an HWP 5 file."""
    streams = Streams(data, WHAT)
    info = streams.tree("DocInfo")
    reader = Reader(shapes(info), Heads(numberings(info)))
    builder = Builder("hwp", WHAT)
    sections = streams.sections()
    if not sections:
        raise unreadable.broken(WHAT)
    bodies = [reader.body(streams.tree(section).children) for section in sections]
    flow.write(builder, flow.without_pages(headings.found(bodies)))
    if not streams.is_whole:
        builder.warnings.append(CUT_OFF)
    return builder.parsed(date=streams.saved())


def shapes(info: Record) -> list[Shape]:
    """The shapes of paragraphs by their number."""
    found = []
    for shape in _all(info, PARA_SHAPE):
        bits = number(shape.data, 0) | number(shape.data, 2) << 16
        kind, level = bits >> 23 & 3, bits >> 25 & 7
        numbering = {HEAD_OUTLINE: OUTLINE, HEAD_NUMBER: str(number(shape.data, 30))}.get(kind, "")
        found.append(Shape(kind == HEAD_OUTLINE, numbering, level))
    return found


def numberings(info: Record) -> dict[str, list[Level]]:
    """The numberings by their number, from 1; each has seven levels."""
    found = {}
    for index, one in enumerate(_all(info, NUMBERING), 1):
        levels, at = [], 0
        for _ in range(LEVELS):
            kind = number(one.data, at) >> 5 & 15
            form, at = _counted(one.data, at + 12)
            levels.append(Level(form, KINDS[kind] if kind < len(KINDS) else "DIGIT"))
        found[str(index)] = levels
    return found


def _all(info: Record, tag: int) -> list[Record]:
    """The records of a tag at any depth, in order."""
    found: list[Record] = []
    waiting = [info]
    while waiting:
        one = waiting.pop()
        found += [one] if one.tag == tag else []
        waiting += reversed(one.children)
    return found


class Reader:
    """Walks the records of the body. What stands on every page is given once."""

    def __init__(self, shapes: list[Shape], heads: Heads) -> None:
        self.shapes = shapes
        self.heads = heads
        self.on_each_page: set[str] = set()

    def body(self, records: list[Record], depth: int = 0) -> list[Item]:
        """The paragraphs among records, and what hangs on them."""
        if depth > flow.DEEPEST:
            return []
        return [
            item for one in records if one.tag == PARA_HEADER for item in self.paragraph(one, depth)
        ]

    def paragraph(self, record: Record, depth: int) -> Iterator[Item]:
        """One paragraph and then, in order, what is anchored in it."""
        text = "".join(letters(one.data) for one in record.below(PARA_TEXT))
        beside: list[Item] = []
        for control in record.below(CTRL_HEADER):
            kind = control.data[3::-1].decode("latin-1")
            if kind == "secd":
                self.heads.outline = str(number(control.data, 18))
            text += words_of(kind, control)
            beside += self.anchored(kind, control, depth)
        beside += self.hanging(record, depth)
        at = number(record.data, 8)
        shape = self.shapes[at] if at < len(self.shapes) else PLAIN
        head = self.heads.before(shape)
        level = shape.level + 1 if shape.is_heading else 0
        yield Paragraph(f"{head}{text}" if text.strip() else text, level)
        yield from beside

    def anchored(self, kind: str, control: Record, depth: int) -> list[Item]:
        """What a control adds after its paragraph."""
        if kind == "tbl ":
            return self.table(control, depth)
        items = self.lists(control, depth)
        if kind not in NOTES or not items:
            return flow.boxed(items)
        if kind in ON_EACH_PAGE:
            content = " ".join(flow.plain(items))
            if content in self.on_each_page:
                return []
            self.on_each_page.add(content)
        return [Note(NOTES[kind], items)]

    def hanging(self, record: Record, depth: int) -> list[Item]:
        """Paragraphs below a paragraph that no control holds: changes that are tracked, boxes of newer versions.

        Memos hang on the last paragraph of a section, each behind a mark.
        """
        found: list[Item] = []
        memo: list[Item] | None = None
        for one in record.children:
            if one.tag == MEMO_LIST:
                memo = []
                found.append(Note("메모", memo))
            if one.tag != CTRL_HEADER:
                is_text = one.tag == PARA_HEADER
                items = self.body([one], depth + 1) if is_text else self.lists(one, depth)
                (found if memo is None else memo).extend(items)
        return found

    def lists(self, record: Record, depth: int) -> list[Item]:
        """The paragraphs of the nearest lists at any depth below a record: a box, a caption, a note."""
        found: list[Item] = []
        waiting = [record]
        while waiting:
            one = waiting.pop()
            found += self.body(one.children, depth + 1)
            waiting += [below for below in reversed(one.children) if below.tag != PARA_HEADER]
        return found

    def table(self, control: Record, depth: int) -> list[Item]:
        """A table after its caption. Its lists lie flat: each is a header and the paragraphs that follow."""
        caption: list[Item] = []
        cells: list[tuple[int, int, list[Item]]] = []
        is_past_table = False
        content = caption
        for one in control.children:
            if one.tag == TABLE:
                is_past_table = True
            elif one.tag == LIST_HEADER:
                content = [] if is_past_table else caption
                content += self.lists(one, depth)
                if is_past_table:
                    cells.append((number(one.data, 10), number(one.data, 8), content))
            else:
                content += self.body([one], depth + 1)
        return [*caption, flow.grid(cells)]


def letters(data: bytes) -> str:
    """The text of a paragraph without the signs that stand for its controls."""
    units = struct.unpack(f"<{len(data) // 2}H", data[: len(data) // 2 * 2])
    kept: list[str] = []
    at = begin = 0
    while at < len(units):
        unit = units[at]
        if unit >= 32:
            at += 1
            continue
        kept.append(data[begin * 2 : at * 2].decode("utf-16-le", "replace"))
        kept.append("\t" if unit == TAB else ONE_WIDE.get(unit, ""))
        at = begin = at + (1 if unit in ONE_WIDE or unit in range(25, 30) else WIDE)
    kept.append(data[begin * 2 :].decode("utf-16-le", "replace"))
    return "".join(kept)


def words_of(kind: str, control: Record) -> str:
    """The words that a control holds itself: a formula, letters over letters."""
    if kind == "eqed":
        for equation in control.below(EQUATION):
            return f" {_counted(equation.data, 4)[0]} "
    if kind == "tdut":
        main, at = _counted(control.data, 4)
        above, _ = _counted(control.data, at)
        return f"{main}({above})" if above else main
    if kind == "tcps":
        return _counted(control.data, 4)[0]
    return ""


def _counted(data: bytes, at: int) -> tuple[str, int]:
    """A text after its length in two bytes, and where it ends."""
    end = at + 2 + 2 * number(data, at)
    return data[at + 2 : end].decode("utf-16-le", "replace"), end
