"""Ollama's answers: one JSON object a line, the last one with the counts.

A call of a tool goes out whole, once its arguments are; one that the answer's end cut off never does.
Times that the engine did not tell are measured here, from the arrival of the request.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Embedded, Json
from dunoe.errors import Language, Problem
from dunoe.server.answer import Answer, Choice, ToolCall
from dunoe.server.jsontext import oneline
from dunoe.server.problems import body as problem_body

Clock = Callable[[], int]  # nanoseconds since 1970

_S = 1_000_000_000  # nanoseconds


class _Reply(ABC):
    """What /api/chat and /api/generate share; they differ in where the text stands."""

    media_type = "application/x-ndjson"
    ping = b" "  # white space before the next line's object is JSON too

    _said: tuple[bytes, bytes]
    _thought: tuple[bytes, bytes]

    def __init__(self, model: str, clock: Clock = time.time_ns) -> None:
        self.model, self.clock = model, clock
        self.born_ns = clock()
        self.first_ns = 0
        self.reason = "stop"
        self.usage: Usage | None = None
        self.told: Json = {}  # further fields of the line that is done
        self.calls = Answer()  # gathers the calls alone
        self._head = b'{"model":' + oneline(model) + b',"created_at":"'
        self._second, self._stamp = -1, b""

    def start(self) -> bytes:
        """Nothing goes out before the first piece."""
        return b""

    def pieces(self, batch: list[Event]) -> bytes:
        """A line for each piece of text; calls wait for their end."""
        now = self.clock()
        self.first_ns = self.first_ns or now
        head = self._head + self._created(now)
        lines = []
        for event in batch:
            if isinstance(event, Said):
                lines.append(self._text(head, self._said, event.text, event.logprobs))
            elif isinstance(event, Thought):
                lines.append(self._text(head, self._thought, event.text, None))
            elif isinstance(event, Called):
                self.calls.add([event])
            elif isinstance(event, Finished):
                self.reason = event.reason
                lines.append(self._called(head))
            elif isinstance(event, Usage):
                self.usage = event
            elif isinstance(event, Extra):
                self.told |= _told(event.fields)
        return b"".join(lines)

    def end(self) -> bytes:
        """The line that is done."""
        first_ns = self.first_ns or self.clock()
        fields = self._shown(Choice()) | self.told
        return oneline(self._done(fields, self.reason, self.usage, first_ns)) + b"\n"

    def broken(self, problem: Problem, language: Language) -> bytes:
        """The line with the error, which is the last."""
        return oneline(problem_body(problem, "ollama", language)) + b"\n"

    def whole(self, answer: Answer) -> Json:
        """Everything in one object."""
        choice = answer.choice(0)
        fields = self._shown(choice) | _told(answer.extra)
        if choice.logprobs is not None:
            fields["logprobs"] = [_logprob(entry) for entry in choice.logprobs]
        return self._done(fields, choice.finish, answer.usage, None)

    def loaded(self, reason: Literal["load", "unload"]) -> Json:
        """The one object that answers an empty request."""
        created = self._created(self.clock()).decode()[:-2]
        fields = self._shown(Choice())
        return {
            "model": self.model,
            "created_at": created,
            **fields,
            "done": True,
            "done_reason": reason,
        }

    @abstractmethod
    def _shown(self, choice: Choice) -> Json:
        """Where the text of an answer stands in its object."""

    @abstractmethod
    def _called(self, head: bytes) -> bytes:
        """The line of the calls, where this route has one."""

    def _text(
        self, head: bytes, around: tuple[bytes, bytes], text: str, logprobs: list[Json] | None
    ) -> bytes:
        before, after = around
        if logprobs is None:
            return head + before + oneline(text) + after + b',"done":false}\n'
        likely = oneline([_logprob(entry) for entry in logprobs])
        return (
            head + before + oneline(text) + after + b',"logprobs":' + likely + b',"done":false}\n'
        )

    def _created(self, now_ns: int) -> bytes:
        """RFC 3339 and what closes the field; the second is written once and kept."""
        second, rest = divmod(now_ns, _S)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        return b'%b.%09dZ",' % (self._stamp, rest)

    def _done(self, fields: Json, reason: str, usage: Usage | None, first_ns: int | None) -> Json:
        now = self.clock()
        found = {
            "model": self.model,
            "created_at": self._created(now).decode()[:-2],
            **fields,
            "done": True,
            "done_reason": "length" if reason == "length" else "stop",
            "total_duration": now - self.born_ns,
        }
        if usage is not None:
            counts = _counts(usage, self.born_ns, first_ns, now)
            found |= {name: count for name, count in counts.items() if count}
        return found


class ChatReply(_Reply):
    """/api/chat."""

    _said = b'"message":{"role":"assistant","content":', b"}"
    _thought = b'"message":{"role":"assistant","content":"","thinking":', b"}"

    def _shown(self, choice: Choice) -> Json:
        message: Json = {"role": "assistant", "content": choice.text}
        if choice.reasoning:
            message["thinking"] = choice.reasoning
        if calls := _calls(choice.calls):
            message["tool_calls"] = calls
        return {"message": message}

    def _called(self, head: bytes) -> bytes:
        calls = _calls(self.calls.choice(0).calls)
        if not calls:
            return b""
        message = {"role": "assistant", "content": "", "tool_calls": calls}
        return head + b'"message":' + oneline(message) + b',"done":false}\n'


class GenerateReply(_Reply):
    """/api/generate."""

    _said = b'"response":', b""
    _thought = b'"response":"","thinking":', b""

    def _shown(self, choice: Choice) -> Json:
        thinking = {"thinking": choice.reasoning} if choice.reasoning else {}
        return {"response": choice.text, **thinking}

    def _called(self, head: bytes) -> bytes:
        return b""


def embed_body(model: str, embedded: Embedded, total_ns: int) -> Json:
    """The answer of /api/embed."""
    return {
        "model": model,
        "embeddings": embedded.vectors,
        "total_duration": total_ns,
        "prompt_eval_count": embedded.prompt_tokens,
    }


def embeddings_body(embedded: Embedded) -> Json:
    """The answer of /api/embeddings."""
    return {"embedding": embedded.vectors[0] if embedded.vectors else []}


def _told(extra: Json) -> Json:
    """What an Ollama tells beside its answer (the tokens that the next turn goes on from), and what we left out."""
    return {name: extra[name] for name in ("context", "dropped") if name in extra}


def _counts(usage: Usage, born_ns: int, first_ns: int | None, now_ns: int) -> dict[str, int]:
    """first_ns: when the first piece came; None for an answer that came in one piece.

    Before the first piece lie loading (and queueing) and prefill; without the engine's word it all counts as prefill.
    """
    prefill_ns, decode_ns = round(usage.prefill_s * _S), round(usage.decode_s * _S)
    if first_ns is None:
        first_ns = max(born_ns, now_ns - decode_ns) if decode_ns else born_ns
    waited_ns = first_ns - born_ns
    return {
        "load_duration": max(0, waited_ns - prefill_ns) if prefill_ns else 0,
        "prompt_eval_count": usage.prompt_tokens,
        "prompt_eval_duration": prefill_ns or waited_ns,
        "eval_count": usage.completion_tokens,
        "eval_duration": decode_ns or now_ns - first_ns,
    }


def _calls(given: list[ToolCall]) -> list[Json]:
    found = []
    for index, call in enumerate(given):
        arguments = call.parsed()
        if arguments is not None:
            function = {"index": index, "name": call.name, "arguments": arguments}
            found.append({"id": call.id or f"call_{uuid4().hex[:8]}", "function": function})
    return found


def _logprob(entry: Json) -> Json:
    """OpenAI's entry as Ollama's: the same names, and no bytes or top_logprobs where there are none."""
    found = {name: entry.get(name) for name in ("token", "logprob", "bytes")}
    found["top_logprobs"] = [_logprob(other) for other in entry.get("top_logprobs") or []]
    return {name: value for name, value in found.items() if value is not None and value != []}
