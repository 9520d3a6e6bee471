"""HWP 5: the paragraphs of its sections, with tables, notes and boxes where they stand."""

import struct
from collections.abc import Iterator

from dunoe.library import unreadable
from dunoe.library.parsing import flow
from dunoe.library.parsing.builder import CUT_OFF, Builder
from dunoe.library.parsing.flow import Item, Note, Paragraph
from dunoe.library.parsing.hwp_records import (
    CTRL_HEADER,
    EQUATION,
    LIST_HEADER,
    PARA_HEADER,
    PARA_SHAPE,
    PARA_TEXT,
    TABLE,
    Record,
    Streams,
    number,
)
from dunoe.library.parsing.kinds import NAMES
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
OUTLINE = 1  # the kind of a paragraph's head that makes it a heading


def parse(data: bytes, name: str) -> Parsed:
    """Read an HWP 5 file."""
    streams = Streams(data, WHAT)
    reader = Reader(outline_levels(streams.tree("DocInfo")))
    builder = Builder("hwp", WHAT)
    sections = streams.sections()
    if not sections:
        raise unreadable.broken(WHAT)
    for section in sections:
        flow.write(builder, reader.body(streams.tree(section).children))
    if not streams.is_whole:
        builder.warnings.append(CUT_OFF)
    return builder.parsed(date=streams.saved())


def outline_levels(info: Record) -> list[int]:
    """Of each paragraph shape, by its number: 1 to 6 where it makes a heading, 0 otherwise."""
    shapes: list[Record] = []
    waiting = [info]
    while waiting:
        for one in waiting.pop().children:
            shapes += [one] if one.tag == PARA_SHAPE else []
            waiting.append(one)
    bits = [number(shape.data, 0) | number(shape.data, 2) << 16 for shape in shapes]
    return [min((one >> 25 & 7) + 1, 6) if one >> 23 & 3 == OUTLINE else 0 for one in bits]


class Reader:
    """Walks the records of the body. What stands on every page is given once."""

    def __init__(self, levels: list[int]) -> None:
        self.levels = levels
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
            text += words_of(kind, control)
            beside += self.anchored(kind, control, depth)
        shape = number(record.data, 8)
        yield Paragraph(text, self.levels[shape] if shape < len(self.levels) else 0)
        yield from beside

    def anchored(self, kind: str, control: Record, depth: int) -> list[Item]:
        """What a control adds after its paragraph."""
        if kind == "tbl ":
            return self.table(control, depth)
        items = self.lists(control, depth)
        if kind not in NOTES or not items:
            return items
        if kind in ON_EACH_PAGE:
            content = " ".join(flow.plain(items))
            if content in self.on_each_page:
                return []
            self.on_each_page.add(content)
        return [Note(NOTES[kind], items)]

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
