"""HWPX: the paragraphs of its sections, with tables, notes and boxes where they stand."""

import re
from collections.abc import Iterator

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
from dunoe.library.parsing.numbering import OUTLINE, PLAIN, Heads, Level, Shape
from dunoe.library.passage import Parsed

WHAT = NAMES["hwpx"]
NOTES = {
    "footNote": "각주", "endNote": "미주", "header": "머리말", "footer": "꼬리말", "hiddenComment": "숨은 설명",
    "fieldBegin": "메모",
}  # fmt: skip
ON_EACH_PAGE = {"header", "footer"}
SIGNS = {"tab": "\t", "lineBreak": "\n", "nbSpace": " ", "fwSpace": " ", "hyphen": "-"}
DATE = re.compile(r"\s*\d{4}-\d\d-\d\d")
SECTION = re.compile(r"(?:.*/)?section(\d+)\.xml", re.I)


def parse(data: bytes, name: str) -> Parsed:
    """Read an HWPX file."""
    archive = Archive(data, WHAT)
    if descendants(archive.xml("META-INF/manifest.xml"), "encryption-data"):
        raise unreadable.encrypted(WHAT)
    header = archive.xml("Contents/header.xml")
    reader = Reader(shapes(header), Heads(numberings(header)))
    builder = Builder("hwpx", WHAT)
    sections = [found for found in map(SECTION.fullmatch, archive.names) if found]
    if not sections:
        raise unreadable.broken(WHAT)
    bodies = [
        reader.body(archive.xml(section.group()))
        for section in sorted(sections, key=lambda found: int(found.group(1)))
    ]
    flow.write(builder, flow.without_pages(headings.found(bodies)))
    for member in archive.names:
        if re.fullmatch(r"Contents/masterpage\d+\.xml", member):
            flow.write(builder, [Note("바탕쪽", reader.lists(archive.xml(member), 0))])
    return builder.parsed(date=_saved(archive.xml("Contents/content.hpf")))


def shapes(header: Element | None) -> dict[str, Shape]:
    """The shapes of paragraphs that are headings or counted, by their id."""
    found = {}
    for shape in descendants(header, "paraPr"):
        heading = child(shape, "heading")
        kind = "NONE" if heading is None else heading.get("type")
        if heading is not None and kind in ("OUTLINE", "NUMBER"):
            is_heading = kind == "OUTLINE"
            numbering = OUTLINE if is_heading else heading.get("idRef", "")
            found[shape.get("id", "")] = Shape(is_heading, numbering, number(heading.get("level")))
    return found


def numberings(header: Element | None) -> dict[str, list[Level]]:
    """The numberings by their id."""
    return {
        one.get("id", ""): [
            Level(head.text or "", head.get("numFormat", "DIGIT"), number(head.get("start"), 1))
            for head in sorted(
                children(one, "paraHead"), key=lambda head: number(head.get("level"))
            )
        ]
        for one in descendants(header, "numbering")
    }


class Reader:
    """Walks the body. What stands on every page is given once."""

    def __init__(self, shapes: dict[str, Shape], heads: Heads) -> None:
        self.shapes = shapes
        self.heads = heads
        self.on_each_page: set[str] = set()

    def body(self, parent: Element | None, depth: int = 0) -> list[Item]:
        """The paragraphs right below an element, and what hangs on them."""
        if depth > flow.DEEPEST:
            return []
        return [item for one in children(parent, "p") for item in self.paragraph(one, depth)]

    def lists(self, parent: Element | None, depth: int) -> list[Item]:
        """The paragraphs of the nearest lists at any depth below an element: a box, a caption, a note."""
        found: list[Item] = []
        waiting = [] if parent is None else [parent]
        while waiting:
            for one in reversed(waiting.pop()):
                waiting.append(one)
            while waiting and local(waiting[-1]) == "subList":
                found += self.body(waiting.pop(), depth + 1)
        return found

    def paragraph(self, element: Element, depth: int) -> Iterator[Item]:
        """One paragraph and then, in order, what is anchored in it."""
        text: list[str] = []
        beside: list[Item] = []
        gone: set[str] = set()
        for section in descendants(element, "secPr"):
            self.heads.outline = section.get("outlineShapeIDRef", "")
        head = self.heads.before(self.shapes.get(element.get("paraPrIDRef", ""), PLAIN))
        for run in children(element, "run"):
            for one in run:
                if local(one) == "t":
                    text += _letters(one, gone)
                elif local(one) == "ctrl":
                    beside += [item for part in one for item in self.anchored(part, text, depth)]
                else:
                    beside += self.anchored(one, text, depth)
        shape = self.shapes.get(element.get("paraPrIDRef", ""), PLAIN)
        level = shape.level + 1 if shape.is_heading else 0
        content = "".join(text)
        yield Paragraph(f"{head}{content}" if content.strip() else content, level)
        yield from beside

    def anchored(self, element: Element, text: list[str], depth: int) -> list[Item]:
        """What an object adds: words to the paragraph's text, or items to stand after it."""
        kind = local(element)
        if kind == "tbl":
            return self.table(element, depth)
        if kind in ("secPr", "colPr"):
            return []
        text += words_of(element)
        items = self.lists(element, depth)
        if kind not in NOTES:
            return flow.boxed(items)
        if kind in ON_EACH_PAGE:
            content = " ".join(flow.plain(items))
            if content in self.on_each_page:
                return []
            self.on_each_page.add(content)
        return [Note(NOTES[kind], items)] if items else []

    def table(self, element: Element, depth: int) -> list[Item]:
        """A table after its caption."""
        cells = []
        for row_number, row in enumerate(children(element, "tr")):
            for column, cell in enumerate(children(row, "tc")):
                at = child(cell, "cellAddr")
                cells.append(
                    (
                        row_number if at is None else number(at.get("rowAddr"), row_number),
                        column if at is None else number(at.get("colAddr"), column),
                        self.lists(cell, depth),
                    )
                )
        return [*self.lists(child(element, "caption"), depth), flow.grid(cells)]


def words_of(element: Element) -> list[str]:
    """The words of an object that holds them itself: a formula, letters over letters, a field of a form."""
    kind = local(element)
    if kind == "equation":
        script = child(element, "script")
        return [] if script is None else [f" {(script.text or '').strip()} "]
    if kind == "dutmal":
        main, sub = (child(element, part) for part in ("mainText", "subText"))
        texts = [one.text or "" for one in (main, sub) if one is not None]
        return [f"{texts[0]}({texts[1]})" if len(texts) > 1 and texts[1] else "".join(texts)]
    if kind == "compose":
        return [value(element, "composeText")]
    if kind == "textart":
        return [value(element, "text").replace("␍␊", "\n")]
    if kind == "edit":
        text = child(element, "text")
        return [] if text is None else [text.text or ""]
    return [value(element, "caption")] if kind in ("btn", "radioBtn", "checkBtn") else []


def _letters(element: Element, gone: set[str]) -> Iterator[str]:
    """The letters of one `t`. gone: ids of deletions that are open, which a later `t` may close."""
    if not gone:
        yield element.text or ""
    for one in element:
        kind = local(one)
        if kind == "deleteBegin":
            gone.add(one.get("Id", ""))
        elif kind == "deleteEnd":
            gone.discard(one.get("Id", ""))
        if not gone:
            yield SIGNS.get(kind, "")
            yield one.tail or ""


def _saved(package: Element | None) -> str:
    """When it was last saved. The title that stands beside it is the first line of some earlier state."""
    for one in descendants(package, "meta"):
        if one.get("name") == "ModifiedDate" and DATE.match(one.text or ""):
            return str(one.text).strip().replace(" ", "T")
    return ""
