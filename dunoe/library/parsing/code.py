"""Source code: the text as it is, cut where its definitions begin. A definition is a heading: `Class > method`."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import PurePath

import tree_sitter

from dunoe.library.parsing.grammars import GRAMMARS, Grammar
from dunoe.library.parsing.text import Lines, decode, paragraphs
from dunoe.library.passage import Block, Parsed

LARGEST = 4_000_000  # characters: what is longer was made by a machine and has no reader
TITLE = 120  # characters
DEEPEST = 6  # levels of headings

LANGUAGES = {
    "python": "py pyi pyw",
    "javascript": "js mjs cjs jsx",
    "typescript": "ts mts cts",
    "tsx": "tsx",
    "go": "go",
    "rust": "rs",
    "java": "java",
    "c": "c",
    "cpp": "h cc cpp cxx c++ hh hpp hxx h++ ipp tpp inl cu cuh",
    "sql": "sql ddl dml",
    "shell": "sh bash zsh ksh",
    "yaml": "yaml yml",
    "toml": "toml",
    "json": "json jsonc json5 webmanifest",
}
ENDINGS = {f".{ending}": name for name, all_of in LANGUAGES.items() for ending in all_of.split()}
NAMES = {".bashrc": "shell", ".bash_profile": "shell", ".profile": "shell", ".zshrc": "shell"}

NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
# What closes a definition around the last one in it.
CLOSING = re.compile(r"[\s})\];,]*")
# What may stand behind a definition in its last line; empty lines go with what is above them.
TAIL = re.compile(r"[ \t;,]*(?:(?>\r\n|\r|\n)(?:[ \t\f]*+(?>\r\n|\r|\n))*|$)")

YAML_KEY = re.compile(
    r"""^(?:(?P<key>[^\s#\-'"\[{&*!|>%@`][^:\r\n]*?|"[^"\r\n]*"|'[^'\r\n]*'):(?=\s|$)|- )""", re.M
)
TOML_PART = re.compile(
    r"""\"\"\"(?s:.*?)(?:\"\"\"|\Z)|'''(?s:.*?)(?:'''|\Z)"""
    r"""|^[ \t]*\[\[?(?P<table>[^\]\r\n]+)\]\]?|^(?P<key>[\w."'-]+)[ \t]*=""",
    re.M,
)
JSON_TOKEN = re.compile(r'"(?P<string>(?:[^"\\]|\\.)*+)"(?P<key>\s*:)?|[{}\[\]]', re.S)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a new part of a file begins. level 0: what stands outside of every definition."""

    start: int
    level: int
    title: str


@dataclass(slots=True)
class Definition:
    """start, end: characters. level: 1 outside of any other."""

    start: int
    end: int
    title: str
    level: int = 1


def language_of(name: str) -> str | None:
    """The language of a source file by its name; None for what is no source file."""
    path = PurePath(name.lower())
    return ENDINGS.get(path.suffix) or NAMES.get(path.name)


def parse(data: bytes, name: str) -> Parsed:
    """A document whose blocks are definitions. Broken code is read as far as it makes sense.

    Raises Unreadable where the bytes are no text.
    """
    text, warnings = decode(data)
    language = language_of(name)
    if language is None or len(text) > LARGEST:
        blocks = tuple(paragraphs(text, "code"))
    else:
        cuts = (
            PLAIN[language](text) if language in PLAIN else _definitions(text, GRAMMARS[language])
        )
        blocks = tuple(_blocks(text, cuts))
    return Parsed("code", text, blocks, warnings=warnings)


def _blocks(text: str, cuts: Sequence[Cut]) -> Iterator[Block]:
    """The parts between the cuts. A part that returns to the outside is a heading without a title."""
    lines = Lines(text)
    has_open = False
    if not cuts or cuts[0].start > 0:
        cuts = [Cut(0, 0, ""), *cuts]
    for cut, end in zip(cuts, [*(cut.start for cut in cuts[1:]), len(text)], strict=True):
        if cut.start == end:
            continue
        level = cut.level or (1 if has_open else 0)
        has_open = cut.level > 0
        place = lines.place(text, cut.start, end)
        yield Block(cut.start, end, "code", min(level, DEEPEST), cut.title[:TITLE], place)


def _definitions(text: str, grammar: Grammar) -> list[Cut]:
    # One letter, one byte: its offsets are ours, and a grammar that knows no Hangul reads names in it.
    source = NOT_ASCII.sub(lambda match: "x" * len(match[0]), text).encode()
    tree = tree_sitter.Parser(_language(grammar)).parse(source)
    found = [
        Definition(node.start_byte, node.end_byte, grammar.name_of(node, text))
        for node in _outermost(tree, grammar)
    ]
    return list(_cuts(text, _fitted(text, found, grammar.leading)))


def _outermost(tree: tree_sitter.Tree, grammar: Grammar) -> Iterator[tree_sitter.Node]:
    """The definitions in their order; what is defined within a function is a part of it.

    By hand: queries take a time that grows with the square of the depth, and recursion ends at a thousand.
    """
    kinds = grammar.kinds()
    cursor = tree.walk()
    while True:
        node = cursor.node
        assert node is not None
        is_definition = node.is_named and node.type in kinds and grammar.defines(node)
        if is_definition:
            yield node
        is_open = not is_definition or kinds[node.type]
        if is_open and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _fitted(text: str, found: list[Definition], leading: tuple[str, ...]) -> list[Definition]:
    """Give each definition whole lines where it has them alone, with the comments and decorators above it."""
    lines = Lines(text)
    around: list[Definition] = []
    floor = 0  # the end of the definition before, or the beginning of the one around
    for one in found:
        while around and around[-1].end <= one.start:
            floor = around.pop().end
        one.level = len(around) + 1
        own_start = one.start
        number = lines.at(own_start) - 1
        if lines.starts[number] >= floor:
            one.start = lines.starts[_first_line(text, lines.starts, number, floor, leading)]
        if tail := TAIL.match(text, one.end):
            one.end = min(tail.end(), around[-1].end if around else len(text))
        around.append(one)
        floor = own_start + 1
    return found


def _first_line(
    text: str, starts: list[int], number: int, floor: int, leading: tuple[str, ...]
) -> int:
    while number > 0 and starts[number - 1] >= floor:
        above = text[starts[number - 1] : starts[number]].strip()
        if not above.startswith(leading):
            break
        number -= 1
    return number


def _cuts(text: str, found: list[Definition]) -> Iterator[Cut]:
    """Where definitions begin, and where what is around them goes on."""
    around: list[Definition] = []
    for index, one in enumerate(found):
        while around and around[-1].end <= one.start:
            yield from _going_on(text, around, one.start)
        yield Cut(one.start, one.level, one.title)
        around.append(one)
        if index == len(found) - 1:
            while around:
                yield from _going_on(text, around, len(text))


def _going_on(text: str, around: list[Definition], until: int) -> Iterator[Cut]:
    end = around.pop().end
    outer = around[-1] if around else None
    stop = min(until, outer.end) if outer else until
    if stop <= end or CLOSING.fullmatch(text, end, stop):
        return
    yield Cut(end, outer.level, outer.title) if outer else Cut(end, 0, "")


@cache
def _language(grammar: Grammar) -> tree_sitter.Language:
    return tree_sitter.Language(getattr(import_module(grammar.module), grammar.function)())


def _yaml(text: str) -> list[Cut]:
    return [
        Cut(match.start(), 1, match["key"].strip("\"' "))
        if match["key"]
        else Cut(match.start(), 0, "")
        for match in YAML_KEY.finditer(text)
    ]


def _toml(text: str) -> list[Cut]:
    cuts = []
    in_table = False
    for match in TOML_PART.finditer(text):
        if match["table"]:
            in_table = True
            cuts.append(Cut(match.start(), 1, match["table"].strip()))
        elif match["key"] and not in_table:
            cuts.append(Cut(match.start(), 1, match["key"]))
    return cuts


def _json(text: str) -> list[Cut]:
    """The keys of an object, or of the objects in a list."""
    cuts = []
    depth = 0
    is_list = text.lstrip()[:1] == "["
    for match in JSON_TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            depth += 1
            if depth == 2 and is_list:
                cuts.append(Cut(match.start(), 0, ""))
        elif token in "}]":
            depth -= 1
        elif depth == 1 and match["key"]:
            cuts.append(Cut(_line_start(text, match.start()), 1, match["string"]))
    return cuts


def _line_start(text: str, position: int) -> int:
    """The beginning of the line when nothing but space is before it."""
    before = text[max(0, position - 200) : position]
    indent = len(before) - len(before.rstrip(" \t"))
    is_first = before[: len(before) - indent].endswith(("\n", "\r"))
    return position - indent if is_first else position


PLAIN: dict[str, Callable[[str], list[Cut]]] = {"yaml": _yaml, "toml": _toml, "json": _json}
