"""An answer without a model: the found passages themselves, with their markers."""

import re
from collections.abc import Sequence

from dunoe.answering.prompts import Prompts, where
from dunoe.answering.source import Source

QUOTED = 3  # sources
_HIDDEN = re.compile(
    r"<!--.*?-->|</?(?:span|div|p|a|img|br|b|i|em|strong|sub|sup|details|summary|figure|hr|center)\b[^<>]*>",
    re.DOTALL | re.IGNORECASE,
)
LENGTH = 400  # letters of each


def quote(prompts: Prompts, sources: Sequence[Source], command: str) -> str:
    """What was found, word for word, and the command that brings a model."""
    pieces = [prompts.say("quoted")]
    for source in sources[:QUOTED]:
        best = source.best
        head = " > ".join(
            step
            for step in (source.file.rsplit("/", 1)[-1], *best.headings, where(best.place))
            if step
        )
        lines = "\n".join(f"> {line}" for line in shortened(visible(best.text).strip()).split("\n"))
        pieces.append(f"**{head}**\n{lines} [{source.number}]")
    pieces.append(prompts.say("no_model", command))
    return "\n\n".join(pieces)


def visible(text: str) -> str:
    """Markdown as a person sees it: without comments and the tags that lay out a page; `Vec<T>` stays."""
    return _HIDDEN.sub("", text)


def shortened(text: str, length: int = LENGTH) -> str:
    """At most so many letters, cut at a space where there is one near."""
    if len(text) <= length:
        return text
    cut = text.rfind(" ", length // 2, length)
    return text[: cut if cut > 0 else length].rstrip() + "…"
