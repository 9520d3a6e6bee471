"""Numbers and keys that belong to somebody, hidden on request before a model or a person sees the text.

Masked text is as long as it was, so that places in it stay what they are.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dunoe.answering.pack import Candidate, Leaf

_DASH = r"[-\u2010-\u2015\u2212\uff0d]"
_NUMBERS = (
    # resident and foreigner registration numbers: date of birth, then 1 to 8 and six digits
    rf"(?<!\d)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\s?{_DASH}?\s?[1-8]\d{{6}}(?!\d)",
    # telephone numbers of Korea: mobile, by place, by internet; not those of companies (1588-…)
    rf"(?<![\d.])(?:\+?82[\s.()-]{{0,3}}0?|\(?0)(?:2|1[016-9]|[3-6][1-5]|70|80|50\d)(?:\)|{_DASH}|[\s.])?\s?"
    rf"\d{{3,4}}(?:{_DASH}|[\s.])?\s?\d{{4}}(?!\d)",
)
_NAMED = (
    r"(?i:(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|비밀\s?번호|암호)[\"']?)"
)
_KEYS = (
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s*[A-Za-z0-9+/=]{10,80})+(?:\s*-----END [A-Z ]*PRIVATE KEY-----)?",
    r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+",
    r"\b(?:sk|pk|rk|dn|glpat|xox[abeprs])[-_][A-Za-z0-9_-]{16,}",
    r"\b(?:gh[oprsu]|github_pat|hf|npm|pypi)[_-][A-Za-z0-9_-]{16,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[\w-]{30,}",
    r"(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{16,}",
    # a password or key that is written behind its name: with a digit, in quotes, or too long for a word of a type;
    # code that fetches one goes on with a bracket or a dot
    rf"{_NAMED}\s*[:=]\s*[\"'](?P<quoted>[^\s\"'<>(){{}}]{{6,200}})(?=[\"'])",
    rf"{_NAMED}[\"']?\s*[:=]\s*(?P<plain>(?:(?=[^\s\"'<>(){{}}]{{0,80}}\d)[^\s\"'<>(){{}},;]{{6,200}}"
    rf"|[A-Za-z!@#$%^&*_+-]{{12,200}}(?![\w(.])))",
    r"(?:비밀\s?번호|암호)(?:는|은)\s*[\"'`]?(?P<said>[A-Za-z0-9!@#$%^&*_.+-]{6,64})"
    r"(?=[\"'`]?\s*(?:입니다|이다|이고|이며|이에요|예요|였|[,)\n]|$))",
)
_SECRET = re.compile(f"(?P<number>{'|'.join(_NUMBERS)})|{'|'.join(_KEYS)}")

_IDS = ("document_id", "passage_id", "session_id")
_SENTENCE_END = re.compile(r"(?<=[^\W\d_][.?!])\s|\n")
Json = Any  # Any: JSON, of whatever kind

_WIDE = {code + 0xFEE0: code for code in range(0x21, 0x7F)}  # full-width letters and digits


def masked(text: str) -> str:
    """The text with a `*` for every letter and digit of what belongs to somebody."""
    found, at = "", 0
    for secret in _SECRET.finditer(text.translate(_WIDE)):
        found += text[at : secret.start()] + _hidden(secret)
        at = secret.end()
    return found + text[at:]


def masked_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same passages, masked across their borders too; headings, titles and names of files as well."""
    return [
        replace(
            one,
            file=masked(one.file),
            title=masked(one.title),
            leaves=_masked_leaves(one.leaves),
        )
        for one in candidates
    ]


def masked_json(value: Json) -> Json:
    """The same JSON, every text in it masked; numbers by which we know things are nobody's."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [masked_json(one) for one in value]
    if isinstance(value, dict):
        return {key: one if key in _IDS else masked_json(one) for key, one in value.items()}
    return value


class Veil:
    """Masks a text that comes in pieces: what may still become a number or a key waits for its sentence to end."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What may go out now."""
        self._held += text
        ends = list(_SENTENCE_END.finditer(self._held, max(0, len(self._held) - len(text) - 2)))
        if not ends:
            return ""
        at = ends[-1].end()
        out, self._held = self._held[:at], self._held[at:]
        return masked(out)

    def close(self) -> str:
        """The rest, when the text has ended."""
        out, self._held = self._held, ""
        return masked(out)


def _masked_leaves(leaves: Sequence[Leaf]) -> list[Leaf]:
    text = masked("".join(leaf.part.text for leaf in leaves))
    found, at = list[Leaf](), 0
    for leaf in leaves:
        end = at + len(leaf.part.text)
        headings = tuple(map(masked, leaf.part.headings))
        found.append(replace(leaf, part=replace(leaf.part, text=text[at:end], headings=headings)))
        at = end
    return found


def _hidden(found: re.Match[str]) -> str:
    if found["number"] is not None:
        return re.sub(r"[^\W_]", "*", found[0])
    value = found["quoted"] or found["plain"] or found["said"]
    if value is None:
        return re.sub(r"\S", "*", found[0])
    return found[0][: -len(value)] + "*" * len(value)
