"""OpenAI's chat completions. Pure: JSON in, bytes out."""

import time
from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator, Field

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Generation, Json
from dunoe.errors import Language, Problem
from dunoe.server import problems
from dunoe.server.answer import Answer, Choice
from dunoe.server.body import Body
from dunoe.server.jsontext import oneline
from dunoe.server.openai import Sampling, format_of, options_of, usage_json
from dunoe.server.pictures import linked_picture


class Function(Body):
    """What a tool is called."""

    name: str


class Tool(Body):
    """A function that the model may call; the hosted tools of others are not ours."""

    type: Literal["function"] = "function"
    function: Function


def _json_object(text: str) -> str:
    try:
        if isinstance(orjson.loads(text or "{}"), dict):
            return text
    except orjson.JSONDecodeError as exc:
        raise ValueError("must be a JSON object as text") from exc
    raise ValueError("must be a JSON object as text")


class CalledFunction(Body):
    """A function that was called, with its arguments as JSON text."""

    name: str
    arguments: Annotated[str, AfterValidator(_json_object)] = ""


class ToolCall(Body):
    """A call that the model made earlier."""

    function: CalledFunction


class Message(Body):
    """One message of a chat."""

    role: str
    content: str | list[Json] | None = None
    tool_calls: list[ToolCall] | None = None


class ChatBody(Sampling):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=-1)
    tools: list[Tool] | None = None
    tool_choice: str | Json | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    reasoning_effort: str | None = None


def decode_chat(body: ChatBody, raw: Json) -> Generation:
    """The request behind a chat body; raw keeps messages and unknown fields as they were sent."""
    options = options_of(raw)
    if body.max_completion_tokens is not None:
        options["max_tokens"] = body.max_completion_tokens
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    return Generation(
        task="chat",
        messages=[_shown(message, at) for at, message in enumerate(raw["messages"])],
        stream=bool(body.stream),
        options=options,
        tools=raw.get("tools") or [],
        tool_choice=body.tool_choice,
        format=format_of(body.response_format),
        logprobs=logprobs,
        n=body.n or 1,
        think=_think(body.reasoning_effort),
    )


def _think(effort: str | None) -> bool | str | None:
    return False if effort in ("none", "minimal") else effort


class ChatReply:
    """chat.completion.chunk events, or one chat.completion."""

    media_type = "text/event-stream"
    ping = b": ping\n\n"

    def __init__(self, call_id: str, model: str, body: ChatBody) -> None:
        self.id = f"chatcmpl-{call_id.removeprefix('req_')}"
        self.model = model
        self.n = body.n or 1
        self.has_usage = bool(body.stream_options and body.stream_options.include_usage)
        self.created = int(time.time())
        self.usage: Usage | None = None
        self._extra: Json = {}  # goes out with the next chunk
        self._finished: list[Finished] = []  # go out last, with what else the engine still tells
        shell = orjson.dumps(
            {
                "id": self.id,
                "object": "chat.completion.chunk",
                "created": self.created,
                "model": model,
            }
        )
        self._head = b"data: " + shell[:-1] + b',"choices":[{"index":'
        self._bare = b"data: " + shell[:-1]

    def start(self) -> bytes:
        """The role, once a choice."""
        delta = b',"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
        return b"".join(self._head + b"%d" % index + delta for index in range(self.n))

    def pieces(self, batch: list[Event]) -> bytes:
        """One chunk an event."""
        return b"".join([self._piece(event) for event in batch])

    def _piece(self, event: Event) -> bytes:
        match event:
            case Said():
                return self._said(event)
            case Thought():
                return self._chunk(
                    event.index, b'{"reasoning_content":' + oneline(event.text) + b"}"
                )
            case Called():
                return self._chunk(event.index, oneline({"tool_calls": [_call_piece(event)]}))
            case Finished():
                self._finished.append(event)
            case Extra():
                self._extra |= event.fields
            case Usage():
                self.usage = event
        return b""

    def _said(self, event: Said) -> bytes:
        delta = b'{"content":' + oneline(event.text) + b"}"
        if event.logprobs is not None:
            delta += b',"logprobs":' + oneline({"content": event.logprobs})
        return self._chunk(event.index, delta)

    def _chunk(self, index: int, delta: bytes, reason: bytes = b"null") -> bytes:
        """One event of one choice; delta may carry further fields of the choice behind it."""
        extra = b""
        if self._extra:
            extra = b"," + orjson.dumps(self._extra)[1:-1]
            self._extra = {}
        return b'%b%d,"delta":%b,"finish_reason":%b}]%b}\n\n' % (
            self._head,
            index,
            delta,
            reason,
            extra,
        )

    def end(self) -> bytes:
        """How each choice ended, usage where it was asked for, and the end mark."""
        ended = [
            self._chunk(one.index, b"{}", b'"' + one.reason.encode() + b'"')
            for one in self._finished
        ]
        if self.has_usage and self.usage is not None:
            tail = orjson.dumps({"choices": [], "usage": usage_json(self.usage)})[1:]
            ended.append(self._bare + b"," + tail + b"\n\n")
        return b"".join(ended) + b"data: [DONE]\n\n"

    def broken(self, problem: Problem, language: Language) -> bytes:
        """The error as the last event; no end mark, so nobody takes it for a whole answer."""
        return b"data: " + oneline(problems.body(problem, "openai", language)) + b"\n\n"

    def whole(self, answer: Answer) -> Json:
        """The body of an answer in one piece."""
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [_chat_choice(i, choice) for i, choice in enumerate(answer.choices)],
            "usage": usage_json(answer.usage),
            **answer.extra,
        }


def _call_piece(event: Called) -> Json:
    piece: Json = {"index": event.call, "function": {"arguments": event.arguments}}
    if event.id or event.name:
        piece |= {"id": event.id, "type": "function"}
        piece["function"]["name"] = event.name
    return piece


def _chat_choice(index: int, choice: Choice) -> Json:
    message: Json = {"role": "assistant", "content": choice.text}
    if choice.reasoning:
        message["reasoning_content"] = choice.reasoning
    if choice.calls:
        message["content"] = choice.text or None
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in choice.calls
        ]
    logprobs = {"content": choice.logprobs} if choice.logprobs is not None else None
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": choice.finish,
    }


def _shown(message: Json, at: int) -> Json:
    """The message, its pictures looked at: we fetch nothing for a caller, and our engines must not either."""
    parts = message.get("content")
    if not isinstance(parts, list):
        return message
    looked = [
        linked_picture(_address(part), f"messages.{at}.content.{number}.image_url")
        if part.get("type") == "image_url"
        else part
        for number, part in enumerate(parts)
    ]
    return {**message, "content": looked}


def _address(part: Json) -> str:
    pictured = part.get("image_url")
    url = pictured.get("url") if isinstance(pictured, dict) else pictured
    return url if isinstance(url, str) else ""
