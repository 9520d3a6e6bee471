"""How fast a folder becomes a library, what that costs in memory, and how fast it then answers.

    python -m bench.ingest                     the Microsoft C++ documents in Korean: 9,565 files, 53 MB
    python -m bench.ingest --folder F          a folder of your own
    python -m bench.ingest --kills 20          kill the sync that often, then see that nothing is lost or doubled

Memory is the proportional share (PSS) of every process of the tree, summed, at its highest; it is looked at four
times a second. The second run is a new process, as a person would start it.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

from dunoe.library.index.point import ANY
from dunoe.library.library import Library, open_library
from dunoe.library.search import Search, Wish
from dunoe.settings import LibrarySettings, Settings
from dunoe.store.documents import DocumentRow
from dunoe.store.store import open_store

CORPUS = Path("data/corpora/cpp-docs-ko.tar.xz")
TEXTS = ("markdown", "text", "code")  # what these became is what they are, letter by letter
SEED = 7


def settings(home: Path, folder: Path) -> Settings:
    """A library of one folder, two processes that read."""
    return Settings(home=home, library=LibrarySettings(folders=(folder,), workers=2))


async def sync(home: Path, folder: Path) -> dict[str, float]:
    """One sync, as `dunoe library sync` does it."""
    told = settings(home, folder)
    began = time.perf_counter()
    with open_store(told.database_url) as store:
        async with open_library(told, store, None) as library:
            stand = await library.sync()
            await library.settle()
            took = time.perf_counter() - began
            counts = library.documents.counts()
    return {
        "seconds": took,
        "read": stand.files_done,
        "documents": counts.documents,
        "passages": counts.passages,
        "failures": counts.failures,
    }


class NoModels:
    """Search by words alone."""

    def embedder(self) -> None:
        """There is none."""

    async def embed_question(self, model: str, text: str) -> list[float]:
        """Never asked: there is no collection with vectors."""
        raise NotImplementedError

    async def rerank(self, query: str, texts: object) -> list[float] | None:
        """No model is set."""
        return None


async def ask(home: Path, folder: Path, times: int) -> dict[str, float]:
    """Warm searches, one at a time: words of passages that are there, three to eight of them."""
    told, chance = settings(home, folder), random.Random(SEED)
    with open_store(told.database_url) as store:
        async with open_library(told, store, None) as library:
            search = Search(library.documents, lambda: library.indexes.active, NoModels())
            questions = _questions(library, chance, times)
            for question in questions[:20]:
                await search.find(Wish(question))
            took = []
            for question in questions:
                began = time.perf_counter()
                await search.find(Wish(question))
                took.append((time.perf_counter() - began) * 1000)
    return {"p50 ms": statistics.median(took), "p95 ms": statistics.quantiles(took, n=20)[-1]}


def _questions(library: Library, chance: random.Random, times: int) -> list[str]:
    ids = library.indexes.active.index.matching(ANY, 100_000)
    texts = [
        one.passage.text.split()
        for one in library.documents.passages(chance.sample(ids, times)).values()
    ]
    found = []
    for words in texts:
        start = chance.randrange(max(1, len(words) - 8))
        found.append(" ".join(words[start : start + chance.randint(3, 8)]))
    return found


def pss_mib(pid: int) -> float:
    """The proportional share of a process and of all its children; one that just ended has none."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text("ascii")
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text("ascii").split())
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in rollup.split("\n") if line.startswith("Pss:"))
    return total / 1024


def started(home: Path, folder: Path, what: str) -> subprocess.Popen[str]:
    """This program again, doing one thing."""
    command = [sys.executable, "-m", "bench.ingest", "--only", what, "--home", str(home)]
    return subprocess.Popen([*command, "--folder", str(folder)], stdout=subprocess.PIPE, text=True)


def measured(home: Path, folder: Path, what: str) -> dict[str, float]:
    """What it printed, the processor time of its tree, and the highest memory it had."""
    highest, before = 0.0, resource.getrusage(resource.RUSAGE_CHILDREN)
    with started(home, folder, what) as program:
        while program.poll() is None:
            highest = max(highest, pss_mib(program.pid))
            time.sleep(0.25)
        assert program.stdout is not None
        printed = program.stdout.read()
    if program.returncode != 0:
        raise SystemExit(f"{what} ended with {program.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(printed), "processor seconds": cpu_s, "MiB": highest}


async def check(home: Path, folder: Path) -> dict[str, float]:
    """Is every file there, whole and once?"""
    told = settings(home, folder)
    with open_store(told.database_url) as store:
        async with open_library(told, store, None) as library:
            documents, index = library.documents, library.indexes.active.index
            rows = documents.browse(limit=10**6)
            wrong = sum(not _is_same(documents.text(row.id), row) for row in rows)
            counts = documents.counts()
            held = set(index.matching(ANY, 10**6))
            lost = len(store.intake.passage_ids() - held)
    return {
        "documents": counts.documents,
        "not as their file": wrong,
        "passages lost": lost,
        "points too many": len(held) + lost - counts.passages,
    }


def _is_same(text: str, row: DocumentRow) -> bool:
    return row.kind not in TEXTS or text == Path(row.path).read_text("utf-8-sig")


def kill(home: Path, folder: Path, times: int) -> None:
    """Kill as many syncs, each a little later, then let one complete."""
    chance = random.Random(SEED)
    for number in range(times):
        with started(home, folder, "sync") as program:
            time.sleep(1 + chance.random() * 3)
            program.kill()
        print(f"kill {number + 1}:", asyncio.run(check(home, folder)), flush=True)
    print("then:", measured(home, folder, "sync"), flush=True)
    print("     ", asyncio.run(check(home, folder)), flush=True)


def unpacked(into: Path) -> Path:
    """The corpus that is shared with everybody who builds dunoe."""
    shared = Path(os.environ.get("DUNOE_SHARED", "../shared")) / CORPUS
    with tarfile.open(shared) as archive:
        archive.extractall(into, filter="data")
    return into


def main() -> None:
    """Read the options, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--only", choices=("sync", "ask"), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.only == "sync":
        print(json.dumps(asyncio.run(sync(told.home, told.folder))))
    elif told.only == "ask":
        print(json.dumps(asyncio.run(ask(told.home, told.folder, told.questions))))
    else:
        with tempfile.TemporaryDirectory(prefix="dunoe-bench-") as scratch:
            folder = told.folder or unpacked(Path(scratch) / "corpus")
            home = told.home or Path(scratch) / "home"
            if told.kills:
                kill(home, folder, told.kills)
                return
            for what in ("sync", "sync", "ask"):
                print(what, measured(home, folder, what), flush=True)


if __name__ == "__main__":
    main()
