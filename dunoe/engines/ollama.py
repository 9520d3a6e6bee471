"""An Ollama server (0.30 or newer) as an engine, over its native routes.

Its own `/v1` is not used: it forces temperature and top_p, knows no num_ctx, and loses errors in the middle of
a stream. Every request carries the same launch options, since others would make Ollama load the model again.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

from dunoe.engines import ollama_wire
from dunoe.engines.engine import Listed
from dunoe.engines.events import Event
from dunoe.engines.http import Upstream, authorization
from dunoe.engines.ollama_answer import Decoder, models_of, understood
from dunoe.engines.ollama_loading import Loader
from dunoe.engines.ollama_vocabulary import Vocabularies
from dunoe.engines.promise import Promise
from dunoe.engines.refusals import broke_off, garbage, said_error
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
from dunoe.engines.side_by_side import side_by_side
from dunoe.errors import EngineFailed, NotSupported, Text
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, TimeoutSettings

log = logging.getLogger("dunoe.engines.ollama")

OLDEST = (0, 30)
PULL = {"between_tokens_s": 600.0, "total_s": 7 * 86400.0}  # hashing 40 GB says nothing for minutes


class OllamaEngine:
    """One Ollama server."""

    def __init__(self, name: str, settings: EngineSettings, timeouts: TimeoutSettings) -> None:
        self.name = name
        url, headers = settings.url.rstrip("/"), authorization(settings)
        self.upstream = Upstream(name, url, headers, timeouts)
        self.slow_upstream = Upstream(name, url, headers, timeouts.model_copy(update=PULL))
        self.limit_s = timeouts.connect_s + 5  # for questions that need no model
        self._is_version_known = False
        self._loader = Loader(self.upstream)
        self._vocabularies = Vocabularies(lambda model: self.show(model, verbose=True))

    async def load(self, model: Model) -> None:
        """Load with our options and see that it is there; warn when part of it is not on the card."""
        await self._loader.load(model)

    async def unload(self, model: Model) -> None:
        """Return when Ollama no longer lists it as running."""
        await self._loader.unload(model)

    async def gone(self, model: Model) -> str:
        """We cannot watch its models."""
        await asyncio.Event().wait()
        return ""

    # asking

    async def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """Batches of events, one when `ask.stream` is off; `n` choices are as many requests at once."""
        gathered: list[Event] = []
        with understood(self.name, model.upstream):
            choices = [self._choice(model, ask, index) for index in range(ask.n)]
            answer = choices[0] if ask.n == 1 else side_by_side(choices)
            async with aclosing(answer):
                async for events in answer:
                    if ask.stream:
                        yield events
                    else:
                        gathered += events
        if gathered:
            yield gathered

    async def _choice(
        self, model: Model, ask: Generation, index: int
    ) -> AsyncGenerator[list[Event], None]:
        """One choice, always streamed: only of a stream can we see that it stands still."""
        path = ollama_wire.path(ask)
        asked = ollama_wire.body(model, ask, index) | {"stream": True}
        decoder = Decoder(self.name, index, is_turn=ask.turn is not None)
        promise = Promise(self.name, ask)
        stream = self.upstream.stream_lines(path, asked, lambda: decoder.is_done)
        async with aclosing(stream) as batches:
            async for lines in batches:
                if events := promise.kept(decoder.lines(lines)):
                    yield events
        decoder.end()

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        """Unit vectors from /api/embed; raw ones from the older /api/embeddings, one text at a time."""
        texts = [text for text in ask.inputs if isinstance(text, str)]
        if len(texts) < len(ask.inputs):
            raise NotSupported(
                Text("Ollama는 토큰 번호를 임베딩하지 않습니다", "Ollama embeds no token ids"),
                Text("글로 보내세요.", "send text."),
                param="input",
                upstream=self.name,
            )
        if not texts:
            return Embedded([], 0)
        with understood(self.name, model.upstream):
            if ask.is_normalised:
                return await self._embedded(model, texts, ask)
            return Embedded([await self._raw(model, text, ask) for text in texts], 0)

    async def _embedded(self, model: Model, texts: list[str], ask: Embedding) -> Embedded:
        asked = ollama_wire.embedding(model, texts) | {"truncate": ask.truncate}
        if ask.dimensions is not None:
            asked["dimensions"] = ask.dimensions
        answer = await self.upstream.json("POST", "/api/embed", asked)
        try:
            vectors, counted = answer["embeddings"], answer.get("prompt_eval_count", 0)
            if len(vectors) != len(texts):
                raise self._garbage(answer)
        except (AttributeError, KeyError, TypeError) as exc:
            raise self._garbage(answer) from exc
        return Embedded(vectors, counted)

    async def _raw(self, model: Model, text: str, ask: Embedding) -> list[float]:
        asked = {"model": model.upstream, "prompt": text, "options": ollama_wire.launch(model)}
        answer = await self.upstream.json("POST", "/api/embeddings", asked)
        try:
            vector: list[float] = answer["embedding"][: ask.dimensions]
        except (KeyError, TypeError) as exc:
            raise self._garbage(answer) from exc
        return vector

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        """Ollama has no reranking."""
        raise NotSupported(
            Text("Ollama는 재정렬(rerank)을 지원하지 않습니다", "Ollama does not rerank"),
            Text(
                'rerank 모델을 GGUF 파일로 설정하세요 (mode = "rerank").',
                'set up the reranker as a GGUF file (mode = "rerank").',
            ),
            upstream=self.name,
        )

    async def count(self, model: Model, ask: Counting) -> Counted:
        """A text by the model's own vocabulary, where Ollama tells it.

        Else, and for a chat, what Ollama counts when it reads the prompt, for it has no tokenizer route: that costs a
        prefill and one token, tells no ids, and counts a beginning-of-text token where the model has one.
        """
        if ask.content is not None and (words := await self._vocabularies.of(model)) is not None:
            ids = await asyncio.to_thread(words.encode, ask.content, parse_special=True)
            return Counted(len(ids), ids)
        with understood(self.name, model.upstream):
            if ask.content is not None and model.settings.mode == "embedding":
                found = await self._embedded(model, [ask.content], Embedding([ask.content]))
                return Counted(found.prompt_tokens, None)
            if ask.content == "" or (ask.content is None and not ask.messages):
                return Counted(0, None)
            is_chat = ask.content is None
            one = Generation(
                "chat" if is_chat else "complete",
                messages=ask.messages,
                prompt=ask.content or "",
                tools=ask.tools,
                options={"max_tokens": 1},
            )
            asked = ollama_wire.body(model, one)
            answer = await self.upstream.json("POST", ollama_wire.path(one), asked)
            try:
                return Counted(int(answer["prompt_eval_count"]), None)
            except (KeyError, TypeError, ValueError) as exc:
                raise self._garbage(answer) from exc

    async def measure(self, model: Model, ask: Generation) -> int | None:
        """None: it counts by reading, which is the work itself; it refuses what is too long."""
        return None

    async def pairs(self, model: Model, ask: Reranking) -> list[int] | None:
        """None: it ranks nothing."""
        return None

    async def counts_cheaply(self, model: Model) -> bool:
        """Whether a text can be counted without reading it."""
        return await self._vocabularies.of(model) is not None

    async def context(self, model: Model) -> int:
        """What we load it with."""
        return int(ollama_wire.launch(model)["num_ctx"])

    # its models

    async def listed(self) -> list[Listed]:
        """What it has on disk."""
        answer = await self.upstream.json("GET", "/api/tags", limit_s=self.limit_s)
        found = models_of(self.name, answer)
        return [Listed(one["name"], one.get("size") or 0, one) for one in found]

    async def show(self, model: Model, *, verbose: bool = False) -> Json:
        """Its /api/show; verbose: with the whole vocabulary, several megabytes."""
        asked = {"model": model.upstream, "verbose": verbose}
        with understood(self.name, model.upstream):
            answer = await self.upstream.json("POST", "/api/show", asked, limit_s=self.limit_s)
        if not isinstance(answer, dict):
            raise self._garbage(answer)
        return answer

    async def pull(self, name: str) -> AsyncGenerator[Json, None]:
        """Progress as Ollama tells it, `{"status": "success"}` last. Closed early, the pull stops."""
        asked = {"model": name, "stream": True}
        is_whole = False
        with understood(self.name, name):
            async with aclosing(self.slow_upstream.stream_lines("/api/pull", asked)) as batches:
                async for lines in batches:
                    for line in lines:
                        told = self.upstream.parsed(line)
                        if not isinstance(told, dict):
                            raise self._garbage(told)
                        if "error" in told:
                            raise said_error(self.name, told["error"])
                        is_whole = told.get("status") == "success"
                        yield told
            if not is_whole:
                raise broke_off(self.name)

    async def delete(self, name: str) -> None:
        """Remove a model from its disk."""
        with understood(self.name, name):
            await self.upstream.tell("DELETE", "/api/delete", {"model": name})

    async def copy(self, source: str, destination: str) -> None:
        """Give a model a second name."""
        asked = {"source": source, "destination": destination}
        with understood(self.name, source):
            await self.upstream.tell("POST", "/api/copy", asked)

    async def ping(self) -> None:
        """Return when it answers; say once when it is too old."""
        answer = await self.upstream.json("GET", "/api/version", limit_s=self.limit_s)
        if not isinstance(answer, dict):
            raise self._garbage(answer)
        if self._is_version_known:
            return
        self._is_version_known = True
        version = str(answer.get("version"))
        found = re.match(r"(\d+)\.(\d+)", version)
        if found and (int(found[1]), int(found[2])) < OLDEST:
            log.warning(
                "%s: Ollama %s is older than %d.%d: long prompts may be cut without a word; update it",
                *(self.name, version, *OLDEST),
            )

    async def aclose(self) -> None:
        """Close the connections; its models stay as they are."""
        await self.upstream.aclose()
        await self.slow_upstream.aclose()

    def _garbage(self, answer: object) -> EngineFailed:
        return garbage(self.name, repr(answer)[:200].encode())
