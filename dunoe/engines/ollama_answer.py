"""What Ollama says: lines of its native routes into events, and its refusals into our errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import orjson

from dunoe.engines.events import Called, Event, Extra, Finished, FinishReason, Said, Thought, Usage
from dunoe.engines.refusals import broke_off, garbage, said_error
from dunoe.engines.request import Json
from dunoe.errors import (
    BadRequest,
    EngineFailed,
    NotFound,
    NotSupported,
    Problem,
    Text,
    TooLong,
)

NS = 1e-9  # Ollama's durations are nanoseconds


class Decoder:
    """Turns one answer of /api/chat or /api/generate into events, as choice `index`.

    is_turn: the caller speaks /api/generate and gets the tokens that its next turn goes on from.
    """

    def __init__(self, engine: str, index: int = 0, *, is_turn: bool = False) -> None:
        self.engine, self.index, self.is_turn = engine, index, is_turn
        self.calls = 0
        self.is_done = False

    def lines(self, lines: list[bytes]) -> list[Event]:
        """The events of some lines; raise what the engine says went wrong."""
        events: list[Event] = []
        for line in lines:
            try:
                self._object(orjson.loads(line), events)
            except orjson.JSONDecodeError as exc:
                raise garbage(self.engine, line) from exc
        return events

    def end(self) -> None:
        """Raise EngineFailed unless the engine said that it was done."""
        if not self.is_done:
            raise broke_off(self.engine)

    def _object(self, said: Any, events: list[Event]) -> None:  # Any: JSON
        try:
            if "error" in said:
                raise said_error(self.engine, said["error"])
            message = said.get("message") or said
            if text := message.get("thinking"):
                events.append(Thought(_text(text), self.index))
            text, odds = message.get("content") or message.get("response"), said.get("logprobs")
            if text or odds:
                logprobs = [_odds(one) for one in odds] if odds else None
                events.append(Said(_text(text or ""), self.index, logprobs))
            for call in message.get("tool_calls") or []:
                events.append(self._called(call))
            if said.get("done"):
                self._done(said, events)
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise garbage(self.engine, repr(said)[:200].encode()) from exc

    def _called(self, call: Json) -> Called:
        number, self.calls = self.calls, self.calls + 1
        function = call["function"]
        arguments = orjson.dumps(function.get("arguments") or {}).decode()
        id_ = call.get("id") or f"call_{uuid4().hex[:8]}"
        return Called(number, id_, _text(function["name"]), arguments, self.index)

    def _done(self, said: Json, events: list[Event]) -> None:
        self.is_done = True
        reason: FinishReason = "length" if said.get("done_reason") == "length" else "stop"
        if self.calls and reason == "stop":
            reason = "tool_calls"
        if self.is_turn and said.get("context"):
            events.append(Extra({"context": said["context"]}))
        events.append(Finished(reason, self.index))
        usage = Usage(
            prompt_tokens=int(said.get("prompt_eval_count", 0)),
            completion_tokens=int(said.get("eval_count", 0)),
            prefill_s=said.get("prompt_eval_duration", 0) * NS,
            decode_s=said.get("eval_duration", 0) * NS,
        )
        events.append(usage)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text that is none")
    return value


def _odds(token: Json) -> Json:
    """One token's log probability with every field that OpenAI's chat form has."""
    found = {"bytes": list(token["token"].encode()), **token}
    found["top_logprobs"] = [
        {"bytes": list(other["token"].encode()), **other}
        for other in token.get("top_logprobs") or []
    ]
    return found


def models_of(engine: str, answer: Any) -> list[Json]:  # Any: JSON
    """The models of /api/tags or /api/ps; raise EngineFailed when it is no such list."""
    try:
        models = answer["models"] or []
        if all(isinstance(one["name"], str) for one in models):
            return list(models)
    except (KeyError, TypeError) as exc:
        raise garbage(engine, repr(answer)[:200].encode()) from exc
    raise garbage(engine, repr(answer)[:200].encode())


@contextmanager
def understood(engine: str, name: str) -> Iterator[None]:
    """Give Ollama's refusals, which are plain sentences, the class and the hint that they deserve.

    name: the model's name there.
    """
    try:
        yield
    except Problem as exc:
        better = _better(exc, engine, name)
        if better is None:
            raise
        raise better from exc


def _better(said: Problem, engine: str, name: str) -> Problem | None:
    text = said.message.en
    if isinstance(said, TooLong):
        return None
    if re.search(r"longer than the context length|exceeds the context length", text):
        return TooLong(
            said.message,
            Text(
                "글을 줄이거나 모델의 context를 늘리세요.",
                "send less text, or raise the model's context.",
            ),
            code="context_length_exceeded",
            upstream=engine,
        )
    if isinstance(said, NotFound) or "file does not exist" in text:
        return missing(engine, name)
    if isinstance(said, BadRequest) and "does not support" in text:
        return NotSupported(
            said.message,
            Text("그 일을 할 수 있는 모델을 고르세요.", "choose a model that can do that."),
            upstream=engine,
        )
    if isinstance(said, EngineFailed) and re.search(r'option "\w+" must be of type', text):
        return BadRequest(
            said.message, Text("값의 형식을 고치세요.", "correct its type."), upstream=engine
        )
    return None


def missing(engine: str, name: str) -> NotFound:
    """The engine has no such model."""
    return NotFound(
        Text(
            f"엔진 '{engine}'에 모델 '{name}'이(가) 없습니다",
            f"engine '{engine}' has no model '{name}'",
        ),
        Text(
            f"`dunoe models pull {name}`로 받거나 이름을 확인하세요.",
            f"fetch it with `dunoe models pull {name}`, or check the name.",
        ),
        code="model_not_found",
        param="model",
        upstream=engine,
    )
