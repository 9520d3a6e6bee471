"""Who plays in the tests of this room: models with sizes to remember, and an engine that obeys the test."""

import asyncio
from collections.abc import AsyncGenerator

from dunoe.engines.engine import Listed
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
from dunoe.errors import EngineFailed
from dunoe.portfolio.model import Model
from dunoe.settings import ModelSettings

BUDGETS = {"gpu": 10, "ram": 5}


def model(name: str, footprint: int, slots: int = 1, card: str | None = "gpu") -> Model:
    """A model of the engine `box`."""
    return Model(name, "box", name, ModelSettings(), slots, footprint, card)


MODELS = {
    one.name: one
    for one in (
        model("a", 6),
        model("b", 6),
        model("c", 4, slots=2),
        model("d", 4),
        model("e", 2),
        model("whole", 10),
        model("huge", 11),
        model("other", 5, card="ram"),
        model("remote", 0, card=None),
    )
}

BROKEN = EngineFailed("it is broken", "mend it")


class Door:
    """A place where a coroutine waits until the test lets it through."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        self.came.set()
        await self.answer

    def open(self) -> None:
        self.answer.set_result(None)

    def slam(self, exc: Exception) -> None:
        self.answer.set_exception(exc)


class Scripted:
    """An engine whose loads, unloads and deaths happen when the test says so.

    is_prompt: loads and unloads are let through at once. said: what was begun and how it ended, in order.
    """

    name = "box"

    def __init__(self, is_prompt: bool = False) -> None:
        self.is_prompt = is_prompt
        self.said: list[str] = []
        self.on_card: set[str] = set()
        self._doors: dict[str, Door] = {}

    def door(self, what: str, name: str) -> Door:
        """The next door of this kind: load, unload or death of a model."""
        return self._doors.setdefault(f"{what} {name}", Door())

    def doors(self, what: str) -> list[Door]:
        """Those of this kind that somebody waits at."""
        return [
            door for key, door in self._doors.items() if key.startswith(what) and door.came.is_set()
        ]

    async def _through(self, what: str, name: str) -> None:
        door = self.door(what, name)
        self.said.append(f"{what} {name}")
        try:
            if self.is_prompt and what != "death":
                door.open()
            await door.wait()
        except BaseException as exc:
            self.said.append(f"{what} {name}: {type(exc).__name__}")
            raise
        finally:
            del self._doors[f"{what} {name}"]

    async def load(self, model: Model) -> None:
        await self._through("load", model.name)
        self.on_card.add(model.name)

    async def unload(self, model: Model) -> None:
        await self._through("unload", model.name)
        self.on_card.discard(model.name)

    async def gone(self, model: Model) -> str:
        await self._through("death", model.name)
        self.on_card.discard(model.name)
        return "killed"

    def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        raise NotImplementedError

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        raise NotImplementedError

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        raise NotImplementedError

    async def count(self, model: Model, ask: Counting) -> Counted:
        raise NotImplementedError

    async def measure(self, model: Model, ask: Generation) -> int | None:
        return None

    async def pairs(self, model: Model, ask: Reranking) -> list[int] | None:
        return None

    async def context(self, model: Model) -> int:
        raise NotImplementedError

    async def listed(self) -> list[Listed]:
        raise NotImplementedError

    async def show(self, model: Model) -> Json:
        raise NotImplementedError

    async def ping(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError
