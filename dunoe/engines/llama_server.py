"""A running `llama-server`, ours or another's: OpenAI's dialect and what llama.cpp adds to it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from math import sqrt

from dunoe.engines.events import Event, Extra, Reading, Said, Usage
from dunoe.engines.openai import OpenAIEngine
from dunoe.engines.openai_wire import NO_SENSE, Decoder, body
from dunoe.engines.promise import Promise
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
from dunoe.engines.tool_choice import must_call, tools_of
from dunoe.errors import BadRequest, Text, TooLong
from dunoe.portfolio.memory import CONTEXT
from dunoe.portfolio.model import Model

PROBE = "=0="  # stands for text in a prompt whose other parts we want to know


class LlamaServerEngine(OpenAIEngine):
    """One `llama-server`."""

    _fim: tuple[list[int], list[int], list[int]] | None = None

    async def generate(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """Batches of events.

        Several choices are asked for one after another: each takes one slot, as the scheduler counted,
        and its usage is right (llama.cpp counts the tokens of one choice only).
        """
        total, events = Usage(0, 0), list[Event]()
        for index in range(ask.n):
            async with aclosing(self._one(model, _choice(ask, index))) as answer:
                async for batch in answer:
                    events += batch if ask.n == 1 else _renumbered(batch, index, total)
                    if events and ask.stream:
                        yield events
                        events = []
        if ask.n > 1:
            events.append(total)
        if events:
            yield events

    async def _one(self, model: Model, ask: Generation) -> AsyncGenerator[list[Event], None]:
        """One choice, always streamed: the server notices that we left only when it writes to us."""
        if ask.task == "infill":
            ask = replace(ask, task="complete", prompt=await self._infilled(ask))
        path = "/v1/chat/completions" if ask.task == "chat" else "/v1/completions"
        asked, decoder, promise = written(model, ask), Decoder(self.name), Promise(self.name, ask)
        async with aclosing(self.answer(path, asked, decoder, is_streamed=True)) as answer:
            async for events in answer:
                if kept := promise.kept(events):
                    yield kept if ask.logprobs is None else _trimmed(kept, ask.logprobs)

    async def _infilled(self, ask: Generation) -> list[int]:
        """The prompt for the gap between prompt and suffix.

        Made here, for `/infill` silently cuts what does not fit one batch.
        """
        if not isinstance(ask.prompt, str):
            raise BadRequest(
                Text(
                    "suffix와 함께 쓰는 prompt는 글이어야 합니다",
                    "a prompt with a suffix must be text",
                ),
                Text("토큰 번호 대신 글을 보내세요.", "send text instead of token ids."),
                param="prompt",
            )
        before, between, after = self._fim or await self._fim_marks()
        prefix = await self._tokens(ask.prompt, is_plain=True)
        suffix = await self._tokens(ask.suffix, is_plain=True)
        return [*before, *prefix, *between, *suffix, *after]

    async def _fim_marks(self) -> tuple[list[int], list[int], list[int]]:
        """The model's own tokens around a gap, read off the prompt that `/infill` makes of a probe."""
        probe = {"input_prefix": PROBE, "input_suffix": PROBE, "n_predict": 0, "stream": False}
        answer = await self.upstream.json("POST", "/infill", probe)
        try:
            before, between, after = answer["prompt"].split(PROBE)
        except NO_SENSE as exc:
            raise self.garbage(answer) from exc
        begin = await self._tokens("", is_whole=True)  # the mark that begins every prompt, if any
        first = await self._tokens(before.rpartition("\n")[2])  # less the example file's name
        self._fim = (
            first if first[: len(begin)] == begin else begin + first,
            await self._tokens(between),
            await self._tokens(after),
        )
        return self._fim

    async def embed(self, model: Model, ask: Embedding) -> Embedded:
        """Vectors, a few texts a request, so that little is done for a caller who left."""
        vectors, counted = list[list[float]](), 0
        for start in range(0, len(ask.inputs), model.slots):
            part = replace(ask, inputs=ask.inputs[start : start + model.slots])
            embedded = await self._embed_or_cut(model, part)
            vectors += embedded.vectors
            counted += embedded.prompt_tokens
        return Embedded(vectors, counted)

    async def rerank(self, model: Model, ask: Reranking) -> Reranked:
        """Scores, a few documents a request, for the same reason."""
        scores, counted = list[float](), 0
        for start in range(0, len(ask.documents), model.slots):
            part = replace(ask, documents=ask.documents[start : start + model.slots])
            reranked = await super().rerank(model, part)
            scores += reranked.scores
            counted += reranked.prompt_tokens
        return Reranked(scores, counted)

    async def _embed_or_cut(self, model: Model, ask: Embedding) -> Embedded:
        """llama.cpp refuses what is too long; where that may be cut, cut it here."""
        try:
            return await self._embed(ask)
        except TooLong:
            if not ask.truncate:
                raise
            context = await self.context(
                model
            )  # whole pads; a batch is no longer than what was wanted
            context = min(context, model.settings.context or context)
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
            tokens = await self._tokens(ask.content)
        else:
            chat: Json = {"messages": ask.messages}
            if ask.tools:
                chat["tools"] = ask.tools
            tokens = await self._tokens(await self._templated(chat), is_whole=True)
        return Counted(len(tokens), tokens)

    async def measure(self, model: Model, ask: Generation) -> int | None:
        """What the server makes of the very body that would be sent."""
        if ask.task == "infill":
            return None
        if isinstance(ask.prompt, list) and ask.task == "complete":
            return len(ask.prompt)
        text = str(ask.prompt)
        if ask.task == "chat":
            text = await self._templated(written(model, ask))
        return len(await self._tokens(text, is_whole=True))

    async def _templated(self, chat: Json) -> str:
        prompt = await self.upstream.json("POST", "/apply-template", chat)
        try:
            return str(prompt["prompt"])
        except NO_SENSE as exc:
            raise self.garbage(prompt) from exc

    async def _tokens(
        self, text: str, *, is_whole: bool = False, is_plain: bool = False
    ) -> list[int]:
        """is_whole: with the marks that begin and end a prompt. is_plain: marks in the text are text."""
        asked = {"content": text, "add_special": is_whole, "parse_special": not is_plain}
        answer = await self.upstream.json("POST", "/tokenize", asked)
        try:
            tokens = [int(token) for token in answer["tokens"]]
        except NO_SENSE as exc:
            raise self.garbage(answer) from exc
        return tokens

    async def context(self, model: Model) -> int:
        """Of one slot."""
        props = await self.show(model)
        try:
            return int(props["default_generation_settings"]["n_ctx"])
        except NO_SENSE as exc:
            raise self.garbage(props) from exc

    async def show(self, model: Model) -> Json:
        """`/props`: the chat template, the context of a slot, what it can take in."""
        props: Json = await self.upstream.json("GET", "/props", limit_s=self.limit_s)
        return props


def written(model: Model, ask: Generation) -> Json:
    """OpenAI's body, in the words of this server."""
    asked = body(model.upstream, ask)
    asked["stream"] = True
    asked["stream_options"] = {"include_usage": True}
    asked["return_progress"] = True  # something to write while it reads the prompt
    if isinstance(asked.get("repeat_last_n"), int):
        asked["repeat_last_n"] = _within_context(model, asked["repeat_last_n"])
    if must_call(ask):
        # llama.cpp reads no name there and would let the model choose; of one tool it must take that
        asked["tools"], asked["tool_choice"] = tools_of(ask), "required"
    if asked.get("stop"):
        # the only way to hear which one it was; without the fields, the whole prompt would come along
        asked["verbose"], asked["response_fields"] = True, ["stopping_word"]
    if ask.logprobs is not None:
        # llama.cpp takes 0 alternatives for "no logprobs"
        asked["logprobs" if ask.task == "complete" else "top_logprobs"] = max(1, ask.logprobs)
    if ask.task == "complete" and asked.pop("response_format", None):
        asked["json_schema"] = _schema(ask)
    return asked


def _within_context(model: Model, tokens: int) -> int:
    """-1 is the whole context, as Ollama has it; llama.cpp refuses that, and makes room for whatever is asked."""
    context = model.settings.context or CONTEXT["chat"]
    return context if tokens < 0 else min(tokens, context)


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
        if not isinstance(event, Extra | Reading):
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
