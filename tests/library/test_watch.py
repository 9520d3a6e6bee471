"""Watching: what is saved is there soon, and half of it is never told."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree, move, rmtree

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from watchfiles._rust_notify import RustNotify

from dunoe.library import bm25, watch
from dunoe.library.index.point import ANY
from dunoe.library.library import Library
from dunoe.library.own import Own
from dunoe.library.watch import Watch

pytestmark = pytest.mark.anyio
PATIENCE_S = 20  # for a machine that is busy
Told = MemoryObjectReceiveStream[Collection[str] | None]


@asynccontextmanager
async def watching(*folders: Path, own: Own | None = None) -> AsyncIterator[Told]:
    """What is told of these folders, once the first look is over."""
    send, receive = anyio.create_memory_object_stream[Collection[str] | None](100)
    with send, receive:
        async with anyio.create_task_group() as tasks:
            watch = Watch(lambda: [str(folder) for folder in folders], send.send, own)
            tasks.start_soon(watch.run)
            with anyio.fail_after(PATIENCE_S):
                assert await receive.receive() is None
            yield receive
            tasks.cancel_scope.cancel()


async def until(told: Told, path: Path | None) -> None:
    """Wait until this path is told, or everything."""
    with anyio.fail_after(PATIENCE_S):
        async for paths in told:
            if path is None and paths is None:
                return
            if path is not None and paths is not None and str(path) in paths:
                return


async def test_a_saved_file_is_told(notes: Path) -> None:
    async with watching(notes) as told:
        (notes / "a.md").write_text("x")
        await until(told, notes / "a.md")
        (notes / "a.md").unlink()
        await until(told, notes / "a.md")


async def test_a_new_folder_with_what_is_in_it_is_told(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.md").write_text("x")
    async with watching(notes) as told:
        move(tmp_path / "new", notes)
        await until(told, notes / "new")
        (notes / "new" / "b.md").write_text("x")
        await until(told, notes / "new" / "b.md")


async def test_a_library_folder_may_vanish_and_come_back(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    async with watching(notes, tmp_path / "later") as told:
        rmtree(notes)
        await until(told, None)
        copytree(tmp_path / "empty", notes)
        await until(told, None)
        (notes / "a.md").write_text("x")
        await until(told, notes / "a.md")
        (tmp_path / "later").mkdir()
        await until(told, None)


async def test_an_ignore_file_makes_its_folder_be_looked_at(notes: Path) -> None:
    async with watching(notes) as told:
        (notes / ".gitignore").write_text("*.log")
        await until(told, notes)


async def test_what_is_hidden_is_not_told(notes: Path) -> None:
    (notes / ".git").mkdir()
    async with watching(notes) as told:
        (notes / ".git" / "index").write_text("x")
        (notes / "a.md~").write_text("x")
        (notes / "b.md").write_text("x")
        with anyio.fail_after(PATIENCE_S):
            assert await told.receive() == {str(notes / "b.md")}


async def test_what_we_write_ourselves_is_not_told(notes: Path) -> None:
    home = notes / "data"
    (home / "library").mkdir(parents=True)
    async with watching(notes, own=Own([home])) as told:
        (home / "dunoe.db").write_text("x")
        (home / "library" / "segment").write_text("x")
        (home / "gone").touch()
        (home / "gone").unlink()
        (notes / "b.md").write_text("x")
        with anyio.fail_after(PATIENCE_S):
            assert await told.receive() == {str(notes / "b.md")}


async def test_a_file_that_is_being_written_is_told_when_it_is_finished(notes: Path) -> None:
    async with watching(notes) as told:
        with (notes / "a.md").open("w") as file:
            for _ in range(8):
                file.write("half a file")
                file.flush()
                await anyio.sleep(watch.SETTLED_S / 3)
            size = 8 * len("half a file")
        with anyio.fail_after(PATIENCE_S):
            await told.receive()
        assert (notes / "a.md").stat().st_size == size
        with pytest.raises(anyio.WouldBlock):
            told.receive_nowait()


async def test_a_name_that_cannot_be_told_makes_everything_be_looked_at(notes: Path) -> None:
    async with watching(notes) as told:
        (notes / "caf\udce9.md").write_text("x")
        await until(told, None)


async def test_folders_are_polled_where_the_system_cannot_watch(
    notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scarce(folders: list[str], debug: bool, is_polling: bool, *more: object) -> object:
        if not is_polling:
            raise OSError(28, "no space left: too many watches")
        return RustNotify(folders, debug, is_polling, *more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(watch, "RustNotify", scarce)
    async with watching(notes) as told:
        (notes / "a.md").write_text("x")
        await until(told, notes / "a.md")


async def test_a_saved_file_is_found(library: Library, notes: Path) -> None:
    def names() -> list[str]:
        hits = library.indexes.active.index.lexical(bm25.ask("한강"), ANY, 9)
        return [
            one.document.name
            for one in library.documents.passages([hit.id for hit in hits]).values()
        ]

    synced = anyio.Event()
    sync = library.sync

    async def told(under: Collection[str] | None = None) -> object:
        nonlocal synced
        stand = await sync(under)
        synced.set()
        return stand

    library.sync = told  # type: ignore[method-assign, assignment]  # so that its end can be awaited
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(library.watch)
        for text, expected in (("한강은 흐른다", ["a.md"]), ("산은 높다", [])):
            with anyio.fail_after(PATIENCE_S):
                await synced.wait()
            synced = anyio.Event()
            (notes / "a.md").write_text(text, "utf-8")
            with anyio.fail_after(PATIENCE_S):
                await synced.wait()
            assert names() == expected
        tasks.cancel_scope.cancel()
