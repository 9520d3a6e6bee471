"""Reading files in processes of their own: what is read, and what a bad file costs."""

import asyncio
import hashlib
import os
import select
import signal
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from dunoe.errors import Unavailable
from dunoe.library import nest
from dunoe.library.unreadable import Unreadable
from dunoe.library.workers import Workers
from tests.library.parsing import documents

MIB = 2**20
SMALL = b"# Nests\n\nThe wren builds a round nest.\n"
LONG = b"The wren builds a round nest. " * 400_000  # takes seconds to read
PACKED = documents.hwpx(
    "<hp:p><hp:run><hp:t>굴뚝새는 둥지를 짓는다.</hp:t></hp:run></hp:p>" * 50_000
)  # few bytes, too

pytestmark = pytest.mark.anyio


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    """One process, patient and with room."""
    async with Workers(1, 512 * MIB, 120) as pool:
        yield pool


@contextmanager
def refused(code: str, says: str = "") -> Iterator[None]:
    """The file is refused for this reason, in both languages."""
    with pytest.raises(Unreadable) as caught:
        yield
    assert caught.value.code == code
    assert all([*caught.value.message, *caught.value.hint])
    assert says in caught.value.message.en


async def still_reads(pool: Workers) -> bool:
    """Whether the next file is read as if nothing had been."""
    return (await pool.read_bytes(SMALL, "nests.md", 100)).parsed.title == "Nests"


async def test_a_file_is_read_with_its_digest_its_passages_and_their_terms(
    workers: Workers, tmp_path: Path
) -> None:
    text = (
        "---\ntags: [새]\n---\n# 둥지\n\n굴뚝새는 둥근 둥지를 짓는다.\n\n" + "알을 낳는다. " * 200
    )
    file = tmp_path / "둥지.md"
    file.write_text(text, "utf-8")
    taken = await workers.read(file, 100)
    assert taken.digest == hashlib.sha256(text.encode()).hexdigest()
    assert (taken.size, taken.mtime_ns) == (len(text.encode()), file.stat().st_mtime_ns)
    assert (taken.parsed.kind, taken.parsed.title, taken.parsed.tags) == (
        "markdown",
        "둥지",
        ("새",),
    )
    assert "".join(passage.text for passage in taken.passages) == text
    assert len(taken.passages) > 1
    assert all(vector.indices for vector in taken.sparse)
    assert len(taken.sparse) == len(taken.passages)


async def test_bytes_are_read_as_a_file_is(workers: Workers, tmp_path: Path) -> None:
    file = tmp_path / "nests.md"
    file.write_bytes(SMALL)
    of_file, of_bytes = (
        await workers.read(file, 100),
        await workers.read_bytes(SMALL, "nests.md", 100),
    )
    assert (of_file.digest, of_file.passages, of_file.sparse) == (
        of_bytes.digest,
        of_bytes.passages,
        of_bytes.sparse,
    )


async def test_one_process_reads_many_files(workers: Workers) -> None:
    pids = []
    for _ in range(3):
        assert await still_reads(workers)
        pids += workers.pids
    assert len(set(pids)) == 1


async def test_several_files_are_read_at_once_by_as_many_processes_and_no_more() -> None:
    async with Workers(2, 512 * MIB, 120) as pool, anyio.create_task_group() as readers:
        for _ in range(6):
            readers.start_soon(still_reads, pool)
        await anyio.wait_all_tasks_blocked()
        assert len(pool.pids) <= 2


async def test_a_broken_file_says_why_and_the_next_one_is_read(workers: Workers) -> None:
    with refused("unsupported"):
        await workers.read_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100), "nests.md", 100)
    before = workers.pids
    assert await still_reads(workers)
    assert workers.pids == before


async def test_a_large_file_has_more_time_than_a_small_one(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("굴뚝새는 둥지를 짓는다. " * 100_000, "utf-8")
    async with Workers(1, 512 * MIB, 0.001) as impatient:
        with refused("too_slow"):
            await impatient.read_bytes(PACKED, "small.hwpx", 100)
        taken = await impatient.read(book, 300)
    assert "".join(one.text for one in taken.passages) == book.read_text("utf-8")


async def test_a_file_that_takes_too_long_ends_its_process() -> None:
    async with Workers(1, 512 * MIB, 0.01) as impatient:
        with refused("too_slow"):
            await impatient.read_bytes(PACKED, "nests.hwpx", 100)
        assert impatient.pids == []


async def test_a_file_that_needs_too_much_memory_is_refused_and_the_next_one_is_read() -> None:
    async with Workers(1, 24 * MIB, 120) as narrow:
        with refused("too_big"):
            await narrow.read_bytes(LONG, "nests.txt", 100)
        assert await still_reads(narrow)


async def test_a_document_that_grows_when_unpacked_is_refused(
    workers: Workers, tmp_path: Path
) -> None:
    bomb = tmp_path / "bomb.docx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("word/document.xml", "w", force_zip64=True) as member:
            for _ in range(300):
                member.write(bytes(2 * MIB))
    assert bomb.stat().st_size < 4 * MIB
    with refused("too_big"):
        await workers.read(bomb, 100)
    assert await still_reads(workers)


async def test_a_file_over_the_limit_is_not_read_at_all(tmp_path: Path) -> None:
    file = tmp_path / "huge.txt"
    file.touch()
    os.truncate(file, 2**40)
    async with Workers(1, 512 * MIB, 120, largest=MIB) as pool:
        with refused("too_big"):
            await pool.read(file, 100)


async def reading(pool: Workers, but: int = 0) -> int:
    """The process that reads a file now, another one than that."""
    (worker,) = pool._all
    with anyio.fail_after(60):
        while worker.process is None or worker.process.pid == but or not worker.jobs:  # noqa: ASYNC110
            await anyio.sleep(0.01)
    return worker.process.pid


async def test_a_process_that_is_killed_costs_nothing_but_time(workers: Workers) -> None:
    async with anyio.create_task_group() as others:

        async def read() -> None:
            assert (await workers.read_bytes(LONG, "nests.txt", 100)).passages

        others.start_soon(read)
        os.kill(await reading(workers), signal.SIGKILL)
    assert await still_reads(workers)


@pytest.mark.parametrize("killed_by", ["SIGKILL", "SIGSEGV"])
async def test_a_file_that_ends_two_processes_says_how_they_ended(
    workers: Workers, killed_by: str
) -> None:
    async with anyio.create_task_group() as others:

        async def read() -> None:
            with refused("crashed", killed_by):
                await workers.read_bytes(LONG, "nests.txt", 100)

        others.start_soon(read)
        first = await reading(workers)
        os.kill(first, signal.Signals[killed_by])
        second = await reading(workers, but=first)
        os.kill(second, signal.Signals[killed_by])
    assert await still_reads(workers)
    assert not {first, second} & set(workers.pids)


async def test_processes_share_what_is_loaded_once() -> None:
    async with Workers(2, 512 * MIB, 120) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(still_reads, pool)
            group.start_soon(still_reads, pool)
        assert len(pool.pids) == 2
        assert len({parent_of(pid) for pid in pool.pids}) == 1
        for pid in pool.pids:
            held, own = memory_mib(pid, "Rss"), memory_mib(pid, "Private_Dirty")
            assert held > 250  # the morphemes
            assert own < 60


@pytest.mark.parametrize("is_busy", [False, True], ids=["idle", "busy"])
async def test_when_the_nest_is_killed_no_file_is_blamed(workers: Workers, is_busy: bool) -> None:
    assert await still_reads(workers)
    (pid,) = workers.pids
    nest_pid = parent_of(pid)
    async with anyio.create_task_group() as others:
        if is_busy:
            others.start_soon(workers.read_bytes, LONG, "nests.txt", 100)
            await anyio.wait_all_tasks_blocked()
        with ending(pid):
            os.kill(nest_pid, signal.SIGKILL)
    assert await still_reads(workers)
    assert pid not in workers.pids
    assert not is_alive(nest_pid)


async def test_who_gives_up_while_the_nest_is_built_leaves_nothing_behind(
    workers: Workers,
) -> None:
    before = children()
    async with anyio.create_task_group() as others:
        others.start_soon(still_reads, workers)
        await anyio.wait_all_tasks_blocked()
        (nest_pid,) = children() - before
        others.cancel_scope.cancel()
    assert not is_alive(nest_pid)
    assert await still_reads(workers)


async def test_a_task_that_is_cancelled_leaves_nothing_behind(workers: Workers) -> None:
    assert await still_reads(workers)
    (pid,) = workers.pids
    reading = asyncio.ensure_future(workers.read_bytes(LONG, "nests.txt", 100))
    await anyio.wait_all_tasks_blocked()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not is_alive(pid)
    assert await still_reads(workers)


async def test_processes_that_cannot_start_are_not_the_file_s_fault(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Unavailable) as caught:
        await still_reads(workers)
    assert caught.value.code == "worker_did_not_start"
    assert "exit code 1" in caught.value.message.en
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unavailable, match="nowhere"):
        await still_reads(workers)
    monkeypatch.undo()
    assert await still_reads(workers)


async def test_where_nothing_may_be_forked_each_process_loads_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(nest, "FORKS", False)
    async with Workers(1, 512 * MIB, 120) as pool:
        taken = await pool.read_bytes("굴뚝새는 둥지를 짓는다.".encode(), "새.txt", 100)
        assert taken.sparse[0].indices
        (pid,) = pool.pids
        assert memory_mib(parent_of(pid), "Rss") < 100 < memory_mib(pid, "Private_Dirty")
        os.kill(pid, signal.SIGKILL)
        assert await still_reads(pool)
        assert pid not in pool.pids


async def test_a_reader_who_gives_up_leaves_nothing_behind(workers: Workers) -> None:
    assert await still_reads(workers)
    (pid,) = workers.pids
    async with anyio.create_task_group() as others:
        others.start_soon(workers.read_bytes, LONG, "nests.txt", 100)
        await anyio.wait_all_tasks_blocked()
        others.cancel_scope.cancel()
    assert workers.pids == []
    assert not is_alive(pid)
    assert await still_reads(workers)


async def test_files_that_are_none_or_may_not_be_read_are_named(
    workers: Workers, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with refused("vanished"):
        await workers.read(tmp_path / "gone.md", 100)
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with refused("unsupported"):
            await workers.read(path, 100)


async def test_a_file_whose_name_is_no_text_is_read(workers: Workers, tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"\xb5\xd5\xc1\xf6.txt")
    file.write_bytes(SMALL)
    assert (await workers.read(file, 100)).size == len(SMALL)


async def test_nothing_runs_after_the_end() -> None:
    async with Workers(1, 512 * MIB, 120) as pool:
        assert await still_reads(pool)
        (pid,) = pool.pids
        nest_pid = parent_of(pid)
    assert not is_alive(pid)
    assert not is_alive(nest_pid)


PARENT = """
import anyio, sys
from dunoe.library.workers import Workers

async def main(text):
    async with Workers(1, 512 * 2**20, 120) as pool, anyio.create_task_group() as others:
        await pool.read_bytes(b"x", "x.txt", 100)
        if text:
            others.start_soon(pool.read_bytes, text, "x.txt", 100)
            await anyio.wait_all_tasks_blocked()
        print(pool.pids[0], flush=True)
        await anyio.sleep_forever()

anyio.run(main, b"The wren builds a nest. " * int(sys.argv[1]))
"""


@pytest.mark.parametrize("times", [0, 400_000], ids=["idle", "busy"])
def test_a_process_ends_with_its_parent(times: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(times)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        with ending(pid), ending(parent_of(pid)):
            parent.kill()


def is_alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def ending(pid: int) -> Iterator[None]:
    """After this the process has ended."""
    process = os.pidfd_open(pid)
    try:
        yield
        assert select.select([process], [], [], 30)[0]
    finally:
        os.close(process)


def parent_of(pid: int) -> int:
    """Who started it."""
    return int(Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[1])


def children() -> set[int]:
    """The processes that this one started."""
    return {
        int(one)
        for task in Path("/proc/self/task").iterdir()
        for one in (task / "children").read_text("ascii").split()
    }


def memory_mib(pid: int, kind: str) -> int:
    """A line of what the kernel tells about a process's memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").split("\n")
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:")) // 1024


async def test_processes_with_nothing_to_do_are_ended_but_for_those_to_keep() -> None:
    async with Workers(2, 512 * MIB, 120) as pool:
        async with anyio.create_task_group() as group:
            group.start_soon(still_reads, pool)
            group.start_soon(still_reads, pool)
        assert len(pool.pids) == 2
        await pool.rest(keep=1)
        assert len(pool.pids) == 1
        nest_pid = parent_of(pool.pids[0])
        await pool.rest(keep=0)
        assert pool.pids == []
        assert not is_alive(nest_pid)
        assert await still_reads(pool)
