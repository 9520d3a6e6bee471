"""What an index keeps of a passage, and what it can be asked."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Sparse(NamedTuple):
    """A sparse vector: term numbers (32 bits, each once) and their weights, in the same order."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Payload:
    """What filters look at. Every passage of a document has the same.

    document: its UUID. under: the folders it lies in, from the library folder down, absolute.
    name: of the file. date: days since 1970, None where unknown.
    """

    document: str
    under: tuple[str, ...]
    name: str
    kind: str
    type: str = ""
    status: str = ""
    project: str = ""
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    date: int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One passage. id: a UUID. dense: unit length; None while there is no embedding model."""

    id: str
    sparse: Sparse
    payload: Payload
    dense: Sequence[float] | None = None


class Found(NamedTuple):
    """A passage and how well it answers: a BM25 score, or a cosine."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents may answer. Inside one field any value will do; every field that is set must hold.

    documents: UUIDs (a path glob is turned into these by the database); None: any, (): none at all.
    names: of files, in whatever case. since, until: days since 1970, inclusive.
    """

    documents: tuple[str, ...] | None = None
    under: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None

    @property
    def is_nothing(self) -> bool:
        """True when no document can pass."""
        return self.documents == ()


ANY = Filter()

KEYWORDS = ("document", "under", "name", "kind", "type", "status", "project", "tags", "labels")
DATE = "date"


class Index(Protocol):
    """One collection of points. Blocking: call it from a thread. Safe for several threads at once.

    What goes wrong outside is a Problem: Unavailable (locked, broken, full disk, server away).
    """

    def put(self, points: Sequence[Point]) -> None:
        """Add or replace; on return it survives a killed process."""

    def remove(self, ids: Iterable[str]) -> None:
        """Forget these; fine when they are not there."""

    def relabel(self, document: str, payload: Payload) -> None:
        """Give every point of a document a new payload."""

    def lexical(self, query: Sparse, wanted: Filter, limit: int) -> list[Found]:
        """By inner product with the inverse document frequency of each term, best first; none that share no term."""

    def ceilings(self, query: Sparse) -> list[float]:
        """For each term the best score that it alone gives a passage; 0 where no passage has it."""

    def nearest(self, query: Sequence[float], wanted: Filter, limit: int) -> list[Found]:
        """By cosine, best first; only points that have a dense vector."""

    def matching(self, wanted: Filter, limit: int) -> list[str]:
        """Some points that pass the filter, in no useful order."""

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of these ids that are not there."""

    def count(self) -> int:
        """How many points there are."""

    def tidy(self) -> None:
        """Make searching fast again after many writes; others may read and write meanwhile.

        Takes minutes after a hundred thousand new passages, nothing where little has changed.
        """

    def rest(self) -> None:
        """Give memory back, unless there were questions since the last rest; the next use takes it again."""

    def close(self) -> None:
        """Write everything down and let go."""


def folded(name: str) -> str:
    """A file's name as names are compared: in one case, Hangul composed."""
    return unicodedata.normalize("NFC", name).casefold()


def stored(payload: Payload) -> dict[str, object]:
    """A payload as the points hold it; fields that say nothing are left out."""
    found: dict[str, object] = {
        "document": payload.document,
        "under": list(payload.under),
        "name": folded(payload.name),
        "kind": payload.kind,
        "type": payload.type,
        "status": payload.status,
        "project": payload.project,
        "tags": list(payload.tags),
        "labels": list(payload.labels),
        "date": payload.date,
    }
    return {key: value for key, value in found.items() if value not in ("", [], None)}


def conditions(wanted: Filter) -> list[tuple[str, list[str]]]:
    """The keyword fields that a filter sets, and the values that will do."""
    fields = (
        ("document", wanted.documents or ()),
        ("under", wanted.under),
        ("name", tuple(map(folded, wanted.names))),
        ("kind", wanted.kinds),
        ("type", wanted.types),
        ("status", wanted.statuses),
        ("project", wanted.projects),
        ("tags", wanted.tags),
        ("labels", wanted.labels),
    )
    return [(key, list(values)) for key, values in fields if values]
