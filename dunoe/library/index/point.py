"""What an index keeps of a passage, and what it can be asked."""

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
    date: days since 1970, None where unknown.
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

    documents: UUIDs (a path glob is turned into these by the database); None: any.
    since, until: days since 1970, inclusive.
    """

    documents: tuple[str, ...] | None = None
    under: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None


class Index(Protocol):
    """One collection of points. Blocking: call it from a thread. Safe for several threads at once."""

    def put(self, points: Sequence[Point]) -> None:
        """Add or replace; on return it survives a killed process."""

    def remove(self, ids: Iterable[str]) -> None:
        """Forget these; fine when they are not there."""

    def relabel(self, document: str, payload: Payload) -> None:
        """Give every point of a document a new payload."""

    def lexical(self, query: Sparse, wanted: Filter, limit: int) -> list[Found]:
        """By inner product with the inverse document frequency of each term, best first."""

    def nearest(self, query: Sequence[float], wanted: Filter, limit: int) -> list[Found]:
        """By cosine, best first."""

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of these ids that are not there."""

    def count(self) -> int:
        """How many points there are."""

    def close(self) -> None:
        """Write everything down and let go."""
