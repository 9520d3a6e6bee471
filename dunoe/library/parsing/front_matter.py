"""The front matter of a Markdown file: what its author says about it, in YAML between two lines of dashes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import yaml  # type: ignore[import-untyped]  # it ships no types

OPENING = re.compile(r"---[ \t]*(?:\r\n|\r|\n)")
CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:(?:\r\n|\r|\n)|\Z)", re.M)
LONGEST = 65_536  # characters
LOOSE_DATE = re.compile(r"(\d{4})[-./년]\s*(\d{1,2})[-./월]\s*(\d{1,2})")

BROKEN = "머리말(front matter)의 YAML을 읽을 수 없습니다"


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What it said. end: the character behind it, 0 where there is none."""

    end: int = 0
    title: str = ""
    tags: tuple[str, ...] = ()
    project: str = ""
    type: str = ""
    status: str = ""
    date: str = ""
    warnings: tuple[str, ...] = ()


def read_front_matter(text: str) -> FrontMatter:
    """The front matter at the top of a text; a broken one is a warning and says nothing."""
    opening = OPENING.match(text)
    closing = CLOSING.search(text, opening.end(), LONGEST) if opening else None
    if opening is None or closing is None:
        return FrontMatter()
    end = closing.end()
    try:
        said = yaml.load(text[opening.end() : closing.start()], Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f" ({mark.line + 2}번째 줄)" if mark is not None else ""
        return FrontMatter(end, warnings=(BROKEN + where,))
    if not isinstance(said, Mapping):
        return FrontMatter(end, warnings=() if said is None else (BROKEN,))
    known = {key.lower(): value for key, value in said.items() if isinstance(key, str)}
    return FrontMatter(
        end,
        title=_word(known.get("title")),
        tags=_tags(known.get("tags", known.get("tag"))),
        project=_word(known.get("project")),
        type=_word(known.get("type")),
        status=_word(known.get("status")),
        date=_date(known.get("date")),
    )


def _word(value: object) -> str:
    if isinstance(value, list) and value:
        value = value[0]
    is_plain = isinstance(value, str | int | float | date)
    return " ".join(str(value).split())[:300] if is_plain else ""


def _tags(value: object) -> tuple[str, ...]:
    """A list, or words with commas or spaces between them; each once, `#` taken off."""
    if isinstance(value, str):
        value = value.split(",") if "," in value else value.split()
    if not isinstance(value, list):
        return ()
    words = (_word(one).lstrip("#").strip() for one in value[:1000])
    return tuple(dict.fromkeys(word for word in words if word))


def _date(value: object) -> str:
    """As ISO 8601, the day alone; "" for what is no date."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str) or not (found := LOOSE_DATE.search(value)):
        return ""
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return ""
