"""Markers like `[1]`, checked against their sources while the answer is being written."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from dunoe.answering.code import Code, longer
from dunoe.answering.figures import Figures
from dunoe.answering.markers import (
    CLUSTER,
    MAYBE,
    gone,
    is_attached,
    is_nothing,
    is_over,
    is_pointer,
    is_text,
    is_thing,
    is_word,
    mended,
    numbers,
    without_particle,
)
from dunoe.answering.source import Part, Source
from dunoe.library import terms
from dunoe.library.passage import Spot

# Measured by `python -m bench.answering`; docs/benchmarks.md has what they keep and what they let through.
FLOOR = 0.4  # share of a sentence's terms that must stand in its source
OF_BEST = 0.6  # and that share, rare terms weighing more, over the best that any source reaches
FEW = 3  # fewer terms than this prove nothing either way

_SENTENCE_END = re.compile(r"(?<=[.?!。])[\s]+|\n+")
_BEGINNING = re.compile(
    r"[\s>*+#|•·-]*+(?:\d{1,3}[.)]\s*+)?[\s*>|-]*+"
)  # of a line, before its first word
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


@dataclass(slots=True)
class _Lead:
    """Markers that are held back until their sentence ends.

    before: the sentence before them; begun: what of their own stands before them; ahead: what came behind them.
    """

    spaces: str
    cluster: str
    before: str
    begun: str = ""
    is_word: bool = False
    is_row: bool = False
    ahead: str = ""

    @property
    def is_over(self) -> bool:
        """Whether what stands behind the markers is a sentence by now, or the line is over."""
        said, last = self.ahead, self.ahead[-1:]
        if last == "\n" or len(said) >= _CLAIM_LENGTH:
            return True
        if self.is_row or not last.isspace() or said.rstrip()[-1:] not in (*".?!。",):
            return False
        return bool(self.begun or _last_sentence(said))

    @property
    def claim(self) -> str:
        """What the markers stand for."""
        said = "" if is_pointer(self.ahead) else _last_sentence(without_particle(self.ahead))
        return f"{self.begun} {said}".strip() if self.begun else said or self.before


class Checker:
    """Lets an answer through piece by piece and keeps back markers until they are whole and checked."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.citations: list[Citation] = []
        self.removed = 0
        self._sources = {source.number: _Reading(source) for source in sources}
        self._figures: dict[tuple[int, ...], Figures] = {}  # of several sources together
        self._held = ""  # spaces, and what may become markers
        self._claim = ""  # the answer since the last marker
        self._cited = ""  # what the last marker was for: a second one beside it is for the same
        self._line = ""  # the answer since the last line's end
        self._leads = False  # this line has its markers before its sentences
        self._lead: _Lead | None = None
        self._code = Code()

    def feed(self, text: str) -> str:
        """What may go out now."""
        return "".join(self._take(letter) for letter in text)

    def close(self) -> str:
        """What was still held back when the answer ended."""
        out = ""
        while self._held:
            out += self._step()
        return out + self._led()

    def _take(self, letter: str) -> str:
        self._held += letter
        out = ""
        while self._held and not self._may_wait:
            out += self._step()
        return out

    @property
    def _may_wait(self) -> bool:
        if self._code.is_inside or (self._held.isspace() and not self._line.strip()):
            return False  # the spaces that a line begins with say whether it is code
        return bool(MAYBE.fullmatch(self._held))

    def _step(self) -> str:
        """Let go of the markers that were held, or of the first letter, or of the spaces before it."""
        held, found = self._held, CLUSTER.match(self._held)
        before = found["before"] or "" if found else ""
        is_part = before[:1].isalnum() and self._line[-1:].isalnum()  # of a longer word
        if found is None or self._code.is_inside or is_part:
            self._held = held.lstrip(" ") if held[0] == " " else held[1:]
            return "".join(map(self._say, held[: len(held) - len(self._held)]))
        cluster, self._held = found[0][len(before) :], held[found.end() :]
        after = self._held[:1]
        if is_text(self._line + before, cluster, after, self._sources):
            return "".join(map(self._say, found[0]))
        return self._settle(before, cluster, after)

    def _say(self, letter: str) -> str:
        self._code.see(letter)
        self._claim = (self._claim + letter)[-_CLAIM_LENGTH:]
        if letter == "\n":
            self._line, self._leads = "", False
        else:
            self._line = longer(self._line, letter)
        if self._lead is None:
            return letter
        self._lead.ahead += letter
        return self._led() if self._lead.is_over else ""

    def _settle(self, before: str, cluster: str, after: str) -> str:
        """Put the checked numbers where markers stand, or wait for the end of their sentence."""
        said = numbers(cluster)
        spaces = before + cluster[: len(cluster) - len(cluster.lstrip(" "))]
        out = self._led(is_cut=True)
        begun = "" if is_over(self._claim) else _begun(self._claim)
        claim, self._claim = _last_sentence(self._claim) or self._cited, ""
        is_one = is_word(before, cluster, after)
        if is_one or self._waits(before, begun, after):
            self._leads = self._leads or not begun
            self._lead = _Lead(spaces, cluster, claim, begun, is_one, self._line.startswith("|"))
            return out
        self._cited = claim
        kept = self._kept(said, claim)
        if not kept and is_attached(self._line, cluster):
            self.removed -= len(said)
            return out + "".join(map(self._say, cluster))
        if not kept and after == "." and self._line.rstrip()[-1:] in (*".?!。",):
            self._held = self._held[1:]  # the end of a sentence that only pointed
        return out + (spaces + kept if kept else "")

    def _waits(self, before: str, begun: str, after: str) -> bool:
        """Whether a marker is for more than what stands before it."""
        if self._is_leading() and ":" not in before:
            return True
        if not begun or after in ("", "\n", *".?!。"):
            return False
        return after not in (*",，",) or len(content(begun).all) < FEW  # noqa: RUF001 - as it is written

    def _is_leading(self) -> bool:
        """Whether the place is one before a sentence: where a line begins, or goes on as it began."""
        if _BEGINNING.fullmatch(self._line):
            return True
        return self._leads and self._line.rstrip()[-1:] in (*".?!。",)

    def _led(self, *, is_cut: bool = False) -> str:
        """The markers held, checked, and their sentence. is_cut: another marker is for its end."""
        lead, self._lead = self._lead, None
        if lead is None:
            return ""
        is_own = is_cut and not lead.is_word and len(content(lead.begun).all) >= FEW
        self._cited = claim = lead.begun if is_own else lead.claim
        said = numbers(lead.cluster)
        kept = self._kept(said, claim)
        if not lead.is_word:
            if kept:
                return lead.spaces + kept + lead.ahead
            left = mended(gone(said) + lead.ahead)
            return left if lead.begun else lead.spaces + _or_nothing(left.lstrip(" :"))
        if not kept and is_thing(lead.cluster, lead.ahead):
            self.removed -= len(said)
            return lead.spaces + lead.cluster.lstrip(" ") + lead.ahead
        left = mended(lead.spaces + (kept or gone(said)) + lead.ahead)
        return left if lead.begun else _or_nothing(left)

    def _kept(self, said: Sequence[int], claim: str) -> str:
        speaking = [number for number in dict.fromkeys(said) if self._speaks(number, claim)]
        proving = [number for number in speaking if self._sources[number].figures.has(claim)]
        kept = proving or self._together(speaking, claim)
        for number in kept:
            self._note(number, claim)
        self.removed += len(said) - len(kept)
        return "".join(f"[{number}]" for number in kept)

    def _together(self, speaking: Sequence[int], claim: str) -> list[int]:
        """Those that have the numbers of a sentence between them, each at least one; none if one is in none."""
        some = [number for number in speaking if self._sources[number].has_number_of(claim)]
        key = tuple(some)
        if len(some) > 1 and key not in self._figures:
            self._figures[key] = Figures("\n".join(self._sources[one].told for one in some))
        return some if len(some) > 1 and self._figures[key].has(claim) else []

    def check(self, number: int, claim: str, spot: Spot | None = None) -> bool:
        """Note that this source says so; False where it does not. spot: where in its best passage, if that is known."""
        if not self._speaks(number, claim) or not self._sources[number].figures.has(claim):
            return False
        self._note(number, claim, spot)
        return True

    def _speaks(self, number: int, claim: str) -> bool:
        """Whether a source has the words and the quotations of a sentence."""
        if number not in self._sources:
            return False
        said, source = content(claim), self._sources[number]
        if not said.all:
            return False  # who says nothing has no proof
        rare = self._rarity(said)
        best = max(said.share(one.content, rare) for one in self._sources.values())
        is_there = said.share(source.content) >= FLOOR
        is_near = said.share(source.content, rare) >= OF_BEST * best
        return is_there and is_near and source.has_quotes_of(claim)

    def _note(self, number: int, claim: str, spot: Spot | None = None) -> None:
        said, source = content(claim), self._sources[number]
        part, place = source.best(said) if spot is None else (source.source.best, spot)
        share = said.share(source.content)
        self.citations.append(Citation(number, part, place, claim, share))

    def _rarity(self, said: "Content") -> dict[int, float]:
        """How much each term of a claim tells one source from another: 1 over the sources that have it."""
        having = Counter(
            term for one in self._sources.values() for term in one.content.all & said.all
        )
        return {term: 1 / count for term, count in having.items()}


@dataclass(frozen=True)
class Content:
    """The content terms of a text, as numbers. words: of Korean; names: what every script writes alike."""

    words: frozenset[int]
    names: frozenset[int]

    @cached_property
    def all(self) -> frozenset[int]:
        """Both."""
        return self.words | self.names

    def share(self, source: "Content", weights: Mapping[int, float] | None = None) -> float:
        """How much of this a source has, 0 to 1; a source in another script is asked for names and numbers alone."""
        mine = self.all if source.words or not self.words else self.names
        if not mine and self.words:
            return FLOOR  # nothing to go by
        if len(mine) < FEW:
            return 1.0 if mine & source.all else 0.0
        weighed = {term: 1.0 if weights is None else weights.get(term, 1.0) for term in mine}
        return sum(weighed[term] for term in mine & source.all) / sum(weighed.values())


def content(text: str) -> Content:
    """The terms that a sentence and its source should share."""
    found = terms.read(text)
    return Content(frozenset(found.words), frozenset(found.names))


_NOTHING = Figures("")


class _Reading:
    """What is read of a source, each once, and late: an answer without markers costs nothing."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._content = cache(content)  # of its parts and their spots

    @cached_property
    def content(self) -> Content:
        return content(self.source.text)

    @cached_property
    def figures(self) -> Figures:
        return Figures(self.told)

    @property
    def told(self) -> str:
        """Where its numbers stand; years may stand in its name or headings alone."""
        spots = (spot for part in self.source.parts for spot in (part.whole, *part.spots))
        headings = dict.fromkeys(one for spot in spots for one in spot.headings)
        return "\n".join([self.source.file, *headings, self.source.text])

    @cached_property
    def _tight(self) -> str:
        return _tight(self.source.text)

    def has_quotes_of(self, claim: str) -> bool:
        return all(_tight(quoted) in self._tight for quoted in _QUOTED.findall(claim))

    def has_number_of(self, claim: str) -> bool:
        """Whether one of a sentence's numbers stands here."""
        return any(self.figures.has(word) and not _NOTHING.has(word) for word in claim.split())

    def best(self, said: Content) -> tuple[Part, Spot]:
        """The passage and the spot of it that say most of a sentence, the first of equally good ones."""
        part = max(self.source.parts, key=lambda one: said.share(self._content(one.text)))
        if len(part.spots) < 2:
            return part, part.whole
        texts = {spot: self._content(part.words_of(spot)) for spot in part.spots}
        return part, max(part.spots, key=lambda one: said.share(texts[one]))


def _tight(text: str) -> str:
    return "".join(text.split())


def _last_sentence(text: str) -> str:
    said = [piece for piece in _SENTENCE_END.split(text) if not is_nothing(piece)]
    return said[-1].strip() if said else ""


def _begun(text: str) -> str:
    said = _SENTENCE_END.split(text)[-1]
    return "" if is_nothing(said) or _BEGINNING.fullmatch(said) else said.strip()


def _or_nothing(text: str) -> str:
    """A sentence, or, of one that has no letter left, the end of its line."""
    return text if text.strip(" .,\n") else text[len(text.rstrip("\n")) :]
