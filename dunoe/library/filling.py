"""Passages become points: words at once, so that they are found; vectors as soon as the model has made them."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import PurePath
from typing import NamedTuple, Protocol

from dunoe.library import bm25
from dunoe.library.index.point import Point, Sparse
from dunoe.library.indexes import Indexes, Opened
from dunoe.library.points import payload_of
from dunoe.library.threads import run_sync
from dunoe.store.documents import DocumentRow, PassageRow
from dunoe.store.intake import Intake

PAGE = 64  # passages that are embedded at a time: what a killed process does again at most
SWEEP = 2000


class Embeds(Protocol):
    """Texts become vectors; `library.models.Models` does it."""

    async def embed_passages(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector of unit length for each text; raise a Problem where the model is not to be had."""


class Ready(NamedTuple):
    """A passage, the document it is of, and its terms."""

    passage: PassageRow
    document: DocumentRow
    sparse: Sparse


class Filling:
    """Puts passages into the indexes of one library, and takes them out."""

    def __init__(
        self, indexes: Indexes, intake: Intake, embeds: Embeds | None, alone: asyncio.Lock
    ) -> None:
        """embeds: None where there are no models. alone: whoever writes to catalogue and index holds it."""
        self.indexes, self._intake = indexes, intake
        self._embeds, self._alone = embeds, alone

    async def put(self, ready: Sequence[Ready]) -> None:
        """Make these findable by their words."""
        points = [Point(one.passage.id, one.sparse, payload_of(one.document)) for one in ready]
        if points:
            await run_sync(self.indexes.active.index.put, points)

    def owing(self) -> list[str]:
        """The collections that do not have everything they should, once `put` is done."""
        return [
            one.row.name
            for one in self.indexes.all()
            if one.row.model or one is not self.indexes.active
        ]

    async def pay(self, into: Opened) -> int:
        """Put some of the passages that an index owes, with their vectors; how many were looked at.

        The model works while others sync; a passage that went meanwhile is left alone.
        """
        page = await run_sync(self._intake.owed, into.row.name, PAGE)
        documents = await run_sync(self._intake.rows, {one.document for one in page})
        dense: Sequence[Sequence[float] | None] = [None] * len(page)
        if into.row.model and self._embeds is not None and page:
            texts = [readable(documents[one.document], one) for one in page]
            dense = await self._embeds.embed_passages(into.row.model, texts)
        sparse = await run_sync(_weighed, page, documents)
        async with self._alone:
            still = await run_sync(self._intake.still_owed, into.row.name, [one.id for one in page])
            now = await run_sync(self._intake.rows, {one.document for one in page})
            points = [
                Point(one.id, terms, payload_of(now[one.document]), vector)
                for one, terms, vector in zip(page, sparse, dense, strict=True)
                if one.id in still
            ]
            await run_sync(into.index.put, points)
            await run_sync(self._intake.paid, into.row.name, still)
        return len(page)

    async def relabel(self, rows: Collection[DocumentRow]) -> None:
        """Let every index know what filters may ask of these documents now."""
        for one in self.indexes.all():
            for row in rows:
                await run_sync(one.index.relabel, row.id, payload_of(row))

    async def sweep(self) -> None:
        """Take out of the indexes what is not in the catalogue any more."""
        for one in self.indexes.all():
            left = await run_sync(self._intake.leftovers, one.row.name)
            for start in range(0, len(left), SWEEP):
                some = left[start : start + SWEEP]
                await run_sync(one.index.remove, some)
                await run_sync(self._intake.swept, one.row.name, some)


def title_of(document: DocumentRow) -> str:
    """The title that a passage is searched with, as the workers read it."""
    return document.title or PurePath(document.name).stem


def readable(document: DocumentRow, passage: PassageRow) -> str:
    """What an embedding model is given of a passage: where it stands, then what it says."""
    title, headings = title_of(document), passage.headings
    path = headings if headings[:1] == (title,) else (title, *headings)
    return f"{' > '.join(path)}\n{passage.text}"


def _weighed(page: Sequence[PassageRow], of: dict[str, DocumentRow]) -> list[Sparse]:
    return [bm25.weigh(title_of(of[one.document]), one.headings, one.text) for one in page]
