"""The vocabularies of an Ollama's models, so that counting a text does not cost a reading of it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from dunoe.engines.request import Json
from dunoe.errors import Problem
from dunoe.portfolio.model import Model
from dunoe.weights.remote_ollama import shown_header
from dunoe.weights.tokenizing.tokenizer import Tokenizer

log = logging.getLogger(__name__)

KEPT = 2  # each is several megabytes to fetch, and more to hold


class Vocabularies:
    """Those of the models that were asked for last. show: asks the Ollama for a model, its vocabulary included."""

    def __init__(self, show: Callable[[Model], Awaitable[Json]]) -> None:
        self._show = show
        self._kept: OrderedDict[str, Tokenizer | None] = OrderedDict()
        self._building = asyncio.Lock()

    async def of(self, model: Model) -> Tokenizer | None:
        """The tokenizer of this model; None where the Ollama does not tell its vocabulary, or we do not read it."""
        name = model.upstream
        if name not in self._kept:
            async with self._building:
                if name not in self._kept:
                    self._kept[name] = await self._read(model)
                    if len(self._kept) > KEPT:
                        self._kept.popitem(last=False)
        self._kept.move_to_end(name)
        return self._kept[name]

    async def _read(self, model: Model) -> Tokenizer | None:
        try:
            shown = await self._show(model)
            return await asyncio.to_thread(_tokenizer, shown, model.upstream)
        except Problem as problem:
            log.info("tokens of %s are estimated: %s", model.upstream, problem)
            return None


def _tokenizer(shown: Json, name: str) -> Tokenizer:
    return Tokenizer.of(shown_header(shown, name))
