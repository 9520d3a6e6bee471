"""Jupyter notebooks: cell by cell, Markdown as Markdown, code as code, of outputs the words and never the pictures."""

import json
import re
from collections.abc import Iterator
from typing import Any

from dunoe.library import unreadable
from dunoe.library.parsing import markdown, text
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.clean import clean
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Block, Parsed

WHAT = NAMES["ipynb"]
OUTPUT_CHARS = 4_000  # of one output: what is longer is a log or a table of numbers
COLORS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

Json = Any  # decoded JSON of other people: nothing about its shape is known


def parse(data: bytes, name: str) -> Parsed:
    """Read a notebook of format 3 or 4. Its title is that of its metadata, else its first heading."""
    try:
        notebook = json.loads(text.decode(data)[0])
    except (ValueError, RecursionError) as exc:
        raise unreadable.broken(WHAT) from exc
    builder = Builder("ipynb", WHAT)
    first = ""
    for cell in _cells(notebook):
        kind, source = cell.get("cell_type"), _words(cell.get("source", cell.get("input")))
        if kind == "markdown":
            title = _write_markdown(builder, source)
            first = first or title
        elif kind == "heading":  # of format 3
            level = cell.get("level")
            builder.add(source, "heading", level if isinstance(level, int) and 0 < level < 7 else 1)
        else:
            builder.add(source, "code" if kind == "code" else "paragraph")
            for output in _outputs(cell):
                builder.add(output, "code")
    return builder.parsed(_words(_dict(_dict(notebook).get("metadata")).get("title")) or first)


def _cells(notebook: Json) -> Iterator[dict[str, Json]]:
    """Its cells in order. Raises Unreadable where it has no such thing."""
    parts = [notebook, *_dicts(_dict(notebook).get("worksheets"))]
    found = [part["cells"] for part in map(_dict, parts) if isinstance(part.get("cells"), list)]
    if not found:
        raise unreadable.broken(WHAT)
    for cells in found:
        yield from _dicts(cells)


def _write_markdown(builder: Builder, source: str) -> str:
    """Append a cell of Markdown; its title, where it has one."""
    source = clean(source)[0].strip("\n")
    if not source.strip():
        return ""
    parsed = markdown.parse(f"{source}\n\n".encode(), "")
    for block in parsed.blocks:
        piece = parsed.text[block.start : block.end]
        builder.exact(piece, Block(0, 0, block.kind, block.level, block.title))
    return parsed.title


def _outputs(cell: dict[str, Json]) -> Iterator[str]:
    """The words of what a cell printed, gave back or failed with."""
    for output in _dicts(cell.get("outputs")):
        data = _dict(output.get("data"))
        if any(kind.startswith("image/") for kind in data):
            continue  # its words are but the name of a picture: <Figure size 640x480>
        words = _words(output.get("text")) or _words(data.get("text/plain"))
        if name := _words(output.get("ename")):
            words = f"{name}: {_words(output.get('evalue'))}"
        words = COLORS.sub("", words)
        yield f"{words[:OUTPUT_CHARS]} …" if len(words) > OUTPUT_CHARS else words


def _words(value: Json) -> str:
    """A text, which notebooks keep whole or as a list of lines."""
    if isinstance(value, list):
        return "".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
