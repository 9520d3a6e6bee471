"""The index in this process: Qdrant Edge in a folder of ours.

Arranging (building the search graph) happens in a copy and in another process, for the library keeps the interpreter
to itself while it works. This one goes on answering and writing; what was written meanwhile is carried over before
the copy becomes the true shard.
"""

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeAlias, TypeVar

import qdrant_edge as qdrant

from dunoe.library.index import edge_shard, refusals
from dunoe.library.index.edge_folder import SPARE_BYTES, EdgeFolder, disk
from dunoe.library.index.edge_shard import DENSE, GONE, SPARSE, condition, must, translated
from dunoe.library.index.point import Filter, Found, Payload, Point, Sparse, stored

PROGRAM = Path(__file__).with_name("arrange.py")
EF = 128  # candidates of the graph search: recall@10 of 0.99 and more on a hundred thousand vectors
UNARRANGED = 5_000_000  # numbers in vectors outside the graph that are still fast to read through
FLUSH_POINTS = (
    5_000  # writes between two flushes: the log before is let go, the next opening is quick
)
REMEMBERED = 1_000  # ceilings of terms: a frequent one takes milliseconds to find
CARRIED = 500  # points that are carried over at once

T = TypeVar("T")
PointId: TypeAlias = "qdrant.PointId"  # a name of the stub alone


class EdgeIndex:
    """One collection in a folder, see `Index`. It holds the folder's lock; the shard is read in when it is used."""

    def __init__(
        self, folder: Path, dimensions: int | None, *, spare_bytes: int = SPARE_BYTES
    ) -> None:
        """Open the folder's collection, or begin one.

        dimensions: of the dense vectors; None: there are none. spare_bytes: what writing leaves free on the disk.
        Raises Unavailable: locked, broken, not ours, made for another model, no room.
        """
        self.dimensions = dimensions
        self._writing, self._tidying, self._opening = Lock(), Lock(), Lock()
        self._unflushed = self._gone = 0
        self._left_outside = 0  # vectors that the last tidying left out of the graph
        self._touched: set[str] | None = None  # ids written while a copy is being arranged
        self._child: subprocess.Popen[bytes] | None = None
        self._folder = EdgeFolder(folder, dimensions, spare_bytes)
        self._shard: qdrant.EdgeShard | None = None
        self._is_closed = self._is_asked = False
        self._users = 0
        self._ceilings: dict[tuple[int, float], float] = {}  # of this index as it is
        try:
            self._count: int | None = None
            self._count = self.count()  # until something is written; it can be opened, too
            self._is_tidy = not self._is_untidy()
        except BaseException:  # whatever it was: another may try
            self._folder.release()
            raise
        self._shard = None

    def _opened(self) -> qdrant.EdgeShard:
        is_new = self._folder.current is None
        if is_new:
            self._folder.check_room()
        begin = edge_shard.create if is_new else edge_shard.load
        shard = translated(
            partial(begin, self._folder.here, self.dimensions),
            partial(refusals.broken, self._folder.path),
        )
        if is_new:
            self._folder.point_to(1)
        return shard

    def put(self, points: Sequence[Point]) -> None:
        """Add or replace; on return it survives a killed process."""
        if not points:
            return
        wanted = [edge_shard.point(one) for one in points]
        with self._write([one.id for one in points]):
            self._update(qdrant.UpdateOperation.upsert_points(wanted))
        self._flush_now_and_then(len(points))

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
        everywhere = qdrant.Filter(must=must(of_document))
        with self._write([]):
            if self._touched is not None:
                self._touched.update(
                    self._read(partial(self._matching, wanted=of_document, limit=None))
                )
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
        terms, known = list(zip(query.indices, query.values, strict=True)), self._ceilings
        if new := [one for one in terms if one not in known]:
            asks = [
                qdrant.QueryRequest(
                    limit=1,
                    query=qdrant.Query.Nearest(qdrant.SparseVector([term], [weight]), using=SPARSE),
                )
                for term, weight in new
            ]
            batch = qdrant.QueryBatchRequest(asks)
            found = self._read(lambda shard: shard.query_batch(batch))
            scores = [one[0].score if one else 0.0 for one in found]
            was, known = known, known | dict(zip(new, scores, strict=True))
            if self._ceilings is was:  # nothing was written meanwhile
                self._ceilings = known if len(known) <= REMEMBERED else {}
        return [known[one] for one in terms]

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
            filter=condition(wanted),
            params=qdrant.SearchParams(hnsw_ef=max(EF, limit)),
        )
        self._is_asked = True
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
                filter=condition(wanted),
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
        if (known := self._count) is not None and not self._is_closed:
            return known
        return self._read(lambda shard: shard.count(qdrant.CountRequest()))

    def tidy(self) -> None:
        """Build the search graph where much was written; the copy is made beside, so this needs the room twice."""
        with self._tidying:
            if self._is_tidy or not self._is_untidy():
                return
            number = (self._folder.current or 0) + 1
            try:
                self._copy(number)
                self._arrange(self._folder.shard(number))
                self._switch(number)
                self._left_outside = self._outside()
            finally:
                with self._writing:
                    self._touched = None
                self._folder.sweep()
                _give_back()

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
            self._read(lambda shard: shard.flush())
            self._folder.copy(number)
            self._touched = set()

    def _arrange(self, folder: Path) -> None:
        command = [sys.executable, "-I", str(PROGRAM), str(folder)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as child:
            self._child = child
            try:
                if self._is_closed:
                    child.kill()
                _, said = child.communicate()
            finally:
                self._child = None
        if self._is_closed:
            raise refusals.closed()
        if child.returncode != 0:
            lines = said.decode("utf-8", "replace").strip().split("\n")
            raise refusals.not_tidied(lines[-1] or f"exit {child.returncode}")

    def _switch(self, number: int) -> None:
        """Carry over what was written meanwhile, most of it before the writers have to wait."""
        new = translated(partial(edge_shard.load, self._folder.shard(number), self.dimensions))
        with self._writing:
            touched, self._touched = self._touched or set(), set()
        self._carry(new, touched)
        with self._writing:
            self._carry(new, self._touched)
            translated(new.flush)
            with self._opening:
                if self._is_closed:
                    raise refusals.closed()
                self._folder.point_to(number)
                self._shard = new  # the old one is let go when the last reader has left it
            self._unflushed = self._gone = 0

    def _carry(self, new: qdrant.EdgeShard, ids: set[str]) -> None:
        """Make these points in the new shard what they are in ours."""
        waiting = list(ids)
        for start in range(0, len(waiting), CARRIED):
            part = waiting[start : start + CARRIED]
            records = self._read(partial(_whole, part))
            here = {str(one.id) for one in records}
            points = [qdrant.Point(one.id, one.vector or {}, one.payload) for one in records]
            gone: list[PointId] = [one for one in part if one not in here]
            if points:
                translated(partial(new.update, qdrant.UpdateOperation.upsert_points(points)))
            if gone:
                translated(partial(new.update, qdrant.UpdateOperation.delete_points(gone)))

    def rest(self) -> None:
        """Let go of the shard, which takes 60 MB when it is empty, if none has searched since the last rest."""
        with self._tidying, self._writing, self._opening:
            was_asked, self._is_asked = self._is_asked, False
            if was_asked or self._users or self._shard is None:
                return
            translated(self._shard.flush)
            self._shard = None
            self._unflushed = 0
            _give_back()

    def close(self) -> None:
        """Write everything down and let go of the folder; a tidying is broken off."""
        with self._writing, self._opening:
            if self._is_closed:
                return
            self._is_closed = True
            shard, self._shard = self._shard, None
            if (child := self._child) is not None:
                child.kill()
            try:
                if shard is not None:
                    translated(shard.flush)
            finally:
                del shard  # closes it, once no reader holds it any more
        with self._tidying:
            self._folder.release()
        _give_back()

    @contextmanager
    def _in_use(self) -> Iterator[qdrant.EdgeShard]:
        """The shard, read in when it rests; meanwhile it cannot be let go."""
        with self._opening:
            if self._is_closed:
                raise refusals.closed()
            if self._shard is None:
                self._shard = self._opened()
            shard = self._shard
            self._users += 1
        try:
            yield shard
        finally:
            with self._opening:
                self._users -= 1

    def _read(self, ask: Callable[[qdrant.EdgeShard], T]) -> T:
        with self._in_use() as shard:
            return translated(lambda: ask(shard))

    @contextmanager
    def _write(self, ids: list[str]) -> Iterator[None]:
        """One writer at a time; what is written is remembered for the copy, if one is being arranged."""
        self._folder.check_room()
        with self._writing, disk(self._folder.path):
            self._is_tidy, self._count, self._ceilings = False, None, {}
            if self._touched is not None:
                self._touched.update(ids)
            yield

    def _update(self, operation: qdrant.UpdateOperation) -> None:
        self._read(lambda shard: shard.update(operation))

    def _flush_now_and_then(self, written: int) -> None:
        with self._writing:
            self._unflushed += written
            if self._unflushed >= FLUSH_POINTS and self._shard is not None:
                self._unflushed = 0
                translated(self._shard.flush)


def _give_back() -> None:
    """Let the system have what was freed: glibc keeps most of it, 4 KB for each passage that was written."""
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _whole(ids: list[str], shard: qdrant.EdgeShard) -> list[qdrant.Record]:
    """These points with everything they hold."""
    return shard.retrieve(list(ids), True, True)
