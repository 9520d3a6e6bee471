"""How fast the embedded index answers, and what it takes: `python -m bench.index [--passages N] [--dimensions D]`.

Vectors lie in clusters, as embeddings do; terms follow Zipf's law. Memory is told as `own + mapped`: what the process
holds, and what it maps of the index's files, which the system may drop at any time.
"""

import argparse
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple

import numpy as np

from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import ANY, Filter, Found, Payload, Point, Sparse
from dunoe.library.library import TIDIED

VOCABULARY, CLUSTERS, BATCH, QUERIES, QUERY_TERMS = 150_000, 500, 500, 400, 40
FOLDERS, KINDS, DAYS = 10, 4, 3_000

Vectors = np.ndarray[Any, np.dtype[np.float32]]


class World:
    """Passages with vectors and terms, the same at every run."""

    def __init__(self, dimensions: int | None, terms: int) -> None:
        self.dimensions, self.terms = dimensions, terms
        self.random = np.random.default_rng(7)
        self.centres = self.random.standard_normal((CLUSTERS, dimensions or 1), np.float32)
        chances = 1 / np.arange(1, VOCABULARY + 1)
        self.cumulative = np.cumsum(chances / chances.sum())

    def vectors(self, count: int) -> Vectors:
        """Unit length, each near one of the centres."""
        near: Vectors = self.centres[self.random.integers(0, CLUSTERS, count)]
        near += self.random.standard_normal(near.shape, np.float32)
        near /= np.linalg.norm(near, axis=1, keepdims=True)
        return near

    def sparse(self, count: int) -> Sparse:
        """About so many different terms."""
        drawn = np.searchsorted(self.cumulative, self.random.random(int(count * 1.6)))
        indices = np.unique(drawn[drawn < VOCABULARY])
        self.random.shuffle(indices)
        indices = indices[:count]
        return Sparse(indices.tolist(), (1 + self.random.random(len(indices))).tolist())

    def points(self, passages: int) -> Iterator[list[Point]]:
        """Batches of points; twenty passages make a document."""
        for start in range(0, passages, BATCH):
            count = min(BATCH, passages - start)
            dense = self.vectors(count).tolist() if self.dimensions else [None] * count
            yield [
                Point(
                    str(uuid.UUID(int=start + n + 1)),
                    self.sparse(self.terms),
                    _payload((start + n) // 20),
                    dense[n],
                )
                for n in range(count)
            ]


def _payload(number: int) -> Payload:
    return Payload(
        document=str(uuid.UUID(int=2**64 + number)),
        under=("/lib", f"/lib/{number % FOLDERS}"),
        name=f"{number}.md",
        kind=str(number % KINDS),
        tags=(f"t{number % 7}",),
        date=number % DAYS,
    )


class Memory:
    """The most memory that this process and its children had while the block ran, looked at 20 times a second.

    together: of all at the same moment.
    """

    def __enter__(self) -> "Memory":
        self.ours = self.childs = self.together = Resident(0, 0)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def __str__(self) -> str:
        return f"at most {self.together}: here {self.ours}, in the child {self.childs}"

    def _look(self) -> None:
        while not self._over.wait(0.05):
            ours, childs = resident(), Resident(0, 0)
            for child in _children():
                childs = childs.plus(resident(child))
            self.ours, self.childs = self.ours.most(ours), self.childs.most(childs)
            self.together = self.together.most(ours.plus(childs))


class Resident(NamedTuple):
    """MiB of one process."""

    own: int
    mapped: int

    def plus(self, other: "Resident") -> "Resident":
        """Both; a page of a file that both map counts twice."""
        return Resident(self.own + other.own, self.mapped + other.mapped)

    def most(self, other: "Resident") -> "Resident":
        """The larger of each."""
        return Resident(max(self.own, other.own), max(self.mapped, other.mapped))

    def __str__(self) -> str:
        return f"{self.own} + {self.mapped} MiB"


def _children() -> list[str]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return found


def resident(process: str = "self") -> Resident:
    """What a process has in memory; nothing when it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().split("\n")
    except (FileNotFoundError, ProcessLookupError):
        return Resident(0, 0)
    sizes = {key: value for key, _, value in (line.partition(":") for line in lines)}
    if "RssAnon" not in sizes:
        return Resident(0, 0)
    own, mapped = (int(sizes[key].split()[0]) // 1024 for key in ("RssAnon", "RssFile"))
    return Resident(own, mapped)


def timed(name: str, asks: Sequence[Callable[[], list[Found]]]) -> None:
    """Print how long these take, one after another."""
    times = []
    for ask in asks:
        start = time.perf_counter()
        ask()
        times.append((time.perf_counter() - start) * 1e3)
    cuts = quantiles(times, n=20)
    print(f"{name:34} p50 {cuts[9]:6.2f} ms   p95 {cuts[18]:6.2f} ms", flush=True)


def measure(index: EdgeIndex, world: World) -> None:
    """Both legs, with and without a filter."""
    filters = {
        "": ANY,
        " + folder and kind (1 in 20)": Filter(under=("/lib/3",), kinds=("1",)),
        " + date (1 in 100)": Filter(since=100, until=130),
    }
    questions = [
        Sparse(drawn.indices, [1.0] * len(drawn.indices))
        for drawn in (world.sparse(QUERY_TERMS) for _ in range(QUERIES))
    ]
    vectors = world.vectors(QUERIES).tolist() if world.dimensions else []
    for name, wanted in filters.items():
        timed("lexical" + name, [partial(index.lexical, one, wanted, 100) for one in questions])
        if vectors:
            timed("dense" + name, [partial(index.nearest, one, wanted, 100) for one in vectors])


def recall(index: EdgeIndex, world: World, all_vectors: Vectors) -> float:
    """How many of the ten nearest the graph finds."""
    hits = []
    for query in world.vectors(100):
        best = np.argpartition(-(all_vectors @ query), 10)[:10]
        found = index.nearest(query.tolist(), ANY, 10)
        hits.append(
            len({one.id for one in found} & {str(uuid.UUID(int=n + 1)) for n in best.tolist()})
        )
    return float(np.mean(hits)) / 10


def fill(index: EdgeIndex, world: World, passages: int, step: int, kept: Path) -> None:
    """Put the passages, tidied now and then as the library does it, and tell what it took.

    kept: a file for the vectors, which are no part of the memory that is measured.
    """
    put_s = tidied_s = 0.0
    left = step
    with Memory() as memory, kept.open("wb") as file:
        for batch in world.points(passages):
            if world.dimensions:
                file.write(np.array([point.dense for point in batch], np.float16).tobytes())
            put_s += seconds(partial(index.put, batch))
            left -= len(batch)
            if left <= 0:
                tidied_s += seconds(index.tidy)
                left = step
    print(f"{passages:,} put in {put_s:.1f} s, tidied meanwhile in {tidied_s:.1f} s; {memory}")
    measure(index, world)
    with Memory() as memory:
        tidied_s = seconds(index.tidy)
    print(f"tidied in {tidied_s:.1f} s; {memory}")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Fill and tidy, measure, open again, measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.index", description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=1024, help="0: only words")
    parser.add_argument("--terms", type=int, default=200, help="in a passage")
    parser.add_argument("--step", type=int, default=TIDIED, help="passages between two tidyings")
    given = parser.parse_args()
    world = World(given.dimensions or None, given.terms)
    with tempfile.TemporaryDirectory() as folder:
        print(f"python alone {resident()}")
        index = EdgeIndex(Path(folder) / "index", world.dimensions)
        kept = Path(folder) / "vectors"
        fill(index, world, given.passages, given.step, kept)
        measure(index, world)
        if world.dimensions:
            everything = np.fromfile(kept, np.float16).reshape(-1, world.dimensions)
            print(f"recall@10 {recall(index, world, everything.astype(np.float32)):.3f}")
            del everything
        kept.unlink()
        index.close()
        start = time.perf_counter()
        index = EdgeIndex(Path(folder) / "index", world.dimensions)
        took = time.perf_counter() - start
        measure(index, world)
        on_disk = sum(file.stat().st_blocks * 512 for file in Path(folder).rglob("*"))
        print(f"opened in {took:.2f} s; now {resident()}, on disk {on_disk >> 20} MiB")
        index.close()


if __name__ == "__main__":
    main()
