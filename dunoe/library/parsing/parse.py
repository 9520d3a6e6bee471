"""One file's bytes into a document: sniffed, then read by the parser of its kind."""

from dataclasses import replace
from importlib import import_module
from types import ModuleType

from dunoe.errors import Problem
from dunoe.library import unreadable
from dunoe.library.parsing import sniff
from dunoe.library.parsing.kinds import MODULES, NAMES, Kind
from dunoe.library.passage import Block, Parsed
from dunoe.library.unwanted import is_key

LONGEST_TITLE = 300  # characters; titles are read with each passage below them


def parse(data: bytes, name: str) -> Parsed:
    """Read a document. name: of the file, which tells kinds of text apart and nothing else.

    A pure function, meant for a process with limits: a file made to hurt may take all the time and memory there is.
    Raises Unreadable, whose `code` says why.
    """
    if is_key(data):
        raise unreadable.secret()
    kind = sniff.kind_of(data, name)
    try:
        parsed: Parsed = parser_of(kind).parse(data, name)
    except (Problem, MemoryError):
        raise
    except Exception as exc:  # parsers of other people raise anything on a broken file
        raise unreadable.broken(NAMES[kind]) from exc
    title = parsed.title[:LONGEST_TITLE]
    return replace(parsed, title=title, blocks=tuple(map(_with_short_title, parsed.blocks)))


def _with_short_title(block: Block) -> Block:
    is_long = len(block.title) > LONGEST_TITLE
    return replace(block, title=block.title[:LONGEST_TITLE]) if is_long else block


def parser_of(kind: Kind) -> ModuleType:
    """The module that reads this kind. Imported at first use: nobody who has no PDF waits for PDF libraries."""
    return import_module(f"dunoe.library.parsing.{MODULES[kind]}")
