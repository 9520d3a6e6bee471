"""The library: folders of documents that can be asked about, as the server and the commands use it."""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import anyio

from dunoe.errors import NOTHING, Busy, Problem, Text
from dunoe.library import terms
from dunoe.library.filling import Filling
from dunoe.library.folders import Rules, Untold
from dunoe.library.index.collections import Collections, collections
from dunoe.library.indexes import Indexes, Wanted
from dunoe.library.models import Embedder, Models
from dunoe.library.own import Own
from dunoe.library.progress import Progress, Stand
from dunoe.library.refused import SKIPPED
from dunoe.library.roots import Roots, Source
from dunoe.library.sync import Reader, Sync
from dunoe.library.threads import run_sync
from dunoe.library.watch import Watch
from dunoe.library.workers import Workers
from dunoe.settings import Settings
from dunoe.store.documents import Counts, FailureRow
from dunoe.store.store import Store

PASSAGE_TOKENS = (
    300  # small enough to be about one thing; READING_TOKENS of its section are read around it
)
WINDOW_SHARE = (
    0.8  # of the model's window, where that is smaller: title, headings and marks need room too
)
WORKER_BYTES, WORKER_S = 2**30, 120.0
LINGER_S = 10.0  # searches that began before a switch of collections have ended by then
FIRST_S = 10.0  # that a question waits for the first documents of a library
RETRY_S = 60.0  # vectors that could not be made are tried again
TIDIED = 20_000  # passages between two tidyings of an index that is being filled: each takes memory for as many

TERMS = str(terms.VERSION)
_LOG = logging.getLogger(__name__)


class FolderStatus(NamedTuple):
    """One library folder. said: why it cannot be read, empty if it can.

    source: who named it; `guide` is dunoe's own, read as long as nobody names one.
    """

    path: str
    source: Source
    counts: Counts
    said: Text


class Status(NamedTuple):
    """The library at a glance. model: what embeds, empty for words alone."""

    folders: list[FolderStatus]
    counts: Counts
    model: str
    stand: Stand


@dataclass(frozen=True, slots=True)
class Parts:
    """What a library is put together from. models: None where there are none."""

    store: Store
    workers: Reader
    collections: Collections
    models: Models | None = None


class Library:
    """Use it with `async with`: entering opens the indexes, leaving writes everything down."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        """Raises `Misconfigured` for globs that are none."""
        self._home, self._store, self._models = settings.home, parts.store, parts.models
        self._workers = parts.workers
        self._embedder, self._missing = _embedder(parts.models)
        own = Own(settings.own)
        self._rules = Rules(settings.library.include, settings.library.exclude, own)
        self._untold: list[Untold] = []
        self._alone = asyncio.Lock()  # whoever writes to catalogue and index holds it
        self._paying = asyncio.Lock()
        self._is_warm = False
        self._has_debt = asyncio.Event()
        self.documents = parts.store.documents
        self.progress = Progress()
        self.roots = Roots(settings.library, parts.store.folders, own)
        self.indexes = Indexes(parts.collections, parts.store)
        self._filling = Filling(self.indexes, parts.store.intake, parts.models, self._alone)
        limit = PASSAGE_TOKENS
        if self._embedder is not None:
            limit = min(limit, int(self._embedder.window * WINDOW_SHARE))
        self._sync = Sync(
            parts.store, self._filling, parts.workers, limit, self.progress, self.roots.have
        )

    async def __aenter__(self) -> Self:
        await self.roots.refresh()
        await run_sync(self.indexes.open, TERMS)
        # asyncio's group and not anyio's: what our body raises must leave as it is
        self._group = await asyncio.TaskGroup().__aenter__()
        self._tasks = [self._group.create_task(self._pay_always())]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            await run_sync(self.indexes.close)  # breaks a tidying off
            await self._group.__aexit__(None, None, None)

    async def sync(self, under: Collection[str] | None = None) -> Stand:
        """Make the library what the folders are, or only what these paths are; waits for a sync that runs.

        Its documents are then found by their words; `settle` waits for their vectors. Raises `Busy` while another
        process syncs, and what database and index raise.
        """
        async with self._alone:
            with self._locked():
                await self.roots.refresh()
                scan = await self._sync.run(self.roots.all(), self._rules, under)
                if under is None:
                    self._untold = scan.untold
        self._has_debt.set()
        return self.progress.now()

    async def settle(self) -> None:
        """Wait until every passage has its vector, the wanted collection answers, and searching is fast.

        Raises what the embedding model raises; what was done until then is kept.
        """
        async with self._paying:
            try:
                await self._pay()
            finally:
                self.progress.owed = 0, 0
            await run_sync(self.indexes.active.index.tidy)

    async def watch(self) -> None:
        """Sync, and then whatever changes, until cancelled. What goes wrong is logged and tried again."""
        if self.roots.are_ours:
            self._tasks.append(self._group.create_task(self._warm()))
        await Watch(self.roots.all, self._told, self._rules.own).run()

    async def _warm(self) -> None:
        """Start one worker: the first file that is saved should not wait for a dictionary."""
        try:
            await self._workers.read_bytes("첫 글".encode(), "첫.txt", PASSAGE_TOKENS)
        except Problem as problem:
            _LOG.warning("no file can be read: %s", problem)

    async def _told(self, under: Collection[str] | None) -> None:
        try:
            await self.sync(under)
        except Problem as problem:
            _LOG.warning("the library could not be synced: %s", problem)

    def warm(self) -> None:
        """Read the dictionary of Korean now, so that no question waits for it: 330 MB, a second or two."""
        if not self._is_warm:
            self._is_warm = True
            self._tasks.append(self._group.create_task(run_sync(terms.warm)))

    async def add(self, folder: Path) -> str:
        """Add a folder, or a single file, and return its path; the next sync reads it. See `Roots.add`."""
        return await self.roots.add(folder)

    async def remove(self, folder: Path) -> str:
        """Take a folder out and return its path: its documents are no answers any more. The files stay as they are.

        A sync that runs leaves the rest of it unread; what was read is deleted after it.
        """
        path = await self.roots.remove(folder)
        if self._alone.locked():
            self._tasks.append(self._group.create_task(self._told({path})))
        else:
            await self.sync({path})
        return path

    async def first(self) -> bool:
        """Where files are being read, wait for them, `FIRST_S` at most; False where none are."""
        if not self._alone.locked():
            return False
        with anyio.move_on_after(FIRST_S):
            async with self._alone:
                pass
        return True

    async def status(self) -> Status:
        """Folders, counts, and how far a running sync is."""
        return await run_sync(self._status)

    def _status(self) -> Status:
        said = {one.path: one.said for one in reversed(self._untold)}
        return Status(
            folders=[
                FolderStatus(
                    path,
                    self.roots.source(path),
                    self.documents.counts(path, skipping=SKIPPED),
                    said.get(path, NOTHING),
                )
                for path in self.roots.all()
            ],
            counts=self.documents.counts(skipping=SKIPPED),
            model=self.indexes.active.row.model,
            stand=self.progress.now(),
        )

    async def errors(self) -> list[FailureRow]:
        """Folders that could not be looked into, then files that should have been read and could not be."""
        folders = [_untold(one) for one in self._untold]
        return folders + await run_sync(partial(self.documents.failures, without=SKIPPED))

    async def skipped(self) -> list[FailureRow]:
        """Files that nobody expects to be read: empty ones, pictures, programs, what tools have made."""
        return await run_sync(partial(self.documents.failures, codes=SKIPPED))

    async def label(self, documents: Collection[str], label: str) -> None:
        """Put a label on documents."""
        await run_sync(self.documents.label, documents, label)
        await self._relabel(documents)

    async def unlabel(self, documents: Collection[str], label: str) -> None:
        """Take a label off documents."""
        await run_sync(self.documents.unlabel, documents, label)
        await self._relabel(documents)

    async def _relabel(self, documents: Collection[str]) -> None:
        rows = await run_sync(self._store.intake.rows, documents)
        await self._filling.relabel(rows.values())

    async def _pay_always(self) -> None:
        """Settle after every sync; a model that is away is asked again later."""
        while True:
            self._has_debt.clear()
            try:
                await self.settle()
            except Problem as problem:
                self.progress.owing = problem
                _LOG.warning("vectors have to wait: %s", problem)
                with anyio.move_on_after(RETRY_S):
                    await self._has_debt.wait()
            else:
                self.progress.owing = self._missing
                await asyncio.sleep(LINGER_S)
                await run_sync(self.indexes.bury)
                await self._workers.rest(keep=1 if self.roots.are_ours else 0)
                await run_sync(self.indexes.active.index.rest)
                await self._has_debt.wait()

    async def _pay(self) -> None:
        """Bring every collection up to date, and switch to the one that was built."""
        if self._missing is None:  # else what there is stays as it is, until the model is back
            await self._want()
        for one in self.indexes.all():
            debt = total = await run_sync(self._store.intake.debt, one.row.name)
            paid = since = 0
            while debt:
                self.progress.owed = (total - debt, total)
                since += await self._filling.pay(one)
                if since >= max(TIDIED, paid // 4):
                    await run_sync(one.index.tidy)
                    paid, since = paid + since, 0
                debt = await run_sync(self._store.intake.debt, one.row.name)
                total = max(total, debt)
        if (new := self.indexes.building) is None:
            return
        async with self._alone:  # nothing can come in between
            is_whole = await run_sync(self._store.intake.debt, new.row.name) == 0
            if is_whole:
                await run_sync(self.indexes.switch)
        if not is_whole:
            await self._pay()

    async def _want(self) -> None:
        """See that a collection of the wanted model is there, or begun."""
        wanted = Wanted(TERMS)
        if self._embedder is not None and self._models is not None:
            name = self._embedder.name
            known = await run_sync(self.indexes.known_dimensions, TERMS, name)
            if not known and not (await run_sync(self.documents.counts)).passages:
                return  # a model is not loaded for an empty library
            wanted = Wanted(TERMS, name, known or await self._models.dimensions(name))
        async with self._alone:
            await run_sync(self.indexes.want, wanted)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """No other process may sync this library meanwhile."""
        self._home.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._home / "library.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as exc:
            raise _another_syncs() from exc
        finally:
            os.close(lock)


@asynccontextmanager
async def open_library(
    settings: Settings, store: Store, models: Models | None
) -> AsyncIterator[Library]:
    """The library of these settings, open. Its processes start when there are files to read.

    Raises `Unavailable` while another process has the index, `Misconfigured` and `NotFound` for wrong settings.
    """
    count = settings.library.workers or os.cpu_count() or 1
    kept = collections(settings.qdrant, settings.home / "library")
    largest = settings.library.file_limit
    async with (
        Workers(count, WORKER_BYTES, WORKER_S, largest) as workers,
        Library(settings, Parts(store, workers, kept, models)) as library,
    ):
        yield library


def _embedder(models: Models | None) -> tuple[Embedder | None, Problem | None]:
    """The embedding model, or why the one that the settings name is not there: words answer all the same."""
    if models is None:
        return None, None
    try:
        return models.embedder(), None
    except Problem as problem:
        _LOG.warning("words alone are searched: %s", problem)
        return None, problem


def _another_syncs() -> Busy:
    return Busy(
        Text(
            "다른 dunoe가 이 라이브러리를 동기화하고 있습니다",
            "another dunoe is syncing this library",
        ),
        Text("끝난 뒤 다시 하세요.", "try again when it is done."),
        code="sync_running",
    )


def _untold(one: Untold) -> FailureRow:
    return FailureRow(
        path=one.path,
        folder=one.path,
        size=0,
        code="folder_unreadable",
        message=Text(
            f"폴더를 볼 수 없습니다 ({one.said.ko})",
            f"cannot look into this folder ({one.said.en})",
        ),
        hint=Text(
            "있던 문서는 남아 있습니다. 폴더를 되돌리거나 `dunoe library remove`로 빼세요.",
            "its documents stay. Bring it back, or take it out with `dunoe library remove`.",
        ),
        at=datetime.now(UTC),
    )
