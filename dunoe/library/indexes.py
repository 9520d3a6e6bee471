"""The indexes of a library: the one that answers, and the one being built for another embedding model."""

import hashlib
import logging
from dataclasses import dataclass
from typing import NamedTuple

from dunoe.errors import Unavailable
from dunoe.library.index.collections import Collections
from dunoe.library.index.point import Index
from dunoe.store.collections import Collection
from dunoe.store.store import Store

_LOG = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What an index should be made with. terms: their version. model: empty for words alone, with 0 dimensions."""

    terms: str
    model: str = ""
    dimensions: int = 0

    @property
    def name(self) -> str:
        """The same for the same, and fit for a folder or a server."""
        said = "\0".join((self.model, str(self.dimensions), self.terms))
        return f"dunoe-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Opened:
    """A collection and its open index."""

    row: Collection
    index: Index


class Indexes:
    """Opens, switches and closes indexes as the states of docs/design/library.md say. Blocking."""

    def __init__(self, collections: Collections, store: Store) -> None:
        self._collections, self._rows, self._intake = collections, store.collections, store.intake
        self._active: Opened | None = None
        self.building: Opened | None = None
        self._retired: list[Opened] = []

    @property
    def active(self) -> Opened:
        """The one that answers. Take it anew for each question: it may be switched."""
        if self._active is None:
            raise RuntimeError("the library is not open")
        return self._active

    def all(self) -> list[Opened]:
        """The active one, then the one being built, if any."""
        return [one for one in (self._active, self.building) if one is not None]

    def open(self, terms: str) -> None:
        """Open the one that answers; the very first one is for words alone, so that it answers soon."""
        active = next((row for row in self._rows.all() if row.state == "active"), None)
        if active is None:
            first = Wanted(terms)
            self._rows.drop(first.name)
            active = self._rows.begin(first.name, first.model, first.dimensions, "active")
        self._active = self._opened(active)

    def known_dimensions(self, terms: str, model: str) -> int | None:
        """Of this model, if there is a collection for it already."""
        return next(
            (
                row.dimensions
                for row in self._rows.all()
                if row.name == Wanted(terms, model, row.dimensions).name and row.state != "retired"
            ),
            None,
        )

    def want(self, wanted: Wanted) -> None:
        """Begin or resume building what is wanted, if something else answers; delete what nobody wants any more."""
        if self.building is not None and self.building.row.name != wanted.name:
            self.building.index.close()
            self.building = None
        reading = {one.row.name for one in self._retired}
        for row in self._rows.all():
            is_wanted = row.name in (self.active.row.name, wanted.name) and row.state != "retired"
            if not is_wanted and row.name not in reading:
                self._drop(row.name)
        if self.active.row.name == wanted.name or self.building is not None:
            return
        known = next((row for row in self._rows.all() if row.name == wanted.name), None)
        if known is None:
            known = self._rows.begin(wanted.name, wanted.model, wanted.dimensions, "building")
            self._intake.owe_all(wanted.name)
        self.building = self._opened(known)

    def switch(self) -> None:
        """What was built answers from now on. What answered stays open for those who are reading it, see `bury`."""
        if self.building is None:
            return
        self._rows.switch(self.building.row.name)
        self._retired.append(self.active)
        self._active, self.building = self.building, None

    def bury(self) -> None:
        """Delete what answered before the last switch."""
        while self._retired:
            old = self._retired.pop()
            old.index.close()
            self._drop(old.row.name)

    def close(self) -> None:
        """Write everything down and let go."""
        self.bury()
        for one in self.all():
            one.index.close()
        self._active = self.building = None
        self._collections.close()

    def _opened(self, row: Collection) -> Opened:
        dimensions = row.dimensions or None
        try:
            return Opened(row, self._collections.open(row.name, dimensions))
        except Unavailable as problem:
            if problem.code not in ("index_broken", "index_other_model"):
                raise
            _LOG.warning("the index is made again from the catalogue: %s", problem)
        self._collections.drop(row.name)
        return Opened(row, self._collections.open(row.name, dimensions))

    def _drop(self, name: str) -> None:
        self._collections.drop(name)
        self._rows.drop(name)
