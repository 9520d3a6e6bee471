"""Bringing a model into an Ollama server and letting it go, under our rule and not under its own.

A model is loaded for ever (`keep_alive: -1`) and let go by us alone (`keep_alive: 0`), because Ollama's own
choice of what to evict can hang, and because a keep_alive in any other request would call back a model that
is on its way out.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from dunoe.engines import ollama_wire
from dunoe.engines.http import Upstream
from dunoe.engines.ollama_answer import models_of, understood
from dunoe.engines.request import Json
from dunoe.errors import EngineFailed, EngineTimeout, NotFound, Problem, Text
from dunoe.portfolio.model import Model

log = logging.getLogger("dunoe.engines.ollama")

FOREVER, NOW = -1, 0  # keep_alive
TIDY_S = 5.0  # for letting go of a model whose load was given up
POLL_S = 0.25  # between two looks at /api/ps, at most


class Loader:
    """Loads and unloads the models of one server."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream, self.name = upstream, upstream.name
        self.limit_s = upstream.timeouts.load_s

    async def load(self, model: Model) -> None:
        """Load with our options and see that it is there; warn when part of it is not on the card."""
        try:
            with understood(self.name, model.upstream):
                async with self._limit(model):
                    await self._start(model)
                    self._check(model, await self._running(model))
        except (asyncio.CancelledError, EngineTimeout):
            with anyio.move_on_after(TIDY_S, shield=True):
                await self._forget(model)
            raise

    async def unload(self, model: Model) -> None:
        """Return when the server no longer lists it as running."""
        async with self._limit(model):
            try:
                await self._stop(model)
            except NotFound:
                return  # deleted meanwhile: nothing is loaded
            wait_s = POLL_S / 8
            while await self._running(model) is not None:
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, POLL_S)

    async def _start(self, model: Model) -> None:
        asked = ollama_wire.asked(model) | {"keep_alive": FOREVER}
        if model.settings.mode == "embedding":  # /api/generate refuses these
            asked = ollama_wire.embedding(model, ["."]) | {"keep_alive": FOREVER}
            await self._post("/api/embed", asked)
        else:
            await self._post("/api/generate", asked)

    async def _stop(self, model: Model) -> None:
        asked = {"model": model.upstream, "keep_alive": NOW, "stream": False}
        await self._post("/api/generate", asked)

    async def _forget(self, model: Model) -> None:
        try:
            await self._stop(model)
        except Problem as problem:
            log.warning("%s: could not let go of %s: %s", self.name, model.upstream, problem)

    async def _post(self, path: str, asked: Json) -> Any:  # Any: JSON
        # `_limit` rings first: its error names the setting that counts here.
        return await self.upstream.json("POST", path, asked, limit_s=2 * self.limit_s)

    async def _running(self, model: Model) -> Json | None:
        """What /api/ps says of a model; None when it is not loaded."""
        answer = await self.upstream.json("GET", "/api/ps", limit_s=2 * self.limit_s)
        for one in models_of(self.name, answer):
            if _whole(one["name"]) == _whole(model.upstream):
                return one
        return None

    def _check(self, model: Model, running: Json | None) -> None:
        if running is None:
            raise EngineFailed(
                Text(
                    f"엔진 '{self.name}'이(가) 모델 '{model.upstream}'을(를) 올리자마자 내렸습니다",
                    f"engine '{self.name}' loaded model '{model.upstream}' and dropped it at once",
                ),
                Text(
                    "다른 프로그램이 그 Ollama를 쓰는지, 메모리가 충분한지 확인하세요.",
                    "check whether another program uses that Ollama, and its memory.",
                ),
                code="engine_load_failed",
                upstream=self.name,
            )
        wanted = ollama_wire.launch(model)["num_ctx"]
        got = running.get("context_length") or wanted
        if got < wanted:
            log.warning(
                "%s: %s has a context of %d, not %d", self.name, model.upstream, got, wanted
            )
        size = int(running.get("size") or 0)
        on_card = int(running.get("size_vram", size))
        if on_card < size:
            log.warning(
                "%s: only %d of %d bytes of %s are on the card; it will be slow",
                *(self.name, on_card, size, model.upstream),
            )

    @asynccontextmanager
    async def _limit(self, model: Model) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self.limit_s):
                yield
        except TimeoutError as exc:
            about = f"'{self.name}', '{model.upstream}' ({self.limit_s:g} s)"
            raise EngineTimeout(
                Text(
                    f"엔진이 모델을 제때 올리거나 내리지 못했습니다: {about}",
                    f"the engine did not load or unload a model in time: {about}",
                ),
                Text("[timeouts] load_s 값을 늘리세요.", "raise load_s under [timeouts]."),
                code="load_timeout",
                upstream=self.name,
            ) from exc


def _whole(name: str) -> str:
    """A name with its tag, as /api/ps spells it."""
    return (name if ":" in name.rpartition("/")[2] else f"{name}:latest").lower()
