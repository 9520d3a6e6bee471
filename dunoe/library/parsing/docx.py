"""DOCX: the body in its order, with tables, notes and boxes where they stand."""

from collections.abc import Iterator
from dataclasses import dataclass

from dunoe.library import unreadable
from dunoe.library.parsing import flow, headings
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
    "oMathPara",
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
DEEPEST_STYLE = 12  # Word allows eleven
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
    reader = Reader(styles_of(parts.get("styles")), notes_of(parts))
    builder = Builder("docx", WHAT)
    flow.write(builder, headings.found([reader.blocks(body)]))
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


@dataclass(frozen=True, slots=True)
class Style:
    """What a style, or a paragraph itself, says of its paragraphs; None where it leaves that to the style below."""

    level: int | None = None
    is_list: bool | None = None

    def over(self, other: "Style") -> "Style":
        """Both, this one first."""
        return Style(
            other.level if self.level is None else self.level,
            other.is_list if self.is_list is None else self.is_list,
        )


def styles_of(root: Element | None) -> dict[str, Style]:
    """Id -> style, with what it has from those it is based on."""
    own: dict[str, Style] = {}
    based: dict[str, str] = {}
    for style in children(root, "style"):
        style_id, name, parent = (
            value(style, "styleId"),
            child(style, "name"),
            child(style, "basedOn"),
        )
        own[style_id] = style_in(child(style, "pPr"))
        if name is not None and value(name, "val").lower() == "title":
            own[style_id] = Style(level=1)
        based[style_id] = "" if parent is None else value(parent, "val")
    return {style_id: _inherited(style_id, own, based) for style_id in based}


def _inherited(style_id: str, own: dict[str, Style], based: dict[str, str]) -> Style:
    found = Style()
    for _ in range(DEEPEST_STYLE):  # a chain that bites its tail ends too
        found = found.over(own.get(style_id, Style()))
        style_id = based.get(style_id, "")
    return found


def style_in(properties: Element | None) -> Style:
    """The style that stands in the properties of a paragraph or of a style."""
    level, points = child(properties, "outlineLvl"), child(properties, "numPr")
    return Style(None if level is None else _level(level), None if points is None else True)


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

    def __init__(self, styles: dict[str, Style], notes: dict[tuple[str, str], Element]) -> None:
        self.styles = styles
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
        yield self.styled("".join(text), child(element, "pPr"))
        yield from beside

    def styled(self, text: str, properties: Element | None) -> Paragraph:
        """A heading, a point of a list or a paragraph, as its style has it."""
        named = child(properties, "pStyle")
        below = Style() if named is None else self.styles.get(value(named, "val"), Style())
        style = style_in(properties).over(below)
        if style.is_list and not style.level and text.strip():
            return Paragraph(f"- {text}", kind="list")
        return Paragraph(text, style.level or 0)

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
        elif kind == "AlternateContent":
            waiting += reversed(chosen(one))
        else:
            yield one


def chosen(alternate: Element) -> Element:
    """What new programs show of a thing that is there twice, for new and for old ones."""
    choice = child(alternate, "Choice")
    return alternate if choice is None else choice


def _outermost(element: Element, name: str) -> list[Element]:
    """The nearest elements of a name at any depth."""
    found, waiting = [], list(reversed(element))
    while waiting:
        one = waiting.pop()
        if local(one) == name:
            found.append(one)
        elif local(one) == "AlternateContent":
            waiting += reversed(chosen(one))
        else:
            waiting += reversed(one)
    return found
