"""Embedding and reranking for the library: prefixes, windows and batches around the models that residency runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite, sqrt
from pathlib import Path
from typing import Literal

from dunoe.engines.engine import Engine
from dunoe.engines.request import Counting, Embedding, Reranking
from dunoe.errors import EngineFailed, NotFound, Text, TooLong, Unavailable
from dunoe.portfolio.catalogue import Catalogue
from dunoe.portfolio.embedders import Habits, habits
from dunoe.portfolio.memory import CONTEXT
from dunoe.portfolio.model import Model
from dunoe.residency.runner import Runner
from dunoe.weights.header import BadModelFile, read_header

Kind = Literal["query", "passage"]
Vector = list[float]

BATCH_TEXTS = 32  # between two batches the model may serve somebody else
BATCH_CHARS = 40_000
MARKS = 8  # tokens that an engine puts around a text, at most
SHORTEST = 32  # characters that are not cut again: who refuses these refuses everything


@dataclass(frozen=True, slots=True)
class Embedder:
    """An embedding model and what it wants. window: tokens that one text may have, its prefix among them."""

    model: Model
    habits: Habits
    window: int

    @property
    def name(self) -> str:
        """What the catalogue calls it."""
        return self.model.name

    def prefix(self, kind: Kind) -> str:
        """What is written before such a text."""
        return self.habits.query if kind == "query" else self.habits.passage


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text that fits the window. of: which text."""

    of: int
    text: str


class Models:
    """The models that the library asks. Each batch takes a slot of the model and gives it back, however it ends.

    Problems of residency and of the engines pass through.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        runner: Runner,
        *,
        embedding: str | None = None,
        reranking: str | None = None,
    ) -> None:
        """embedding, reranking: `[library]` of the settings."""
        self._catalogue, self._runner = catalogue, runner
        self._embedding, self._reranking = embedding, reranking

    def embedder(self) -> Embedder | None:
        """The embedding model of the library: the one of `[library]`, of EMBEDDING_MODEL, or the first there is.

        None when no model embeds. Raises NotFound when the settings name one that is not there.
        """
        named = self._embedding or self._catalogue.settings.embedding_model
        if named:
            return _embedder(self._catalogue.find(named, "embedding"))
        try:
            return _embedder(self._catalogue.find(None, "embedding"))
        except (NotFound, Unavailable):
            return None

    async def dimensions(self, name: str) -> int:
        """How many numbers a vector of this model has; asks the model."""
        return len((await self._embed(self._named(name), ["dunoe"], "passage"))[0])

    async def embed_passages(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector of unit length for each text, with the prefix that this model wants before a passage.

        A text that is longer than the model's window is embedded in pieces, and its vector is their mean.
        """
        return list(await self._embed(self._named(model), texts, "passage"))

    async def embed_question(self, model: str, text: str) -> Vector:
        """The vector of a question, of unit length."""
        return (await self._embed(self._named(model), [text], "query"))[0]

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """How well each text answers, higher is better, on the model's own scale; None when no model is set.

        A text that is too long counts as the best of its halves.
        """
        if not self._reranking:
            return None
        model = self._catalogue.find(self._reranking, "rerank")
        scores = list[float]()
        for start in range(0, len(texts), BATCH_TEXTS):
            async with self._runner.lease(model) as lease:
                part = list(texts[start : start + BATCH_TEXTS])
                scores += await _scores(lease.engine, model, query, part)
        return scores

    def _named(self, name: str) -> Embedder:
        return _embedder(self._catalogue.find(name, "embedding"))

    async def _embed(self, by: Embedder, texts: Sequence[str], kind: Kind) -> list[Vector]:
        found: list[Vector] = []
        for batch in batches(texts):
            async with self._runner.lease(by.model) as lease:
                found += await _Work(lease.engine, by, by.prefix(kind)).vectors(batch)
        return found


class _Work:
    """One batch with one loaded model."""

    def __init__(self, engine: Engine, by: Embedder, prefix: str) -> None:
        self._engine, self._by, self._prefix = engine, by, prefix

    async def vectors(self, texts: list[str]) -> list[Vector]:
        pieces: list[Piece] = []
        for number, text in enumerate(texts):
            pieces += [Piece(number, part) for part in await self._fitting(text)]
        vectors = await self._asked([piece.text for piece in pieces])
        parts: list[list[tuple[int, Vector]]] = [[] for _ in texts]
        for piece, vector in zip(pieces, vectors, strict=True):
            parts[piece.of].append((len(piece.text), vector))
        return [mean(some) for some in parts]

    async def _fitting(self, text: str) -> list[str]:
        """The text, or its pieces where it is longer than the window.

        Our own engine would read over the end of a model's positions, so there it is counted; a token is at least
        a byte. Other engines know their limits and refuse, see `_asked`.
        """
        room = self._by.window - MARKS
        whole = self._prefix + text
        if not self._by.model.is_embedded or len(whole.encode()) <= room:
            return [text]
        counted = (await self._engine.count(self._by.model, Counting(whole))).count
        if counted <= room or len(text) <= SHORTEST:
            return [text]
        return [
            fits for piece in cut(text, ceil(counted / room)) for fits in await self._fitting(piece)
        ]

    async def _asked(self, texts: list[str]) -> list[Vector]:
        try:
            asked = Embedding([self._prefix + text or " " for text in texts])
            vectors = (await self._engine.embed(self._by.model, asked)).vectors
        except TooLong:
            if len(texts) == 1:
                return [await self._halved(texts[0])]
            return [(await self._asked([text]))[0] for text in texts]
        if len(vectors) != len(texts):
            raise _nonsense(self._by.model)
        return [unit(vector, self._by.model) for vector in vectors]

    async def _halved(self, text: str) -> Vector:
        if len(text) <= SHORTEST:
            raise _too_small(self._by.model)
        halves = cut(text, 2)
        return mean([(len(half), (await self._asked([half]))[0]) for half in halves])


def batches(texts: Sequence[str]) -> list[list[str]]:
    """The texts in order, a bounded number of texts and characters at a time."""
    found: list[list[str]] = []
    chars = 0
    for text in texts:
        if not found or len(found[-1]) == BATCH_TEXTS or chars + len(text) > BATCH_CHARS:
            found.append([])
            chars = 0
        found[-1].append(text)
        chars += len(text)
    return found


def cut(text: str, pieces: int) -> list[str]:
    """The text in so many pieces of about one size, between words where there are any; joined they are the text."""
    found, start = list[str](), 0
    size = ceil(len(text) / pieces)
    while len(text) - start > size:
        end = start + size
        space = max(text.rfind(space, start + size // 2, end) for space in " \n\t")
        end = space + 1 if space >= 0 else end
        found.append(text[start:end])
        start = end
    return [*found, text[start:]]


def mean(parts: Sequence[tuple[int, Vector]]) -> Vector:
    """The mean of vectors, each as heavy as its text is long, at unit length again."""
    if len(parts) == 1:
        return parts[0][1]
    sums = [
        sum(weight * number for (weight, _), number in zip(parts, numbers, strict=True))
        for numbers in zip(*(vector for _, vector in parts), strict=True)
    ]
    length = sqrt(sum(number * number for number in sums))
    return [number / length for number in sums] if length else parts[0][1]


def unit(vector: Vector, model: Model) -> Vector:
    """The vector at unit length. Raises EngineFailed for one that has no direction."""
    length = sqrt(sum(number * number for number in vector))
    if not isfinite(length) or length == 0:
        raise _nonsense(model)
    return [number / length for number in vector]


async def _scores(engine: Engine, model: Model, query: str, texts: list[str]) -> list[float]:
    try:
        return (await engine.rerank(model, Reranking(query, texts))).scores
    except TooLong:
        if len(texts) > 1:
            return [(await _scores(engine, model, query, [text]))[0] for text in texts]
        if len(texts[0]) <= SHORTEST:
            raise
        return [max(await _scores(engine, model, query, cut(texts[0], 2)))]


def _embedder(model: Model) -> Embedder:
    wanted = habits(model)
    window = wanted.window
    if model.is_embedded:
        window = min(window, model.settings.context or CONTEXT["embedding"])
        if (file := model.settings.file) is not None and file.is_file():
            window = min(window, _positions(file, file.stat().st_mtime_ns) or window)
    return Embedder(model, wanted, window)


@lru_cache(maxsize=64)
def _positions(file: Path, mtime_ns: int) -> int | None:
    """How many tokens a model was made for; None where its file does not say."""
    try:
        return read_header(file).number("context_length")
    except BadModelFile:  # loading it will tell
        return None


def _nonsense(model: Model) -> EngineFailed:
    return EngineFailed(
        Text(
            f"임베딩 모델 '{model.name}'의 벡터를 쓸 수 없습니다",
            f"the vectors of the embedding model '{model.name}' cannot be used",
        ),
        Text(
            "임베딩 모델이 맞는지, 파일이 온전한지 확인하세요.",
            "check that it is an embedding model, and that its file is whole.",
        ),
        code="bad_vectors",
        upstream=model.engine,
    )


def _too_small(model: Model) -> EngineFailed:
    return EngineFailed(
        Text(
            f"임베딩 모델 '{model.name}'이(가) 짧은 글도 거절합니다",
            f"the embedding model '{model.name}' refuses even short texts",
        ),
        Text("모델의 context를 늘리세요.", "raise the model's context."),
        code="window_too_small",
        upstream=model.engine,
    )
