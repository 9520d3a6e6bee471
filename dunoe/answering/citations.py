"""Markers like `[1]`, checked against their sources while the answer is being written."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dunoe.answering.source import Part, Source
from dunoe.library import terms
from dunoe.library.passage import Spot

# Measured by `python -m bench.answering`; docs/benchmarks.md has what they keep and what they let through.
FLOOR = 0.4  # share of a sentence's terms that must stand in its source
OF_BEST = 0.6  # and that share, rare terms weighing more, over the best that any source reaches
FEW = 3  # fewer terms than this prove nothing either way

MARKER_LENGTH = 24  # letters; what is longer is no marker
_MARKER = re.compile(
    r"\[\s*(?:문서|출처|자료|source|document|doc)?\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*\]",
    re.IGNORECASE,
)
_MAYBE = re.compile(r"\[[\s\d,문서출처자료a-z]*\]?", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.?!。])[\s]+|\n+")
_QUOTED = re.compile(r'["“「『]([^"”」』\n]{12,})["”」』]')
_CLAIM_LENGTH = 600  # letters before a marker that are looked at


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker that held: its source, and the passage and the spot of it that say most of the sentence.

    share: 0 to 1.
    """

    number: int
    part: Part
    spot: Spot
    claim: str
    share: float


class Checker:
    """Lets an answer through piece by piece and keeps back markers until they are whole and checked."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.citations: list[Citation] = []
        self.removed = 0
        self._sources = {source.number: source for source in sources}
        self._contents: dict[int, Content] = {}
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
        kept = [number for number in dict.fromkeys(numbers) if self.check(number, claim)]
        self.removed += len(numbers) - len(kept)
        return spaces + "".join(f"[{number}]" for number in kept) if kept else ""

    def check(self, number: int, claim: str, spot: Spot | None = None) -> bool:
        """Note that this source says so; False where it does not. spot: where in its best passage, if that is known."""
        if number not in self._sources:
            return False
        if not self._contents:  # read late: an answer without markers costs nothing
            self._contents = {n: content(one.text) for n, one in self._sources.items()}
        said, source = content(claim), self._sources[number]
        share = said.share(self._contents[number])
        rare = self._rarity(said)
        best = max(said.share(one, rare) for one in self._contents.values())
        is_there = share >= FLOOR and said.share(self._contents[number], rare) >= OF_BEST * best
        if not is_there or not _quotes_stand(claim, source):
            return False
        part = source.best
        if spot is None:
            part = max(source.parts, key=lambda one: said.share(content(one.text)))
            spot = _spot(part, said)
        self.citations.append(Citation(number, part, spot, claim, share))
        return True

    def _rarity(self, said: "Content") -> dict[int, float]:
        """How much each term of a claim tells one source from another: 1 over the sources that have it."""
        having = Counter(term for one in self._contents.values() for term in one.all & said.all)
        return {term: 1 / count for term, count in having.items()}


@dataclass(frozen=True, slots=True)
class Content:
    """The content terms of a text, as numbers. words: of Korean; names: what every script writes alike."""

    words: frozenset[int]
    names: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """Both."""
        return self.words | self.names

    def share(self, source: "Content", weights: Mapping[int, float] | None = None) -> float:
        """How much of this a source has, 0 to 1; a source in another script is asked for names and numbers alone."""
        mine = self.all if source.words or not self.words else self.names
        if not mine and self.words:
            return FLOOR  # nothing to go by
        if len(mine) < FEW:
            return 1.0 if mine & source.all or not mine else 0.0
        weighed = {term: 1.0 if weights is None else weights.get(term, 1.0) for term in mine}
        return sum(weighed[term] for term in mine & source.all) / sum(weighed.values())


def content(text: str) -> Content:
    """The terms that a sentence and its source should share."""
    found = terms.read(text)
    return Content(frozenset(found.words), frozenset(found.names))


def _spot(part: Part, said: Content) -> Spot:
    """The spot of a passage that says most of a sentence, the first of equally good ones."""
    if len(part.spots) < 2:
        return part.whole
    return max(part.spots, key=lambda one: said.share(content(part.words_of(one))))


def _quotes_stand(claim: str, source: Source) -> bool:
    text = _tight(source.text)
    return all(_tight(quoted) in text for quoted in _QUOTED.findall(claim))


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
