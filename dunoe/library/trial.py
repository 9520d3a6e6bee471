"""A library of its own for a test set, filled from memory in a folder that its caller throws away."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from anyio.to_thread import run_sync

from dunoe.library import bm25, terms
from dunoe.library.chunking import cut, estimate
from dunoe.library.evaluate import Row, ranking
from dunoe.library.filling import readable, title_of
from dunoe.library.index.collections import EdgeCollections
from dunoe.library.index.point import Point
from dunoe.library.indexes import Opened, Wanted
from dunoe.library.library import PASSAGE_TOKENS
from dunoe.library.models import Models
from dunoe.library.parsing import text
from dunoe.library.points import passages_of, payload_of
from dunoe.library.search import Mode, Results, Search, Wish
from dunoe.store.documents import DocumentRow, PassageRow
from dunoe.store.store import open_store

AT_ONCE = 64  # documents in one transaction
FEW = 4  # parts of the work that are worth a process
DEPTH = 30  # passages that are asked for, so that ten documents are among them


class _Read(NamedTuple):
    """A document of the set as the library keeps one."""

    document: DocumentRow
    passages: list[PassageRow]
    points: list[Point]


class Trial:
    """A filled library that ranks the documents of its set."""

    def __init__(self, search: Search, names: dict[str, str], passages: int) -> None:
        """names: the set's id of each document. passages: how many there are."""
        self._search, self._names, self.passages = search, names, passages

    async def find(self, question: str, mode: Mode, *, use_reranking: bool = False) -> Results:
        """What the library finds."""
        wish = Wish(question, mode=mode, top_k=DEPTH, use_reranking=use_reranking)
        return await self._search.find(wish)

    def ranked(self, results: Results) -> list[str]:
        """The set's own ids, best first."""
        return ranking(self._names[hit.document.id] for hit in results.hits)


@asynccontextmanager
async def trial(
    documents: Sequence[Row],
    folder: Path,
    models: Models | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[Trial]:
    """Fill a library in a folder. models: for vectors too, when an embedding model is among them.

    told: is called with the number of documents that are in. A large set is read by several processes.
    """
    embedder = None if models is None else models.embedder()
    dimensions = 0
    if models is not None and embedder is not None:
        dimensions = await models.dimensions(embedder.name)
    wanted = Wanted(str(terms.VERSION), embedder.name if embedder else "", dimensions)
    with open_store(f"sqlite:///{folder}/trial.db") as store:
        index = await run_sync(EdgeCollections(folder).open, wanted.name, dimensions or None)
        try:
            row = store.collections.begin(wanted.name, wanted.model, dimensions, "active")
            opened, names = Opened(row, index), dict[str, str]()
            passages = 0
            async with aclosing(_read_all(documents)) as parts:
                async for some, read in parts:
                    if models is not None and embedder is not None:
                        read = [await _embedded(one, models, embedder.name) for one in read]
                    await run_sync(index.put, [point for one in read for point in one.points])
                    rows = {one.document: one.passages for one in read}
                    await run_sync(store.intake.take, rows, (), ())
                    names |= {one.document.id: row.id for one, row in zip(read, some, strict=True)}
                    passages += sum(len(one.passages) for one in read)
                    told(len(names))
            await run_sync(index.tidy)
            search = Search(store.documents, lambda: opened, models or _NoModels())
            yield Trial(search, names, passages)
        finally:
            await run_sync(index.close)


async def _read_all(
    documents: Sequence[Row],
) -> AsyncGenerator[tuple[Sequence[Row], list[_Read]], None]:
    """Some documents after the others, in their order. Few are read here: a process takes seconds to start."""
    parts = deque(documents[at : at + AT_ONCE] for at in range(0, len(documents), AT_ONCE))
    count = min(os.cpu_count() or 1, len(parts) // FEW)
    if count < 2:
        for some in parts:
            yield some, await run_sync(_read, some)
        return
    begun = deque[tuple[Sequence[Row], asyncio.Future[list[_Read]]]]()
    pool = ProcessPoolExecutor(
        count, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)
    )
    try:
        while parts or begun:
            while parts and len(begun) < 2 * count:
                some = parts.popleft()
                begun.append((some, asyncio.get_running_loop().run_in_executor(pool, _read, some)))
            some, reading = begun.popleft()
            yield some, await reading
    finally:
        for _, reading in begun:
            reading.cancel()
        pool.shutdown(wait=True, cancel_futures=True)


def _read(documents: Sequence[Row]) -> list[_Read]:
    return [_one(row) for row in documents]


def _one(row: Row) -> _Read:
    id = str(uuid4())
    parsed = replace(text.parse(row.text.encode(), ""), title=row.title)
    document = DocumentRow(
        id=id,
        path=f"/{id}",
        folder="/",
        name="",
        kind=parsed.kind,
        size=len(row.text),
        mtime_ns=0,
        digest="",
        parser="",
        title=row.title,
        tags=(),
        project="",
        type="",
        status="",
        date="",
        warnings=(),
        taken_at=datetime.now(UTC),
    )
    passages = passages_of(document, cut(parsed, PASSAGE_TOKENS, estimate))
    payload, title = payload_of(document), title_of(document)
    points = [Point(one.id, bm25.weigh(title, one.headings, one.text), payload) for one in passages]
    return _Read(document, passages, points)


async def _embedded(read: _Read, models: Models, model: str) -> _Read:
    texts = [readable(read.document, one) for one in read.passages]
    vectors = await models.embed_passages(model, texts)
    points = [
        replace(point, dense=vector) for point, vector in zip(read.points, vectors, strict=True)
    ]
    return read._replace(points=points)


class _NoModels:
    """For words alone."""

    def embedder(self) -> None:
        return None

    async def embed_question(self, model: str, text: str) -> list[float]:
        raise RuntimeError("no vectors in this library")

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float] | None:
        return None
