"""The store: one open database and what lives in it."""

import asyncio
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from sqlalchemy import bindparam, text

from dunoe.errors import Misconfigured, Problem
from dunoe.store.collections import Collections, Folders
from dunoe.store.conversations import Conversations
from dunoe.store.database import UNUSABLE, Database
from dunoe.store.documents import Documents
from dunoe.store.intake import Intake
from dunoe.store.keys import Keys
from dunoe.store.ring import KeyRing
from dunoe.store.schema import bring_up
from dunoe.store.tables import UtcTime
from dunoe.store.usage import UsageBook

_BEAT = text(
    "INSERT INTO dunoe_heartbeat (id, at) VALUES (1, :at) ON CONFLICT (id) DO UPDATE SET at = excluded.at"
).bindparams(bindparam("at", type_=UtcTime))


class Store:
    """Keys and their usage, the catalogue of documents, conversations. Close it, or use `with`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keys = Keys(database)
        self.ring = KeyRing(self.keys)
        self.usage = UsageBook(database)
        self.documents = Documents(database)
        self.intake = Intake(database)
        self.collections = Collections(database)
        self.folders = Folders(database)
        self.conversations = Conversations(database)

    async def check_writes(self) -> None:
        """Write one row for real; raise `Unavailable` when the database does not take it."""
        await asyncio.to_thread(self._beat)

    def _beat(self) -> None:
        with self.database.writing() as connection:
            connection.execute(_BEAT, {"at": datetime.now(UTC)})

    def close(self) -> None:
        """Close every connection. Flush the usage before."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_store(url: str) -> Store:
    """Open the database, made and migrated as needed.

    url: `sqlite:///…` or `postgresql://…`. Raises `Misconfigured` for what a person must put right
    (see docs/design/store.md), `Unavailable` for what may be over in a minute.
    """
    database = Database(url)
    try:
        database.make_folder()
        bring_up(database)
    except Problem as problem:
        database.close()
        if problem.code == UNUSABLE:
            raise Misconfigured(problem.message, problem.hint, code=UNUSABLE) from problem
        raise
    return Store(database)
