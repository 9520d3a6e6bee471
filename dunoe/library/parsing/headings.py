"""Headings of Korean documents that no style declares: by Roman numbers, 제1장, □, 붙임; by the contents they list."""

import re
from collections.abc import Iterable, Iterator, Sequence

from dunoe.library.parsing.flow import Item, Note, Paragraph, Table, plain

LONGEST = 60  # letters
BOX_CELLS = 3  # at most, with words in them: "| 1 | | the title |", a heading in a frame
APPENDIX_CELLS = 2  # "| 참고 1 | | the title |"
IN_CONTENTS = re.compile(r"(?:[\t.·…‥]|\s{2,})\s*\d+$")  # such a line ends with a page
CONTENTS = re.compile(r"목\s*차|순\s*서|차\s*례")
ENTRIES = 100  # of a table of contents
SENTENCE = re.compile(r"(?:다|세요)[.!?]?$|[.,;:]$|:\s*\S")  # also "name: value"
ROMAN = "\u2160-\u216b"
APPENDIX = r"(?:참\s?고|붙\s?임|별\s?첨|첨\s?부|부\s?록)"
FORM = rf"(?:{APPENDIX}|별\s?지|별\s?표|서\s?식)"  # 별표 and its like only in brackets: "서식 3" is mostly a mention
BRACKETED = (
    rf"[\[【\u3014<〈]\s?{FORM}\s?(?:제?\s?\d+(?:-\d+)?\s?호?\s?(?:서\s?식)?)?\s?[\]】\u3015>〉]"
)
BARE = re.compile(BRACKETED)  # with its title in the next line
TITLE = re.compile(r"[\w \t()·ㆍ,/「」『』]+")
MARKS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (1, re.compile(rf"제\s?\d+\s?[편장]\s|[{ROMAN}]+\s?\.?\s*\S|[IVX]+\.\s+\S")),
    (1, re.compile(rf"{BRACKETED}|{APPENDIX}\s?\d{{1,2}}[.:]?\s+\S")),
    (2, re.compile(r"제\s?\d+\s?[절관]\s")),
    (2, re.compile(r"\d{1,2}\.\s+\S")),
    (3, re.compile(r"제\s?\d+\s?조(?:의\s?\d+)?\s?\([^()]+\)$|[□■]\s*\S")),
)
BOX = re.compile(rf"(?:\d{{1,2}}|[{ROMAN}]+|[가-하])[.)]?\s+\S")
APPENDIX_BOX = re.compile(rf"{APPENDIX}\s+\S")
ORDER = re.compile(
    rf"^(?:{BRACKETED}|(?:[{ROMAN}]+|[IVX]+\.|\d{{1,2}}[.)]?(?=\s)|[①-⑳□■○]|[가-하][.)])\s*\.?)"
)
CIRCLED = re.compile("[①-⑳]")
COUNTED = re.compile("[^\n]{4,60}\\s{2,}[①-⑳\U000f02b1-\U000f02b9]")  # in a frame: "title      ①"


def found(sections: Sequence[Sequence[Item]]) -> Iterator[Item]:
    """The items of a document with the headings that marks and contents betray.

    A section where any of them is a heading already stays as it is. Marks of one rank in a row, with no text between
    them, are a list and no headings.
    """
    listed = contents([item for items in sections for item in items])
    for items in sections:
        if any(isinstance(item, Paragraph) and item.level for item in items):
            yield from items
        else:
            yield from _titled(_marked(items, listed))


def _marked(items: Iterable[Item], listed: dict[int, int]) -> Iterator[Item]:
    marked = [(item, *marked_item(item)) for item in items if any(plain([item]))]
    levels = [0, *(level for _, level, _ in marked), 0]
    for (item, level, text), before, after in zip(marked, levels, levels[2:], strict=False):
        named = listed.get(id(item), 0)
        if not named and (not level or level in (before, after)):
            yield item
            continue
        yield Paragraph(text, named or level)
        yield from parted(item)[1]


def _titled(items: Iterable[Item]) -> Iterator[Item]:
    """【서식 3】 and the line below it, its title, are one heading."""
    waiting: Paragraph | None = None
    for item in items:
        if waiting is None:
            is_bare = isinstance(item, Paragraph) and item.level and BARE.fullmatch(item.text)
            waiting = item if isinstance(item, Paragraph) and is_bare else None
            if not is_bare:
                yield item
            continue
        text, rest = parted(item)
        is_title = TITLE.fullmatch(text) and not marked_item(item)[0] and not _is_prose(text)
        yield Paragraph(f"{waiting.text} {text}", waiting.level) if is_title else waiting
        yield from rest if is_title else [item]
        waiting = None
    if waiting is not None:
        yield waiting


def contents(items: Sequence[Item]) -> dict[int, int]:
    """The levels of items, by their `id`, that a document lists in its contents and has once behind them."""
    lines = [(at, text) for at, item in enumerate(items) for text in plain([item])]
    begin = next((at for at, (_, text) in enumerate(lines, 1) if CONTENTS.fullmatch(text)), 0)
    entries: dict[str, tuple[int, str]] = {}
    is_paged, paged = False, 0
    for at, text in lines[begin : begin + ENTRIES] if begin else ():
        if len(text) > LONGEST or key(text) in entries:
            break
        if not CONTENTS.fullmatch(text):
            entries[key(text)] = at, text
        if IN_CONTENTS.search(text):
            is_paged, paged = True, len(entries)
    listed = dict(list(entries.items())[:paged] if is_paged else entries)
    end = max((at for at, _ in listed.values()), default=len(items))
    places: dict[str, list[Item]] = {}
    for item in items[end + 1 :]:
        if len(line := parted(item)[0]) <= LONGEST:
            places.setdefault(key(line), []).append(item)
    return {
        id(places[words][0]): _rank(text)
        for words, (_, text) in listed.items()
        if len(places.get(words, ())) == 1 and not words.isdigit() and not SENTENCE.search(text)
    }


def key(text: str) -> str:
    """The words of a heading without its number, its page and its spaces."""
    return "".join(ORDER.sub("", IN_CONTENTS.sub("", text.strip()), count=1).split())


def parted(item: Item) -> tuple[str, list[Item]]:
    """The first line of an item and what is below it: of a table its first row, of a frame its first paragraph."""
    if isinstance(item, Paragraph):
        return item.text.strip(), []
    if isinstance(item, Note):
        return "", [item]
    if len(item.rows) == 1 and len(item.rows[0]) == 1:
        inside = [one for one in item.rows[0][0] if any(plain([one]))]
        return next(plain(inside), ""), [Table([[inside[1:]]])] if inside[1:] else []
    words = [text for cell in item.rows[0] for text in plain(cell)] if item.rows else []
    return " ".join(words), [Table(item.rows[1:])] if item.rows[1:] else []


def marked_item(item: Item) -> tuple[int, str]:
    """The level that an item's mark gives it, 0 without one; and its first line."""
    text, rest = parted(item)
    if not isinstance(item, Table):
        return _level(text), text
    first, *others = [sum(any(plain(cell)) for cell in row) for row in item.rows] or [0]
    if first > BOX_CELLS or any(worded > 1 for worded in others):
        return 0, text
    is_box = first > 1 and len(text) <= LONGEST
    if is_box and first == APPENDIX_CELLS and APPENDIX_BOX.match(text):
        return 1, text
    if is_box and BOX.match(text):
        return _level(text) or 2, text
    if COUNTED.fullmatch(text):
        return 3, text
    return 0 if rest else _level(text), text


def _level(text: str) -> int:
    return 0 if _is_prose(text) else next((level for level, mark in MARKS if mark.match(text)), 0)


def _rank(line: str) -> int:
    return _level(IN_CONTENTS.sub("", line)) or (3 if CIRCLED.match(line) else 1)


def _is_prose(text: str) -> bool:
    """Too long for a heading, or of another kind."""
    return bool(
        len(text) > LONGEST or "\n" in text or IN_CONTENTS.search(text) or SENTENCE.search(text)
    )
