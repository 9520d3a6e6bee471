"""Markers like `[1]`, checked against their sources while the answer is being written."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dunoe.answering.figures import Figures, figures
from dunoe.answering.markers import CLUSTER, MAYBE, is_attached, is_nothing, is_text, numbers
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
    """Markers before their sentence, which are held back with it until it ends. before: the sentence before them."""

    spaces: str
    numbers: list[int]
    before: str
    ahead: str = ""

    @property
    def is_over(self) -> bool:
        """Whether what stands behind the markers is a sentence by now, or the line is over."""
        said, last = self.ahead, self.ahead[-1:]
        if last == "\n" or len(said) >= _CLAIM_LENGTH:
            return True
        return last.isspace() and said.rstrip()[-1:] in (*".?!。",) and bool(_last_sentence(said))


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
        if found is None or self._code.is_inside:
            self._held = held.lstrip(" ") if held[0] == " " else held[1:]
            return "".join(map(self._say, held[: len(held) - len(self._held)]))
        self._held = held[found.end() :]
        if is_text(self._line, found[0], self._held[:1], self._sources):
            return "".join(map(self._say, found[0]))
        return self._settle(found[0])

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

    def _settle(self, cluster: str) -> str:
        """Put the checked numbers where markers stand, or wait for the sentence behind them."""
        out, said = self._led(), numbers(cluster)
        spaces = cluster[: len(cluster) - len(cluster.lstrip())]
        claim, self._claim = _last_sentence(self._claim) or self._cited, ""
        if self._is_leading():
            self._leads, self._lead = True, _Lead(spaces, said, claim)
            return out
        self._cited = claim
        kept = self._kept(said, claim)
        if not kept and is_attached(self._line, cluster):
            self.removed -= len(said)
            return out + "".join(map(self._say, cluster))
        return out + (spaces + kept if kept else "")

    def _is_leading(self) -> bool:
        """Whether the place is one before a sentence: where a line begins, or goes on as it began."""
        if _BEGINNING.fullmatch(self._line):
            return True
        return self._leads and self._line.rstrip()[-1:] in (*".?!。",)

    def _led(self) -> str:
        """The markers before a sentence, checked, and the sentence; of an empty one they are for the one before."""
        lead, self._lead = self._lead, None
        if lead is None:
            return ""
        self._cited = _last_sentence(lead.ahead) or lead.before
        if kept := self._kept(lead.numbers, self._cited):
            return lead.spaces + kept + lead.ahead
        return lead.spaces + lead.ahead.lstrip(" :")

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
            self._figures[number] = figures("\n".join([source.file, *headings, source.text]))
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
