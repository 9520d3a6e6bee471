"""Deleted files: gone from answers at once, before any sync."""

from pathlib import Path
from shutil import move, rmtree

import pytest

from dunoe.library.library import Library
from dunoe.library.present import Present
from dunoe.library.search import Search, Wish

pytestmark = pytest.mark.anyio

RIVERS = "# 강\n\n한강은 서울을 지난다.\n"


class NoModels:
    """Words alone."""

    def embedder(self) -> None:
        """There is none."""

    async def embed_question(self, model: str, text: str) -> list[float]:
        """Never asked: there is no collection with vectors."""
        raise NotImplementedError

    async def rerank(self, query: str, texts: object) -> list[float] | None:
        """No model is set."""
        return None


async def found(library: Library, question: str = "한강") -> set[str]:
    """The files that answer now."""
    search = Search(
        Present(library.documents, library.roots.have), lambda: library.indexes.active, NoModels()
    )
    return {hit.document.name for hit in (await search.find(Wish(question))).hits}


@pytest.fixture
async def rivers(library: Library, notes: Path) -> Library:
    """A library of three files."""
    (notes / "sub").mkdir()
    for name in ("a.md", "sub/b.md", "sub/c.md"):
        (notes / name).write_text(f"{RIVERS}{name}\n", "utf-8")
    await library.sync()
    assert await found(library) == {"a.md", "b.md", "c.md"}
    return library


async def test_a_deleted_file_answers_no_more(rivers: Library, notes: Path) -> None:
    (notes / "a.md").unlink()
    assert await found(rivers) == {"b.md", "c.md"}
    assert await found(rivers, "a.md 한강") == {"b.md", "c.md"}
    rmtree(notes / "sub")
    assert await found(rivers) == set()
    (notes / "sub").write_text("now a file")
    assert await found(rivers) == set()


async def test_a_folder_that_was_taken_out_answers_no_more(rivers: Library, notes: Path) -> None:
    search = Search(
        Present(rivers.documents, lambda path: "/sub/" not in path),
        lambda: rivers.indexes.active,
        NoModels(),
    )
    assert [hit.document.name for hit in (await search.find(Wish("한강"))).hits] == ["a.md"]


async def test_a_library_folder_that_is_away_still_answers(rivers: Library, notes: Path) -> None:
    move(notes, notes.with_name("away"))
    assert await found(rivers) == {"a.md", "b.md", "c.md"}


async def test_a_name_that_is_no_utf8_still_answers(rivers: Library, notes: Path) -> None:
    (notes / "caf\udce9.md").write_text(f"{RIVERS}caf\n", "utf-8")
    await rivers.sync()
    assert "caf\\xe9.md" in await found(rivers)
