"""Tokens of the answering model, counted by itself where that is cheap."""

import asyncio
import sys
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

from dunoe.engines.engine import Engine
from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.request import Counting, Json
from dunoe.errors import NotSupported, TooLong
from dunoe.library.chunking import estimate
from dunoe.portfolio.model import Model

AT_ONCE = 8  # questions to one tokenizer at the same time
KEPT = 20_000  # counts that are remembered: about as many passages as are read in a busy day
FRAME = 8  # tokens of a template around one message, about
ENDLESS = sys.maxsize
CAUTION = 1.2  # an estimate may be that much too low, see `library.chunking.estimate`


class _Key(NamedTuple):
    model: str
    digest: bytes


class Counts:
    """Remembers how many tokens a text has for a model."""

    def __init__(self) -> None:
        self._kept: OrderedDict[_Key, int] = OrderedDict()

    def get(self, model: str, text: str) -> int | None:
        """The count, when it is remembered."""
        key = _key(model, text)
        if (found := self._kept.get(key)) is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, model: str, text: str, count: int) -> None:
        """Remember one; the one that was asked for longest ago goes when there are too many."""
        self._kept[_key(model, text)] = count
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def _key(model: str, text: str) -> _Key:
    return _Key(model, blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())


class Counter:
    """Counts for one model whose engine is at hand.

    is_exact: False where counting a prompt would cost a whole reading of it (Ollama) or is not offered; then it is
    reckoned from its texts, and they are estimated, cautiously, where even they cannot be counted.
    """

    def __init__(self, engine: Engine, model: Model, counts: Counts) -> None:
        self._engine, self._model, self._counts = engine, model, counts
        self.is_exact = not isinstance(engine, OllamaEngine)
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def texts(self, texts: list[str]) -> list[int]:
        """Tokens of each text alone."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(text)) for text in texts]
        return [task.result() for task in tasks]

    async def chat(self, messages: list[Json]) -> int:
        """Tokens of a prompt through the model's own template, or an estimate where that is dear."""
        if self.is_exact:
            return await self.prompt(messages)
        counts = await self.texts([str(message["content"]) for message in messages])
        return sum(counts) + FRAME * len(counts)

    async def prompt(self, messages: list[Json]) -> int:
        """The engine's own count of the prompt that will be sent; `ENDLESS` when it refuses its length.

        Where that costs a reading of the prompt, the answer that follows gets it from the engine's cache.
        """
        try:
            return (await self._engine.count(self._model, Counting(messages=messages))).count
        except TooLong:
            return ENDLESS
        except NotSupported:
            self.is_exact = False
            return await self.chat(messages)

    async def _counts_texts(self) -> bool:
        engine = self._engine
        return isinstance(engine, OllamaEngine) and await engine.counts_cheaply(self._model)

    async def _one(self, text: str) -> int:
        if (known := self._counts.get(self._model.name, text)) is not None:
            return known
        if not self.is_exact and not await self._counts_texts():
            return _estimate(text)
        async with self._turn:
            try:
                counted = await self._engine.count(self._model, Counting(content=text))
            except NotSupported:
                self.is_exact = False
                return _estimate(text)
        self._counts.keep(self._model.name, text, counted.count)
        return counted.count


def _estimate(text: str) -> int:
    return int(estimate(text) * CAUTION) + 1
