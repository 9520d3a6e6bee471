"""An answer without a model: the found passages themselves, with their markers."""

import re
from collections.abc import Sequence

from dunoe.answering.citations import Checker
from dunoe.answering.prompts import Prompts
from dunoe.answering.source import Source, titled
from dunoe.errors import Language, Problem

QUOTED = 3  # sources
_HIDDEN = re.compile(
    r"<!--.*?-->|</?(?:span|div|p|a|img|br|b|i|em|strong|sub|sup|details|summary|figure|hr|center)\b[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
LENGTH = 400  # letters of each


def quote(prompts: Prompts, sources: Sequence[Source], checker: Checker) -> str:
    """What was found, word for word; the checker gets the citations."""
    pieces = [prompts.say("quoted")]
    for source in sources[:QUOTED]:
        best = source.best
        head = titled(source.file, best.headings, best.place, prompts.language)
        text = shortened(visible(best.text).strip())
        marker = f" [{source.number}]" if checker.check(source.number, text) else ""
        lines = "\n".join(f"> {line}" for line in text.split("\n"))
        pieces.append(f"**{head}**{marker}\n\n{lines}")
    return "\n\n".join(pieces) + "\n\n"


def in_two_lines(problem: Problem, language: Language) -> str:
    """What is wrong, and what to do."""
    return f"{problem.message.in_(language)}\n{problem.hint.in_(language)}".strip()


def visible(text: str) -> str:
    """Markdown as a person sees it: without comments and the tags that lay out a page; `Vec<T>` stays."""
    return _HIDDEN.sub("", text)


def shortened(text: str, length: int = LENGTH) -> str:
    """At most so many letters, cut at a space where there is one near."""
    if len(text) <= length:
        return text
    cut = text.rfind(" ", length // 2, length)
    return text[: cut if cut > 0 else length].rstrip() + "…"
