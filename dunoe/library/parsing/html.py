"""HTML: what a person reads of a page. Scripts, styles, menus and what is hidden are left out."""

import re
from collections.abc import Iterator

from lxml import etree, html

from dunoe.library import unreadable
from dunoe.library.parsing import flow, text
from dunoe.library.parsing.archive import Element, children, descendants, local, number
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.flow import Item, Paragraph
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.parsing.parse import LONGEST_TITLE
from dunoe.library.passage import Parsed

WHAT = NAMES["html"]
UNREAD = {
    "script", "style", "nav", "noscript", "template", "svg", "iframe", "object", "canvas", "button", "select",
    "input", "textarea", "datalist", "dialog", "head", "title",
}  # fmt: skip
HEADINGS = {f"h{level}": level for level in range(1, 7)}
INLINE = {
    "br", "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img", "ins",
    "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u",
    "var", "wbr", "ruby", "rb", "rt", "rp", "acronym",
}  # fmt: skip
TAKEN_WHOLE = {"pre", "table"}
MOST_COLUMNS, MOST_ROWS = 1000, 65534  # that a cell reaches over, as in browsers
MAIN_SHARE = 0.25  # of the letters of a page: what has less is not its main part, whatever it says
START_TAG = re.compile(r"""</?([a-z][\w:-]*)(?:"[^"]*"|'[^']*'|[^<>"'])*+>""", re.I)
FLAT = {"html", "body", "p", "pre", "br", *HEADINGS, *UNREAD}  # what has no boxes in boxes
ANCHOR = "¶"  # the link to a heading itself
BREAK = "\x0b"  # a line end that is meant, other than those of the source
DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?([\w-]+)""", re.I)


def parse(data: bytes, name: str) -> Parsed:
    """Read an HTML file."""
    root = tree(decode(data))
    builder = Builder("html", WHAT)
    title = title_of(root)
    if len(title) > LONGEST_TITLE:  # it is cut
        builder.add(title)
    flow.write(builder, body(root))
    return builder.parsed(title)


def decode(data: bytes) -> str:
    """The characters of a page: UTF-8 where it is that, else what the page says of itself."""
    said = DECLARED.search(data, 0, 2048)
    if said and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        found = text.declared(data, said.group(1).decode("ascii"))
        if found is not None:
            return found
    return text.decode(data)[0]


def tree(source: str) -> Element | None:
    """The root element of a page; None of an empty one. Boxes in boxes in boxes, 2048 of them, are made flat."""
    root, is_whole = _tree(source)
    if not is_whole:
        root, is_whole = _tree(START_TAG.sub(_flat, source))
    if not is_whole:
        raise unreadable.broken(WHAT)
    return root


def _tree(source: str) -> tuple[Element | None, bool]:
    """The root element, and whether it was read to the end."""
    parser = html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    try:
        root = html.document_fromstring(source.encode("utf-8", "replace"), parser)
    except (etree.ParserError, etree.XMLSyntaxError):  # lxml's way to say: nothing in it
        root = None
    return root, all(one.type != etree.ErrorTypes.ERR_RESOURCE_LIMIT for one in parser.error_log)


def _flat(found: re.Match[str]) -> str:
    name = found[1].lower()
    if name in FLAT:
        return found[0]
    return "" if name in INLINE else "<p>"


def title_of(root: Element | None) -> str:
    """What stands in its title."""
    found = [one for one in descendants(root, "title") if local(one.getparent()) != "svg"]
    return found[0].text or "" if found else ""


def body(root: Element | None) -> list[Item]:
    """The items of a page: of its main parts, where it has some that hold much of it."""
    if root is None:
        return []
    whole = list(items_of(root))
    mains = [one for one in descendants(root, "main") if not any(_above(one, "main"))]
    main = [item for one in mains for item in items_of(one)]
    return main if main and _letters(main) >= MAIN_SHARE * _letters(whole) else whole


def _above(element: Element, kind: str) -> Iterator[bool]:
    return (local(one) == kind for one in element.iterancestors())


def _letters(items: list[Item]) -> int:
    return sum(map(len, flow.plain(items)))


def items_of(root: Element, depth: int = 0) -> Iterator[Item]:
    """Paragraphs, headings, lists and tables in an element. Walks without recursion, tables in tables aside."""
    collected = _Collected()
    collected.words.append(root.text or "")
    waiting: list[tuple[Element, bool]] = [(one, True) for one in reversed(root)]
    while waiting:
        element, is_entering = waiting.pop()
        kind = local(element)
        if is_entering and not _is_unread(element):
            yield from _entered(element, kind, collected, depth)
            if kind not in TAKEN_WHOLE:
                waiting.append((element, False))
                waiting += [(one, True) for one in reversed(element)]
                continue
        elif not is_entering and kind not in INLINE:
            yield from collected.end(kind)
        collected.words.append(element.tail or "")
    yield from collected.end("")
    yield from collected.end_list()


def _is_unread(element: Element) -> bool:
    style = element.get("style", "").replace(" ", "").lower()
    is_hidden = "hidden" in element.attrib or element.get("aria-hidden") == "true"
    is_menu = element.get("role") == "navigation"
    is_left_out = is_hidden or is_menu or "display:none" in style
    return not local(element) or local(element) in UNREAD or is_left_out


def _entered(element: Element, kind: str, collected: "_Collected", depth: int) -> Iterator[Item]:
    if kind == "br":
        collected.words.append(BREAK)
    elif kind not in INLINE:
        yield from collected.end("")
        if kind == "pre":
            yield from collected.end_list()
            yield Paragraph("".join(element.itertext()).strip("\n"), kind="code")
            return
        if kind == "table":
            yield from collected.end_list()
            if depth < flow.DEEPEST:
                yield from table(element, depth)
            else:
                yield Paragraph(" ".join(" ".join(element.itertext()).split()))
            return
    if kind == "li":
        collected.begin_point()
    collected.words.append(element.text or "")


class _Collected:
    """Words since the last block began, and the lines of the list that is open."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.lines: list[str] = []
        self.points = 0  # open ones, one in the other
        self.bullet = ""

    def begin_point(self) -> None:
        """A point of a list begins."""
        self.points += 1
        self.bullet = f"{'  ' * (self.points - 1)}- "

    def end(self, kind: str) -> Iterator[Item]:
        """A block ends: its words become an item, or a line of the list."""
        lines = [" ".join(line.split()) for line in "".join(self.words).split(BREAK)]
        self.words.clear()
        content = "\n".join(filter(None, lines))
        level = HEADINGS.get(kind, 0)
        if content and self.points and not level:
            self.lines.append((self.bullet or "  " * self.points) + content)
            self.bullet = ""
        elif content:
            yield from self.end_list()
            yield Paragraph(content.removesuffix(ANCHOR) if level else content, level)
        if kind == "li":
            self.points = max(0, self.points - 1)

    def end_list(self) -> Iterator[Item]:
        """The list is over."""
        if self.lines:
            yield Paragraph("\n".join(self.lines), kind="list")
            self.lines.clear()


def table(element: Element, depth: int) -> Iterator[Item]:
    """A table. One that only lays out a page, with headings or tables in its cells, is what stands in it."""
    rows = [
        row
        for part in (element, *children(element, "thead", "tbody", "tfoot"))
        for row in children(part, "tr")
    ]
    yield from (Paragraph("".join(one.itertext())) for one in children(element, "caption"))
    cells: list[tuple[int, int, list[Item]]] = []
    free_from: dict[int, int] = {}  # column -> the row from which no cell above reaches into it
    for row_number, row in enumerate(rows):
        column = 0
        for cell in children(row, "td", "th"):
            while free_from.get(column, 0) > row_number:
                column += 1
            down = max(1, min(number(cell.get("rowspan"), 1), MOST_ROWS))
            across = max(1, min(number(cell.get("colspan"), 1), MOST_COLUMNS))
            cells.append((row_number, column, list(items_of(cell, depth + 1))))
            for covered in range(column, min(column + across, MOST_COLUMNS)):
                free_from[covered] = row_number + down
            column += across
    inner = [item for _, _, items in cells for item in items]
    if any(
        isinstance(item, flow.Table) or (isinstance(item, Paragraph) and item.level)
        for item in inner
    ):
        yield from inner
    else:
        yield flow.grid(cells)
