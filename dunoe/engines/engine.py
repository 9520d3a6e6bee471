"""What every engine can do. An engine never decides what to load: `residency` does.

Errors of the outside world become Problems here and nowhere else: EngineFailed, EngineTimeout, NotSupported,
BadRequest (the engine refused the request itself), NotFound (it has no such model).
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from dunoe.engines.events import Event
from dunoe.engines.request import (
    Counted,
    Counting,
    Embedded,
    Embedding,
    Generation,
    Json,
    Reranked,
    Reranking,
)
from dunoe.portfolio.model import Model


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that the engine has: its name there, bytes on disk, and what else it says (details, digest)."""

    name: str
    size: int = 0
    details: Json | None = None


class Engine(Protocol):
    """A program that runs models."""

    name: str

    async def load(self, model: Model) -> None:
        """Return when the model answers. Cancelled, it leaves nothing loading behind."""

    async def unload(self, model: Model) -> None:
        """Return when the model's memory is free again; fine when it is not loaded."""

    async def gone(self, model: Model) -> str:
        """Wait until a loaded model ends by itself (its process died); return what is known of why.

        Engines whose models we cannot watch wait for ever.
        """

    def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """Batches of events. Close the generator (or cancel) and the engine stops working at once."""

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        """One vector a text."""

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        """One score a document."""

    async def count(self, model: Model, ask: Counting) -> Counted:
        """Tokens, counted by the model's own tokenizer."""

    async def measure(self, model: Model, ask: Generation) -> int | None:
        """Tokens of the prompt that this request becomes, whether or not the model is loaded.

        None where only answering it would tell.
        """

    async def pairs(self, model: Model, ask: Reranking) -> list[int] | None:
        """Tokens of each document as the model reads it, with the query; None where only ranking them would tell."""

    async def context(self, model: Model) -> int:
        """Tokens that a prompt and its answer may take together, by the engine's own word where it gives one."""

    async def listed(self) -> list[Listed]:
        """The models this engine could run; the embedded engine knows files only through settings: []."""

    async def show(self, model: Model) -> Json:
        """What the engine tells of a model (for Ollama's /api/show); {} where it tells nothing."""

    async def ping(self) -> None:
        """Return when the engine itself answers; raise EngineFailed or EngineTimeout."""

    async def aclose(self) -> None:
        """End every child and connection."""
