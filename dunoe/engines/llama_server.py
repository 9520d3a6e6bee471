"""A running `llama-server`, ours or another's: OpenAI's dialect and what llama.cpp adds to it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from math import sqrt
from typing import Any

import orjson

from dunoe.engines.events import Event, Extra, Finished, Said, Usage
from dunoe.engines.openai import OpenAIEngine
from dunoe.engines.openai_wire import Decoder, body
from dunoe.engines.refusals import broke_off, garbage, said_error
from dunoe.engines.request import Counted, Counting, Embedded, Embedding, Generation, Json
from dunoe.errors import BadRequest, Text, TooLong
from dunoe.portfolio.model import Model


class LlamaServerEngine(OpenAIEngine):
    """One `llama-server`."""

    async def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """Batches of events.

        Several choices are asked for one after another: each takes one slot, as the scheduler counted,
        and its usage is right (llama.cpp counts the tokens of one choice only).
        """
        total = Usage(0, 0)
        for index in range(ask.n):
            async with aclosing(self._one(model, _choice(ask, index))) as answer:
                async for events in answer:
                    if ask.n > 1:
                        events = _renumbered(events, index, total)
                    if events:
                        yield events
        if ask.n > 1:
            yield [total]

    async def _one(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        decoder: Decoder | Native
        if ask.task == "infill":
            path, asked, decoder = "/infill", infill(ask), Native(self.name)
        else:
            path = "/v1/chat/completions" if ask.task == "chat" else "/v1/completions"
            asked, decoder = written(model, ask), Decoder(self.name)
        async with aclosing(self.answer(path, asked, decoder, is_streamed=ask.stream)) as answer:
            async for events in answer:
                yield events if ask.logprobs is None else _trimmed(events, ask.logprobs)

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        """Vectors; what is too long is cut here, for llama.cpp refuses it."""
        try:
            return await self._embed(ask)
        except TooLong:
            if not ask.truncate:
                raise
            props = await self.show(model)
            context = int(props["default_generation_settings"]["n_ctx"])
            inputs: list[str | list[int]] = [await self._cut(one, context) for one in ask.inputs]
            return await self._embed(replace(ask, inputs=inputs))

    async def _embed(self, ask: Embedding) -> Embedded:
        asked: Json = {"input": ask.inputs, "encoding_format": "float"}
        if not ask.is_normalised:
            asked["embd_normalize"] = -1
        embedded = self.embedded(await self.upstream.json("POST", "/v1/embeddings", asked), ask)
        if ask.dimensions is None:
            return embedded
        return replace(embedded, vectors=[_short(v, ask) for v in embedded.vectors])

    async def _cut(self, text: str | list[int], context: int) -> list[int]:
        """The first tokens that fit, and the last one: it may be the mark that ends a text."""
        tokens = text if isinstance(text, list) else await self._tokens(text, is_whole=True)
        return tokens if len(tokens) <= context else [*tokens[: context - 1], tokens[-1]]

    async def count(self, model: Model, ask: Counting) -> Counted:
        """Text as it stands; a chat through the model's template, just as an answer would count it."""
        if ask.content is not None:
            tokens = await self._tokens(ask.content, is_whole=False)
        else:
            chat: Json = {"messages": ask.messages}
            if ask.tools:
                chat["tools"] = ask.tools
            prompt = await self.upstream.json("POST", "/apply-template", chat)
            tokens = await self._tokens(prompt["prompt"], is_whole=True)
        return Counted(len(tokens), tokens)

    async def _tokens(self, text: str, *, is_whole: bool) -> list[int]:
        """is_whole: with the marks that begin and end a whole prompt."""
        asked = {"content": text, "add_special": is_whole, "parse_special": True}
        answer = await self.upstream.json("POST", "/tokenize", asked)
        try:
            tokens: list[int] = answer["tokens"]
        except (KeyError, TypeError) as exc:
            raise self.garbage(answer) from exc
        return tokens

    async def show(self, model: Model) -> Json:
        """`/props`: the chat template, the context of a slot, what it can take in."""
        props: Json = await self.upstream.json("GET", "/props", limit_s=self.limit_s)
        return props


def written(model: Model, ask: Generation) -> Json:
    """OpenAI's body, in the words of this server."""
    asked = body(model.upstream, ask)
    if ask.logprobs is not None:
        # llama.cpp takes 0 alternatives for "no logprobs"
        asked["logprobs" if ask.task == "complete" else "top_logprobs"] = max(1, ask.logprobs)
    if ask.task == "complete" and asked.pop("response_format", None):
        asked["json_schema"] = _schema(ask)
    return asked


def infill(ask: Generation) -> Json:
    """The body of `/infill`: the server puts the model's own fill-in-the-middle tokens around."""
    if not isinstance(ask.prompt, str):
        raise BadRequest(
            Text(
                "suffix와 함께 쓰는 prompt는 글이어야 합니다", "a prompt with a suffix must be text"
            ),
            Text("토큰 번호 대신 글을 보내세요.", "send text instead of token ids."),
            param="prompt",
        )
    asked = dict(ask.options)
    asked |= {"input_prefix": ask.prompt, "input_suffix": ask.suffix, "stream": ask.stream}
    if ask.logprobs is not None:
        asked["n_probs"] = max(1, ask.logprobs)
    if ask.format is not None:
        asked["json_schema"] = _schema(ask)
    return asked


class Native:
    """Decodes llama.cpp's own form of an answer."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.is_done = False

    def lines(self, lines: list[bytes]) -> list[Event]:
        """The events of some server-sent lines."""
        events: list[Event] = []
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            try:
                events += self._events(orjson.loads(line[5:]))
            except orjson.JSONDecodeError as exc:
                raise garbage(self.engine, line) from exc
        return events

    def whole(self, answer: Any) -> list[Event]:  # Any: JSON
        """Every event of an answer that was not streamed."""
        return self._events(answer) + self.end()

    def end(self) -> list[Event]:
        """Nothing more; raise EngineFailed when the answer is not whole."""
        if not self.is_done:
            raise broke_off(self.engine)
        return []

    def _events(self, chunk: Any) -> list[Event]:  # Any: JSON
        events: list[Event] = []
        try:
            if "error" in chunk:
                raise said_error(self.engine, chunk["error"])
            if text := chunk["content"]:
                events.append(Said(text, logprobs=chunk.get("completion_probabilities")))
            if chunk.get("stop"):
                self.is_done = True
                events += _last(chunk)
        except (AttributeError, KeyError, TypeError) as exc:
            raise garbage(self.engine, orjson.dumps(chunk)[:200]) from exc
        return events


def _last(chunk: Json) -> list[Event]:
    timings = chunk.get("timings") or {}
    usage = Usage(
        prompt_tokens=chunk["tokens_evaluated"],
        completion_tokens=chunk["tokens_predicted"],
        cached_tokens=timings.get("cache_n", 0),
        prefill_s=timings.get("prompt_ms", 0.0) / 1000,
        decode_s=timings.get("predicted_ms", 0.0) / 1000,
    )
    reason = Finished(
        "length" if chunk.get("stop_type") == "limit" else "stop",
        stop=chunk.get("stopping_word") or None,
    )
    return [reason, Extra({"timings": timings}), usage]


def _schema(ask: Generation) -> Json:
    named = (ask.format or {}).get("json_schema") or {}
    schema: Json = named.get("schema") or {"type": "object"}
    return schema


def _choice(ask: Generation, index: int) -> Generation:
    """The question for one of several choices; each has a seed of its own."""
    if ask.n == 1:
        return ask
    options = dict(ask.options)
    if isinstance(seed := options.get("seed"), int):
        options["seed"] = seed + index
    return replace(ask, n=1, options=options)


def _renumbered(events: list[Event], index: int, total: Usage) -> list[Event]:
    """The same events as choice `index`; their usage is added to the total instead."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, Usage):
            total.prompt_tokens = event.prompt_tokens
            total.cached_tokens = event.cached_tokens if index == 0 else total.cached_tokens
            total.completion_tokens += event.completion_tokens
            total.prefill_s += event.prefill_s
            total.decode_s += event.decode_s
            continue
        if not isinstance(event, Extra):
            event.index = index
        kept.append(event)
    return kept


def _trimmed(events: list[Event], alternatives: int) -> list[Event]:
    for event in events:
        if isinstance(event, Said):
            for token in event.logprobs or ():
                token["top_logprobs"] = (token.get("top_logprobs") or [])[:alternatives]
    return events


def _short(vector: list[float], ask: Embedding) -> list[float]:
    """The first dimensions (Matryoshka models are made for that), at unit length again."""
    cut = vector[: ask.dimensions]
    length = sqrt(sum(x * x for x in cut)) if ask.is_normalised else 1.0
    return [x / length for x in cut] if length else cut
