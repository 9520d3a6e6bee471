"""Measuring on a judged set: a library of its own is filled with it, asked, and thrown away."""

import random
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dunoe import machine
from dunoe.cli.measuring import SEARCHED, CountBar, Findings, Measured, Mode, Ranked, measure
from dunoe.cli.search import complain_softly
from dunoe.cli.terminal import said
from dunoe.engines import build
from dunoe.errors import NotFound, Problem, Text, Unavailable
from dunoe.library.evaluate import SEED, JudgedSet
from dunoe.library.models import Models
from dunoe.library.trial import Trial, trial
from dunoe.portfolio.catalogue import Catalogue
from dunoe.portfolio.memory import budgets
from dunoe.portfolio.suggest import suggest
from dunoe.residency.runner import Runner
from dunoe.settings import Settings
from dunoe.weights.shelf import Shelf

_FILLING = Text("문서를 넣는 중", "filling")


def drawn(judged: JudgedSet, limit: int | None) -> JudgedSet:
    """The judged questions of a set, or some of them, the same ones each time."""
    ids = sorted(judged.qrels)
    if limit is not None:
        ids = sorted(random.Random(SEED).sample(ids, min(limit, len(ids))))
    return JudgedSet(
        judged.documents,
        {id_: judged.questions[id_] for id_ in ids},
        {id_: judged.qrels[id_] for id_ in ids},
    )


async def of_a_set(
    settings: Settings, judged: JudgedSet, wanted: list[Mode], *, is_quiet: bool
) -> Findings:
    """Fill a library of its own with the set, in a folder that is thrown away, and ask it."""
    with (
        tempfile.TemporaryDirectory(prefix="dunoe-eval-") as folder,
        CountBar(is_quiet=is_quiet) as bar,
    ):
        total, begun = len(judged.documents), time.perf_counter()

        def told(done: int) -> None:
            bar.show(said(_FILLING), done, total)

        async with (
            _models(settings, has_any=wanted != ["lexical"]) as models,
            trial(judged.documents, Path(folder), models, told) as filled,
        ):
            seconds = time.perf_counter() - begun
            found = [await _mode(filled, judged, mode, bar) for mode in wanted]
            speed = filled.passages / seconds
        about = {
            "documents": total,
            "passages": filled.passages,
            "seconds_to_fill": round(seconds, 2),
            "passages_per_s": round(speed, 1),
        }
        line = Text(
            f"문서 {total}개, 조각 {filled.passages}개를 {seconds:.1f}초에 넣었습니다 ({speed:.0f}개/s)",
            f"{total} documents, {filled.passages} passages, filled in {seconds:.1f} s ({speed:.0f}/s)",
        )
        return Findings(found, about, [line])


async def _mode(filled: Trial, judged: JudgedSet, mode: Mode, bar: CountBar) -> Measured:
    async def find(question: str, mode: Mode) -> Ranked:
        results = await filled.find(question, SEARCHED[mode], use_reranking=mode == "rerank")
        warnings = [said(warning) for warning in results.warnings]
        return Ranked(filled.ranked(results), results.modes, warnings)

    return await measure(find, judged.questions, judged.qrels, mode, bar)


@asynccontextmanager
async def _models(settings: Settings, *, has_any: bool) -> AsyncIterator[Models | None]:
    """The models of the settings, run by this command; None where nothing embeds or nobody asked for it."""
    if not has_any:
        yield None
        return
    here, engines = machine.look(), build.engines(settings)
    catalogue = Catalogue(settings, Shelf(settings.models_folder), suggest(here).source)
    try:
        async with Runner(engines, budgets(settings, here), settings.queue) as runner:
            for name in settings.engines:
                try:
                    listed = await engines[name].listed()
                except Problem as problem:
                    complain_softly(said(problem.message))
                else:
                    catalogue.offer(name, [(one.name, one.size) for one in listed])
            yield _usable(
                Models(
                    catalogue,
                    runner,
                    embedding=settings.library.embedding,
                    reranking=settings.library.reranking,
                )
            )
    finally:
        for engine in engines.values():
            await engine.aclose()


def _usable(models: Models) -> Models | None:
    """The same; None when the settings name a model that is not there, which is said."""
    try:
        models.embedder()
    except (NotFound, Unavailable) as problem:
        complain_softly(said(problem.message))
        return None
    return models
