"""A sync: what stands in the folders stands in the library, and nothing is read twice."""

import asyncio
import contextlib
import os
from dataclasses import replace
from pathlib import Path
from shutil import move

import anyio
import pytest

from dunoe.errors import Busy, Problem, Text
from dunoe.library import bm25
from dunoe.library.filling import Filling
from dunoe.library.index.point import ANY, Filter
from dunoe.library.library import Library, Parts
from dunoe.library.sync import Reader
from dunoe.library.taken import Taken
from dunoe.library.workers import Workers
from dunoe.settings import LibrarySettings, Settings
from dunoe.store.documents import DocumentRow
from tests.served import PATIENCE_S

pytestmark = pytest.mark.anyio

RIVERS = "# 강\n\n## 한강\n\n한강은 서울을 지난다.\n\n## 낙동강\n\n낙동강은 부산으로 흐른다.\n"


def found(library: Library, words: str, wanted: Filter = ANY) -> list[str]:
    """Names of the files that are found by these words, best first: only what the catalogue knows is a hit."""
    hits = library.indexes.active.index.lexical(bm25.ask(words), wanted, 50)
    there = library.documents.passages([hit.id for hit in hits])
    return list(dict.fromkeys(there[hit.id].document.name for hit in hits if hit.id in there))


def the(library: Library, name: str) -> DocumentRow:
    """The one document of that name."""
    (document,) = (one for one in library.documents.browse() if one.name == name)
    return document


def passages(library: Library, name: str) -> dict[str, str]:
    """Texts of a document's passages, and their ids."""
    return {piece.text: piece.id for piece in library.documents.pieces(the(library, name).id)}


async def test_a_document_is_found_and_knows_where_everything_stands(
    library: Library, notes: Path
) -> None:
    text = f"---\ntags: [물]\nproject: 지도\ndate: 2024-05-06\n---\n{RIVERS}"
    (notes / "sub").mkdir()
    (notes / "sub" / "강.md").write_text(text, "utf-8")
    stand = await library.sync()
    assert (stand.phase, stand.files_done, stand.files_total) == ("done", 1, 1)
    document = the(library, "강.md")
    assert document.path == str(notes / "sub" / "강.md")
    assert (document.folder, document.kind, document.title) == (str(notes), "markdown", "강")
    assert (document.tags, document.project, document.date) == (("물",), "지도", "2024-05-06")
    assert library.documents.text(document.id) == text
    assert found(library, "한강") == ["강.md"]
    assert found(library, "한강", Filter(under=(str(notes / "sub"),), tags=("물",))) == ["강.md"]
    day = 19849  # 2024-05-06
    assert found(library, "한강", Filter(since=day, until=day)) == ["강.md"]
    assert found(library, "한강", Filter(since=day + 1)) == []


async def test_an_unchanged_file_is_not_read_again(library: Library, notes: Path) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    before = the(library, "a.md")
    assert (await library.sync()).files_total == 0
    os.utime(notes / "a.md")  # saved without a change
    assert (await library.sync()).files_total == 0
    assert the(library, "a.md").taken_at == before.taken_at
    assert the(library, "a.md").mtime_ns == (notes / "a.md").stat().st_mtime_ns


async def test_an_edit_leaves_the_other_passages_as_they_are(library: Library, notes: Path) -> None:
    sections = [f"## {name}\n\n" + f"{name}에 대한 이야기. " * 60 + "\n\n" for name in "가나다라마"]
    (notes / "a.md").write_text("# 글\n\n" + "".join(sections), "utf-8")
    await library.sync()
    id, before = the(library, "a.md").id, passages(library, "a.md")
    sections[2] = sections[2].replace("다에 대한 이야기.", "고래에 대한 이야기.", 1)
    (notes / "a.md").write_text("# 글\n\n" + "새 머리말.\n\n" + "".join(sections), "utf-8")
    await library.sync()
    after = passages(library, "a.md")
    assert the(library, "a.md").id == id
    kept = before.items() & after.items()
    assert len(kept) >= 3
    assert found(library, "고래") == ["a.md"]
    assert library.indexes.active.index.count() == len(after)


async def test_the_same_text_twice_is_two_passages(library: Library, notes: Path) -> None:
    again = "## 같은 제목\n\n" + "같은 글. " * 200 + "\n\n"
    (notes / "a.md").write_text(again * 2, "utf-8")
    (notes / "b.md").write_text(again * 2, "utf-8")
    await library.sync()
    counts = library.documents.counts()
    assert library.indexes.active.index.count() == counts.passages
    assert library.documents.text(the(library, "a.md").id) == again * 2


async def test_a_rename_keeps_id_labels_and_passages(library: Library, notes: Path) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    before, pieces = the(library, "a.md"), passages(library, "a.md")
    await library.label([before.id], "중요")
    (notes / "deep").mkdir()
    (notes / "a.md").rename(notes / "deep" / "b.md")
    await library.sync()
    after = the(library, "b.md")
    assert (after.id, after.labels) == (before.id, ("중요",))
    assert after.path == str(notes / "deep" / "b.md")
    assert passages(library, "b.md") == pieces
    wanted = Filter(under=(str(notes / "deep"),), names=("b.md",), labels=("중요",))
    assert found(library, "한강", wanted) == ["b.md"]


async def test_a_renamed_folder_is_not_read_again(library: Library, notes: Path) -> None:
    (notes / "old").mkdir()
    for n in range(3):
        (notes / "old" / f"{n}.md").write_text(f"# {n}\n\n강 {n}\n", "utf-8")
    await library.sync()
    ids = {one.id for one in library.documents.browse()}
    (notes / "old").rename(notes / "new")
    assert (await library.sync()).files_total == 0
    assert {one.id for one in library.documents.browse()} == ids
    assert found(library, "강", Filter(under=(str(notes / "old"),))) == []
    assert len(found(library, "강", Filter(under=(str(notes / "new"),)))) == 3


async def test_a_file_without_a_title_is_found_by_its_new_name(
    library: Library, notes: Path
) -> None:
    (notes / "고래.txt").write_text("바다에 산다.", "utf-8")
    await library.sync()
    (notes / "고래.txt").rename(notes / "상어.txt")
    await library.sync()
    assert found(library, "상어") == ["상어.txt"]
    assert found(library, "고래") == []


async def test_a_copy_is_a_document_of_its_own(library: Library, notes: Path) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    first = the(library, "a.md").id
    (notes / "b.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert the(library, "a.md").id == first
    assert the(library, "b.md").id != first
    assert library.indexes.active.index.count() == library.documents.counts().passages


async def test_an_editor_that_saves_by_renaming_keeps_the_document(
    library: Library, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    before = the(library, "a.md")
    await library.label([before.id], "중요")
    (notes / "a.md").rename(notes / "a.md.bak")
    (notes / "a.md").write_text(f"{RIVERS}\n금강.\n", "utf-8")
    await library.sync()
    assert the(library, "a.md").id == before.id
    assert the(library, "a.md").labels == ("중요",)


async def test_a_deleted_file_is_gone_and_comes_back_with_its_labels(
    library: Library, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    (notes / "b.md").write_text("# 산\n\n설악산\n", "utf-8")
    await library.sync()
    before = the(library, "a.md")
    await library.label([before.id], "중요")
    (notes / "a.md").unlink()
    await library.sync()
    assert found(library, "한강") == []
    assert [one.name for one in library.documents.browse()] == ["b.md"]
    assert library.indexes.active.index.count() == library.documents.counts().passages
    (notes / "c.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert (the(library, "c.md").id, the(library, "c.md").labels) == (before.id, ("중요",))
    assert found(library, "한강", Filter(labels=("중요",))) == ["c.md"]


async def test_an_edit_that_is_taken_back_leaves_everything_findable(
    library: Library, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    (notes / "a.md").write_text("# 강\n\n비었다\n", "utf-8")
    await library.sync()
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert found(library, "낙동강") == ["a.md"]
    assert library.indexes.active.index.count() == library.documents.counts().passages


async def test_a_broken_file_is_listed_once_and_tried_again_when_it_changes(
    library: Library, notes: Path
) -> None:
    (notes / "a.pdf").write_bytes(b"%PDF-1.7\nnothing of the kind")
    (notes / "b.md").write_text(RIVERS, "utf-8")
    assert (await library.sync()).failures == 1
    (error,) = await library.errors()
    assert (error.path, error.code) == (str(notes / "a.pdf"), "broken")
    assert all([*error.message, *error.hint])
    assert (await library.sync()).files_total == 0
    assert (await library.status()).counts.failures == 1
    (notes / "a.pdf").write_text("# 이제는 글\n", "utf-8")
    await library.sync()
    assert await library.errors() == []
    assert found(library, "글") == ["a.pdf"]


async def test_a_document_that_breaks_is_no_answer_any_more_and_keeps_its_labels(
    library: Library, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    before = the(library, "a.md")
    await library.label([before.id], "중요")
    (notes / "a.md").write_bytes(b"%PDF-1.7\nbroken")
    await library.sync()
    assert found(library, "한강") == []
    assert len(await library.errors()) == 1
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert (the(library, "a.md").id, the(library, "a.md").labels) == (before.id, ("중요",))


async def test_two_hundred_broken_files_do_not_hide_a_good_one(
    library: Library, notes: Path
) -> None:
    for n in range(200):
        magic = (b"%PDF-1.7\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")[n % 3]
        (notes / f"{n}.bin").write_bytes(magic + bytes([n]) * n)
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert [one.name for one in library.documents.browse()] == ["a.md"]
    status = await library.status()
    counts = status.counts
    assert (counts.documents, counts.failures + counts.skipped) == (1, 200)
    listed = [one.path for one in (*await library.errors(), *await library.skipped())]
    assert sorted(listed) == sorted(str(notes / f"{n}.bin") for n in range(200))


async def test_every_file_is_a_document_an_error_or_skipped(library: Library, notes: Path) -> None:
    (notes / "좋은 글.md").write_text(RIVERS, "utf-8")
    (notes / "빈 글.md").touch()
    (notes / "nul.md").write_bytes(bytes(3000))
    (notes / "random.bin").write_bytes(bytes(range(256)) * 9)
    (notes / "그림.pdf").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (notes / "깨진.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (notes / "나감.md").symlink_to("/etc/hostname")
    (notes / "없음.md").symlink_to(notes / "어디.md")
    os.mkfifo(notes / "관")
    stand = await library.sync()
    assert (stand.files_done, stand.files_total) == (9, 9)
    assert (stand.failures, stand.skipped) == (5, 3)
    errors = {Path(one.path).name: one.code for one in await library.errors()}
    assert errors == {
        "nul.md": "broken",
        "그림.pdf": "broken",
        "깨진.pdf": "broken",
        "나감.md": "link_out",
        "없음.md": "link_broken",
    }
    skipped = {Path(one.path).name: one.code for one in await library.skipped()}
    assert skipped == {"빈 글.md": "empty_file", "random.bin": "unsupported", "관": "unsupported"}
    rows = [*await library.errors(), *await library.skipped()]
    assert all(all([*one.message, *one.hint]) for one in rows)
    counts = (await library.status()).folders[0].counts
    assert (counts.documents, counts.failures, counts.skipped) == (1, 5, 3)
    assert (await library.sync()).files_total == 0


async def test_an_empty_file_is_read_once_something_is_in_it(library: Library, notes: Path) -> None:
    (notes / "a.md").touch()
    await library.sync()
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert (found(library, "한강"), await library.skipped()) == (["a.md"], [])
    before = the(library, "a.md").id
    os.truncate(notes / "a.md", 0)
    await library.sync()
    assert (found(library, "한강"), len(await library.skipped())) == ([], 1)
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    assert (the(library, "a.md").id, await library.skipped()) == (before, [])


async def test_what_a_tool_has_made_is_read_once_somebody_wants_it(
    library: Library, notes: Path
) -> None:
    (notes / "package-lock.json").write_text('{"name": "두뇌", "lockfileVersion": 3}')
    await library.sync()
    (skipped,) = await library.skipped()
    assert (skipped.code, (await library.status()).counts.documents) == ("generated", 0)
    (notes / ".dunoeignore").write_text("!package-lock.json\n")
    await library.sync()
    assert (await library.skipped(), (await library.status()).counts.documents) == ([], 1)
    (notes / ".dunoeignore").unlink()
    await library.sync()
    assert (await library.status()).counts.documents == 0
    (skipped,) = await library.skipped()
    assert "!package-lock.json" in skipped.hint.ko


async def test_a_link_that_leads_out_goes_from_the_list_when_its_folder_is_added(
    library: Library, notes: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "o.md").write_text(RIVERS, "utf-8")
    (notes / "out").symlink_to(tmp_path / "other")
    await library.sync()
    (error,) = await library.errors()
    assert (error.path, error.code) == (str(notes / "out"), "link_out")
    assert found(library, "한강") == []
    await library.add(tmp_path / "other")
    await library.sync()
    assert (await library.errors(), found(library, "한강")) == ([], ["o.md"])


async def test_a_pipe_where_a_document_was_is_not_waited_for(library: Library, notes: Path) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    (notes / "a.md").unlink()
    os.mkfifo(notes / "a.md")
    await library.sync()
    assert found(library, "한강") == []


async def test_a_picture_is_no_error(library: Library, notes: Path) -> None:
    (notes / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    await library.sync()
    status = await library.status()
    assert (status.counts.failures, status.counts.skipped) == (0, 1)
    assert await library.errors() == []


async def test_a_file_that_may_not_be_read_is_told(library: Library, notes: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (notes / "a.md").write_text(RIVERS, "utf-8")
    (notes / "a.md").chmod(0)
    await library.sync()
    (error,) = await library.errors()
    assert error.code == "forbidden"


async def test_a_library_folder_that_is_away_keeps_its_documents(
    library: Library, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.sync()
    move(notes, notes.with_name("away"))
    await library.sync()
    assert found(library, "한강") == ["a.md"]
    (error,) = await library.errors()
    assert (error.path, error.code) == (str(notes), "folder_unreadable")
    assert (await library.status()).folders[0].said
    move(notes.with_name("away"), notes)
    assert (await library.sync()).files_total == 0
    assert await library.errors() == []


async def test_a_folder_is_added_and_taken_out_with_its_documents(
    library: Library, notes: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (notes / "a.md").write_text(RIVERS, "utf-8")
    (other / "b.md").write_text(RIVERS, "utf-8")
    assert await library.add(other) == str(other)
    await library.sync()
    assert set(found(library, "한강")) == {"a.md", "b.md"}
    status = await library.status()
    assert [(one.path, one.source, one.counts.documents) for one in status.folders] == [
        (str(notes), "settings", 1),
        (str(other), "added", 1),
    ]
    await library.remove(other)
    assert found(library, "한강") == ["a.md"]
    assert (other / "b.md").exists()


@pytest.mark.parametrize("folder", ["nowhere", "notes/sub"])
async def test_a_folder_that_cannot_be_added_is_refused(
    library: Library, notes: Path, tmp_path: Path, folder: str
) -> None:
    (notes / "sub").mkdir()
    with pytest.raises(Problem) as refused:
        await library.add(tmp_path / folder)
    assert refused.value.hint.ko


async def test_a_folder_of_the_settings_is_taken_out_there(library: Library, notes: Path) -> None:
    with pytest.raises(Problem, match="in the settings"):
        await library.remove(notes)
    with pytest.raises(Problem, match="not in the library"):
        await library.remove(notes / "sub")


async def test_a_folder_around_another_takes_its_documents_over(
    parts: Parts, home: Path, notes: Path
) -> None:
    (notes / "sub").mkdir()
    (notes / "sub" / "a.md").write_text(RIVERS, "utf-8")
    for folder in (notes / "sub", notes):
        settings = Settings(home=home, library=LibrarySettings(folders=(folder,)))
        async with Library(settings, parts) as library:
            stand = await library.sync()
            assert found(library, "한강", Filter(under=(str(folder),))) == ["a.md"]
            assert the(library, "a.md").folder == str(folder)
    assert stand.files_total == 0


async def test_a_folder_that_left_the_settings_is_gone_at_the_next_sync(
    parts: Parts, settings: Settings, home: Path, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    async with Library(settings, parts) as library:
        await library.sync()
    bare = Settings(home=home, library=LibrarySettings(sample=False))
    async with Library(bare, parts) as library:
        await library.sync()
        assert library.documents.counts().documents == 0
        assert found(library, "한강") == []


async def test_an_index_that_was_thrown_away_is_made_again(
    parts: Parts, settings: Settings, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    async with Library(settings, parts) as library:
        await library.sync()
        name = library.indexes.active.row.name
    parts.collections.drop(name)
    async with Library(settings, parts) as library:
        assert (await library.sync()).files_total == 0
        await library.settle()
        assert found(library, "한강") == ["a.md"]


async def test_a_sync_that_is_cancelled_goes_on_where_it_was(library: Library, notes: Path) -> None:
    for n in range(4):  # so that the workers run
        (notes / f"{n}.md").write_text(RIVERS + f"\n{n}\n", "utf-8")
    await library.sync()
    for n in range(400):
        (notes / f"{n}.md").write_text(RIVERS + f"\n{n} \n", "utf-8")
    for _ in range(3):
        running = asyncio.create_task(library.sync())
        while library.progress.phase not in ("reading", "done"):  # noqa: ASYNC110 - it is asked
            await asyncio.sleep(0.01)
        running.cancel()  # as a server does that stops; no cancel scope of anyio is in sight
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert not library._alone.locked()
        assert library.progress.now().phase in ("failed", "done")
    await library.sync()
    counts = library.documents.counts()
    assert counts.documents == 400
    assert library.indexes.active.index.count() == counts.passages


async def test_a_sync_that_is_cancelled_while_its_readers_wait_ends_as_cancelled(
    library: Library, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def put(filling: Filling, ready: object) -> None:
        is_writing.set()
        await asyncio.Event().wait()

    async def read(workers: Workers, path: Path, limit_tokens: int) -> Taken:
        await asyncio.sleep(0)
        return taken

    is_writing = asyncio.Event()
    for n in range(400):
        (notes / f"{n}.md").write_text(RIVERS, "utf-8")
    taken = await library._workers.read(notes / "0.md", 300)
    monkeypatch.setattr(Workers, "read", read)
    monkeypatch.setattr(Filling, "put", put)
    running = asyncio.create_task(library.sync())
    async with asyncio.timeout(PATIENCE_S):
        await is_writing.wait()
        for _ in range(100):  # until both readers wait for the writer
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_folder_that_is_taken_out_while_it_is_read_is_left_at_once(
    library: Library, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(workers: Workers, path: Path, limit_tokens: int) -> Taken:
        if path.parent == other:
            is_there.set()
            await may_go_on.wait()
        return await read_at_once(workers, path, limit_tokens)

    is_there, may_go_on, read_at_once = asyncio.Event(), asyncio.Event(), Workers.read
    monkeypatch.setattr(Workers, "read", read)
    other = tmp_path / "other"
    other.mkdir()
    for n in range(50):
        (other / f"{n}.md").write_text(RIVERS, "utf-8")
    (notes / "a.md").write_text(RIVERS, "utf-8")
    await library.add(other)
    running = asyncio.create_task(library.sync())
    async with asyncio.timeout(PATIENCE_S):
        await is_there.wait()
        await library.remove(other)  # waits for nobody
        first = asyncio.create_task(library.first())
        may_go_on.set()
        assert await first is True
        read_until_then = (await running).files_done
        await library.sync()  # behind the one that takes the folder out
    assert found(library, "한강") == ["a.md"]
    assert read_until_then <= 3
    assert await library.first() is False


async def test_one_library_is_synced_by_one_process_at_a_time(
    library: Library, parts: Parts, home: Path, notes: Path
) -> None:
    (notes / "a.md").write_text(RIVERS, "utf-8")
    with library._locked(), pytest.raises(Busy, match="another dunoe"):
        await library.sync()
    await library.sync()


async def test_a_file_name_that_is_no_utf8_is_read_all_the_same(
    library: Library, notes: Path
) -> None:
    (notes / os.fsdecode(b"caf\xe9.md")).write_text(RIVERS, "utf-8")
    await library.sync()
    document = the(library, "caf\\xe9.md")
    assert document.path == f"{notes}/caf\\xe9.md"
    assert (await library.sync()).files_total == 0
    assert found(library, "한강") == ["caf\\xe9.md"]


class OneByOne:
    """Reads one file at a time, and remembers in which order."""

    size = 1

    def __init__(self, workers: Reader) -> None:
        self.workers, self.version = workers, workers.version
        self.names: list[str] = []

    async def rest(self, keep: int) -> None:
        """Nothing has to end."""

    async def read(self, path: Path, limit_tokens: int) -> Taken:
        """As the workers do."""
        self.names.append(path.name)
        return await self.workers.read(path, limit_tokens)

    async def read_bytes(self, data: bytes, name: str, limit_tokens: int) -> Taken:
        """As the workers do."""
        return await self.workers.read_bytes(data, name, limit_tokens)


async def test_a_large_file_waits_for_the_others(
    settings: Settings, parts: Parts, notes: Path
) -> None:
    (notes / "a.txt").write_text("큰 파일 " * 200_000, "utf-8")
    for name in ("b.md", "c.md"):
        (notes / name).write_text(RIVERS, "utf-8")
    reader = OneByOne(parts.workers)
    async with Library(settings, replace(parts, workers=reader)) as library:
        await library.sync()
    assert reader.names == ["b.md", "c.md", "a.txt"]


@pytest.mark.parametrize("new", ["sub/강.md", "물.md"])
async def test_a_file_that_is_moved_and_edited_at_once_keeps_its_labels(
    library: Library, notes: Path, new: str
) -> None:
    (notes / "sub").mkdir()
    (notes / "강.md").write_text(RIVERS, "utf-8")
    (notes / "산.txt").write_text("백두산은 높다.", "utf-8")
    await library.sync()
    before = the(library, "강.md")
    await library.label([before.id], "중요")
    (notes / "강.md").unlink()
    (notes / new).write_text(f"{RIVERS}\n금강은 서해로 흐른다.\n", "utf-8")
    await library.sync()
    after = the(library, Path(new).name)
    assert (after.id, after.labels, after.path) == (before.id, ("중요",), str(notes / new))
    assert found(library, "금강") == [after.name]
    assert (await library.sync()).files_total == 0


async def test_a_line_separator_makes_no_lines_that_two_files_could_share(
    library: Library, notes: Path
) -> None:
    """One line of a form that every memo begins with, full of U+2028, is one line and not most of a file."""
    form = "\u2028".join(f"서식 {n}" for n in range(9))
    (notes / "sub").mkdir()
    (notes / "a.md").write_text(f"{form}\n\n산은 높다.\n", "utf-8")
    await library.sync()
    before = the(library, "a.md")
    (notes / "a.md").unlink()
    (notes / "sub" / "a.md").write_text(f"{form}\n\n강은 길다.\n\n들은 넓다.\n", "utf-8")
    await library.sync()
    assert the(library, "a.md").id != before.id


async def test_a_folder_that_is_away_is_told_in_the_person_s_language(
    library: Library, notes: Path
) -> None:
    await anyio.Path(notes).rmdir()
    await library.sync()
    (folder,) = (await library.status()).folders
    assert folder.said == Text("그런 파일이나 폴더가 없습니다", "No such file or directory")
    (error,) = await library.errors()
    assert error.message.ko == "폴더를 볼 수 없습니다 (그런 파일이나 폴더가 없습니다)"


async def test_another_file_of_that_name_is_another_document(library: Library, notes: Path) -> None:
    (notes / "sub").mkdir()
    (notes / "README.md").write_text(RIVERS, "utf-8")
    await library.sync()
    before = the(library, "README.md")
    (notes / "README.md").unlink()
    (notes / "sub" / "README.md").write_text("# 산\n\n백두산은 높다.\n", "utf-8")
    await library.sync()
    assert the(library, "README.md").id != before.id


async def test_a_private_key_is_skipped_whatever_its_name(library: Library, notes: Path) -> None:
    (notes / "서버.md").write_text("-----BEGIN PRIVATE KEY-----\nMIIEvg\n", "utf-8")
    await library.sync()
    (skipped,) = await library.skipped()
    assert (skipped.path, skipped.code) == (str(notes / "서버.md"), "secret")
    assert await library.errors() == []


async def test_our_own_data_leaves_the_library_that_has_read_it(
    parts: Parts, home: Path, tmp_path: Path
) -> None:
    (home / "local.key").write_text("두뇌의 열쇠는 비밀이다", "utf-8")
    (home / "knowledge").mkdir()
    (home / "knowledge" / "a.md").write_text("자물쇠와 열쇠", "utf-8")
    above = LibrarySettings(folders=(tmp_path,))
    async with Library(Settings(home=tmp_path / "other", library=above), parts) as before:
        (tmp_path / ".dunoeignore").write_text("!local.key\n")
        await before.sync()
        assert set(found(before, "열쇠")) == {"local.key", "a.md"}
    async with Library(Settings(home=home, library=above), parts) as now:
        await now.sync()
        assert found(now, "열쇠") == ["a.md"]
        assert (str(home / "local.key"), "own") in [
            (one.path, one.code) for one in await now.skipped()
        ]
