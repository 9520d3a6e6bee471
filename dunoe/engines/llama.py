"""llama.cpp as an engine: embedded, one process for each loaded model, or a `llama-server` elsewhere."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from dunoe.engines.child import Child
from dunoe.engines.engine import Listed
from dunoe.engines.events import Event
from dunoe.engines.llama_reading import Readers
from dunoe.engines.llama_server import LlamaServerEngine
from dunoe.engines.request import (
    Counted,
    Counting,
    Embedded,
    Embedding,
    Generation,
    Json,
    Reranked,
    Reranking,
    has_media,
)
from dunoe.errors import EngineFailed, NotSupported, Text, Unavailable
from dunoe.portfolio.memory import context_of, one_batch, remember
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, EngineSettings, TimeoutSettings
from dunoe.weights.memory.measured import Measured, logged_share

log = logging.getLogger(__name__)

DEATH_S = 1.0  # seconds between a broken connection and the news that the process is dead


class LlamaEngine:
    """The embedded engine: loads GGUF files, each into a process of its own."""

    name = LLAMA

    def __init__(self, timeouts: TimeoutSettings, cache_folder: Path | None = None) -> None:
        """cache_folder: where is kept what is found out of files (vocabularies, what a load took); None: nowhere."""
        self._timeouts = timeouts
        self._readers = Readers(cache_folder)
        self._measured = None if cache_folder is None else Measured(cache_folder)
        self._children: dict[str, tuple[Child, LlamaServerEngine]] = {}

    async def load(self, model: Model) -> None:
        """Start the model's process, unless it runs."""
        if model.name in self._children:
            if not self._children[model.name][0].ended.is_set():
                return
            await self.unload(model)
        child = Child(model.name)
        await child.start(options(model), self._timeouts.load_s)
        where = EngineSettings(
            kind="llama", url=f"http://127.0.0.1:{child.port}", api_key=child.api_key
        )
        self._children[model.name] = child, LlamaServerEngine(self.name, where, self._timeouts)
        await asyncio.to_thread(self._remember, model, child)

    def _remember(self, model: Model, child: Child) -> None:
        """What the load took, for the next time; on a full disk it is told again then."""
        share = logged_share(child.news)
        if self._measured is not None and share is not None:
            try:
                remember(self._measured, model.settings, share)
            except OSError as exc:
                log.warning("what %s takes is not kept: %s", model.name, exc)

    async def unload(self, model: Model) -> None:
        """End the model's process: that gives its memory back for certain."""
        if model.name in self._children:
            child, server = self._children.pop(model.name)
            try:
                await child.stop()
            finally:
                await server.aclose()

    async def gone(self, model: Model) -> str:
        """Wait for the end of the model's process; its exit code or signal and last words."""
        if model.name not in self._children:
            return "not loaded"
        child = self._children[model.name][0]
        await child.ended.wait()
        return child.reason()

    async def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """Batches of events from the model's process."""
        async with self._asking(model) as server, aclosing(server.generate(model, ask)) as answer:
            async for events in answer:
                yield events

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        """Vectors from the model's process."""
        async with self._asking(model) as server:
            return await server.embed(model, ask)

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        """Scores from the model's process."""
        async with self._asking(model) as server:
            return await server.rerank(model, ask)

    async def count(self, model: Model, ask: Counting) -> Counted:
        """Tokens, without loading the model; by its process where we do not read its vocabulary."""
        _check_senses(model, ask.messages)
        if (counted := await self._readers.count(model, ask)) is not None:
            return counted
        async with self._asking(model) as server:
            return await server.count(model, ask)

    async def measure(self, model: Model, ask: Generation) -> int | None:
        """Tokens of the prompt, without loading the model."""
        _check_senses(model, ask.messages)
        return await self._readers.measure(model, ask)

    async def pairs(self, model: Model, ask: Reranking) -> list[int] | None:
        """Tokens of each document with the query, without loading the model."""
        return await self._readers.pairs(model, ask)

    async def context(self, model: Model) -> int:
        """Of one slot: what the model's process will have, or has."""
        if (reader := await self._readers.of(model)) is not None:
            return reader.context
        async with self._asking(model) as server:
            return await server.context(model)

    async def listed(self) -> list[Listed]:
        """Nothing: its files stand in the settings."""
        return []

    async def show(self, model: Model) -> Json:
        """What the process tells of itself (`/props`); {} while it is not loaded."""
        if model.name not in self._children:
            return {}
        return await self._children[model.name][1].show(model)

    async def ping(self) -> None:
        """The embedded engine is here as long as we are."""

    async def aclose(self) -> None:
        """End every process, all at once."""
        children, self._children = self._children, {}
        async with asyncio.TaskGroup() as group:
            for child, server in children.values():
                group.create_task(child.stop())
                group.create_task(server.aclose())

    def address(self, model: Model) -> tuple[str, str]:
        """URL and key of a loaded model's own server, for looking inside (`/slots`, `/metrics`)."""
        child, server = self._loaded(model)
        return server.upstream.url, child.api_key

    def pid(self, model: Model) -> int:
        """The process of a loaded model."""
        return self._loaded(model)[0].pid

    def _loaded(self, model: Model) -> tuple[Child, LlamaServerEngine]:
        if model.name not in self._children:
            raise Unavailable(
                Text(
                    f"모델 '{model.name}'이(가) 올라와 있지 않습니다",
                    f"model '{model.name}' is not loaded",
                ),
                Text("다시 시도하세요.", "try again."),
                code="not_loaded",
            )
        return self._children[model.name]

    @asynccontextmanager
    async def _asking(self, model: Model) -> AsyncGenerator[LlamaServerEngine]:
        """The model's own server. What fails because its process died is told as that death."""
        child, server = self._loaded(model)
        try:
            yield server
        except EngineFailed as exc:
            if exc.code not in ("engine_broke_off", "engine_unreachable"):
                raise
            try:
                async with asyncio.timeout(DEATH_S):
                    await child.ended.wait()
            except TimeoutError:
                raise exc from None  # it lives: the failure is what it was
            raise child.died() from exc


def _check_senses(model: Model, messages: list[Json]) -> None:
    """Raise NotSupported for a picture or a sound where no projector would take it."""
    if model.settings.projector is None and any(map(has_media, messages)):
        raise NotSupported(
            Text(
                f"모델 '{model.name}'은(는) 글만 읽습니다. 그림이나 소리는 받지 못합니다",
                f"model '{model.name}' reads text only; it takes no pictures and no sound",
            ),
            Text(
                "그림을 읽는 모델을 쓰거나, 그 모델의 mmproj 파일을 설정의 projector에 적으세요.",
                "use a model that sees, or name its mmproj file as projector in the settings.",
            ),
            code="no_projector",
            param="messages",
        )


def options(model: Model) -> Json:
    """What the child is told."""
    settings = model.settings
    template, context = settings.template, context_of(settings)
    return {
        "file": str(settings.file),
        "alias": model.name,
        "mode": settings.mode,
        "context": context,
        "whole_batch": one_batch(context, model.slots),
        "parallel": model.slots,
        "kv_type": settings.kv_type,
        "gpu_layers": settings.gpu_layers,
        "flash_attention": settings.flash_attention,
        "adapters": [{"file": str(a.file), "scale": a.scale} for a in settings.adapters],
        "pooling": settings.pooling,
        "template": None if template is None else template.read_text("utf-8"),
        "projector": None if settings.projector is None else str(settings.projector),
        "threads": settings.threads,
    }
