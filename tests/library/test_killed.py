"""A sync that is killed: nothing is lost, nothing doubled, nothing half there, and the next one completes."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from dunoe.library.index.point import ANY
from dunoe.library.library import Library, open_library
from dunoe.settings import Settings
from dunoe.store.store import open_store
from tests.library import killed

pytestmark = pytest.mark.anyio

FILES = 60
KILLS_S = (0.4, 1.0, 1.4)  # `python -m bench.ingest --kills 20` does more


def text(number: int, edition: int) -> str:
    """A document of some passages; some of them are the same in every edition."""
    same = "".join(
        f"## 절 {part}\n\n{number}번 글의 {part}절. " + "나무 " * 80 + "\n\n" for part in range(4)
    )
    return f"# 글 {number}\n\n판 {edition}\n\n{same}## 끝\n\n{edition}판의 끝. " + "강 " * 80


def rewrite(notes: Path, edition: int) -> None:
    """Edit a third of the files, rename one, delete one, add one."""
    for number in range(edition, FILES, 3):
        (notes / f"{number}.md").write_text(text(number, edition), "utf-8")
    (notes / f"{edition}.md").rename(notes / f"renamed {edition}.md")
    (notes / f"{edition + 10}.md").unlink(missing_ok=True)
    (notes / f"new {edition}.md").write_text(text(100 + edition, edition), "utf-8")


def sync_and_kill(home: Path, notes: Path, after_s: float) -> None:
    """Start a sync in a process of its own and kill it, so long after it began."""
    command = [sys.executable, str(Path(killed.__file__)), str(home), str(notes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        try:
            program.wait(after_s)
        except subprocess.TimeoutExpired:
            program.kill()


def check_whole(library: Library, notes: Path, *, is_complete: bool) -> None:
    """Every document is all there; and all of them are, when the sync has completed."""
    index, documents = library.indexes.active.index, library.documents
    rows = documents.browse(limit=10_000)
    for row in rows:
        pieces = documents.pieces(row.id)
        assert [one.position for one in pieces] == list(range(len(pieces)))
        whole = "".join(one.text for one in pieces)
        assert whole.startswith("# 글") and whole.endswith("강 ")
        assert index.missing([one.id for one in pieces]) == []
        if is_complete:
            assert whole == Path(row.path).read_text("utf-8")
    if is_complete:
        assert {row.path for row in rows} == {str(path) for path in notes.iterdir()}
        assert index.count() == documents.counts().passages
        assert len(index.matching(ANY, 10_000)) == documents.counts().passages


async def test_a_killed_sync_leaves_whole_documents_and_the_next_completes(
    settings: Settings, home: Path, notes: Path
) -> None:
    for number in range(FILES):
        (notes / f"{number}.md").write_text(text(number, 0), "utf-8")
    for edition, after_s in enumerate(KILLS_S, 1):
        await anyio.to_thread.run_sync(sync_and_kill, home, notes, after_s)
        with open_store(settings.database_url) as store:
            async with open_library(settings, store, None) as library:
                check_whole(library, notes, is_complete=False)
        rewrite(notes, edition)
    with open_store(settings.database_url) as store:
        async with open_library(settings, store, None) as library:
            await library.sync()
            check_whole(library, notes, is_complete=True)
            assert (await library.sync()).files_total == 0
