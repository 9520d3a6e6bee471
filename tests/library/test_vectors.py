"""Vectors follow the words: made behind the syncs, once for each text, and switched to as a whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from dunoe.engines.llama import LlamaEngine
from dunoe.engines.request import Counted, Counting, Embedded, Embedding
from dunoe.errors import EngineFailed, Text
from dunoe.library import bm25
from dunoe.library import library as library_module
from dunoe.library.filling import PAGE
from dunoe.library.index.edge import EdgeIndex
from dunoe.library.index.point import ANY
from dunoe.library.library import Library, Parts
from dunoe.portfolio.model import Model
from dunoe.settings import Settings, TimeoutSettings
from tests.library import residence

pytestmark = pytest.mark.anyio

SECTION = "# {0}\n\n" + "{0}에 대한 이야기. " * 60 + "\n\n"


class Scribe(LlamaEngine):
    """An engine that remembers what it embedded. A vector says how often "강" stands in the text."""

    def __init__(self) -> None:
        super().__init__(TimeoutSettings())
        self.embedded: list[str] = []
        self.is_away = False
        self.may_go_on = anyio.Event()
        self.may_go_on.set()

    async def load(self, model: Model) -> None:
        """At once."""

    async def gone(self, model: Model) -> str:
        await anyio.sleep_forever()
        return ""

    async def count(self, model: Model, ask: Counting) -> Counted:
        return Counted(1, None)

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        if self.is_away:
            raise EngineFailed(Text("없음", "away"), Text("켜세요", "start it"))
        texts = [str(one) for one in ask.inputs]
        if texts != ["passage: dunoe"] and texts != ["dunoe"]:  # it is asked for its dimensions
            await self.may_go_on.wait()
            self.embedded += texts
        size = 4 if model.name == "four" else 8
        return Embedded([[1.0, text.count("강")] + [0.0] * (size - 2) for text in texts], 1)


@pytest.fixture
def scribe() -> Scribe:
    return Scribe()


@asynccontextmanager
async def library_with(
    model: str, settings: Settings, parts: Parts, scribe: Scribe
) -> AsyncIterator[Library]:
    """The library with this embedding model; opened and closed like a program that starts and ends."""
    file = settings.home / "some.gguf"
    file.touch()
    tables = {name: {"file": file, "mode": "embedding"} for name in ("four", "eight")}
    told = residence.settings(settings.home, **tables)
    async with (
        residence.models(told, scribe, embedding=model) as models,
        Library(settings, replace(parts, models=models)) as library,
    ):
        yield library


def lexical(library: Library, words: str) -> int:
    """How many passages are found by these words."""
    return len(library.indexes.active.index.lexical(bm25.ask(words), ANY, 50))


def nearest(library: Library) -> list[str]:
    """The documents whose passages speak most of rivers, by vectors."""
    index, size = library.indexes.active.index, library.indexes.active.row.dimensions
    hits = index.nearest([0.0, 1.0] + [0.0] * (size - 2), ANY, 50) if size else []
    found = library.documents.passages([hit.id for hit in hits])
    return list(dict.fromkeys(found[hit.id].document.name for hit in hits))


async def test_words_answer_first_and_vectors_follow(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    (notes / "a.md").write_text(SECTION.format("산"), "utf-8")
    (notes / "b.md").write_text(SECTION.format("강"), "utf-8")
    scribe.may_go_on = anyio.Event()
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        assert lexical(library, "이야기") > 1
        assert (library.indexes.active.row.model, nearest(library)) == ("", [])
        scribe.may_go_on.set()
        await library.settle()
        assert library.indexes.active.row.model == "four"
        assert nearest(library)[0] == "b.md"
        assert lexical(library, "이야기") > 1
        assert library.progress.now().owed == (0, 0)
    assert any(
        text.startswith("passage: 강\n") or text.startswith("강\n") for text in scribe.embedded
    )


async def test_only_new_text_is_embedded(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    sections = (SECTION.replace("#", "##").format(name) for name in "가나다라마")
    text = "# 글\n\n" + "".join(sections)
    (notes / "a.md").write_text(text, "utf-8")
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
        once = len(scribe.embedded)
        assert once == library.documents.counts().passages
        await library.sync()
        await library.settle()
        assert len(scribe.embedded) == once
        (notes / "a.md").write_text(text.replace("다에 대한", "고래에 대한", 1), "utf-8")
        await library.sync()
        await library.settle()
        assert once < len(scribe.embedded) <= once + once // 2
        (notes / "a.md").rename(notes / "b.md")
        await library.sync()
        await library.settle()
        assert len(scribe.embedded) <= once + once // 2
        assert len(nearest(library)) == 1


async def test_an_index_that_is_filled_is_tidied_on_the_way(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end alone, all that was written would be in memory at once, here and in who arranges it."""
    sections = (SECTION.replace("#", "##").format(name) for name in range(200))
    (notes / "a.md").write_text("# 글\n\n" + "".join(sections), "utf-8")
    monkeypatch.setattr(library_module, "TIDIED", PAGE)
    filled: list[int] = []
    monkeypatch.setattr(EdgeIndex, "tidy", lambda index: filled.append(index.count()))
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
        whole = library.documents.counts().passages
    assert whole > 2 * PAGE
    assert {PAGE, 2 * PAGE, whole} <= set(filled)


async def test_another_model_is_built_beside_and_switched_to_as_a_whole(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    for n in range(5):
        (notes / f"{n}.md").write_text(SECTION.format("강" * n + "산"), "utf-8")
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
    scribe.may_go_on = anyio.Event()
    async with library_with("eight", settings, parts, scribe) as library:
        (notes / "new.md").write_text(SECTION.format("강강강강강강강"), "utf-8")
        await library.sync()
        assert library.indexes.active.row.model == "four"
        assert "4.md" in nearest(library)
        assert lexical(library, "이야기") == library.documents.counts().passages
        scribe.may_go_on.set()
        await library.settle()
        assert library.indexes.active.row.model == "eight"
        assert "new.md" in nearest(library)
        assert library.indexes.active.index.count() == library.documents.counts().passages
    async with library_with("eight", settings, parts, scribe) as library:
        await library.settle()
        assert [row.model for row in parts.store.collections.all()] == ["eight"]
        folders = [path.name for path in (settings.home / "library").iterdir()]
        assert folders == [library.indexes.active.row.name]


async def test_building_goes_on_after_a_restart(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    for n in range(100):
        (notes / f"{n}.md").write_text(f"# {n}\n\n강 {n}\n", "utf-8")
    scribe.may_go_on = anyio.Event()
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        with anyio.move_on_after(0.2):
            await library.settle()
    (row,) = (one for one in parts.store.collections.all() if one.model)
    assert (row.state, parts.store.intake.debt(row.name)) == ("building", 100)
    scribe.may_go_on.set()
    async with library_with("four", settings, parts, scribe) as library:
        await library.settle()
        assert len(nearest(library)) == 50
    assert len(set(scribe.embedded)) == 100
    assert len(scribe.embedded) <= 200


async def test_while_the_model_is_away_words_answer_and_it_is_said(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    (notes / "a.md").write_text(SECTION.format("강"), "utf-8")
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
        scribe.is_away = True
        (notes / "b.md").write_text(SECTION.format("강강"), "utf-8")
        assert (await library.sync()).phase == "done"
        with pytest.raises(EngineFailed, match="away"):
            await library.settle()
        assert lexical(library, "이야기") == library.documents.counts().passages
        assert nearest(library) == ["a.md"]
        scribe.is_away = False
        await library.settle()
        assert nearest(library) == ["b.md", "a.md"]


async def test_a_model_that_nobody_knows_takes_nothing_away(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    (notes / "a.md").write_text(SECTION.format("강"), "utf-8")
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
    async with library_with("nobody", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
        assert library.indexes.active.row.model == "four"
        assert nearest(library) == ["a.md"]


async def test_without_a_model_again_words_alone_answer(
    settings: Settings, parts: Parts, scribe: Scribe, notes: Path
) -> None:
    (notes / "a.md").write_text(SECTION.format("강"), "utf-8")
    async with library_with("four", settings, parts, scribe) as library:
        await library.sync()
        await library.settle()
    async with Library(settings, parts) as library:
        await library.settle()
        assert library.indexes.active.row.model == ""
        assert lexical(library, "이야기") == library.documents.counts().passages


async def test_a_real_model_embeds_a_real_library(
    settings: Settings, parts: Parts, notes: Path, tiny_embedding: Path
) -> None:
    (notes / "a.md").write_text(SECTION.format("강"), "utf-8")
    told = residence.settings(
        settings.home, tiny={"file": str(tiny_embedding), "mode": "embedding"}
    )
    async with (
        residence.models(told, embedding="tiny") as models,
        Library(settings, replace(parts, models=models)) as library,
    ):
        await library.sync()
        await library.settle()
        question = await models.embed_question("tiny", "강")
        hits = library.indexes.active.index.nearest(question, ANY, 50)
        assert len(hits) == library.documents.counts().passages
