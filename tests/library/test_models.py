"""Texts become vectors: prefixes, windows and batches, with real models and with engines that refuse."""

from collections.abc import Sequence
from math import sqrt
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.engines.llama import LlamaEngine
from dunoe.engines.request import Counted, Counting, Embedded, Embedding, Reranked, Reranking
from dunoe.errors import EngineFailed, NotFound, Problem, TooLong
from dunoe.library.models import BATCH_CHARS, BATCH_TEXTS, Models, batches, cut, mean
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, TimeoutSettings
from tests.library.residence import models, settings

pytestmark = pytest.mark.anyio


class Echo(LlamaEngine):
    """An engine that reads a number of characters and no more, and remembers what it was asked.

    The vector of a text is (1, 0) when it begins with the letter a, else (0, 1).
    """

    def __init__(self, reads: int = 1000) -> None:
        super().__init__(TimeoutSettings())
        self.reads = reads
        self.asked: list[list[str]] = []
        self.vectors: list[list[float]] | None = None
        self.is_stuck = anyio.Event()

    async def load(self, model: Model) -> None:
        """At once."""

    async def gone(self, model: Model) -> str:
        await anyio.sleep_forever()
        return ""

    async def count(self, model: Model, ask: Counting) -> Counted:
        return Counted(len(ask.content or ""), None)

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        texts = [str(one) for one in ask.inputs]
        assert not ask.truncate
        self._check(texts)
        if "forever" in texts:
            self.is_stuck.set()
            await anyio.sleep_forever()
        self.asked.append(texts)
        return Embedded(self.vectors or [[1.0, 0] if t[0] == "a" else [0, 2.0] for t in texts], 1)

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        self._check(ask.documents)
        return Reranked([float(text.count("x")) for text in ask.documents], 1)

    def _check(self, texts: Sequence[str]) -> None:
        if any(len(text) > self.reads for text in texts):
            raise TooLong("too long")


def named(tmp_path: Path, name: str, **fields: object) -> dict[str, object]:
    """An embedding model whose file is called so; the scripted engine never opens it."""
    return {"file": tmp_path / f"{name}.gguf", "mode": "embedding", **fields}


@pytest.mark.parametrize(
    ("file", "question", "passage"),
    [
        ("multilingual-e5-large-Q8_0", "query: 왜", "passage: 답"),
        ("Multilingual_E5_Base", "query: 왜", "passage: 답"),
        ("bge-m3-f16", "왜", "답"),
        ("KURE-v1", "왜", "답"),
        ("nobody-knows-me", "왜", "답"),
    ],
)
async def test_a_known_model_is_given_the_prefixes_it_was_trained_with(
    tmp_path: Path, file: str, question: str, passage: str
) -> None:
    engine = Echo()
    async with models(settings(tmp_path, m=named(tmp_path, file)), engine) as asked:
        await asked.embed_question("m", "왜")
        await asked.embed_passages("m", ["답"])
    assert engine.asked == [[question], [passage]]


async def test_an_instruction_stands_before_the_question_only(tmp_path: Path) -> None:
    engine = Echo()
    told = settings(tmp_path, m=named(tmp_path, "Qwen3-Embedding-0.6B-Q8_0"))
    async with models(told, engine) as asked:
        await asked.embed_question("m", "왜")
        await asked.embed_passages("m", ["답"])
    assert engine.asked[0][0].startswith("Instruct: ")
    assert engine.asked[0][0].endswith("왜")
    assert engine.asked[1] == ["답"]


async def test_the_settings_of_a_model_go_before_what_is_known_of_it(tmp_path: Path) -> None:
    engine = Echo()
    one = named(tmp_path, "multilingual-e5-large", query_prefix="Q: ", passage_prefix="")
    async with models(settings(tmp_path, m=one), engine) as asked:
        await asked.embed_question("m", "왜")
        await asked.embed_passages("m", ["답"])
    assert engine.asked == [["Q: 왜"], ["답"]]


@pytest.mark.parametrize(
    ("file", "fields", "window"),
    [
        ("multilingual-e5-large", {}, 512),
        ("bge-m3", {}, 2048),  # what our engine loads when the settings say nothing
        ("bge-m3", {"context": 8192}, 8192),
        ("multilingual-e5-large", {"context": 8192}, 512),
        ("multilingual-e5-large", {"context": 128}, 128),
        ("paraphrase-multilingual-MiniLM-L12-v2", {}, 128),
        ("all-MiniLM-L6-v2", {}, 256),
        ("unknown", {}, 512),
    ],
)
async def test_the_window_is_what_model_and_engine_both_read(
    tmp_path: Path, file: str, fields: dict[str, int], window: int
) -> None:
    async with models(settings(tmp_path, m=named(tmp_path, file, **fields)), Echo()) as asked:
        embedder = asked.embedder()
        assert embedder is not None
        assert embedder.window == window


async def test_a_text_longer_than_the_window_is_embedded_in_pieces(tmp_path: Path) -> None:
    engine = Echo(reads=128)
    text = "a" * 100 + " " + "b" * 99
    async with models(settings(tmp_path, m=named(tmp_path, "x", context=128)), engine) as asked:
        vectors = await asked.embed_passages("m", ["short", text])
    (pieces,) = engine.asked
    assert pieces[0] == "short"
    assert "".join(pieces[1:]) == text
    assert len(pieces) == 3
    assert all(len(piece) <= 120 for piece in pieces)  # room for the marks of the engine
    assert sqrt(sum(x * x for x in vectors[1])) == pytest.approx(1)
    assert vectors[1] == pytest.approx([101 / 142, 99 / 142], abs=0.01)  # as heavy as they are long


async def test_an_engine_that_refuses_a_length_is_given_halves(tmp_path: Path) -> None:
    """A model of another server: its limit is not known before."""
    engine = Echo(reads=60)
    box = EngineSettings(kind="openai", url="http://127.0.0.1:9")
    one = {"engine": "box", "name": "m", "mode": "embedding"}
    told = settings(tmp_path, m=one).model_copy(update={"engines": {"box": box}})
    async with models(told, engine) as asked:
        vectors = await asked.embed_passages("m", ["ab " * 50, "short"])
    assert all(len(text) <= 60 for batch in engine.asked for text in batch)
    assert "".join(text for batch in engine.asked for text in batch) == "ab " * 50 + "short"
    assert len(vectors) == 2


async def test_an_engine_that_refuses_everything_is_told(tmp_path: Path) -> None:
    async with models(settings(tmp_path, m=named(tmp_path, "x")), Echo(reads=1)) as asked:
        with pytest.raises(EngineFailed) as caught:
            await asked.embed_passages("m", ["word " * 20])
    assert caught.value.code == "window_too_small"


@pytest.mark.parametrize("vectors", [[[0.0, 0.0]], [[float("nan"), 1.0]], [[1.0, 0], [1.0, 0]]])
async def test_vectors_without_a_direction_are_an_error(
    tmp_path: Path, vectors: list[list[float]]
) -> None:
    engine = Echo()
    engine.vectors = vectors
    async with models(settings(tmp_path, m=named(tmp_path, "x")), engine) as asked:
        with pytest.raises(EngineFailed) as caught:
            await asked.embed_passages("m", ["text"])
    assert caught.value.code == "bad_vectors"


async def test_vectors_have_unit_length(tmp_path: Path) -> None:
    async with models(settings(tmp_path, m=named(tmp_path, "x")), Echo()) as asked:
        assert await asked.embed_question("m", "b") == [0, 1]
        assert await asked.dimensions("m") == 2


async def test_which_model_embeds(tmp_path: Path) -> None:
    told = settings(tmp_path, one=named(tmp_path, "one"), two=named(tmp_path, "two"))

    def name(asked: Models) -> str | None:
        found = asked.embedder()
        return None if found is None else found.name

    async with models(told, Echo(), embedding="two") as asked:
        assert name(asked) == "two"
    async with models(told, Echo()) as asked:
        assert name(asked) == "one"
    chosen = told.model_copy(update={"embedding_model": "two"})
    async with models(chosen, Echo()) as asked:
        assert name(asked) == "two"
    async with models(settings(tmp_path), Echo()) as asked:
        assert name(asked) is None
    async with models(told, Echo(), embedding="three") as asked:
        with pytest.raises(Problem):
            asked.embedder()


async def test_a_caller_who_leaves_gives_the_slot_back(tmp_path: Path) -> None:
    engine = Echo()
    async with models(settings(tmp_path, m=named(tmp_path, "x")), engine) as asked:
        async with anyio.create_task_group() as group:
            group.start_soon(asked.embed_passages, "m", ["forever"])
            await engine.is_stuck.wait()
            group.cancel_scope.cancel()
        with anyio.fail_after(5):
            await asked.embed_passages("m", ["text"])


async def test_reranking_needs_a_model_that_is_named(tmp_path: Path) -> None:
    told = settings(tmp_path, r={"file": tmp_path / "r.gguf", "mode": "rerank"})
    async with models(told, Echo()) as asked:
        assert await asked.rerank("q", ["x"]) is None
    async with models(told, Echo(), reranking="r") as asked:
        assert await asked.rerank("q", ["x", "", "xx"] * 30) == [1, 0, 2] * 30
        assert await asked.rerank("q", []) == []
    async with models(told, Echo(), reranking="gone") as asked:
        with pytest.raises(NotFound):
            await asked.rerank("q", ["x"])


async def test_a_text_too_long_to_rerank_counts_as_its_best_half(tmp_path: Path) -> None:
    told = settings(tmp_path, r={"file": tmp_path / "r.gguf", "mode": "rerank"})
    async with models(told, Echo(reads=60), reranking="r") as asked:
        assert await asked.rerank("q", ["y" * 60 + "xxx" + "y" * 40, "x"]) == [3, 1]


async def test_real_models_embed_and_rerank(
    tmp_path: Path, tiny_embedding: Path, tiny_rerank: Path
) -> None:
    told = settings(
        tmp_path, e={"file": tiny_embedding, "threads": 1}, r={"file": tiny_rerank, "threads": 1}
    )
    async with models(told, reranking="r") as asked:
        embedder = asked.embedder()
        assert embedder is not None
        assert (embedder.name, embedder.window) == ("e", 512)  # its file says so
        vectors = await asked.embed_passages("e", ["한국어", "", "word " * 3000])
        assert [len(vector) for vector in vectors] == [64, 64, 64]
        assert all(sum(x * x for x in vector) == pytest.approx(1) for vector in vectors)
        scores = await asked.rerank("q", ["one", "two " * 2000])
        assert scores is not None
        assert len(scores) == 2


async def test_a_real_model_knows_what_is_alike(tmp_path: Path, minilm: Path) -> None:
    """The cosines are those that the model's authors publish."""
    async with models(settings(tmp_path, m={"file": minilm, "threads": 1})) as asked:
        happy, *others = await asked.embed_passages(
            "m",
            [
                "That is a happy person",
                "That is a happy dog",
                "That is a very happy person",
                "Today is a sunny day",
            ],
        )
    cosines = [sum(a * b for a, b in zip(happy, other, strict=True)) for other in others]
    assert cosines == pytest.approx([0.695, 0.943, 0.257], abs=0.002)  # 16-bit weights


@given(st.text(min_size=1), st.integers(1, 9))
def test_the_pieces_of_a_text_are_the_text(text: str, pieces: int) -> None:
    found = cut(text, pieces)
    assert "".join(found) == text
    assert all(found)
    assert max(map(len, found)) <= -(-len(text) // pieces)


@given(st.lists(st.integers(0, BATCH_CHARS + 10), max_size=80))
def test_batches_are_bounded_and_keep_the_order(lengths: list[int]) -> None:
    texts = ["x" * length for length in lengths]
    found = batches(texts)
    assert [text for batch in found for text in batch] == texts
    assert all(len(batch) <= BATCH_TEXTS for batch in found)
    assert all(sum(map(len, batch)) <= BATCH_CHARS or len(batch) == 1 for batch in found)


def test_vectors_that_cancel_out_are_the_first() -> None:
    assert mean([(1, [1.0, 0]), (1, [-1.0, 0])]) == [1, 0]
