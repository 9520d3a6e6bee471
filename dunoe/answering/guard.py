"""Whether a text speaks to the model instead of its reader: `guard.toml` says what that looks like.

This finds the known ways and no others. What keeps an unknown one harmless is that nothing in a source is ever
obeyed by us: answering has no tools, and `fence.py` keeps a source from posing as anything else.
"""

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from dunoe.answering import fence
from dunoe.answering.source import Source
from dunoe.errors import Text

View = Literal["raw", "lines", "tight"]

_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff]+"
)
_TAGS = re.compile(r"[\U000e0020-\U000e007e]")  # letters that no font shows
_MARKUP = re.compile(r"[\s*_~`\"'“”‘’«»\-–—=+\\]+")  # noqa: RUF001 - as they stand in texts
_ALIKE = str.maketrans("аеорсухіѕјһԁӏοαιν", "aeopcyxisjhdloaiv")  # noqa: RUF001 - Cyrillic and Greek letters that look Latin
_FOREIGN = re.compile(r"[\u0370-\u052f]")


class Pattern(NamedTuple):
    """One way of speaking to a model. needs: words without which it cannot be."""

    name: str
    view: View
    needs: tuple[str, ...]
    regex: re.Pattern[str]


def flags_of(source: Source) -> tuple[str, ...]:
    """Names of what a source says to the model, in the text, its headings or its file's name."""
    headings = dict.fromkeys(heading for part in source.parts for heading in part.headings)
    return flags("\n".join((source.text, source.file, *headings)))


@lru_cache(maxsize=64)  # prompt, reply and warning ask about the same sources
def flags(text: str) -> tuple[str, ...]:
    """Names of what stands there, in the order of the list; () for an ordinary text."""
    views = _views(text)
    found = dict.fromkeys(one.name for one in _patterns() if _stands(one, views[one.view]))
    return (*found, *fence.forgeries(text))


def told(sources: Sequence[Source]) -> Text | None:
    """What a person is told about sources that are flagged; None where none is."""
    flagged = {source.number: found for source in sources if (found := flags_of(source))}
    if not flagged:
        return None
    marks = " ".join(f"[{number}]" for number in flagged)
    names = [name for found in flagged.values() for name in found]
    catches = _catches()
    ko, en = (", ".join(dict.fromkeys(catches[name][at] for name in names)) for at in (0, 1))
    return Text(
        f"자료 {marks}에 지시처럼 보이는 글이 있어 읽을거리로만 다루었습니다: {ko}",
        f"text that looks like an instruction was taken as text only, in {marks}: {en}",
    )


def _views(text: str) -> dict[View, str]:
    lines = _TAGS.sub(lambda found: chr(ord(found[0]) - 0xE0000), text)
    lines = _INVISIBLE.sub("", lines)
    if not unicodedata.is_normalized("NFKC", lines):
        lines = unicodedata.normalize("NFKC", lines)
    tight = _MARKUP.sub("", lines).casefold()
    if _FOREIGN.search(tight):
        tight = tight.translate(_ALIKE)
    return {"raw": text, "lines": lines, "tight": tight}


def _stands(pattern: Pattern, text: str) -> bool:
    if pattern.needs:
        low = text if pattern.view == "tight" else text.casefold()
        if not any(need in low for need in pattern.needs):
            return False
    return pattern.regex.search(text) is not None


@lru_cache(maxsize=1)
def _patterns() -> tuple[Pattern, ...]:
    data = _data()
    found = []
    for one in data["pattern"]:
        regex = one["regex"]
        for word, means in data["words"].items():
            regex = regex.replace(f"<{word}>", means)
        found.append(Pattern(one["name"], one["view"], tuple(one["needs"]), re.compile(regex)))
    return tuple(found)


@lru_cache(maxsize=1)
def _catches() -> dict[str, tuple[str, str]]:
    return {one["name"]: tuple(one["catches"]) for one in _data()["pattern"]} | fence.CATCHES


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:  # Any: TOML
    return tomllib.loads(files("dunoe.answering").joinpath("guard.toml").read_text("utf-8"))
