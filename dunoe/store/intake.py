"""What a sync reads and writes in the catalogue. Every method is one transaction."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Table,
    TextClause,
    bindparam,
    delete,
    func,
    select,
    text,
    update,
)

from dunoe.errors import Problem
from dunoe.store.database import Database
from dunoe.store.documents import (
    DocumentRow,
    PassageRow,
    document_row,
    in_parts,
    labels_of,
    passage_row,
)
from dunoe.store.tables import collections, documents, failures, leftovers, owed, passages

REMEMBERED = timedelta(
    days=90
)  # a document that is gone gets its id and labels back within this time


class Tried(NamedTuple):
    """A file that could not be taken in, as it was then, and who tried."""

    size: int
    mtime_ns: int
    parser: str


class Known(NamedTuple):
    """A document, there or gone."""

    id: str
    folder: str
    size: int
    mtime_ns: int
    digest: str
    parser: str
    is_gone: bool = False


class Moved(NamedTuple):
    """A document whose file has a new path."""

    id: str
    path: str
    folder: str
    name: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A file that could not be taken in."""

    path: str
    folder: str
    size: int
    mtime_ns: int
    parser: str
    why: Problem


class Intake:
    """The writing side of the catalogue, for the one sync that runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self) -> dict[str, Known]:
        """Every document, gone ones too, by path."""
        c = documents.c
        wanted = select(c.path, c.id, c.folder, c.size, c.mtime_ns, c.digest, c.parser, c.gone_at)
        with self._database.reading() as connection:
            return {
                row[0]: Known(*row[1:7], row[7] is not None)
                for row in connection.execute(wanted).all()
            }

    def failed(self) -> dict[str, Tried]:
        """Every file that could not be taken in, by path."""
        c = failures.c
        wanted = select(c.path, c.size, c.mtime_ns, c.parser)
        with self._database.reading() as connection:
            return {row[0]: Tried(*row[1:]) for row in connection.execute(wanted).all()}

    def rows(self, ids: Collection[str]) -> dict[str, DocumentRow]:
        """These documents with their labels, gone ones too, by id."""
        found: dict[str, DocumentRow] = {}
        with self._database.reading() as connection:
            for some in in_parts(ids):
                rows = connection.execute(select(documents).where(documents.c.id.in_(some))).all()
                labelled = labels_of(connection, some)
                found |= {row[0]: document_row(tuple(row), labelled) for row in rows}
        return found

    def passage_ids(self, ids: Collection[str] | None = None) -> set[str]:
        """The passages that these documents have, or all documents."""
        found: set[str] = set()
        with self._database.reading() as connection:
            if ids is None:
                return set(connection.execute(select(passages.c.id)).scalars())
            for some in in_parts(ids):
                found.update(connection.execute(_passages_of(some)).scalars())
        return found

    def take(
        self,
        taken: Mapping[DocumentRow, Sequence[PassageRow]],
        put: Collection[str],
        owing: Collection[str],
    ) -> None:
        """These documents stand there with exactly these passages; what else they had goes to the leftovers.

        put: passages that were just put into the active index; each collection in `owing` still owes them. Labels
        stay as they are; a failure of the same path is forgotten.
        """
        rows = [_columns(document) for document in taken]
        pieces = [asdict(piece) for some in taken.values() for piece in some]
        kept = {piece["id"] for piece in pieces}
        debts = [{"collection": name, "passage": id} for name in owing for id in put]
        with self._database.writing() as connection:
            for some in in_parts([row["id"] for row in rows]):
                _empty(connection, some, kept)
            connection.execute(_TAKE, rows)
            if pieces:
                connection.execute(_WRITE, pieces)
            if debts:
                connection.execute(_OWE, debts)
            _wanted_again(connection, put)
            _forget(connection, [row["path"] for row in rows])

    def fail(self, failed: Sequence[Failed], gone: Collection[str] = ()) -> None:
        """These files could not be read; `gone` are the documents that they were."""
        with self._database.writing() as connection:
            _part(connection, gone)
            connection.execute(_FAIL, [_failure(one) for one in failed])

    def part(self, ids: Collection[str], paths: Collection[str] = ()) -> None:
        """These documents are gone at once, and so are failures of these paths. Ids and labels wait for a return."""
        with self._database.writing() as connection:
            _part(connection, ids)
            _forget(connection, paths)

    def touch(self, seen: Iterable[Known]) -> None:
        """The same text as before under a new time: `size`, `mtime_ns` and `parser` are noted."""
        rows = [{"key": one.id, "mtime": one.mtime_ns, "length": one.size} for one in seen]
        with self._database.writing() as connection:
            if rows:
                connection.execute(
                    update(documents)
                    .where(documents.c.id == bindparam("key"))
                    .values(mtime_ns=bindparam("mtime"), size=bindparam("length")),
                    rows,
                )

    def move(self, moved: Sequence[Moved]) -> None:
        """Give documents new paths, even one another's. Whoever is gone and waits at such a path leaves for good."""
        ids = [one.id for one in moved]
        with self._database.writing() as connection:
            for some in in_parts([one.path for one in moved]):
                there = documents.c.path.in_(some)
                connection.execute(
                    delete(documents).where(
                        there, documents.c.gone_at.is_not(None), documents.c.id.not_in(ids)
                    )
                )
            connection.execute(
                update(documents)
                .where(documents.c.id == bindparam("key"))
                .values(path=bindparam("parking")),
                [{"key": id, "parking": f"moving:{id}"} for id in ids],
            )
            connection.execute(
                update(documents)
                .where(documents.c.id == bindparam("key"))
                .values({name: bindparam(f"new_{name}") for name in Moved._fields[1:]}),
                [
                    {"key": one.id}
                    | {
                        f"new_{name}": value
                        for name, value in one._asdict().items()
                        if name != "id"
                    }
                    for one in moved
                ],
            )
            _forget(connection, [one.path for one in moved])

    def leftovers(self, collection: str) -> list[str]:
        """Passages that are gone and may still be in this index."""
        wanted = select(leftovers.c.passage).where(leftovers.c.collection == collection)
        with self._database.reading() as connection:
            return list(connection.execute(wanted).scalars())

    def swept(self, collection: str, ids: Collection[str]) -> None:
        """These are not in that index any more."""
        with self._database.writing() as connection:
            for some in in_parts(ids):
                connection.execute(
                    delete(leftovers).where(
                        leftovers.c.collection == collection, leftovers.c.passage.in_(some)
                    )
                )

    def owe(self, collection: str, ids: Collection[str]) -> None:
        """This index still has to get these passages."""
        if ids:
            with self._database.writing() as connection:
                connection.execute(_OWE, [{"collection": collection, "passage": id} for id in ids])

    def owe_all(self, collection: str) -> None:
        """This index still has to get every passage."""
        with self._database.writing() as connection:
            connection.execute(_OWE_ALL, {"collection": collection})

    def owed(self, collection: str, limit: int) -> list[PassageRow]:
        """Some passages that this index has to get."""
        wanted = select(passages).join(owed).where(owed.c.collection == collection).limit(limit)
        with self._database.reading() as connection:
            return [passage_row(tuple(row)) for row in connection.execute(wanted).all()]

    def debt(self, collection: str) -> int:
        """How many passages this index has to get."""
        wanted = select(func.count()).select_from(owed).where(owed.c.collection == collection)
        with self._database.reading() as connection:
            return connection.execute(wanted).scalar_one()

    def still_owed(self, collection: str, ids: Collection[str]) -> set[str]:
        """Those of these passages that are still there, and owed."""
        found: set[str] = set()
        with self._database.reading() as connection:
            for some in in_parts(ids):
                wanted = select(owed.c.passage).where(
                    owed.c.passage.in_(some), owed.c.collection == collection
                )
                found.update(connection.execute(wanted).scalars())
        return found

    def paid(self, collection: str, ids: Collection[str]) -> None:
        """This index has them now."""
        with self._database.writing() as connection:
            for some in in_parts(ids):
                connection.execute(
                    delete(owed).where(owed.c.passage.in_(some), owed.c.collection == collection)
                )

    def purge(self, now: datetime) -> None:
        """Forget documents that have been gone for long."""
        with self._database.writing() as connection:
            connection.execute(delete(documents).where(documents.c.gone_at < now - REMEMBERED))


def _upsert(table: Table, key: str) -> TextClause:
    """Insert rows, or put them in the place of those with the same key."""
    columns = [column.name for column in table.c]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(f":{name}" for name in columns)
    news = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name != key)
    return text(
        f'INSERT INTO {table.name} ({names}) VALUES ({values}) ON CONFLICT ("{key}") DO UPDATE SET {news}'
    ).bindparams(*(bindparam(column.name, type_=column.type) for column in table.c))


_TAKE = _upsert(documents, "id")
_WRITE = _upsert(passages, "id")
_LEAVE = text(
    "INSERT INTO dunoe_leftovers (collection, passage) VALUES (:collection, :passage) ON CONFLICT DO NOTHING"
)
_OWE = text(
    "INSERT INTO dunoe_owed (collection, passage) VALUES (:collection, :passage) ON CONFLICT DO NOTHING"
)
_OWE_ALL = text(
    "INSERT INTO dunoe_owed (collection, passage) SELECT :collection, id FROM dunoe_passages WHERE true"
    " ON CONFLICT DO NOTHING"
)
_FAIL = _upsert(failures, "path")


def _columns(document: DocumentRow) -> dict[str, Any]:  # Any: values of a row
    row = asdict(document)
    del row["labels"]
    return row | {"gone_at": None}


def _failure(failed: Failed) -> dict[str, Any]:  # Any: values of a row
    row = {name: getattr(failed, name) for name in failed.__slots__ if name != "why"}
    message, hint = failed.why.message, failed.why.hint
    return row | {
        "code": failed.why.code or failed.why.kind,
        "message_ko": message.ko,
        "message_en": message.en,
        "hint_ko": hint.ko,
        "hint_en": hint.en,
        "at": datetime.now(UTC),
    }


def _passages_of(some: Sequence[str]) -> Any:  # Any: the select's type says nothing here
    return select(passages.c.id).where(passages.c.document.in_(some))


def _empty(connection: Connection, some: Sequence[str], kept: Collection[str] = ()) -> None:
    """Take passages of these documents away, those not kept; they become leftovers of every index."""
    gone = set(connection.execute(_passages_of(some)).scalars()).difference(kept)
    names = list(connection.execute(select(collections.c.name)).scalars())
    rows = [{"collection": name, "passage": id} for name in names for id in gone]
    if rows:
        connection.execute(_LEAVE, rows)
    for part in in_parts(gone):
        connection.execute(delete(passages).where(passages.c.id.in_(part)))


def _wanted_again(connection: Connection, ids: Collection[str]) -> None:
    """What is put is not left over, even if it was before."""
    if connection.execute(select(leftovers.c.passage).limit(1)).first():
        for some in in_parts(ids):
            connection.execute(delete(leftovers).where(leftovers.c.passage.in_(some)))


def _part(connection: Connection, ids: Collection[str]) -> None:
    for some in in_parts(ids):
        _empty(connection, some)
        connection.execute(
            update(documents).where(documents.c.id.in_(some)).values(gone_at=datetime.now(UTC))
        )


def _forget(connection: Connection, paths: Collection[str]) -> None:
    for some in in_parts(paths):
        connection.execute(delete(failures).where(failures.c.path.in_(some)))
