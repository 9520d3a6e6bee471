"""The index on a Qdrant server or cluster; the same collection as the embedded one, through `qdrant-client`."""

import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

import httpx
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from dunoe.errors import Problem
from dunoe.library.index import refusals
from dunoe.library.index.point import (
    DATE,
    KEYWORDS,
    Filter,
    Found,
    Payload,
    Point,
    Sparse,
    conditions,
    stored,
)

DENSE, SPARSE = "dense", "lexical"
PART = 200  # points in one request: about 5 MB of JSON at 1,024 dimensions

TIMEOUT_S = 60

T = TypeVar("T")


class RemoteIndex:
    """One collection of a server, made when it is not there. Several processes may use it at once; see `Index`."""

    def __init__(
        self, client: QdrantClient, name: str, dimensions: int | None, *, url: str = "qdrant"
    ) -> None:
        """url: what errors call the server. Raises EngineFailed, EngineTimeout, or Unavailable for another model's."""
        self._client, self.name, self.dimensions, self._url = client, name, dimensions, url
        if not self._told(lambda: client.collection_exists(name)):
            self._told(self._create)
        vectors = self._told(lambda: client.get_collection(name)).config.params.vectors or {}
        dense = vectors.get(DENSE) if isinstance(vectors, dict) else vectors
        if (None if dense is None else dense.size) != dimensions:
            raise refusals.other_model(f"{url} {name}")

    def _create(self) -> None:
        dense: dict[str, models.VectorParams] = {}
        if self.dimensions is not None:
            dense[DENSE] = models.VectorParams(
                size=self.dimensions,
                distance=models.Distance.COSINE,
                datatype=models.Datatype.FLOAT16,
            )
        idf = models.SparseVectorParams(modifier=models.Modifier.IDF)
        self._client.create_collection(
            self.name, vectors_config=dense, sparse_vectors_config={SPARSE: idf}
        )
        for key in KEYWORDS:
            self._client.create_payload_index(self.name, key, models.PayloadSchemaType.KEYWORD)
        self._client.create_payload_index(self.name, DATE, models.PayloadSchemaType.INTEGER)

    def put(self, points: Sequence[Point]) -> None:
        """Add or replace; on return the server has it."""
        wanted = [_point(point) for point in points]
        for start in range(0, len(wanted), PART):
            part = wanted[start : start + PART]
            self._told(partial(self._client.upsert, self.name, part, wait=True))

    def remove(self, ids: Iterable[str]) -> None:
        """Forget these; fine when they are not there."""
        gone = models.PointIdsList(points=list(ids))
        if gone.points:
            self._told(lambda: self._client.delete(self.name, gone, wait=True))

    def relabel(self, document: str, payload: Payload) -> None:
        """Give every point of a document a new payload."""
        points = models.Filter(must=_must(Filter(documents=(document,))))
        self._told(
            lambda: self._client.overwrite_payload(self.name, stored(payload), points, wait=True)
        )

    def lexical(self, query: Sparse, wanted: Filter, limit: int) -> list[Found]:
        """By inner product with the inverse document frequency of each term, best first."""
        if wanted.is_nothing or not query.indices:
            return []
        vector = models.SparseVector(indices=query.indices, values=query.values)
        return self._search(vector, SPARSE, wanted, limit)

    def ceilings(self, query: Sparse) -> list[float]:
        """For each term the best score that it alone gives a passage; 0 where no passage has it."""
        asks = [
            models.QueryRequest(
                query=models.SparseVector(indices=[term], values=[weight]), using=SPARSE, limit=1
            )
            for term, weight in zip(query.indices, query.values, strict=True)
        ]
        found = self._told(lambda: self._client.query_batch_points(self.name, asks))
        return [one.points[0].score if one.points else 0.0 for one in found]

    def nearest(self, query: Sequence[float], wanted: Filter, limit: int) -> list[Found]:
        """By cosine, best first."""
        if wanted.is_nothing or self.dimensions is None:
            return []
        return self._search(list(query), DENSE, wanted, limit)

    def _search(
        self, query: list[float] | models.SparseVector, using: str, wanted: Filter, limit: int
    ) -> list[Found]:
        answer = self._told(
            lambda: self._client.query_points(
                self.name,
                query=query,
                using=using,
                query_filter=_filter(wanted),
                limit=limit,
                with_payload=False,
            )
        )
        return [Found(str(one.id), one.score) for one in answer.points]

    def matching(self, wanted: Filter, limit: int) -> list[str]:
        """Some points that pass the filter, in no useful order."""
        if wanted.is_nothing:
            return []
        records, _ = self._told(
            lambda: self._client.scroll(
                self.name, scroll_filter=_filter(wanted), limit=limit, with_payload=False
            )
        )
        return [str(one.id) for one in records]

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of these ids that are not there."""
        here: set[str] = set()
        for start in range(0, len(ids), 1_000):
            part = list(ids[start : start + 1_000])
            ask = partial(self._client.retrieve, self.name, part, with_payload=False)
            records = self._told(ask)
            here |= {str(one.id) for one in records}
        return [one for one in ids if one not in here]

    def count(self) -> int:
        """How many points there are."""
        return self._told(lambda: self._client.count(self.name, exact=True)).count

    def tidy(self) -> None:
        """Nothing: a server arranges its collections by itself."""

    def rest(self) -> None:
        """Nothing: the memory is the server's."""

    def close(self) -> None:
        """Nothing: the client belongs to who made it."""

    def _told(self, ask: Callable[[], T]) -> T:
        return told(self._url, ask)


class RemoteCollections:
    """Collections on a server."""

    def __init__(self, client: QdrantClient, url: str) -> None:
        """url: what errors call the server."""
        self._client, self._url = client, url

    def open(self, name: str, dimensions: int | None) -> RemoteIndex:
        """The collection, which other processes may use, too."""
        return RemoteIndex(self._client, name, dimensions, url=self._url)

    def drop(self, name: str) -> None:
        """Delete it there."""
        told(self._url, lambda: self._client.delete_collection(name))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def connect(host: str, port: int, api_key: str | None) -> RemoteCollections:
    """The collections of a server. host: a name, or an address that begins with http:// or https://."""
    url = host if re.match(r"https?://", host) else f"http://{host}:{port}"
    with warnings.catch_warnings():  # the client warns of a key that travels over plain http
        warnings.simplefilter("ignore", UserWarning)
        client = QdrantClient(
            url=url,
            port=port,  # where the address has none
            api_key=api_key,
            timeout=TIMEOUT_S,
            check_compatibility=False,  # would ask at once, and warn where a Problem will tell
        )
    return RemoteCollections(client, url)


def told(url: str, ask: Callable[[], T]) -> T:
    """What the server answers; its refusals and absences as Problems."""
    try:
        return ask()
    except ResponseHandlingException as exc:
        raise _absent(url, exc.source) from exc
    except UnexpectedResponse as exc:
        said = exc.content.decode("utf-8", "replace")[:200]
        raise refusals.server_refused(url, f"{exc.status_code} {said}") from exc


def _absent(url: str, cause: Exception) -> Problem:
    if isinstance(cause, httpx.TimeoutException):
        return refusals.server_slow(url)
    return refusals.server_refused(url, str(cause))


def _point(point: Point) -> models.PointStruct:
    sparse = models.SparseVector(indices=point.sparse.indices, values=point.sparse.values)
    vectors: dict[str, models.Vector] = {SPARSE: sparse}
    if point.dense is not None:
        vectors[DENSE] = list(point.dense)
    return models.PointStruct(id=point.id, vector=vectors, payload=stored(point.payload))


def _filter(wanted: Filter) -> models.Filter | None:
    must = _must(wanted)
    return models.Filter(must=must) if must else None


def _must(wanted: Filter) -> list[models.Condition]:
    must: list[models.Condition] = [
        models.FieldCondition(key=key, match=models.MatchAny(any=values))
        for key, values in conditions(wanted)
    ]
    if wanted.since is not None or wanted.until is not None:
        days = models.Range(gte=wanted.since, lte=wanted.until)
        must.append(models.FieldCondition(key=DATE, range=days))
    return must
