"""DOCX: the body in its order, with tables, notes and boxes where they stand."""

from collections.abc import Iterator

from dunoe.library import unreadable
from dunoe.library.parsing import flow
from dunoe.library.parsing.archive import (
    Archive,
    Element,
    child,
    children,
    descendants,
    local,
    number,
    value,
)
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.flow import Item, Note, Paragraph
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Parsed

WHAT = NAMES["docx"]
SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
WRAPPERS = {
    "sdt",
    "sdtContent",
    "ins",
    "moveTo",
    "smartTag",
    "customXml",
    "hyperlink",
    "fldSimple",
    "r",
    "dir",
    "bdo",
}
BOXES = {"drawing", "pict", "object"}
NOTES = {"footnotes": "각주", "endnotes": "미주", "comments": "메모"}
REFERENCES = {"footnoteReference": "각주", "endnoteReference": "미주", "commentReference": "메모"}
ON_EACH_PAGE = {"header": "머리말", "footer": "꼬리말"}


def parse(data: bytes, name: str) -> Parsed:
    """Read a DOCX file."""
    archive = Archive(data, WHAT)
    related = archive.related("word/document.xml")
    parts = {
        kind: archive.xml(part) for kind, part in related.values() if kind in (*NOTES, "styles")
    }
    body = child(archive.xml("word/document.xml"), "body")
    if body is None:
        raise unreadable.broken(WHAT)
    reader = Reader(outline_levels(parts.get("styles")), notes_of(parts))
    builder = Builder("docx", WHAT)
    flow.write(builder, reader.blocks(body))
    seen = set()
    for kind, part in related.values():
        if kind in ON_EACH_PAGE:
            items = reader.blocks(archive.xml(part))
            content = " ".join(flow.plain(items))
            if content not in seen:
                flow.write(builder, [Note(ON_EACH_PAGE[kind], items)])
            seen.add(content)
    return builder.parsed(*title_and_date(archive))


def title_and_date(archive: Archive) -> tuple[str, str]:
    """What an Office file says of itself; "" where it does not."""
    properties = archive.xml("docProps/core.xml")
    title, date = (child(properties, one) for one in ("title", "modified"))
    return "" if title is None else title.text or "", "" if date is None else date.text or ""


def outline_levels(styles: Element | None) -> dict[str, int]:
    """Which styles are headings: their id -> 1 to 6. A style without a level has that of the one it is based on."""
    own: dict[str, int] = {}
    based: dict[str, str] = {}
    for style in children(styles, "style"):
        style_id = value(style, "styleId")
        level = child(child(style, "pPr"), "outlineLvl")
        name = child(style, "name")
        if level is not None:
            own[style_id] = _level(level)
        elif name is not None and value(name, "val").lower() == "title":
            own[style_id] = 1
        parent = child(style, "basedOn")
        based[style_id] = "" if parent is None else value(parent, "val")
    return {style_id: _inherited(style_id, own, based) for style_id in based}


def _inherited(style_id: str, own: dict[str, int], based: dict[str, str]) -> int:
    for _ in range(len(based)):  # a chain that bites its tail ends too
        if style_id in own or style_id not in based:
            break
        style_id = based[style_id]
    return own.get(style_id, 0)


def _level(element: Element) -> int:
    level = number(value(element, "val"), 9)
    return min(level + 1, 6) if level < 9 else 0  # 9 is body text


def notes_of(parts: dict[str, Element]) -> dict[tuple[str, str], Element]:
    """(label, id) -> the note."""
    return {
        (label, value(note, "id")): note
        for kind, label in NOTES.items()
        for note in parts.get(kind, ())
    }


class Reader:
    """Walks the body."""

    def __init__(self, levels: dict[str, int], notes: dict[tuple[str, str], Element]) -> None:
        self.levels = levels
        self.notes = notes

    def blocks(self, parent: Element | None, depth: int = 0) -> list[Item]:
        """The paragraphs and tables right below an element."""
        found: list[Item] = []
        for one in () if parent is None or depth > flow.DEEPEST else parent:
            kind = local(one)
            if kind == "p":
                found += self.paragraph(one, depth)
            elif kind == "tbl":
                found.append(self.table(one, depth))
            elif kind in WRAPPERS:
                found += self.blocks(one, depth + 1)
        return found

    def paragraph(self, element: Element, depth: int) -> Iterator[Item]:
        """One paragraph and then, in order, what is anchored in it."""
        text: list[str] = []
        beside: list[Item] = []
        for one in _inline(element):
            kind = local(one)
            if kind == "t":
                text.append(one.text or "")
            elif kind in BOXES:
                for box in _outermost(one, "txbxContent"):
                    beside += self.blocks(box, depth + 1)
            elif kind in REFERENCES:
                label = REFERENCES[kind]
                note = self.notes.pop((label, value(one, "id")), None)
                beside.append(Note(label, self.blocks(note, depth + 1)))
            elif kind == "oMath":
                text += [part.text or "" for part in descendants(one, "t")]
            else:
                text.append(SIGNS.get(kind, ""))
        content = "".join(text)
        style = child(element, "pPr")
        is_list = child(style, "numPr") is not None and content.strip()
        level = self.level(style)
        yield (
            Paragraph(f"- {content}", kind="list")
            if is_list and not level
            else Paragraph(content, level)
        )
        yield from beside

    def level(self, style: Element | None) -> int:
        """The level of a heading by its own outline, or by its style."""
        outline, named = child(style, "outlineLvl"), child(style, "pStyle")
        if outline is not None:
            return _level(outline)
        return 0 if named is None else self.levels.get(value(named, "val"), 0)

    def table(self, element: Element, depth: int) -> Item:
        """A table; its merged cells stand once, where they begin."""
        cells = []
        for row_number, row in enumerate(_outermost(element, "tr")):
            column = 0
            for cell in _outermost(row, "tc"):
                shape = child(cell, "tcPr")
                span, merged = child(shape, "gridSpan"), child(shape, "vMerge")
                goes_on = merged is not None and value(merged, "val", "continue") == "continue"
                cells.append((row_number, column, [] if goes_on else self.blocks(cell, depth + 1)))
                column += (
                    max(1, min(number(value(span, "val"), 1), 1000)) if span is not None else 1
                )
        return flow.grid(cells)


def _inline(paragraph: Element) -> Iterator[Element]:
    """What stands in a paragraph's runs, tracked deletions left out."""
    waiting = list(reversed(paragraph))
    while waiting:
        one = waiting.pop()
        kind = local(one)
        if kind in WRAPPERS:
            waiting += reversed(one)
        elif kind == "AlternateContent":  # one thing drawn twice, for old and new programs
            waiting += reversed(child(one, "Choice") if child(one, "Choice") is not None else one)
        else:
            yield one


def _outermost(element: Element, name: str) -> list[Element]:
    """The nearest elements of a name at any depth."""
    found, waiting = [], list(reversed(element))
    while waiting:
        one = waiting.pop()
        if local(one) == name:
            found.append(one)
        elif local(one) == "AlternateContent" and child(one, "Choice") is not None:
            waiting += reversed(child(one, "Choice"))
        else:
            waiting += reversed(one)
    return found
