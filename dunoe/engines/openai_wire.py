"""What an OpenAI-compatible server reads and writes: questions into bodies, lines into events."""

from typing import Any

import orjson

from dunoe.engines.events import (
    Called,
    Event,
    Extra,
    Finished,
    FinishReason,
    Reading,
    Said,
    Thought,
    Usage,
)
from dunoe.engines.refusals import broke_off, garbage, said_error
from dunoe.engines.request import Generation, Json
from dunoe.errors import EngineFailed

CALLS = 1024  # tool calls in one answer; a greater index is garbage that would make us hold memory
# Keys that are no news: what we model, and llama.cpp's signs of life while it reads a prompt.
MODELLED = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "prompt_progress", "__verbose"}
)
REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "eos": "stop",
}
# What reading JSON of another shape than its dialect's raises.
NO_SENSE = (AttributeError, KeyError, TypeError, ValueError, OverflowError)
FIELDS = (b"event:", b"id:", b"retry:")  # of server-sent events, and of no meaning here
BROKEN = frozenset({"abort", "error", "cancelled"})  # vLLM and others: the answer is not whole


_OWN_PLACE = frozenset(  # some dialect's unknown option must not say what Generation says elsewhere
    {
        "model",
        "messages",
        "prompt",
        "suffix",
        "stream",
        "stream_options",
        "n",
        "tools",
        "tool_choice",
    }
    | {"response_format", "logprobs", "top_logprobs", "max_completion_tokens", "n_predict"}
)


def body(name: str, ask: Generation) -> Json:
    """The JSON of `/v1/chat/completions` or `/v1/completions`."""
    body = {name: value for name, value in ask.options.items() if name not in _OWN_PLACE}
    body["model"] = name
    body["stream"] = ask.stream
    if ask.stream:
        body["stream_options"] = {"include_usage": True}
    if ask.n != 1:
        body["n"] = ask.n
    if ask.format is not None:
        body["response_format"] = ask.format
    if ask.task != "chat":
        body["prompt"] = ask.prompt
        if ask.task == "infill":
            body["suffix"] = ask.suffix
        if ask.logprobs is not None:
            body["logprobs"] = ask.logprobs
        return body
    return body | _chat(ask)


def _chat(ask: Generation) -> Json:
    chat: Json = {"messages": ask.messages}
    if ask.tools:
        chat["tools"] = ask.tools
    if ask.tool_choice is not None:
        chat["tool_choice"] = ask.tool_choice
    if ask.logprobs is not None:
        chat["logprobs"], chat["top_logprobs"] = True, ask.logprobs
    if isinstance(ask.think, bool):
        kwargs = ask.options.get("chat_template_kwargs") or {}
        chat["chat_template_kwargs"] = {**kwargs, "enable_thinking": ask.think}
    elif ask.think is not None:
        chat["reasoning_effort"] = ask.think
    return chat


class Decoder:
    """Turns one answer, streamed or whole, into events.

    engine: the name that errors carry. n: the choices that were asked for.
    """

    def __init__(self, engine: str, n: int = 1) -> None:
        self.engine = engine
        self.unfinished = set(range(n))
        self.is_over = False
        self._strange = (
            b""  # the first line that is of no event stream: a page, something compressed
        )
        self._choices = range(n)
        self._counted: Json | None = None
        self._usage: Usage | None = None
        self._timings: Json = {}
        self._sent: Json = {}

    def lines(self, lines: list[bytes]) -> list[Event]:
        """The events of some server-sent lines; raise what the server says went wrong."""
        events: list[Event] = []
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:]
            elif line[0] == 0x7B:  # {: some servers put an error into a stream bare
                data = line
            elif line.startswith(b"error:"):
                raise said_error(self.engine, self._parsed(line[6:]))
            else:
                if not line.startswith(FIELDS):
                    self._strange = self._strange or line
                continue
            if data.strip() == b"[DONE]":
                self.is_over = True
                break
            self.chunk(self._parsed(data), events)
        return events

    def whole(self, answer: Any) -> list[Event]:  # Any: JSON
        """Every event of an answer that was not streamed."""
        events: list[Event] = []
        self.chunk(answer, events)
        return events + self.end()

    def end(self) -> list[Event]:
        """What is said last; raise EngineFailed when the answer is not whole."""
        if self.unfinished and self._strange:
            raise garbage(self.engine, self._strange)
        if self.unfinished:
            raise broke_off(self.engine)
        return [] if self._usage is None else [self._usage]

    def chunk(self, chunk: Any, events: list[Event]) -> None:  # Any: JSON
        """Append the events of one JSON object."""
        try:
            choices = chunk.get("choices")
            if choices is None:
                self._without_choices(chunk)
            else:
                verbose = chunk.get("__verbose") or {}  # llama.cpp's
                for choice in choices:
                    self._choice(choice, verbose.get("stopping_word"), events)
            if progress := chunk.get("prompt_progress"):
                events.append(Reading(int(progress["total"])))
            if chunk.get("usage"):
                self._counted = chunk["usage"]
            if news := chunk.keys() - MODELLED:
                self._extra({key: chunk[key] for key in news}, events)
            if self._counted is not None:
                self._usage = _usage(self._counted, self._timings)
        except NO_SENSE as exc:
            raise self._garbage(chunk) from exc

    def _parsed(self, data: bytes) -> Any:  # Any: JSON
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise garbage(self.engine, data) from exc

    def _garbage(self, chunk: object) -> EngineFailed:
        return garbage(self.engine, orjson.dumps(chunk)[:200])

    def _without_choices(self, chunk: Json) -> None:
        if chunk.get("error"):
            raise said_error(self.engine, chunk["error"])
        if "usage" not in chunk:
            raise ValueError("neither choices nor usage")

    def _choice(self, choice: Json, stop: object, events: list[Event]) -> None:
        index = choice.get("index", 0)
        if index not in self._choices:
            raise ValueError("a choice that nobody asked for")
        said = choice.get("delta") or choice.get("message")
        if said:
            if text := said.get("reasoning_content") or said.get("reasoning"):
                events.append(Thought(_text(text), index))
            text = said.get("content")
            if said.get("tool_calls"):
                self._calls(said["tool_calls"], index, events)
        else:
            text = choice.get("text")
        logprobs = choice.get("logprobs")
        if text or logprobs:
            events.append(Said(_text(text or ""), index, _logprobs(logprobs) if logprobs else None))
        if reason := choice.get("finish_reason"):
            if reason in BROKEN:
                raise broke_off(self.engine, reason)
            self.unfinished.discard(index)
            stop = (
                choice.get("stop_reason") or stop
            )  # vLLM's; a token's number when no text ended it
            told = stop if stop and isinstance(stop, str) else None
            events.append(Finished(REASONS.get(reason, "stop"), index, told))

    def _calls(self, calls: list[Json], index: int, events: list[Event]) -> None:
        for position, call in enumerate(calls):
            number = call.get("index", position)
            if not 0 <= number < CALLS:
                raise ValueError("a tool call with an absurd index")
            function = call.get("function") or {}
            arguments = function.get("arguments") or ""
            if not isinstance(arguments, str):
                arguments = orjson.dumps(arguments).decode()
            events.append(
                Called(number, call.get("id") or "", function.get("name") or "", arguments, index)
            )

    def _extra(self, fields: Json, events: list[Event]) -> None:
        """Say a field of the reply when it is new: many stand in every chunk, always the same."""
        if news := {k: v for k, v in fields.items() if v is not None and self._sent.get(k) != v}:
            self._sent.update(news)
            self._timings = news.get("timings") or self._timings
            events.append(Extra(news))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text that is none")
    return value


def _usage(counted: Json, timings: Json) -> Usage:
    details = counted.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=int(counted.get("prompt_tokens") or 0),
        completion_tokens=int(counted.get("completion_tokens") or 0),
        cached_tokens=int(details.get("cached_tokens") or 0),
        prefill_s=float(timings.get("prompt_ms") or 0) / 1000,
        decode_s=float(timings.get("predicted_ms") or 0) / 1000,
    )


def _logprobs(logprobs: Json) -> list[Json] | None:
    """OpenAI's chat form; the older form of completions is turned into it."""
    if "tokens" not in logprobs:
        content: list[Json] | None = logprobs.get("content")
        if not all(isinstance(token, dict) for token in content or ()):
            raise TypeError("tokens that are none")
        return content
    tops = logprobs.get("top_logprobs") or [None] * len(logprobs["tokens"])
    return [
        {
            **_token(token, logprob),
            "top_logprobs": [_token(other, p) for other, p in (top or {}).items()],
        }
        for token, logprob, top in zip(
            logprobs["tokens"], logprobs["token_logprobs"], tops, strict=True
        )
    ]


def _token(token: str, logprob: float | None) -> Json:
    return {"token": token, "logprob": logprob or 0.0, "bytes": list(token.encode())}
