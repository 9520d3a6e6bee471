"""Which indexes there are, and which folders were added by hand."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from sqlalchemy import delete, insert, select, update

from dunoe.store.database import Database
from dunoe.store.tables import collections, folders, leftovers, owed

State = Literal["building", "active", "retired"]


class Collection(NamedTuple):
    """One index made of the passages. model: empty for one without vectors, then dimensions are 0."""

    name: str
    model: str
    dimensions: int
    state: State
    made_at: datetime


class Collections:
    """The states of the indexes; see docs/design/library.md."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Collection]:
        """Every collection that is there, oldest first."""
        with self._database.reading() as connection:
            wanted = select(*(collections.c[name] for name in Collection._fields))
            rows = connection.execute(wanted.order_by(collections.c.made_at)).all()
        return [Collection(*row) for row in rows]

    def begin(self, name: str, model: str, dimensions: int, state: State) -> Collection:
        """A new one; `active` is for the very first."""
        made = Collection(name, model, dimensions, state, datetime.now(UTC))
        with self._database.writing() as connection:
            connection.execute(insert(collections), made._asdict())
        return made

    def switch(self, name: str) -> None:
        """This one answers from now on; whichever did is retired."""
        with self._database.writing() as connection:
            was, now = collections.c.state == "active", collections.c.name == name
            connection.execute(update(collections).where(was).values(state="retired"))
            connection.execute(update(collections).where(now).values(state="active"))

    def drop(self, name: str) -> None:
        """Forget one, and what was left over in it."""
        with self._database.writing() as connection:
            connection.execute(delete(collections).where(collections.c.name == name))
            connection.execute(delete(leftovers).where(leftovers.c.collection == name))
            connection.execute(delete(owed).where(owed.c.collection == name))


class Folders:
    """The library folders that a person added with `dunoe library add`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[str]:
        """Their paths, first added first."""
        with self._database.reading() as connection:
            wanted = select(folders.c.path).order_by(folders.c.added_at)
            return list(connection.execute(wanted).scalars())

    def add(self, path: str) -> bool:
        """Remember a folder; False when it was there already."""
        with self._database.writing(alone=True) as connection:
            if connection.execute(select(folders).where(folders.c.path == path)).first():
                return False
            connection.execute(insert(folders), {"path": path, "added_at": datetime.now(UTC)})
            return True

    def remove(self, path: str) -> bool:
        """Forget a folder; False when it was not there."""
        with self._database.writing() as connection:
            return connection.execute(delete(folders).where(folders.c.path == path)).rowcount > 0
