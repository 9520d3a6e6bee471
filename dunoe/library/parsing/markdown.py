"""Markdown: front matter, headings, fences, tables, lists and comments, by lines. The text stays as it is."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from dunoe.library.parsing.front_matter import read_front_matter
from dunoe.library.parsing.text import LINE_END, decode
from dunoe.library.passage import Block, BlockKind, Parsed, Place

ATX = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)(.*)")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
SETEXT_LINES = 3  # a rule of dashes under a longer paragraph was meant as a rule
RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
NO_HEADING = re.compile(
    r"[ \t]*(?:>|[-*_=][-*_= \t]*$)"
)  # quotes and rules are no heading's first line
FENCE = re.compile(r"[ \t]*+(?:>[ \t]*+)*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)?(`{3,}|~{3,})([^\r\n]*)")
ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
VERBATIM = re.compile(r" {0,3}<(pre|script|style|textarea)\b", re.I)
TABLE_RULE = re.compile(r"[ \t]*+\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*:?-+:?[ \t]*)*+\|?[ \t]*$")

# What a heading carries besides its words.
CLOSING_HASHES = re.compile(r"(?:^|(?<![ \t])[ \t]++)#++[ \t]*+$")
OWN_ID = re.compile(r"[ \t]*(?:\{:?[ \t]*#[^{}]*\}|\{/\*[^{}]*\*/\})[ \t]*$")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*(?:\([^()]*\)[^()]*)*\)|\[[^\[\]]*\])")
TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->")
EMPHASIS = re.compile(
    r"(?<![\w*])(\*{1,3})(?=\S)([^*]+?)(?<=\S)\1(?!\*)|(?<!\w)(_{1,3})(?=\S)([^_]+?)(?<=\S)\3(?!\w)"
)
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
LONGEST_TITLE = 300  # characters


def parse(data: bytes, name: str) -> Parsed:
    """A document with its headings. Its title is the front matter's, else its first heading of the first level.

    Raises Unreadable where the bytes are no text.
    """
    text, warnings = decode(data)
    front = read_front_matter(text)
    blocks = tuple(_Scanner(text, front.end).blocks())
    first = next((block.title for block in blocks if block.level == 1 and block.title), "")
    return Parsed(
        "markdown",
        text,
        blocks,
        title=front.title or first,
        tags=front.tags,
        project=front.project,
        type=front.type,
        status=front.status,
        date=front.date,
        warnings=(*warnings, *front.warnings),
    )


def plain(title: str) -> str:
    """A heading in plain words: links, emphasis, tags and explicit ids taken off."""
    title = OWN_ID.sub("", title.strip()[:LONGEST_TITLE])
    words = []
    last = 0
    for span in CODE_SPAN.finditer(title):
        words += [_unmarked(title[last : span.start()]), span[2]]
        last = span.end()
    words.append(_unmarked(title[last:]))
    return " ".join("".join(words).split())


def _unmarked(words: str) -> str:
    words = LINK.sub(r"\1", TAG.sub("", words))
    for _ in range(2):  # bold within italics
        words = EMPHASIS.sub(lambda match: match[2] or match[4], words)
    return html.unescape(ESCAPED.sub(r"\1", words))


@dataclass(frozen=True, slots=True)
class _Line:
    """One line. text: without its end."""

    start: int
    end: int
    number: int
    text: str

    @property
    def is_blank(self) -> bool:
        return not self.text or self.text.isspace()


class _Scanner:
    """Reads lines into blocks. Empty lines belong to the block above them."""

    def __init__(self, text: str, body: int) -> None:
        self.lines = list(_lines(text))
        self.body = body

    def blocks(self) -> Iterator[Block]:
        """The blocks in their order, covering the text without a gap."""
        lines = self.lines
        at, start = 0, 0
        while at < len(lines):
            if lines[at].is_blank:  # only at the top: every block takes what is empty below it
                at += 1
                continue
            block, stop = self._block(at)
            last = lines[stop - 1].number
            while stop < len(lines) and lines[stop].is_blank:
                stop += 1
            place = Place(line=lines[at].number, line_end=last)
            yield replace(block, start=start, end=lines[stop - 1].end, place=place)
            at, start = stop, lines[stop - 1].end
        if lines and start == 0:  # nothing but space
            yield Block(0, lines[-1].end, place=Place(line=1, line_end=lines[-1].number))

    def _block(self, at: int) -> tuple[Block, int]:
        """The block that begins with this line, and the line behind it."""
        line = self.lines[at]
        if line.start < self.body:
            return Block(0, 0, "meta"), self._until(at, lambda other: other.start >= self.body)
        if heading := ATX.match(line.text):
            title = CLOSING_HASHES.sub("", heading[2])
            return Block(0, 0, "heading", len(heading[1]), plain(title)), at + 1
        if stop := self._fixed(at):
            return Block(0, 0, stop[0]), stop[1]
        if ITEM.match(line.text) and not RULE.match(line.text):
            return Block(0, 0, "list"), self._list(at)
        if line.text.startswith(("    ", "\t")):
            return Block(0, 0, "code"), self._indented(at)
        return self._paragraph(at)

    def _fixed(self, at: int) -> tuple[BlockKind, int] | None:
        """A fence, comment, verbatim HTML, or table: what says itself where it ends."""
        text = self.lines[at].text
        if fence := _fence(text):
            return "code", self._fenced(at, fence)
        if text.lstrip().startswith("<!--"):
            if "-->" in text:
                return None if text.rpartition("-->")[2].strip() else ("meta", at + 1)
            return "meta", self._through(at + 1, lambda other: "-->" in other.text)
        if tag := VERBATIM.match(text):
            close = f"</{tag[1].lower()}>"
            return "code", self._through(at, lambda other: close in other.text.lower())
        if self._is_table(at):
            return "table", self._until(
                at + 2, lambda other: other.is_blank or "|" not in other.text
            )
        return None

    def _until(self, at: int, is_end: Callable[[_Line], bool]) -> int:
        while at < len(self.lines) and not is_end(self.lines[at]):
            at += 1
        return at

    def _through(self, at: int, is_last: Callable[[_Line], bool]) -> int:
        return min(self._until(at, is_last) + 1, len(self.lines))

    def _fenced(self, at: int, mark: str) -> int:
        def closes(line: _Line) -> bool:
            rest = line.text.strip(" \t>")
            return rest.startswith(mark) and not rest.strip(mark[0])

        return self._through(at + 1, closes)

    def _is_table(self, at: int) -> bool:
        if "|" not in self.lines[at].text or at + 1 >= len(self.lines):
            return False
        below = self.lines[at + 1].text
        return "|" in below and "-" in below and TABLE_RULE.match(below) is not None

    def _list(self, at: int) -> int:
        """Items, what is indented under them, and lines that run on; fences and headings end it."""
        lines = self.lines
        stop = at + 1
        while stop < len(lines):
            line = lines[stop]
            if line.is_blank:
                below = self._until(stop, lambda other: not other.is_blank)
                if below >= len(lines) or not _goes_on(lines[below].text):
                    break
                stop = below
            if ATX.match(line.text) or self._fixed(stop) or RULE.match(line.text):
                break
            stop += 1
        return stop

    def _indented(self, at: int) -> int:
        return self._until(at, lambda other: not other.text.startswith(("    ", "\t")))

    def _paragraph(self, at: int) -> tuple[Block, int]:
        lines = self.lines
        stop = at + 1
        if RULE.match(lines[at].text):
            return Block(0, 0), stop
        while stop < len(lines) and not lines[stop].is_blank:
            text = lines[stop].text
            if (
                (under := SETEXT.match(text))
                and stop - at <= SETEXT_LINES
                and not NO_HEADING.match(lines[at].text)
            ):
                title = plain(" ".join(line.text.strip() for line in lines[at:stop]))
                return Block(0, 0, "heading", 1 if under[1][0] == "=" else 2, title), stop + 1
            if ATX.match(text) or RULE.match(text) or ITEM.match(text) or self._fixed(stop):
                break
            stop += 1
        return Block(0, 0), stop


def _goes_on(text: str) -> bool:
    return text.startswith((" ", "\t")) or ITEM.match(text) is not None


def _fence(text: str) -> str:
    """The mark of a line that opens a fence; a run of backticks with more behind it is code in a line."""
    match = FENCE.match(text)
    if match is None or (match[1][0] == "`" and "`" in match[2]):
        return ""
    return match[1]


def _lines(text: str) -> Iterator[_Line]:
    start, number = 0, 1
    for match in LINE_END.finditer(text):
        yield _Line(start, match.end(), number, text[start : match.start()])
        start, number = match.end(), number + 1
    if start < len(text):
        yield _Line(start, len(text), number, text[start:])
