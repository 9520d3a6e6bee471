"""The index in this process: Qdrant Edge in a folder of ours.

    lock            held as long as it is open
    current         JSON: which shard is the true one, and the length of its vectors
    shard-7/        one Qdrant Edge shard with its write-ahead log
    shard-8/        a copy that is being arranged, or what a killed process left; removed when it is opened

Arranging happens in a copy and in another process, while this one goes on answering and writing. What was written
meanwhile is carried over before the copy becomes the current one.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeAlias, TypeVar

import qdrant_edge as qdrant

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
PROGRAM = Path(__file__).with_name("arrange.py")
SPARE_BYTES = (
    512 * 2**20
)  # kept free: a full disk would kill the process, for files are written as memory
EF = 128  # candidates of the graph search: recall@10 of 0.99 and more on a hundred thousand vectors
UNARRANGED = 5_000_000  # numbers in vectors outside the graph that are still fast to read through
GONE = 0.2  # share of removed points that slows the search
FLUSH_POINTS = (
    5_000  # writes between two flushes: the log before is let go, the next opening is quick
)

T = TypeVar("T")
Condition: TypeAlias = "qdrant.ConditionType"  # names of the stub alone
PointId: TypeAlias = "qdrant.PointId"
Vector = list[float] | qdrant.SparseVector | list[list[float]]


class EdgeIndex:
    """One collection in a folder. Opened it holds the folder's lock; see `Index`."""

    def __init__(
        self, folder: Path, dimensions: int | None, *, spare_bytes: int = SPARE_BYTES
    ) -> None:
        """Open the folder's collection, or begin one.

        dimensions: of the dense vectors; None: there are none. spare_bytes: what writing leaves free on the disk.
        Raises Unavailable: locked, broken, not ours, made for another model, no room.
        """
        self.folder, self.dimensions, self._spare_bytes = folder, dimensions, spare_bytes
        self._writing, self._tidying = Lock(), Lock()
        self._unflushed = self._gone = 0
        self._left_outside = 0  # vectors that the last tidying left out of the graph
        self._touched: set[str] | None = None  # ids written while a copy is being arranged
        self._child: subprocess.Popen[bytes] | None = None
        self._shard: qdrant.EdgeShard | None = None
        with _disk(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder)
            try:
                self._number, self._shard = self._opened()
            except BaseException:
                os.close(self._lock)
                raise

    def _opened(self) -> tuple[int, qdrant.EdgeShard]:
        current = self._current()
        if current is None:
            _check_ours(self.folder)
        number = 1 if current is None else current
        for path in self.folder.glob("shard-*"):
            if current is None or path.name != f"shard-{current}":
                shutil.rmtree(path)
        try:
            if current is not None:
                return number, qdrant.EdgeShard.load(str(self._path(number)), self._config())
            self._check_room()
            shard = _created(self._path(number), self._config())
        except BaseException as exc:  # a panic of the library is no Exception
            raise _told(exc, lambda said: refusals.broken(self.folder, said)) from exc
        self._point_to(number)
        return number, shard

    def _current(self) -> int | None:
        """The number of the true shard; None in a new folder."""
        try:
            said = json.loads((self.folder / "current").read_bytes())
            number, dimensions = int(said["shard"]), said["dimensions"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as exc:
            raise refusals.broken(self.folder, "current") from exc
        if dimensions != self.dimensions:
            raise refusals.other_model(self.folder)
        return number

    def _point_to(self, number: int) -> None:
        """From now on this shard is the true one, whenever we are killed."""
        draft = self.folder / "current.new"
        with draft.open("w") as file:
            json.dump({"shard": number, "dimensions": self.dimensions}, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / "current")

    def _path(self, number: int) -> Path:
        return self.folder / f"shard-{number}"

    def _config(self) -> qdrant.EdgeConfig:
        vectors = {}
        if self.dimensions is not None:
            vectors[DENSE] = qdrant.EdgeVectorParams(
                size=self.dimensions,
                distance=qdrant.Distance.Cosine,
                datatype=qdrant.VectorStorageDatatype.Float16,  # half the memory, the same neighbours
            )
        return qdrant.EdgeConfig(
            vectors=vectors or None,
            sparse_vectors={
                SPARSE: qdrant.EdgeSparseVectorParams(
                    modifier=qdrant.Modifier.Idf,
                    datatype=qdrant.VectorStorageDatatype.Float16,
                    memory=qdrant.Memory.Cached,  # read from the disk's cache, not kept twice
                )
            },
            hnsw_config=qdrant.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
            optimizers=qdrant.EdgeOptimizersConfig(
                default_segment_number=1, deleted_threshold=GONE, indexing_threshold=8_000
            ),
        )

    def put(self, points: Sequence[Point]) -> None:
        """Add or replace; on return it survives a killed process."""
        if not points:
            return
        wanted = [self._point(point) for point in points]
        with self._write([point.id for point in points]):
            self._update(qdrant.UpdateOperation.upsert_points(wanted))
        self._flush_now_and_then(len(points))

    def _point(self, point: Point) -> qdrant.Point:
        sparse = qdrant.SparseVector(point.sparse.indices, point.sparse.values)
        vectors: dict[str, Vector] = {SPARSE: sparse}
        if point.dense is not None:
            vectors[DENSE] = list(point.dense)
        return qdrant.Point(point.id, vectors, stored(point.payload))

    def remove(self, ids: Iterable[str]) -> None:
        """Forget these; fine when they are not there."""
        if not (ids := list(ids)):
            return
        with self._write(ids):
            self._update(qdrant.UpdateOperation.delete_points(list(ids)))
        self._gone += len(ids)

    def relabel(self, document: str, payload: Payload) -> None:
        """Give every point of a document a new payload."""
        of_document = Filter(documents=(document,))
        everywhere = qdrant.Filter(must=_must(of_document))
        with self._write([]):
            if self._touched is not None:
                self._touched.update(self._matching(self._open(), of_document, None))
            self._update(
                qdrant.UpdateOperation.overwrite_payload_by_filter(everywhere, stored(payload))
            )

    def lexical(self, query: Sparse, wanted: Filter, limit: int) -> list[Found]:
        """By inner product with the inverse document frequency of each term, best first."""
        if wanted.is_nothing or not query.indices:
            return []
        vector = qdrant.SparseVector(query.indices, query.values)
        return self._search(vector, SPARSE, wanted, limit)

    def ceilings(self, query: Sparse) -> list[float]:
        """For each term the best score that it alone gives a passage; 0 where no passage has it."""
        asks = [
            qdrant.QueryRequest(
                limit=1,
                query=qdrant.Query.Nearest(qdrant.SparseVector([term], [weight]), using=SPARSE),
            )
            for term, weight in zip(query.indices, query.values, strict=True)
        ]
        batch = qdrant.QueryBatchRequest(asks)
        found = self._read(lambda shard: shard.query_batch(batch))
        return [one[0].score if one else 0.0 for one in found]

    def nearest(self, query: Sequence[float], wanted: Filter, limit: int) -> list[Found]:
        """By cosine, best first."""
        if wanted.is_nothing or self.dimensions is None:
            return []
        return self._search(list(query), DENSE, wanted, limit)

    def _search(
        self,
        query: list[float] | qdrant.SparseVector,
        using: str,
        wanted: Filter,
        limit: int,
    ) -> list[Found]:
        request = qdrant.SearchRequest(
            query=qdrant.Query.Nearest(query, using=using),
            limit=limit,
            filter=_filter(wanted),
            params=qdrant.SearchParams(hnsw_ef=max(EF, limit)),
        )
        found = self._read(lambda shard: shard.search(request))
        return [Found(str(one.id), one.score) for one in found]

    def matching(self, wanted: Filter, limit: int) -> list[str]:
        """Some points that pass the filter, in no useful order."""
        if wanted.is_nothing:
            return []
        return self._read(lambda shard: self._matching(shard, wanted, limit))

    @staticmethod
    def _matching(shard: qdrant.EdgeShard, wanted: Filter, limit: int | None) -> list[str]:
        found, offset = list[str](), None
        while limit is None or len(found) < limit:
            step = 1_000 if limit is None else min(1_000, limit - len(found))
            request = qdrant.ScrollRequest(
                limit=step,
                offset=offset,
                filter=_filter(wanted),
                with_payload=False,
                with_vector=False,
            )
            records, offset = shard.scroll(request)
            found += [str(one.id) for one in records]
            if offset is None:
                break
        return found

    def missing(self, ids: Sequence[str]) -> list[str]:
        """Those of these ids that are not there."""
        if not ids:
            return []
        records = self._read(lambda shard: shard.retrieve(list(ids), False, False))
        here = {str(one.id) for one in records}
        return [one for one in ids if one not in here]

    def count(self) -> int:
        """How many points there are."""
        return self._read(lambda shard: shard.count(qdrant.CountRequest()))

    def tidy(self) -> None:
        """Build the search graph where much was written; the copy is made beside, so this needs the room twice."""
        with self._tidying:
            if not self._is_untidy():
                return
            number = self._number + 1
            try:
                with _disk(self.folder):
                    self._copy(number)
                self._arrange(self._path(number))
                self._switch(number)
                self._left_outside = self._outside()
            finally:
                with self._writing:
                    self._touched = None
                for path in self.folder.glob("shard-*"):
                    if path != self._path(self._number):
                        shutil.rmtree(path, ignore_errors=True)  # else at the next opening

    def _is_untidy(self) -> bool:
        if self._gone > GONE * max(self.count(), 1_000):
            return True
        return self.dimensions is not None and (
            (self._outside() - self._left_outside) * self.dimensions > UNARRANGED
        )

    def _outside(self) -> int:
        """How many dense vectors are not in the graph; the library counts the sparse ones, all indexed, with them."""
        info = self._read(lambda shard: shard.info())
        return 2 * info.points_count - info.indexed_vectors_count

    def _copy(self, number: int) -> None:
        with self._writing:
            self._translated(self._open().flush)
            here = self._path(self._number)
            bytes_here = sum(file.stat().st_blocks * 512 for file in here.rglob("*"))
            self._check_room(2 * bytes_here)  # the copy, and what it is arranged into
            shutil.rmtree(self._path(number), ignore_errors=True)
            shutil.copytree(here, self._path(number))
            self._touched = set()

    def _arrange(self, folder: Path) -> None:
        command = [sys.executable, "-I", str(PROGRAM), str(folder)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
            self._child = child
            try:
                if self._shard is None:
                    child.kill()
                _, said = child.communicate()
            finally:
                self._child = None
        if self._shard is None:
            raise refusals.closed()
        if child.returncode != 0:
            lines = said.decode("utf-8", "replace").strip().split("\n")
            raise refusals.not_tidied(lines[-1] or f"exit {child.returncode}")

    def _switch(self, number: int) -> None:
        """Carry over what was written meanwhile, most of it before the writers have to wait."""
        new = self._translated(
            lambda: qdrant.EdgeShard.load(str(self._path(number)), self._config())
        )
        with self._writing:
            touched, self._touched = self._touched or set(), set()
        self._carry(new, touched)
        with self._writing:
            old = self._open()
            self._carry(new, self._touched)
            self._translated(new.flush)
            self._point_to(number)
            self._number, self._shard = number, new
            self._unflushed = self._gone = 0
        del old  # let go when the last reader has left it

    def _carry(self, new: qdrant.EdgeShard, ids: set[str]) -> None:
        """Make these points in the new shard what they are in ours."""
        waiting = list(ids)
        for start in range(0, len(waiting), 500):
            part = waiting[start : start + 500]
            records = self._read(partial(_whole, part))
            here = {str(one.id) for one in records}
            points = [qdrant.Point(one.id, one.vector or {}, one.payload) for one in records]
            gone: list[PointId] = [one for one in part if one not in here]
            if points:
                self._translated(partial(new.update, qdrant.UpdateOperation.upsert_points(points)))
            if gone:
                self._translated(partial(new.update, qdrant.UpdateOperation.delete_points(gone)))

    def close(self) -> None:
        """Write everything down and let go of the folder; a tidying is broken off."""
        with self._writing:
            shard, self._shard = self._shard, None
            if shard is None:
                return
            if (child := self._child) is not None:
                child.kill()
            try:
                self._translated(shard.flush)
            finally:
                del shard  # closes it, once no reader holds it any more
        with self._tidying:
            os.close(self._lock)

    def _open(self) -> qdrant.EdgeShard:
        if self._shard is None:
            raise refusals.closed()
        return self._shard

    def _read(self, ask: Callable[[qdrant.EdgeShard], T]) -> T:
        shard = self._open()
        return self._translated(lambda: ask(shard))

    @contextmanager
    def _write(self, ids: list[str]) -> Iterator[None]:
        """One writer at a time; what is written is remembered for the copy, if one is being arranged."""
        self._check_room()
        with self._writing, _disk(self.folder):
            if self._touched is not None:
                self._touched.update(ids)
            yield

    def _update(self, operation: qdrant.UpdateOperation) -> None:
        shard = self._open()
        self._translated(lambda: shard.update(operation))

    def _flush_now_and_then(self, written: int) -> None:
        with self._writing:
            self._unflushed += written
            if self._unflushed >= FLUSH_POINTS and self._shard is not None:
                self._unflushed = 0
                self._translated(self._shard.flush)

    def _check_room(self, more: int = 0) -> None:
        with _disk(self.folder):
            free = shutil.disk_usage(self.folder).free
        if free < self._spare_bytes + more:
            raise refusals.disk_full(self.folder)

    def _translated(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except BaseException as exc:  # as above
            raise _told(exc, refusals.failed) from exc


def _told(exc: BaseException, as_problem: Callable[[str], Problem]) -> BaseException:
    """What an exception of the library means; it raises bare `Exception`, and its panics are no Exception at all."""
    if type(exc) is Exception or type(exc).__name__ == "PanicException":
        return as_problem(str(exc).split("\n")[0])
    return exc


def _created(folder: Path, config: qdrant.EdgeConfig) -> qdrant.EdgeShard:
    shard = qdrant.EdgeShard.create(str(folder), config)
    for name in KEYWORDS:
        keyword = qdrant.PayloadSchemaType.Keyword
        shard.update(qdrant.UpdateOperation.create_field_index(name, keyword))
    integer = qdrant.PayloadSchemaType.Integer
    shard.update(qdrant.UpdateOperation.create_field_index(DATE, integer))
    return shard


def _whole(ids: list[str], shard: qdrant.EdgeShard) -> list[qdrant.Record]:
    """These points with everything they hold."""
    return shard.retrieve(list(ids), True, True)


def _filter(wanted: Filter) -> qdrant.Filter | None:
    must = _must(wanted)
    return qdrant.Filter(must=must) if must else None


def _must(wanted: Filter) -> list[Condition]:
    must: list[Condition] = [
        qdrant.FieldCondition(key, match=qdrant.MatchAny(values))
        for key, values in conditions(wanted)
    ]
    if wanted.since is not None or wanted.until is not None:
        days = qdrant.RangeFloat(gte=wanted.since, lte=wanted.until)
        must.append(qdrant.FieldCondition(DATE, range=days))
    return must


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(descriptor)
        raise refusals.locked(folder) from exc
    return descriptor


def _check_ours(folder: Path) -> None:
    """A folder without `current` is empty, or what a process left that was killed while it began."""
    for path in folder.iterdir():
        if path.name not in ("lock", "current.new") and not path.name.startswith("shard-"):
            with suppress(OSError):
                (folder / "lock").unlink()
            raise refusals.foreign(folder)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a Problem."""
    try:
        yield
    except OSError as exc:
        raise refusals.unwritable(folder, exc.strerror or str(exc)) from exc
