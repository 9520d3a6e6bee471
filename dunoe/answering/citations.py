"""Markers like `[1]`, checked against their sources while the answer is being written."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dunoe.answering.figures import Figures
from dunoe.answering.markers import (
    CLUSTER,
    MAYBE,
    gone,
    is_attached,
    is_joint,
    is_nothing,
    is_over,
    is_text,
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
    r"[\s>*+#|•·-]*(?:\d{1,3}[.)]\s*)?[\s*>|-]*"
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

    before: the sentence before them; begun: what of their own stands before them; rest: words and more markers.
    """

    spaces: str
    numbers: list[int]
    before: str
    begun: str = ""
    is_word: bool = False
    is_row: bool = False
    ahead: str = ""
    more: list[tuple[str, str, list[int]]] = field(default_factory=list)  # with what joins them

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
        said = _last_sentence(without_particle(self.ahead))
        return f"{self.begun} {said}".strip() if self.begun else said or self.before


class Checker:
    """Lets an answer through piece by piece and keeps back markers until they are whole and checked."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.citations: list[Citation] = []
        self.removed = 0
        self._sources = {source.number: source for source in sources}
        self._contents: dict[int, Content] = {}
        self._figures: dict[int, Figures] = {}
        self._held = ""  # spaces, and what may become markers
        self._claim = ""  # the answer since the last marker
        self._cited = ""  # what the last marker was for: a second one beside it is for the same
        self._line = ""  # the answer since the last line's end
        self._leads = False  # this line has its markers before its sentences
        self._lead: _Lead | None = None
        self._code = _Code()

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
            self._line += letter
        if self._lead is None:
            return letter
        self._lead.ahead += letter
        return self._led() if self._lead.is_over else ""

    def _settle(self, before: str, cluster: str, after: str) -> str:
        """Put the checked numbers where markers stand, or wait for the end of their sentence."""
        said, lead = numbers(cluster), self._lead
        spaces = before + cluster[: len(cluster) - len(cluster.lstrip(" "))]
        if lead is not None and lead.is_word and is_joint(lead.ahead):
            lead.more.append((lead.ahead, spaces, said))
            lead.ahead, self._claim = "", ""
            return ""
        out = self._led(is_cut=True)
        begun = "" if is_over(self._claim) else _begun(self._claim)
        claim, self._claim = _last_sentence(self._claim) or self._cited, ""
        is_one = is_word(before, cluster, after)
        if is_one or self._waits(before, begun, after):
            self._leads = self._leads or not begun
            self._lead = _Lead(spaces, said, claim, begun, is_one, self._line.startswith("|"))
            return out
        self._cited = claim
        kept = self._kept(said, claim)
        if not kept and is_attached(self._line, cluster):
            self.removed -= len(said)
            return out + "".join(map(self._say, cluster))
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
        kept = self._kept(lead.numbers, claim)
        if not lead.is_word:
            if kept:
                return lead.spaces + kept + lead.ahead
            return lead.ahead if lead.begun else lead.spaces + lead.ahead.lstrip(" :")
        text = lead.spaces + (kept or gone(lead.numbers))
        for joint, spaces, said in lead.more:
            text += joint + spaces + (self._kept(said, claim) or gone(said))
        return mended(text + lead.ahead)

    def _kept(self, said: Sequence[int], claim: str) -> str:
        kept = [number for number in dict.fromkeys(said) if self.check(number, claim)]
        self.removed += len(said) - len(kept)
        return "".join(f"[{number}]" for number in kept)

    def check(self, number: int, claim: str, spot: Spot | None = None) -> bool:
        """Note that this source says so; False where it does not. spot: where in its best passage, if that is known."""
        if number not in self._sources:
            return False
        if not self._contents:  # read late: an answer without markers costs nothing
            self._contents = {n: content(one.text) for n, one in self._sources.items()}
        said, source = content(claim), self._sources[number]
        if not said.all:
            return False  # who says nothing has no proof
        share = said.share(self._contents[number])
        rare = self._rarity(said)
        best = max(said.share(one, rare) for one in self._contents.values())
        is_there = share >= FLOOR and said.share(self._contents[number], rare) >= OF_BEST * best
        if not is_there or not _quotes_stand(claim, source) or not self._numbers(number).has(claim):
            return False
        part = source.best
        if spot is None:
            part = max(source.parts, key=lambda one: said.share(content(one.text)))
            spot = _spot(part, said)
        self.citations.append(Citation(number, part, spot, claim, share))
        return True

    def _numbers(self, number: int) -> Figures:
        """What a source has of numbers; years may stand in its name or headings alone."""
        if number not in self._figures:
            source = self._sources[number]
            spots = (spot for part in source.parts for spot in (part.whole, *part.spots))
            headings = dict.fromkeys(one for spot in spots for one in spot.headings)
            self._figures[number] = Figures("\n".join([source.file, *headings, source.text]))
        return self._figures[number]

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
            return 1.0 if mine & source.all else 0.0
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
    said = [piece for piece in _SENTENCE_END.split(text) if not is_nothing(piece)]
    return said[-1].strip() if said else ""


def _begun(text: str) -> str:
    said = _SENTENCE_END.split(text)[-1]
    return "" if is_nothing(said) or _BEGINNING.fullmatch(said) else said.strip()


_FENCE = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,3}[.)])\s+)?(`{3,}|~{3,}|<pre\b)")
_ITEM = re.compile(r"[\s>]*(?:[-*+•]|\d{1,3}[.)])\s")  # of a list
_INDENTED = re.compile(r"(?: {4}|\t)\s*(?![\s*+•|-]|\d{1,3}[.)])")


class _Code:
    """Whether the next letter stands inside code: a fence, an indented block, a span in one line, `<code>`."""

    def __init__(self) -> None:
        self._line = ""
        self._fence = ""  # what opened the one that is open
        self._span = self._run = 0  # backticks that opened a span, and those just seen
        self._is_tagged = False
        self._is_listed = False  # indented lines belong to a list
        self._may_indent = True  # the line before is empty, or code

    @property
    def is_inside(self) -> bool:
        if self._fence or self._is_tagged or self._is_indented or _FENCE.match(self._line):
            return True
        return self._toggled() != 0

    def see(self, letter: str) -> None:
        if letter == "\n":
            self._end_line()
            return
        self._line += letter
        if letter == "`":
            self._run += 1
            return
        self._span, self._run = self._toggled(), 0
        if letter == ">":
            if self._line.endswith("<code>"):
                self._is_tagged = True
            elif self._line.endswith("</code>"):
                self._is_tagged = False

    @property
    def _is_indented(self) -> bool:
        return self._may_indent and not self._is_listed and bool(_INDENTED.match(self._line))

    def _toggled(self) -> int:
        if not self._run:
            return self._span
        if not self._span:
            return self._run
        return 0 if self._span == self._run else self._span

    def _end_line(self) -> None:
        line = self._line
        self._may_indent = not line.strip() or self._is_indented
        if line.strip() and not line[0].isspace():
            self._is_listed = False
        if _ITEM.match(line):
            self._is_listed = True
        found = _FENCE.match(line)
        if self._fence:
            if self._is_closed_by(line):
                self._fence = ""
        elif found and "</pre>" not in line:
            self._fence = found[1]
        self._line, self._span, self._run, self._is_tagged = "", 0, 0, False

    def _is_closed_by(self, line: str) -> bool:
        if self._fence == "<pre":
            return "</pre>" in line
        signs = line.strip(" \t>")
        return len(signs) >= len(self._fence) and set(signs) == {self._fence[0]}
