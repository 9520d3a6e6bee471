"""A search measured mode by mode: how well it ranks what answers, and how long a question takes."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Literal, NamedTuple, Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from dunoe.cli.client import Json
from dunoe.cli.terminal import console, print_table, said
from dunoe.errors import Text
from dunoe.library.evaluate import Figure, Qrels, Scores, evaluate
from dunoe.library.search import NO_MODEL, NO_RERANKER

Mode = Literal["lexical", "dense", "hybrid", "rerank"]
MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid", "rerank")
SEARCHED: dict[Mode, Literal["lexical", "semantic", "hybrid"]] = {
    "lexical": "lexical",
    "dense": "semantic",
    "hybrid": "hybrid",
    "rerank": "hybrid",
}
NEEDS = {"lexical": "lexical", "dense": "dense", "hybrid": "dense", "rerank": "rerank"}
MISSING = {
    "lexical": Text("낱말로 찾지 못했습니다", "words were not searched"),
    "dense": Text("임베딩 모델이 없어 재지 못했습니다", "no embedding model"),
    "rerank": Text("재정렬 모델이 없어 재지 못했습니다", "no reranking model"),
}
COLUMNS = (
    Text("방식", "mode"),
    *(Text(name, name) for name in ("nDCG@10", "MRR@10", "R@1", "R@5", "R@10", "ms p50", "ms p95")),
)


class Ranked(NamedTuple):
    """What one question found. modes: what the search really did; warnings: why not more."""

    documents: list[str]
    modes: Sequence[str]
    warnings: Sequence[str]


Find = Callable[[str, Mode], Awaitable[Ranked]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One mode. scores: None when it cannot run, and `problem` says why. ms: of each question."""

    mode: Mode
    scores: Scores | None = None
    ms: Sequence[float] = ()
    problem: str = ""

    def speed(self, per_cent: int) -> float:
        """Milliseconds within which so many in a hundred questions were answered."""
        if len(self.ms) == 1:
            return self.ms[0]
        return quantiles(self.ms, n=100, method="inclusive")[per_cent - 1]


class Findings:
    """What was measured. about: of the whole, for JSON; lines: the same for a person."""

    def __init__(self, modes: list[Measured], about: Json, lines: list[Text]) -> None:
        self.modes, self.about, self.lines = modes, about, lines


class CountBar:
    """A bar on a terminal's stderr, nothing elsewhere."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        stderr = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=stderr,
            transient=True,
            disable=is_quiet or not stderr.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, doing: str, done: int, total: int) -> None:
        """One more look; each `doing` has a line of its own."""
        if doing not in self._tasks:
            self._tasks[doing] = self._bar.add_task(doing, total=total)
        self._bar.update(self._tasks[doing], completed=done)


async def measure(
    find: Find, questions: Mapping[str, str], qrels: Qrels, mode: Mode, bar: CountBar
) -> Measured:
    """Ask every question in one mode. The first one is asked twice: what it has to load is not measured."""
    run: dict[str, list[str]] = {}
    ms = []
    first = await find(next(iter(questions.values())), mode)
    if NEEDS[mode] not in first.modes:
        why = [one for one in first.warnings if one not in map(said, (NO_MODEL, NO_RERANKER))]
        return Measured(mode, problem="; ".join(why) or said(MISSING[NEEDS[mode]]))
    for number, (id_, question) in enumerate(questions.items()):
        bar.show(mode, number, len(questions))
        begun = time.perf_counter()
        run[id_] = (await find(question, mode)).documents
        ms.append(1000 * (time.perf_counter() - begun))
    return Measured(mode, evaluate(run, qrels), ms)


def show(found: Sequence[Measured]) -> None:
    """A table with a row for every mode, and 95 % intervals."""
    print_table(COLUMNS, [_row(one) for one in found])


def json_of(found: Sequence[Measured]) -> Json:
    """The same by mode; a figure is its mean and the two ends of its interval."""
    return {one.mode: _json(one) for one in found}


def _row(one: Measured) -> list[str]:
    if one.scores is None:
        return [one.mode, one.problem]
    return [
        one.mode,
        *(_figure(figure) for figure in one.scores),
        f"{one.speed(50):.1f}",
        f"{one.speed(95):.1f}",
    ]


def _json(one: Measured) -> Json:
    if one.scores is None:
        return {"problem": one.problem}
    figures = {name: list(figure) for name, figure in one.scores._asdict().items()}
    times = {"p50": round(one.speed(50), 2), "p95": round(one.speed(95), 2)}
    return {**figures, "questions": len(one.ms), "ms": times}


def _figure(figure: Figure) -> str:
    return f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
