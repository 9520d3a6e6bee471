"""Models that the library can ask, really loaded: a catalogue, the embedded engine, a runner."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from dunoe.engines.engine import Engine
from dunoe.engines.llama import LlamaEngine
from dunoe.library.models import Models
from dunoe.portfolio.catalogue import Catalogue
from dunoe.portfolio.memory import OUR_CARD
from dunoe.residency.runner import Runner
from dunoe.settings import LLAMA, Settings, TimeoutSettings
from dunoe.weights.shelf import Shelf


def settings(home: Path, **models: dict[str, Any]) -> Settings:  # Any: fields of a table
    """Settings with these models."""
    return Settings.model_validate({"home": home, "models": models})


@asynccontextmanager
async def models(
    told: Settings, engine: Engine | None = None, **named: str | None
) -> AsyncIterator[Models]:
    """The models of these settings; engine: instead of the embedded one. named: embedding, reranking."""
    engine = engine or LlamaEngine(TimeoutSettings())
    catalogue = Catalogue(told, Shelf(told.models_folder), "hf:none")
    engines = {LLAMA: engine, **dict.fromkeys(told.engines, engine)}
    try:
        async with Runner(engines, {OUR_CARD: 2**40}, told.queue) as runner:
            yield Models(catalogue, runner, **named)
    finally:
        await engine.aclose()
