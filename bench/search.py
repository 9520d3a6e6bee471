"""How long a whole search takes, words alone: `python -m bench.search [--passages N]`.

Passages are made of the sentences of the Korean retrieval sets, 200 terms and more in each; the questions are those of
the sets. Everything is real: Kiwi, the index, the catalogue in SQLite.
"""

import argparse
import asyncio
import json
import random
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, quantiles
from uuid import UUID

from dunoe.errors import NotFound, Text
from dunoe.library import bm25
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import Filter, Point
from dunoe.library.indexes import Opened
from dunoe.library.points import payload_of
from dunoe.library.search import Search, Wish
from dunoe.store.collections import Collection
from dunoe.store.documents import DocumentRow, PassageRow
from dunoe.store.store import Store, open_store
from tests.conftest import SHARED

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SENTENCES, IN_A_DOCUMENT, AT_ONCE, FOLDERS, QUESTIONS = 7, 20, 25, 10, 300
SETS = ("welfare-qa", "strategyqa-ko-facts", "kobest-boolq")


class NoModels:
    """Words alone."""

    def embedder(self) -> None:
        """There is none."""

    async def embed_question(self, model: str, text: str) -> list[float]:
        """Never asked: the collection has no model."""
        raise NotFound(Text("없음", "none"))

    async def rerank(self, query: str, texts: Sequence[str]) -> None:
        """No reranker."""


def lines(name: str) -> list[str]:
    """The texts of such a file in every set."""
    found = []
    for one in SETS:
        with (SHARED / "data" / "retrieval" / one / name).open(encoding="utf-8") as file:
            found += [json.loads(line)["text"] for line in file]
    return found


def fill(passages: int, store: Store, index: EdgeIndex) -> float:
    """Documents of passages made of sentences drawn at random; the mean number of terms in one."""
    sentences = [s for text in lines("corpus.jsonl") for s in re.split(r"(?<=[.다])\s+", text) if s]
    choice, terms = random.Random(7), list[int]()
    documents = passages // IN_A_DOCUMENT
    for begin in range(0, documents, AT_ONCE):
        taken, points = {}, list[Point]()
        for number in range(begin, min(begin + AT_ONCE, documents)):
            document = _document(number)
            rows = []
            for n in range(IN_A_DOCUMENT):
                text = " ".join(choice.choices(sentences, k=SENTENCES))
                id = str(UUID(int=number * IN_A_DOCUMENT + n + 1))
                rows.append(PassageRow(id, document.id, n, 0, len(text), 0, (), {}, text))
                sparse = bm25.weigh(document.title, (), text)
                terms.append(len(sparse.indices))
                points.append(Point(id, sparse, payload_of(document)))
            taken[document] = rows
        index.put(points)
        store.intake.take(taken, [], [])
    return mean(terms)


def _document(number: int) -> DocumentRow:
    folder = f"/lib/{number % FOLDERS}"
    return DocumentRow(
        id=str(UUID(int=2**64 + number)),
        path=f"{folder}/{number}.md",
        folder="/lib",
        name=f"{number}.md",
        kind="markdown",
        size=1,
        mtime_ns=0,
        digest=str(number),
        parser="",
        title=f"문서 {number}",
        tags=(),
        project="",
        type="",
        status="",
        date="",
        warnings=(),
        taken_at=NOW,
    )


async def ask(search: Search, name: str, wishes: Sequence[Wish]) -> None:
    """Print how long these take, one after another."""
    times = []
    for wish in wishes:
        start = time.perf_counter()
        await search.find(wish)
        times.append((time.perf_counter() - start) * 1e3)
    cuts = quantiles(times, n=20)
    print(f"{name:12} p50 {cuts[9]:6.2f} ms   p95 {cuts[18]:6.2f} ms", flush=True)


async def measure(search: Search) -> None:
    """Questions of the sets; each once before, so that Kiwi and the caches are warm."""
    questions = random.Random(7).sample(lines("queries.jsonl"), QUESTIONS)
    plain = [Wish(question, mode="lexical") for question in questions]
    inside = Filter(under=("/lib/3",))
    await ask(search, "first time", plain)
    await ask(search, "warm", plain)
    await ask(search, "filtered", [Wish(q, inside, "lexical") for q in questions])
    await ask(search, "50 hits", [Wish(q, mode="lexical", top_k=50) for q in questions])


def main() -> None:
    """Fill a library and ask it."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--passages", type=int, default=60_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = EdgeIndex(Path(folder) / "index", None)
        with open_store(f"sqlite:///{folder}/bench.db") as store:
            start = time.perf_counter()
            terms = fill(given.passages, store, index)
            took = time.perf_counter() - start
            print(f"{given.passages:,} passages of {terms:.0f} terms in {took:.0f} s")
            opened = Opened(Collection("bench", "", 0, "active", NOW), index)
            asyncio.run(measure(Search(store.documents, lambda: opened, NoModels())))
        index.close()


if __name__ == "__main__":
    main()
