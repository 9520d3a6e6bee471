"""Headings of Korean documents that no style declares: by Roman numbers, 제1장, □."""

import re
from collections.abc import Iterator, Sequence

from dunoe.library.parsing.flow import Item, Note, Paragraph, Table, plain

LONGEST = 60  # letters
BOX_CELLS = 3  # at most, with words in them: "| 1 | | the title |", a heading in a frame
IN_CONTENTS = re.compile(r"(?:[\t.·…‥]|\s{2,})\s*\d+$")  # such a line ends with a page
SENTENCE = re.compile(r"(?:다|세요)[.!?]?$|[.,;:]$|:\s*\S")  # also "name: value"
ROMAN = "\u2160-\u216b"
MARKS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (1, re.compile(rf"제\s?\d+\s?[편장]\s|[{ROMAN}]+\s?\.?\s*\S|[IVX]+\.\s+\S")),
    (2, re.compile(r"제\s?\d+\s?[절관]\s")),
    (2, re.compile(r"\d{1,2}\.\s+\S")),
    (3, re.compile(r"제\s?\d+\s?조(?:의\s?\d+)?\s?\([^()]+\)$|[□■]\s*\S")),
)
BOX = re.compile(rf"(?:\d{{1,2}}|[{ROMAN}]+|[가-하])[.)]?\s+\S")


def found(items: Sequence[Item]) -> Iterator[Item]:
    """The items with the headings that their marks betray; as they are where any of them is a heading already.

    Marks of one rank in a row, with no text between them, are a list and no headings.
    """
    if any(isinstance(item, Paragraph) and item.level for item in items):
        yield from items
        return
    marked = [(item, *marked_item(item)) for item in items if any(plain([item]))]
    levels = [0, *(level for _, level, _ in marked), 0]
    for (item, level, text), before, after in zip(marked, levels, levels[2:], strict=False):
        is_heading = level > 0 and level not in (before, after)
        yield Paragraph(text, level) if is_heading else item


def marked_item(item: Item) -> tuple[int, str]:
    """The level that an item's mark gives it, 0 without one; and its words."""
    if isinstance(item, Note):
        return 0, ""
    if isinstance(item, Table):
        words = [" ".join(plain(cell)) for row in item.rows for cell in row if any(plain(cell))]
        text = " ".join(words)
        if len(item.rows) > 1 or len(words) > BOX_CELLS:
            return 0, ""
        is_numbered = len(words) > 1 and len(text) <= LONGEST and BOX.match(text)
        return _level(text) or (2 if is_numbered else 0), text
    return _level(item.text.strip()), item.text.strip()


def _level(text: str) -> int:
    if len(text) > LONGEST or "\n" in text or IN_CONTENTS.search(text) or SENTENCE.search(text):
        return 0
    return next((level for level, mark in MARKS if mark.match(text)), 0)
