"""What words alone find, ours beside plainer ways: `python -m bench.retrieval [--json] [--sets NAME ...]`.

The plainer ways are BM25 (k1 1.5, b .75) over whole documents, title and text, in an index of arrays. Ours is what a
library does: documents cut into passages, `weigh` and `ask`, the embedded index, documents ranked by
their best passages.
"""

import argparse
import json
import os
import re
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from kiwipiepy import Kiwi

from dunoe.library import bm25, terms
from dunoe.library.chunking import cut, estimate
from dunoe.library.evaluate import (
    Figure,
    JudgedSet,
    Row,
    Scores,
    evaluate,
    load_set,
    ranked_by_score,
)
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import ANY, Payload, Point
from dunoe.library.library import PASSAGE_TOKENS
from dunoe.library.parsing import text as plain_text

SHARED = Path(os.environ.get("DUNOE_SHARED", Path(__file__).parents[2] / "shared"))
SETS = ("welfare-qa", "strategyqa-ko-facts", "kobest-boolq")
K1, B = 1.5, 0.75
CONTENT = frozenset(("NNG", "NNP", "NNB", "NR", "NP", "VV", "VA", "XR", "MAG", "SL", "SN", "SH"))
DEPTH = 100  # passages asked for
HANGUL, LATIN = re.compile(r"[가-힣]+"), re.compile(r"[A-Za-z]+|[0-9]+")

Cut = Callable[[str], list[str]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Rows = np.ndarray[Any, np.dtype[np.int64]]


class Finder(Protocol):
    """A way to find documents."""

    passages: int

    def find(self, question: str) -> list[str]:
        """Ten documents, best first."""


class Plain:
    """Textbook BM25 over any way to cut a text into terms."""

    def __init__(self, documents: Sequence[Row], terms_of: Cut) -> None:
        self.terms_of, self.passages = terms_of, len(documents)
        self.ids = [one.id for one in documents]
        counts = [Counter(terms_of(f"{one.title}\n{one.text}")) for one in documents]
        lengths = [count.total() for count in counts]
        average = sum(lengths) / len(lengths)
        holding: dict[str, list[tuple[int, float]]] = {}
        for row, (count, length) in enumerate(zip(counts, lengths, strict=True)):
            norm = K1 * (1 - B + B * length / average)
            for term, n in count.items():
                holding.setdefault(term, []).append((row, n * (K1 + 1) / (n + norm)))
        self.weights = {term: self._weights(rows) for term, rows in holding.items()}

    def _weights(self, holding: list[tuple[int, float]]) -> tuple[Rows, Floats]:
        idf = np.log(1 + (self.passages - len(holding) + 0.5) / (len(holding) + 0.5))
        rows, weights = zip(*holding, strict=True)
        return np.array(rows), np.array(weights) * idf

    def find(self, question: str) -> list[str]:
        """Ten documents, best first."""
        scores = np.zeros(len(self.ids))
        for term, times in Counter(self.terms_of(question)).items():
            if term in self.weights:
                rows, weights = self.weights[term]
                scores[rows] += times * weights
        best = np.argsort(-scores, kind="stable")[:10]
        return [self.ids[row] for row in best.tolist() if scores[row] > 0]


class Ours:
    """Passages in the embedded index, as a library has them."""

    def __init__(self, documents: Sequence[Row], folder: Path) -> None:
        self.index, self.documents = EdgeIndex(folder, None), dict[str, str]()
        points = []
        for one in documents:
            parsed = plain_text.parse(one.text.encode(errors="replace"), f"{one.id}.txt")
            for passage in cut(parsed, PASSAGE_TOKENS, estimate):
                name = str(uuid.UUID(int=len(self.documents) + 1))
                self.documents[name] = one.id
                sparse = bm25.weigh(one.title, passage.headings, passage.text)
                points.append(Point(name, sparse, Payload(one.id, (), one.id, "text")))
        self.index.put(points)
        self.passages = len(points)

    def find(self, question: str) -> list[str]:
        """Ten documents, best first."""
        found = self.index.lexical(bm25.ask(question), ANY, DEPTH)
        return ranked_by_score((self.documents[one.id], one.score) for one in found)[:10]


class Result(NamedTuple):
    """What one way did on one set."""

    set: str
    way: str
    scores: Scores
    query_ms: float
    passages_s: float


def bigrams(text: str) -> list[str]:
    """Pairs of syllables within a word, and words of Latin letters or digits."""
    pairs = [a + b for run in HANGUL.findall(text) for a, b in pairwise(run)]
    return pairs + [run for run in HANGUL.findall(text) if len(run) == 1] + latin(text)


def latin(text: str) -> list[str]:
    """Words of Latin letters, and numbers."""
    return [word.lower() for word in LATIN.findall(text)]


def ways() -> dict[str, Cut]:
    """The plainer ways, plainest first."""
    kiwi = Kiwi(num_workers=1)

    def morphemes(text: str) -> list[str]:
        return [one.form.lower() for one in kiwi.tokenize(text) if one.tag.split("-")[0] in CONTENT]

    return {
        "words between spaces": lambda text: text.lower().split(),
        "Hangul bigrams": bigrams,
        "Kiwi content morphemes": morphemes,
        "Kiwi and bigrams": lambda text: (
            morphemes(text) + ["~" + pair for pair in bigrams(text) if HANGUL.match(pair)]
        ),
    }


def measure(name: str, way: str, judged: JudgedSet, build: Callable[[], Finder]) -> Result:
    """Fill, ask every question, score."""
    start = time.perf_counter()
    finder = build()
    filled_s = time.perf_counter() - start
    start = time.perf_counter()
    run = {question: finder.find(text) for question, text in judged.questions.items()}
    asked_s = time.perf_counter() - start
    return Result(
        name,
        way,
        evaluate(run, judged.qrels),
        asked_s / len(run) * 1000,
        finder.passages / filled_s,
    )


def line(one: Result) -> str:
    """A row of the table."""

    def cell(figure: Figure) -> str:
        mean, low, high = (f"{value:.3f}".replace("0.", ".", 1) for value in figure)
        return f"{mean} ({low} to {high})"

    scores = one.scores
    figures = (scores.r_1, scores.r_10, scores.mrr_10, scores.ndcg_10)
    cells = [one.set, one.way, *map(cell, figures), f"{one.query_ms:.2f}", f"{one.passages_s:,.0f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Every way on every set."""
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object per line, no table")
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    given = parser.parse_args()
    plainer = ways()
    terms.warm()
    if not given.json:
        print("| set | terms | R@1 | R@10 | MRR@10 | nDCG@10 | ms/query | passages/s |")
        print("|---|---|---|---|---|---|---|---|")
    for name in given.sets:
        folder = SHARED / "data" / "retrieval" / name
        judged = load_set(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv")
        with tempfile.TemporaryDirectory() as home:
            for way, terms_of in plainer.items():
                build = partial(Plain, judged.documents, terms_of)
                tell(measure(name, way, judged, build), as_json=given.json)
            build_ours = partial(Ours, judged.documents, Path(home) / "index")
            tell(measure(name, "dunoe", judged, build_ours), as_json=given.json)


def tell(one: Result, *, as_json: bool) -> None:
    """Print a result as it comes."""
    scores = {measure: figure._asdict() for measure, figure in one.scores._asdict().items()}
    print(json.dumps({**one._asdict(), "scores": scores}) if as_json else line(one), flush=True)


if __name__ == "__main__":
    main()
