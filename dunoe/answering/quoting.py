"""An answer without a model: the found passages themselves, with their markers."""

import re
from collections.abc import Sequence

from dunoe.answering.citations import Checker
from dunoe.answering.excerpt import body, excerpt, weights
from dunoe.answering.prompts import Prompts
from dunoe.answering.source import Source, titled
from dunoe.errors import Language, Problem

QUOTED = 3  # sources
LENGTH = 400  # letters of each
_HEADER = re.compile(r"^\|[^\n]*\n\|(?: --- \|)+\s*", re.MULTILINE)


def quote(prompts: Prompts, sources: Sequence[Source], question: str, checker: Checker) -> str:
    """The best sentences of what was found, word for word; the checker gets the citations."""
    pieces, bodies = [prompts.say("quoted")], [_body(source) for source in sources[:QUOTED]]
    weighed = weights(question, bodies)
    for source, text in zip(sources, bodies, strict=False):
        said, spot = excerpt(text, weighed, LENGTH), source.spot
        head = titled(source.file, spot.headings, spot.place, prompts.language)
        marker = f" [{source.number}]" if checker.check(source.number, said, spot) else ""
        lines = "\n".join(f"> {line}".rstrip() for line in said.split("\n"))
        pieces.append(f"**{head}**{marker}\n\n{lines}")
    return "\n\n".join(pieces) + "\n\n"


def _body(source: Source) -> str:
    """What the spot says that is cited; where that is front matter alone, what its passage or the source says."""
    best, spot = source.best, source.spot
    before = "".join(part.text for part in source.parts[: source.parts.index(best)])
    above = before + best.text[: spot.start - best.start]
    said = _headed(best.words_of(spot), best.text[spot.end - best.start :], above)
    return (
        body(said, source.file, above)
        or body(best.text, source.file, before)
        or body(source.text, source.file)
    )


def _headed(said: str, below: str, above: str) -> str:
    """A row with the header that stands above it; a header with the rows below it, itself once."""
    if not said.startswith("|"):
        return said
    if _HEADER.fullmatch(said):
        return said + below.replace(said, "")
    headers = _HEADER.findall(above)
    return said if _HEADER.match(said) or not headers else headers[-1] + said


def in_two_lines(problem: Problem, language: Language) -> str:
    """What is wrong, and what to do."""
    return f"{problem.message.in_(language)}\n{problem.hint.in_(language)}".strip()
