"""An OpenAI-compatible server as an engine: vLLM, dunoe, any cluster."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

from dunoe.engines.engine import Listed
from dunoe.engines.events import Event
from dunoe.engines.http import Upstream, authorization
from dunoe.engines.openai_wire import NO_SENSE, Decoder, body
from dunoe.engines.refusals import garbage
from dunoe.engines.request import (
    Counted,
    Counting,
    Embedded,
    Embedding,
    Generation,
    Json,
    Reranked,
    Reranking,
)
from dunoe.errors import BadRequest, EngineFailed, NotFound, NotSupported, Text
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, TimeoutSettings

CONTEXT = 4096  # tokens, where neither the settings nor the server say


class Reader(Protocol):
    """What turns one answer into events."""

    is_over: bool  # the answer says that nothing follows

    def lines(self, lines: list[bytes]) -> list[Event]: ...
    def whole(self, answer: Any) -> list[Event]: ...  # Any: JSON
    def end(self) -> list[Event]: ...


class OpenAIEngine:
    """One server, reached by a base URL with or without `/v1`. It loads its models itself."""

    def __init__(self, name: str, settings: EngineSettings, timeouts: TimeoutSettings) -> None:
        self.name = name
        url = settings.url.rstrip("/").removesuffix("/v1")
        self.upstream = Upstream(name, url, authorization(settings), timeouts)
        self.limit_s = timeouts.connect_s + 5  # for questions that need no thought
        self._rerank_path = ""
        self._count_path = ""

    async def load(self, model: Model) -> None:
        """The server's own business."""

    async def unload(self, model: Model) -> None:
        """The server's own business."""

    async def gone(self, model: Model) -> str:
        """We cannot watch its models."""
        await asyncio.Event().wait()
        return ""

    def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """Batches of events; one batch when `ask.stream` is off."""
        path = "/v1/chat/completions" if ask.task == "chat" else "/v1/completions"
        asked, decoder = body(model.upstream, ask), Decoder(self.name, ask.n)
        return self.answer(path, asked, decoder, is_streamed=ask.stream)

    async def answer(
        self, path: str, asked: Json, decoder: Reader, *, is_streamed: bool
    ) -> AsyncGenerator[list[Event], None]:
        """The events of one request, streamed or whole."""
        if not is_streamed:
            yield decoder.whole(await self.upstream.json("POST", path, asked))
            return
        stream = self.upstream.stream_lines(path, asked, lambda: decoder.is_over)
        async with aclosing(stream) as batches:
            async for lines in batches:
                if events := decoder.lines(lines):
                    yield events
        if events := decoder.end():
            yield events

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        """Vectors in the order of the texts."""
        asked: Json = {"model": model.upstream, "input": ask.inputs, "encoding_format": "float"}
        if ask.dimensions is not None:
            asked["dimensions"] = ask.dimensions
        if ask.truncate:
            asked["truncate_prompt_tokens"] = -1  # vLLM: as many as the model takes
        return self.embedded(await self.upstream.json("POST", "/v1/embeddings", asked), ask)

    def embedded(self, answer: Any, ask: Embedding) -> Embedded:  # Any: JSON
        """Read an embeddings reply; raise EngineFailed when a vector is missing."""
        try:
            ordered = sorted(answer["data"], key=lambda one: int(one["index"]))
            vectors = [one["embedding"] for one in ordered]
            counted = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
        except NO_SENSE as exc:
            raise self.garbage(answer) from exc
        if len(vectors) != len(ask.inputs):
            raise self.garbage(answer)
        return Embedded(vectors, counted)

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        """Scores in the order of the documents."""
        asked: Json = {"model": model.upstream, "query": ask.query, "documents": ask.documents}
        answer = await self._reranked(asked)
        try:
            by_index = {one["index"]: one["relevance_score"] for one in answer["results"]}
            scores = [float(by_index[n]) for n in range(len(ask.documents))]
            usage = answer.get("usage") or {}
            counted = int(usage.get("prompt_tokens") or usage.get("total_tokens") or 0)
        except NO_SENSE as exc:
            raise self.garbage(answer) from exc
        return Reranked(scores, counted)

    async def _reranked(self, asked: Json) -> Any:  # Any: JSON
        for path in [self._rerank_path] if self._rerank_path else ["/v1/rerank", "/rerank"]:
            try:
                answer = await self.upstream.json("POST", path, asked)
            except (NotFound, NotSupported) as exc:
                refused = exc
            else:
                self._rerank_path = path
                return answer
        raise refused

    async def count(self, model: Model, ask: Counting) -> Counted:
        """By dunoe's `/v1/tokenize` or vLLM's `/tokenize`, whichever the server has."""
        for path in [self._count_path] if self._count_path else ["/v1/tokenize", "/tokenize"]:
            asked: Json = {"model": model.upstream}
            if ask.content is None:
                asked |= {"messages": ask.messages}
                if ask.tools:
                    asked["tools"] = ask.tools
            else:
                asked["content" if path == "/v1/tokenize" else "prompt"] = ask.content
            try:
                answer = await self.upstream.json("POST", path, asked)
            except (NotFound, NotSupported) as exc:
                refused = exc
                continue
            self._count_path = path
            try:
                return Counted(int(answer["count"]), answer.get("tokens"))
            except NO_SENSE as exc:
                raise self.garbage(answer) from exc
        raise NotSupported(
            Text(
                f"엔진 '{self.name}'은(는) 토큰을 셀 수 없습니다",
                f"engine '{self.name}' cannot count tokens",
            ),
            Text(
                "그 서버가 /tokenize를 지원하는지, 모델 이름이 맞는지 확인하세요.",
                "check that it offers /tokenize and knows the model's name.",
            ),
            upstream=self.name,
        ) from refused

    async def measure(self, model: Model, ask: Generation) -> int | None:
        """Of a chat, as `/tokenize` counts it; such servers tell nothing of a prompt as it stands."""
        if ask.task != "chat":
            return (
                len(ask.prompt) if isinstance(ask.prompt, list) and ask.task != "infill" else None
            )
        try:
            counting = Counting(messages=ask.messages, tools=ask.tools)
            return (await self.count(model, counting)).count
        except NotSupported:
            return None

    async def pairs(self, model: Model, ask: Reranking) -> list[int] | None:
        """None: how it puts query and document together is its own business."""
        return None

    async def context(self, model: Model) -> int:
        """The setting's, else what vLLM and others tell in their list of models, else a cautious guess."""
        if model.settings.context is not None:
            return model.settings.context
        for one in await self.listed():
            told = (one.details or {}).get("max_model_len") or (one.details or {}).get(
                "context_length"
            )
            if one.name == model.upstream and isinstance(told, int) and told > 0:
                return told
        return CONTEXT

    async def listed(self) -> list[Listed]:
        """What `/v1/models` lists."""
        answer = await self._models()
        try:
            return [Listed(one["id"], details=one) for one in answer["data"] or []]
        except NO_SENSE as exc:
            raise self.garbage(answer) from exc

    async def show(self, model: Model) -> Json:
        """Nothing: this dialect tells no details."""
        return {}

    async def ping(self) -> None:
        """Return when `/v1/models` answers."""
        try:
            await self._models()
        except (BadRequest, NotFound) as exc:
            raise EngineFailed(exc.message, exc.hint, upstream=self.name) from exc

    async def _models(self) -> Any:  # Any: JSON
        return await self.upstream.json("GET", "/v1/models", limit_s=self.limit_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.upstream.aclose()

    def garbage(self, answer: object) -> EngineFailed:
        """The server's JSON is not what its dialect says."""
        return garbage(self.name, repr(answer)[:200].encode())
