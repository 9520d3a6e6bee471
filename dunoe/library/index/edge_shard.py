"""One Qdrant Edge shard in our words: what it holds, how it is filtered, and what its exceptions mean."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, TypeVar

import qdrant_edge as qdrant

from dunoe.errors import Problem
from dunoe.library.index import refusals
from dunoe.library.index.point import DATE, KEYWORDS, Filter, Point, conditions, stored

DENSE, SPARSE = "dense", "lexical"
GONE = 0.2  # share of removed points from which on arranging drops them
INDEXED_KB = 8_000  # of vectors, from which on arranging builds a graph

T = TypeVar("T")
Condition: TypeAlias = "qdrant.ConditionType"  # names of the stub alone
Vector = list[float] | qdrant.SparseVector | list[list[float]]


def create(folder: Path, dimensions: int | None) -> qdrant.EdgeShard:
    """A new shard with an index for every field of a filter."""
    shard = qdrant.EdgeShard.create(str(folder), _config(dimensions))
    for name in KEYWORDS:
        keyword = qdrant.PayloadSchemaType.Keyword
        shard.update(qdrant.UpdateOperation.create_field_index(name, keyword))
    integer = qdrant.PayloadSchemaType.Integer
    shard.update(qdrant.UpdateOperation.create_field_index(DATE, integer))
    return shard


def load(folder: Path, dimensions: int | None) -> qdrant.EdgeShard:
    """A shard that is there."""
    return qdrant.EdgeShard.load(str(folder), _config(dimensions))


def _config(dimensions: int | None) -> qdrant.EdgeConfig:
    vectors = {}
    if dimensions is not None:
        vectors[DENSE] = qdrant.EdgeVectorParams(
            size=dimensions,
            distance=qdrant.Distance.Cosine,
            datatype=qdrant.VectorStorageDatatype.Float16,  # half the memory, the same neighbours
        )
    words = qdrant.EdgeSparseVectorParams(
        modifier=qdrant.Modifier.Idf,
        datatype=qdrant.VectorStorageDatatype.Float16,
        memory=qdrant.Memory.Cached,  # read from the disk's cache, not kept twice
    )
    return qdrant.EdgeConfig(
        vectors=vectors or None,
        sparse_vectors={SPARSE: words},
        hnsw_config=qdrant.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
        optimizers=qdrant.EdgeOptimizersConfig(
            default_segment_number=1, deleted_threshold=GONE, indexing_threshold=INDEXED_KB
        ),
    )


def point(one: Point) -> qdrant.Point:
    """A point as the library takes it."""
    vectors: dict[str, Vector] = {
        SPARSE: qdrant.SparseVector(one.sparse.indices, one.sparse.values)
    }
    if one.dense is not None:
        vectors[DENSE] = list(one.dense)
    return qdrant.Point(one.id, vectors, stored(one.payload))


def condition(wanted: Filter) -> qdrant.Filter | None:
    """The filter; None where everything passes."""
    fields = must(wanted)
    return qdrant.Filter(must=fields) if fields else None


def must(wanted: Filter) -> list[Condition]:
    """What must hold, field by field."""
    fields: list[Condition] = [
        qdrant.FieldCondition(key, match=qdrant.MatchAny(values))
        for key, values in conditions(wanted)
    ]
    if wanted.since is not None or wanted.until is not None:
        days = qdrant.RangeFloat(gte=wanted.since, lte=wanted.until)
        fields.append(qdrant.FieldCondition(DATE, range=days))
    return fields


def translated(ask: Callable[[], T], as_problem: Callable[[str], Problem] = refusals.failed) -> T:
    """What the library answers; what it raises becomes a Problem.

    It raises bare `Exception`, and its panics are no `Exception` at all.
    """
    try:
        return ask()
    except BaseException as exc:  # a panic; everything that is not the library's goes on as it is
        if type(exc) is Exception or type(exc).__name__ == "PanicException":
            raise as_problem(str(exc).split("\n")[0]) from exc
        raise
