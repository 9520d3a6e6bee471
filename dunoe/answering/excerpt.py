"""What a passage has to say to a question: its best sentences, in their order, as a person sees them."""

import re
from collections import Counter
from collections.abc import Mapping
from math import log
from pathlib import PurePath

from dunoe.answering.citations import content

GOOD = 0.5  # of the best sentence's weight, to be quoted beside it
PARTS = 4  # a quote has room for, of a sentence that is longer

_MARKDOWN = {".md", ".mdx", ".markdown"}
_FENCE = r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n]*(?:\n.*?(?:^[ \t]*(?P=fence)[^\n]*$|\Z)|\Z)"
_FENCE_LINE = re.compile(r"^[ \t]*(`{3,}|~{3,})", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\r?\n[\w-]+:.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_LAYOUT = (
    "span|div|p|a|img|br|b|i|em|strong|sub|sup|details|summary|figure|picture|source|hr|center"
)
_HIDDEN = re.compile(
    rf"(?P<code>{_FENCE}|`[^`\n]+`)"
    r"|<!--.*?-->|[ \t]*\{/\*.*?\*/\}"
    rf"|</?(?i:{_LAYOUT})\b[^<>]*>"
    r"|</[A-Z][a-z]\w*>|(?<!\w)<[A-Z][a-z]\w*(?:\s[^<>]*)?/?>",  # components of MDX; `Vec<T>` stays
    re.DOTALL | re.MULTILINE,
)
_GAP = re.compile(rf"{_FENCE}|\n(?:[ \t]*\n){{2,}}", re.DOTALL | re.MULTILINE)
_BREAK = r"\n(?=[ \t]*(?:\n|[-*+>#|]|\d+[.)]\s|```|~~~))"  # a line that goes on with something else
_PIECE = re.compile(
    rf"{_FENCE}"
    r"|^[ \t]*\|[^\n]*"  # a row of a table
    rf"|\S(?:(?!{_BREAK}).)*?(?:(?<=[^\d\s][.?!。])[\"'”)*_]*(?=\s|\Z)|(?={_BREAK})|\Z)",
    re.DOTALL | re.MULTILINE,
)
_HEADING = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)
_LEADING_HEADINGS = re.compile(r"\A\s*(?:#{1,6}[ \t][^\n]*(?:\n\s*|\Z))+")


def visible(text: str, file: str) -> str:
    """Markdown as a person sees it: without front matter, comments and tags; other files are what they are."""
    if PurePath(file).suffix.lower() not in _MARKDOWN:
        return text
    seen = _HIDDEN.sub(lambda found: found["code"] or "", _FRONT_MATTER.sub("", text))
    return _GAP.sub(lambda found: found[0] if found["fence"] else "\n\n", seen)


def body(text: str, file: str, before: str = "") -> str:
    """A passage to be quoted, without the headings it begins with, unless more follow.

    before: the text that it goes on from.
    """
    is_code = len(_FENCE_LINE.findall(before)) % 2
    seen = visible(f"```\n{text}" if is_code else text, file).strip()
    bare = _LEADING_HEADINGS.sub("", seen)
    return seen if _HEADING.search(bare) else bare


def weights(question: str, texts: list[str]) -> dict[int, float]:
    """The terms of a question, rare ones weighing more. texts: among whose pieces they are rare."""
    pieces = [content(piece[0]).all for text in texts for piece in _PIECE.finditer(text)]
    having = Counter(term for piece in pieces for term in piece)
    asked = content(question).all
    return {term: log(1 + len(pieces) / having[term]) for term in asked if having[term]}


def excerpt(text: str, weighed: Mapping[int, float], length: int) -> str:
    """The pieces of a text with most of the weight, and what follows the best; "…" where something is left out."""
    if len(text) <= length:
        return _closed(text)
    pieces = [found.span() for found in _PIECE.finditer(text)]
    spans = [part for first, end in pieces for part in _parts(text, first, end, length)]
    scores = [sum(weighed.get(term, 0.0) for term in content(text[a:b]).all) for a, b in spans]
    ranked = sorted(range(len(spans)), key=lambda at: -scores[at])
    best = ranked[0]
    good = [at for at in ranked if scores[at] >= GOOD * scores[best] > 0]
    lengths = [end - first for first, end in spans]
    kept, room = set[int](), length
    for at in good:
        if lengths[at] <= room:
            kept.add(at)
            room -= lengths[at]
    for at in range(best, len(spans)):
        if at not in kept:
            room -= lengths[at]
            if room < 0:
                break
            kept.add(at)
    if not kept:  # the best is code, and longer
        first, end = spans[best]
        kept, spans[best] = {best}, (first, first + _cut(text[first:end], length))
    heads = {head for at in kept for head in _heads(text, spans, at)}
    return _joined(text, [spans[at] for at in sorted(kept | heads)])


def _parts(text: str, first: int, end: int, length: int) -> list[tuple[int, int]]:
    """A sentence or a line that is too long, in parts of it that may be quoted; code stays what it is."""
    if end - first <= length or _FENCE_LINE.match(text, first):
        return [(first, end)]
    found = list[tuple[int, int]]()
    while end - first > length // PARTS:
        cut = first + _cut(text[first:end], length // PARTS)
        found.append((first, cut))
        first = cut + text[cut].isspace()
    return [*found, (first, end)]


def shortened(text: str, length: int) -> str:
    """At most so many letters, cut at a space where there is one near."""
    if len(text) <= length:
        return text
    return text[: _cut(text, length)].rstrip() + "…"


def _cut(text: str, length: int) -> int:
    """Where to cut a text that is longer: between two lines, or at a space."""
    ends = (text.rfind(sign, length // 2, length) for sign in "\n ")
    return next((end for end in ends if end > 0), length)


def _heads(text: str, spans: list[tuple[int, int]], at: int) -> range:
    """The two lines that a row's table begins with."""
    if not _is_row(text[spans[at][0] :]):
        return range(0)
    first = at
    while first and _is_row(text[spans[first - 1][0] :]):
        first -= 1
    return range(first, min(first + 2, at))


def _is_row(text: str) -> bool:
    return text.lstrip(" \t").startswith("|")


def _joined(text: str, kept: list[tuple[int, int]]) -> str:
    """These pieces, with "…" for what stands between them where that is more than space."""
    out, last = "", 0
    for first, end in [*kept, (len(text), len(text))]:
        gap = text[last:first]
        if not gap.strip():
            out += gap
        elif out and _is_row(text[first:]) and _is_row(out.rsplit("\n", 1)[-1]):
            out += "\n| … |\n"
        elif "\n" in gap:
            out = f"{_closed(out)}\n\n…\n\n"
        else:
            out += " … "
        out += text[first:end]
        last = end
    return _closed(out.strip())


def _closed(text: str) -> str:
    """With the end of a fence of code that was cut."""
    fences = _FENCE_LINE.findall(text)
    return f"{text}\n{fences[-1]}" if len(fences) % 2 else text
