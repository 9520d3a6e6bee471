"""PPTX: slide by slide, with tables and the speaker's notes."""

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
    value,
)
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.docx import chosen, title_and_date
from dunoe.library.parsing.flow import Item, Note, Paragraph
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Parsed, Place

WHAT = NAMES["pptx"]
PRESENTATION = "ppt/presentation.xml"
TITLES = {"title", "ctrTitle"}
NOT_SAID = {
    "sldNum",
    "dt",
    "ftr",
    "hdr",
    "sldImg",
}  # placeholders that hold no words of the speaker


def parse(data: bytes, name: str) -> Parsed:
    """Read a PPTX file."""
    archive = Archive(data, WHAT)
    root = archive.xml(PRESENTATION)
    if root is None:
        raise unreadable.broken(WHAT)
    related = archive.related(PRESENTATION)
    builder = Builder("pptx", WHAT)
    for number, slide in enumerate(descendants(root, "sldId"), 1):
        part = related.get(_relation(slide), ("", ""))[1]
        items = list(slide_items(archive, part))
        if not any(isinstance(item, Paragraph) and item.level for item in items):
            items = [Paragraph(f"슬라이드 {number}", 1), *items] if any(flow.plain(items)) else []
        flow.write(builder, items, Place(slide=number))
    return builder.parsed(*title_and_date(archive))


def _relation(slide: Element) -> str:
    """The id of its relation: `r:id`, beside an `id` of its own."""
    return next((str(found) for key, found in slide.attrib.items() if key.endswith("}id")), "")


def slide_items(archive: Archive, part: str) -> Iterator[Item]:
    """The title, the rest of the slide, the words of its diagrams, the notes."""
    items = list(shapes(archive.xml(part)))
    yield from sorted(items, key=lambda item: not (isinstance(item, Paragraph) and item.level))
    for kind, other in archive.related(part).values():
        if kind == "diagramData":
            yield from paragraphs(archive.xml(other), 0)
        elif kind == "notesSlide":
            yield Note("발표자 노트", list(shapes(archive.xml(other))))


def shapes(root: Element | None) -> Iterator[Item]:
    """The words of the shapes of a slide in their order, groups included."""
    waiting = [] if root is None else [root]
    while waiting:
        one = waiting.pop()
        kind = local(one)
        if kind == "sp":
            place = next(iter(descendants(child(one, "nvSpPr"), "ph")), None)
            role = "" if place is None else value(place, "type")
            if role not in NOT_SAID:
                yield from paragraphs(child(one, "txBody"), int(role in TITLES))
        elif kind == "tbl":
            yield table(one)
        elif kind == "AlternateContent":
            waiting += reversed(chosen(one))
        else:
            waiting += reversed(one)


def paragraphs(body: Element | None, level: int) -> Iterator[Item]:
    """The paragraphs of a text; those of a title are one."""
    texts = ["".join(map(_words, one)) for one in descendants(body, "p")]
    if level and any(map(str.strip, texts)):
        yield Paragraph(" ".join(texts), level)
    else:
        yield Paragraph("\n".join(text for text in texts if text.strip()))


def _words(run: Element) -> str:
    if local(run) == "br":
        return "\n"
    return "".join(text.text or "" for text in children(run, "t"))


def table(element: Element) -> Item:
    """A table; its merged cells stand once, where they begin."""
    return flow.grid(
        (row_number, column, list(paragraphs(child(cell, "txBody"), 0)))
        for row_number, row in enumerate(children(element, "tr"))
        for column, cell in enumerate(children(row, "tc"))
    )
