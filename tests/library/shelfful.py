"""A small library to search in: a catalogue in memory beside a real index."""

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dunoe.errors import Unavailable
from dunoe.library import bm25
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import Point, folded
from dunoe.library.indexes import Opened
from dunoe.library.points import payload_of
from dunoe.library.search import Search
from dunoe.store.collections import Collection as Row
from dunoe.store.documents import DocumentRow, Located, PassageRow

SPACE = uuid.UUID("77e5b0a7-5f3f-4a0e-9d5b-4a35b2a7f0c2")
DIMENSIONS = 3
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


class Shelfful:
    """Documents and passages that a test puts in, and the search over them. It plays the models, too.

    meanings: the vector of a question; those of passages are given with them. reranks: a word, and what a passage
    with it scores. is_away: the models are not to be had.
    """

    def __init__(self, folder: Path, *, model: str = "e") -> None:
        self.index = EdgeIndex(folder, DIMENSIONS if model else None, spare_bytes=0)
        self.rows: dict[str, Located] = {}
        self.meanings: dict[str, list[float]] = {}
        self.reranks: dict[str, float] | None = None
        self.is_away = False
        self.embedding = model or None
        self.opened = Opened(Row("c", model, DIMENSIONS, "active", BEGUN), self.index)
        self.search = Search(self, lambda: self.opened, self)

    def add(self, name: str, *texts: str | tuple[str, list[float]], **fields: object) -> None:
        """One file with these passages; a passage may bring its vector."""
        document = document_row(name, **fields)
        points = []
        for position, one in enumerate(texts):
            text, dense = one if isinstance(one, tuple) else (one, None)
            id = str(uuid.uuid5(SPACE, f"{name} {position}"))
            passage = PassageRow(id, document.id, position, 0, len(text), 0, (), {}, text)
            self.rows[id] = Located(passage, document)
            sparse = bm25.weigh(document.title, (), text)
            points.append(Point(id, sparse, payload_of(document), dense))
        self.index.put(points)

    def passages(self, ids: Collection[str]) -> dict[str, Located]:
        """As the catalogue would."""
        return {id: self.rows[id] for id in ids if id in self.rows}

    def named(self, name: str) -> list[str]:
        """As the catalogue would."""
        rows = {
            row.document for row in self.rows.values() if folded(row.document.name) == folded(name)
        }
        return [row.id for row in rows]

    def browse(self, *, is_newest: bool, limit: int, offset: int) -> list[DocumentRow]:
        """As the catalogue would."""
        rows = {row.document.id: row.document for row in self.rows.values()}
        ranked = sorted(rows.values(), key=lambda row: -row.mtime_ns if is_newest else 0)
        return ranked[offset : offset + limit]

    def embedder(self) -> str | None:
        """The one that is set, whether its vectors are there or not."""
        return self.embedding

    async def embed_question(self, model: str, text: str) -> list[float]:
        """What the test said that it means."""
        if self.is_away:
            raise Unavailable("the engine is down")
        return self.meanings.get(text, [0.0, 0.0, 1.0])

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """By the words that the test set."""
        if self.reranks is None:
            return None
        if self.is_away:
            raise Unavailable("the engine is down")
        return [
            max((score for word, score in self.reranks.items() if word in text), default=-5.0)
            for text in texts
        ]


def document_row(name: str, **fields: object) -> DocumentRow:
    """A document of that file name."""
    usual: dict[str, object] = {
        "id": str(uuid.uuid5(SPACE, name)),
        "path": f"/lib/{name}",
        "folder": "/lib",
        "name": name,
        "kind": "markdown",
        "size": 1,
        "mtime_ns": 0,
        "digest": "",
        "parser": "",
        "title": "",
        "tags": (),
        "project": "",
        "type": "",
        "status": "",
        "date": "",
        "warnings": (),
        "taken_at": BEGUN,
    }
    return DocumentRow(**{**usual, **fields})  # type: ignore[arg-type]  # fields of any type
