"""Everything that lives as long as the server, opened in order and closed in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio

from dunoe import machine
from dunoe.answering.counting import Counts
from dunoe.answering.pack import READING
from dunoe.engines import build
from dunoe.engines.engine import Engine, Listed
from dunoe.errors import Misconfigured, NotFound, Problem, Unavailable
from dunoe.library.library import Library, open_library
from dunoe.library.models import Models
from dunoe.library.present import Present
from dunoe.library.search import Search
from dunoe.machine import Machine
from dunoe.portfolio.catalogue import Catalogue
from dunoe.portfolio.memory import budgets, has_card
from dunoe.portfolio.model import Model
from dunoe.portfolio.suggest import suggest
from dunoe.residency.runner import Runner
from dunoe.server.books import Books, Meters
from dunoe.server.curfew import Curfew
from dunoe.server.door import Door, check_host, is_allowed
from dunoe.server.local import LocalKey, local_key
from dunoe.server.syncing import Syncing
from dunoe.settings import Settings
from dunoe.store.keys import Key
from dunoe.store.ring import KeyRing
from dunoe.store.store import Store, open_store
from dunoe.weights.shelf import Shelf

log = logging.getLogger("dunoe.server")

LIST_AGAIN_S = 10.0
SLOW_READING = (
    3_000  # tokens of sources where no card reads them: a processor takes long enough for these
)


@dataclass
class Readiness:
    """What the last look at everything that must work found. One look at a time."""

    said: dict[str, str] = field(default_factory=dict)
    at: float = float("-inf")
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Opened(NamedTuple):
    """An open library and what searches it."""

    library: Library
    search: Search


@dataclass
class Brain:
    """What every request may use."""

    settings: Settings
    machine: Machine
    store: Store
    engines: dict[str, Engine]
    shelf: Shelf
    catalogue: Catalogue
    runner: Runner
    budgets: dict[str, int]
    door: Door
    books: Books
    syncing: Syncing
    reading_tokens: int
    counts: Counts = field(default_factory=Counts)
    opened: Opened | Problem | None = None  # the library, or why there is none
    curfew: Curfew = field(default_factory=Curfew)
    opened_at: float = field(default_factory=time.monotonic)
    listed: dict[tuple[str, str], Listed] = field(default_factory=dict)
    listed_at: float = -LIST_AGAIN_S
    readiness: Readiness = field(default_factory=Readiness)

    @property
    def library(self) -> Library:
        """The documents; raises what kept the library from being opened."""
        return self._opened().library

    @property
    def search(self) -> Search:
        """What finds passages in them; raises the same."""
        return self._opened().search

    def _opened(self) -> Opened:
        if isinstance(self.opened, Problem):
            raise self.opened.with_traceback(None)
        if self.opened is None:
            raise RuntimeError("the library is not open yet")
        return self.opened

    @property
    def ring(self) -> KeyRing:
        """The keys, in memory."""
        return self.store.ring

    def models_for(self, key: Key | None) -> list[Model]:
        """The models that this key may use; a key that is bound to some hears of no others."""
        names_of = self.catalogue.names_of
        return [one for one in self.catalogue.models() if is_allowed(key, names_of(one))]

    async def look_again(self, *, after_s: float = LIST_AGAIN_S) -> None:
        """Look at the folder of pulled models; ask every engine for its own, unless `after_s` have not passed."""
        await anyio.to_thread.run_sync(self.catalogue.refresh)
        if time.monotonic() - self.listed_at < after_s:
            return
        self.listed_at = time.monotonic()
        async with anyio.create_task_group() as group:
            for name in self.settings.engines:
                group.start_soon(self._ask_for_models, name)

    async def _ask_for_models(self, name: str) -> None:
        with anyio.move_on_after(self.settings.timeouts.connect_s):
            try:
                listed = await self.engines[name].listed()
            except Problem as problem:
                log.warning("engine %s lists no models: %s", name, problem)
                return
            self.listed |= {(name, one.name): one for one in listed}
            offered = [(one.name, one.size) for one in listed]
            await anyio.to_thread.run_sync(self.catalogue.offer, name, offered)


@asynccontextmanager
async def open_brain(settings: Settings) -> AsyncIterator[Brain]:
    """Open store, engines and residency for as long as the block runs.

    Raises Misconfigured or Unavailable. At the end children are gone and usage is written.
    """
    local = local_key(settings.home)
    store = open_store(settings.database_url)
    engines = build.engines(settings)
    try:
        await store.ring.refresh()
        check_host(settings.server.host, store.ring)
        async with anyio.create_task_group() as group:
            syncing = Syncing()
            brain = _brain(settings, store, engines, local, syncing)
            group.start_soon(store.usage.run)
            group.start_soon(brain.look_again)
            group.start_soon(syncing.run)
            async with brain.runner, _with_library(brain):
                yield brain
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _close(engines.values(), store)


@asynccontextmanager
async def _with_library(brain: Brain) -> AsyncIterator[None]:
    """Open the library and watch its folders. A library that cannot be opened says so when it is asked."""
    settings = brain.settings
    models = Models(
        brain.catalogue,
        brain.runner,
        embedding=settings.library.embedding,
        reranking=settings.library.reranking,
    )
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(open_library(settings, brain.store, models))
        except (Misconfigured, NotFound, Unavailable) as problem:
            log.warning("the library is closed: %s", problem)
            brain.opened = problem
        else:
            brain.opened = Opened(
                opened,
                Search(
                    Present(brain.store.documents, opened.roots.have),
                    lambda: opened.indexes.active,
                    models,
                ),
            )
            if settings.library.watch:
                watching = await stack.enter_async_context(anyio.create_task_group())
                stack.callback(watching.cancel_scope.cancel)
                watching.start_soon(opened.watch)
        yield


def _brain(
    settings: Settings,
    store: Store,
    engines: dict[str, Engine],
    local: LocalKey,
    syncing: Syncing,
) -> Brain:
    here = machine.look()
    shelf, rooms = Shelf(settings.models_folder), budgets(settings, here)
    runner = Runner(engines, rooms, settings.queue)
    on_card = has_card(settings, here)
    catalogue = Catalogue(settings, shelf, suggest(here).source, has_card=on_card)
    return Brain(
        settings=settings,
        machine=here,
        store=store,
        engines=engines,
        shelf=shelf,
        catalogue=catalogue,
        runner=runner,
        budgets=rooms,
        door=Door(settings.server, store.ring, store.usage, local, time.monotonic),
        books=Books(Meters(runner.view), store.usage, log_requests=settings.server.log_requests),
        syncing=syncing,
        reading_tokens=settings.library.reading_tokens or (READING if here.cards else SLOW_READING),
    )


async def _close(engines: Iterable[Engine], store: Store) -> None:
    try:
        for engine in engines:
            await engine.aclose()
    finally:
        store.close()
