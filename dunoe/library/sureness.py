"""How sure a search is that its first hit speaks of the question: what an answer or a refusal is decided by."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import mean, pstdev

from dunoe.library import bm25
from dunoe.library.index.point import Index, Sparse

STRANGERS = 200  # passages about other things, as if they stood in every library


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of the first hit; None where that leg did not run.

    coverage: share of the question's term weight that stands in it, 0 to 1; words that no passage has count as the
    rarest. lead: by how much its lexical score is above the next document's, in words as rare as can be: one that is
    alone with a frequent word leads by little. standing: by how many standard deviations its cosine stands above
    those of the nearest hundred, whose own height differs from model to model.
    """

    coverage: float | None = None
    lead: float | None = None
    standing: float | None = None
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """A question's words as this library weighs them.

    ceilings: what each could bring at most. rarest: what a word that a single passage has once would bring.
    worth: what it says that a passage has the word. That is its ceiling among `STRANGERS`: in a library about one
    thing every passage has the words of that thing, and they are what one asks about.
    """

    terms: Sparse = Sparse([], [])  # noqa: RUF009 - nobody adds to these lists
    ceilings: Sequence[float] = ()
    worth: Sequence[float] = ()
    rarest: float = 1.0

    @property
    def attainable(self) -> float:
        """The lexical score of a passage that had the best of every word."""
        return sum(self.ceilings)

    def share(self, score: float) -> float:
        """A lexical score as a share of what was attainable, 0 to 1."""
        return min(1.0, score / self.attainable) if self.attainable else 0.0

    def coverage(self, title: str, headings: Sequence[str], text: str) -> float:
        """The share of all worth that these hold a word of, 0 to 1."""
        there = set(bm25.weigh(title, headings, text).indices)
        pairs = zip(self.terms.indices, self.worth, strict=True)
        held = sum(worth for term, worth in pairs if term in there)
        return held / sum(self.worth) if self.worth else 0.0

    def lead(self, mine: float, others: float) -> float:
        """Between two shares."""
        return max(0.0, mine - others) * self.attainable / self.rarest


def weighed(index: Index, asked: Sparse) -> Weighed:
    """The question's words in this library. A word that no passage has counts as the rarest there could be; so does
    one that only says how something is asked: that it stands there says little.
    """
    count = index.count()
    rarest = log(2 * count + 2)
    ceilings = [
        rarest * weight if not one or term in bm25.ASKING else one
        for one, term, weight in zip(index.ceilings(asked), *asked, strict=True)
    ]
    rarer = log((count + STRANGERS + 1) / (count + 1))  # by so much is every word, among strangers
    worth = [one + rarer * weight for one, weight in zip(ceilings, asked.values, strict=True)]
    return Weighed(asked, ceilings, worth, rarest)


def standing(cosine: float | None, cosines: Sequence[float]) -> float | None:
    """How far a cosine stands out among the nearest; None where there is nothing to stand out from."""
    if cosine is None or len(cosines) < 2:
        return None
    return (cosine - mean(cosines)) / max(pstdev(cosines), 1e-6)
