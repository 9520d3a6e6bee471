"""The dialects as tests speak them: how one asks, how an error looks, how a stream ends."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from dunoe.engines.request import Json
from tests.served import PATIENCE_S, Served

Value = Any  # Any: JSON

CHAT = [{"role": "user", "content": "안녕"}]


@dataclass(frozen=True)
class Dialect:
    """One way to ask for text.

    ends: what a stream that came to its end says last. breaks: what announces an error in a stream.
    error: the object that tells of an error, out of a body or the data of an event.
    """

    path: str
    fields: Json
    text: str
    ends: str
    breaks: str
    error: Callable[[Json], Value]
    ping: bytes

    def body(self, *, stream: bool = False, model: str = "tiny", tokens: int = 0) -> bytes:
        """A request; tokens: room for the answer, where the usual few are not enough."""
        fields = self.fields
        if tokens:
            longer: Json = {name: tokens for name in fields if name.startswith("max_")}
            fields = fields | (longer or {"options": {"num_predict": tokens}})
        return orjson.dumps({"model": model, "stream": stream, **fields})

    def said(self, stream: str) -> str:
        """The text of a streamed answer."""
        return "".join(str(orjson.loads(found)) for found in re.findall(self.text, stream))

    def broke(self, stream: str) -> str:
        """The message of the error that ended a stream, and what must not come with it does not."""
        assert self.ends not in stream, stream
        lines = [line for line in stream.split("\n") if re.search(self.breaks, line)]
        assert len(lines) == 1, stream
        return self.message(orjson.loads(lines[0].removeprefix("data: ")))

    def message(self, body: Json) -> str:
        """The message of an error; its form is the dialect's."""
        found = self.error(body)
        return str(found if isinstance(found, str) else found["message"])


def _openai(body: Json) -> Value:
    error = body["error"]
    assert set(error) >= {"message", "type", "code", "param", "hint"}, body
    return error


def _ollama(body: Json) -> Value:
    assert list(body) == ["error"], body
    return body["error"]


def _anthropic(body: Json) -> Value:
    assert body["type"] == "error", body
    assert set(body["error"]) == {"type", "message"}, body
    return body["error"]


_STRING = r'("(?:[^"\\]|\\.)*")'

DIALECTS = {
    "openai": Dialect(
        "/v1/chat/completions", {"messages": CHAT, "max_tokens": 8}, f'"content":{_STRING}',
        "[DONE]", r'^data: {"error"', _openai, b": ping\n\n",
    ),
    "completions": Dialect(
        "/v1/completions", {"prompt": "안녕", "max_tokens": 8}, f'"text":{_STRING}',
        "[DONE]", r'^data: {"error"', _openai, b": ping\n\n",
    ),
    "responses": Dialect(
        "/v1/responses", {"input": "안녕", "max_output_tokens": 16}, f'"delta":{_STRING}',
        "response.completed", r'^data: {"type":"error"', _openai, b": ping\n\n",
    ),
    "ollama": Dialect(
        "/api/chat", {"messages": CHAT, "options": {"num_predict": 8}}, f'"content":{_STRING}',
        '"done":true', r'{"error":', _ollama, b" ",
    ),
    "generate": Dialect(
        "/api/generate", {"prompt": "안녕", "options": {"num_predict": 8}}, f'"response":{_STRING}',
        '"done":true', r'{"error":', _ollama, b" ",
    ),
    "anthropic": Dialect(
        "/v1/messages", {"messages": CHAT, "max_tokens": 8}, f'"text_delta","text":{_STRING}',
        "message_stop", r'^data: {"type":"error"', _anthropic, b"event: ping",
    ),
}  # fmt: skip
THREE = ("openai", "ollama", "anthropic")


@dataclass(frozen=True)
class Got:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Json:
        """The body as an object."""
        found: Json = orjson.loads(self.body)
        return found

    @property
    def text(self) -> str:
        """The body as text; UTF-8, or the test fails."""
        return self.body.decode()


@asynccontextmanager
async def opened(
    house: Served, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """An answer that has begun."""
    limit = aiohttp.ClientTimeout(total=PATIENCE_S)
    async with (
        aiohttp.ClientSession(house.url, timeout=limit) as session,
        session.request(method, path, data=body, headers=dict(headers)) as answer,
    ):
        yield answer


async def call(
    house: Served,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Got:
    """Ask, and read to the end."""
    async with opened(house, method, path, body, headers or {}) as answer:
        return Got(answer.status, answer.headers, await answer.read())


async def ask(
    house: Served,
    dialect: Dialect,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Got:
    """Ask for text in this dialect."""
    return await call(house, "POST", dialect.path, body or dialect.body(), headers)


def fake_models(url: str, **more: str) -> str:
    """A config of one scripted engine with three models: tiny (also brain and gpt), other, vectors."""
    tiny = "\n".join(f"{name} = {value}" for name, value in more.items())
    return f"""
language = "en"
[models.tiny]
engine = "box"
name = "tiny"
aliases = ["gpt"]
{tiny}
[models.other]
engine = "box"
name = "tiny"
[models.vectors]
engine = "box"
name = "tiny"
mode = "embedding"
[engines.box]
kind = "openai"
url = "{url}"
[roles]
brain = "tiny"
coder = "other"
"""
