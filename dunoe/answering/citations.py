"""Markers like `[1]`, checked against their sources while the answer is being written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dunoe.answering.source import Part, Source

# Measured by `python -m bench.answering`; docs/benchmarks.md has what they keep and what they let through.
FLOOR = 0.35  # share of a sentence's terms that must stand in its source
OF_BEST = 0.75  # and that share over the best any source reaches
FEW = 3  # fewer terms than this prove nothing either way

MARKER_LENGTH = 24  # letters; what is longer is no marker
_MARKER = re.compile(
    r"\[\s*(?:문서|출처|자료|source|document|doc)?\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*\]",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"\[[\s\d,문서출처자료a-z]*\]?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.?!。])[\s]+|\n+")
_QUOTED = re.compile(r'["“「『]([^"”」』\n]{12,})["”」』]')
_WORDS = re.compile(r"[A-Za-z]{2,}|\d+")
_HANGUL = re.compile(r"[가-힣]")
_CLAIM_LENGTH = 600  # letters before a marker that are looked at


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker that held: its source and the passage that says most of the sentence. share: 0 to 1."""

    number: int
    part: Part
    claim: str
    share: float


class Checker:
    """Lets an answer through piece by piece and keeps back markers until they are whole and checked.

    terms: the content words of a text, in lower case; called in the middle of a stream, so it must be quick.
    """

    def __init__(self, sources: Sequence[Source], terms: Callable[[str], set[str]]) -> None:
        self.citations: list[Citation] = []
        self.removed = 0
        self._texts = {source.number: _flat(source.text) for source in sources}
        self._sources = {source.number: source for source in sources}
        self._terms = terms
        self._held = ""  # spaces, and what may become a marker
        self._claim = ""  # the answer since the last marker
        self._cited = ""  # what the last marker was for: a second one beside it is for the same
        self._code = _Code()

    def feed(self, text: str) -> str:
        """What may go out now."""
        return "".join(self._take(letter) for letter in text)

    def close(self) -> str:
        """What was still held back when the answer ended."""
        if _MARKER.fullmatch(self._held.strip()):
            return self._settle()
        return self._let_go()

    def _take(self, letter: str) -> str:
        out = ""
        if self._held.endswith("]"):  # a whole marker; a link's text is followed by its address
            out = self._let_go() if letter == "(" else self._settle()
        is_open = "[" in self._held
        if is_open and _MAYBE.fullmatch(self._held.lstrip() + letter) and self._has_room():
            self._held += letter
            if letter != "]" or _MARKER.fullmatch(self._held.strip()):
                return out
            return out + self._let_go()
        if is_open:
            out += self._let_go()
        if not self._code.is_inside and letter in " [":
            self._held += letter
            return out
        out += self._let_go()
        return out + self._say(letter)

    def _has_room(self) -> bool:
        return len(self._held.lstrip()) < MARKER_LENGTH

    def _let_go(self) -> str:
        held, self._held = self._held, ""
        return self._say(held)

    def _say(self, text: str) -> str:
        for letter in text:
            self._code.see(letter)
        self._claim = (self._claim + text)[-_CLAIM_LENGTH:]
        return text

    def _settle(self) -> str:
        """Put the checked numbers where the held marker stands."""
        found = _MARKER.fullmatch(self._held.strip())
        spaces = self._held[: len(self._held) - len(self._held.lstrip())]
        self._held = ""
        numbers = [int(one) for one in found[1].split(",")] if found else []
        claim = _last_sentence(self._claim) or self._cited
        self._cited, self._claim = claim, ""
        kept = [number for number in dict.fromkeys(numbers) if self._check(number, claim)]
        self.removed += len(numbers) - len(kept)
        return spaces + "".join(f"[{number}]" for number in kept) if kept else ""

    def _check(self, number: int, claim: str) -> bool:
        source = self._sources.get(number)
        if source is None:
            return False
        terms = self._terms(claim)
        share = _share(terms, claim, self._texts[number])
        best = max(_share(terms, claim, text) for text in self._texts.values())
        if share < FLOOR or share < OF_BEST * best or not _quotes_stand(claim, source):
            return False
        part = max(source.parts, key=lambda one: _share(terms, claim, _flat(one.text)))
        self.citations.append(Citation(number, part, claim, share))
        return True


def _share(terms: set[str], claim: str, text: str) -> float:
    """How much of a claim a text has, 0 to 1. A claim in a foreign script is judged by what scripts share."""
    if bool(_HANGUL.search(claim)) != bool(_HANGUL.search(text)):
        terms = {word.lower() for word in _WORDS.findall(claim)}
        if not terms:
            return FLOOR  # nothing to go by
    if len(terms) < FEW:
        return 1.0 if any(term in text for term in terms) or not terms else 0.0
    return sum(term in text for term in terms) / len(terms)


def _quotes_stand(claim: str, source: Source) -> bool:
    text = _tight(source.text)
    return all(_tight(quoted) in text for quoted in _QUOTED.findall(claim))


def _flat(text: str) -> str:
    return " ".join(text.lower().split())


def _tight(text: str) -> str:
    return "".join(text.split())


def _last_sentence(text: str) -> str:
    said = [piece for piece in _SENTENCE_END.split(text) if piece.strip(" \t.,;:)-*")]
    return said[-1].strip() if said else ""


class _Code:
    """Whether the next letter stands inside Markdown code: a fence of backticks, or a span in one line."""

    def __init__(self) -> None:
        self._line = ""
        self._is_fenced = False
        self._is_span = False

    @property
    def is_inside(self) -> bool:
        return self._is_fenced or self._is_span

    def see(self, letter: str) -> None:
        if letter == "\n":
            if self._line.lstrip().startswith("```"):
                self._is_fenced = not self._is_fenced
            self._line, self._is_span = "", False
            return
        self._line += letter
        is_fence = self._line.lstrip().startswith("``")
        if letter == "`" and not self._is_fenced and not is_fence:
            self._is_span = not self._is_span
