"""An upstream that costs nothing: canned OpenAI answers as fast as one process can send bytes.

    python bench/upstream.py --port 0 --tokens 20 --rate 20

prints {"port": N}. What is measured in front of it is then the measured thing's own cost. Routes:
`POST /v1/chat/completions` (streaming and not), `GET /v1/models`; any other is a 404. Requests are not parsed
beyond what a reply needs: the length of the body and whether it says `"stream": true`.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from typing import cast

import uvloop

STREAM = (b'"stream":true', b'"stream": true')
USAGE = (b'"include_usage":true', b'"include_usage": true')
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: "


@dataclass(frozen=True)
class Script:
    """What every answer is. rate: tokens a second, 0: all at once. delay_s: before the first byte."""

    tokens: int = 20
    rate: float = 0.0
    delay_s: float = 0.0
    text: str = "두뇌 "


class Canned:
    """The bytes of every answer, made once."""

    def __init__(self, script: Script) -> None:
        self.script = script
        usage = {
            "prompt_tokens": 10,
            "completion_tokens": script.tokens,
            "total_tokens": 10 + script.tokens,
        }
        message = {"role": "assistant", "content": script.text * script.tokens}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        body = _named("chat.completion") | {"choices": [choice], "usage": usage}
        self.whole = _whole(body)
        listed = [{"id": "bench", "object": "model", "created": 1, "owned_by": "bench"}]
        self.models = _whole({"object": "list", "data": listed})
        self.missing = b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n"
        self.head = HEAD + b"text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        first, token = {"role": "assistant", "content": ""}, {"content": script.text}
        self.first = _chunk(_event(_delta(first)))
        self.token = _chunk(_event(_delta(token)))
        last = _event(_delta({}, finish="stop"))
        ending = b"data: [DONE]\n\n"
        counted = _event(_named("chat.completion.chunk") | {"choices": [], "usage": usage})
        self.end = _chunk(last) + _chunk(ending) + b"0\r\n\r\n"
        self.end_counted = _chunk(last) + _chunk(counted) + _chunk(ending) + b"0\r\n\r\n"


def _named(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-bench", "object": kind, "created": 1, "model": "bench"}


def _delta(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _named("chat.completion.chunk") | {"choices": [choice]}


def _event(piece: dict[str, object]) -> bytes:
    return b"data: " + json.dumps(piece, ensure_ascii=False).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _whole(body: dict[str, object]) -> bytes:
    data = json.dumps(body, ensure_ascii=False).encode()
    return HEAD + b"application/json\r\nContent-Length: %d\r\n\r\n" % len(data) + data


class Client(asyncio.Protocol):
    """One connection. A timer, not a task, paces its stream, so that 512 of them stay cheap."""

    transport: asyncio.Transport

    def __init__(self, canned: Canned) -> None:
        self.canned, self.script = canned, canned.script
        self.loop = asyncio.get_running_loop()
        self.data = b""
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.data += data
        while True:
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.data[:end]
            whole = end + 4 + _length(head)
            if len(self.data) < whole:
                return
            body, self.data = self.data[end + 4 : whole], self.data[whole:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer now, or when the delay is over."""
        if head.startswith(b"POST /v1/chat/completions"):
            if self.script.delay_s:
                self.timer = self.loop.call_later(self.script.delay_s, self.chat, body)
            else:
                self.chat(body)
        else:
            is_list = head.startswith(b"GET /v1/models")
            self.transport.write(self.canned.models if is_list else self.canned.missing)

    def chat(self, body: bytes) -> None:
        """Whole, in one burst, or token by token."""
        canned = self.canned
        if not any(mark in body for mark in STREAM):
            self.transport.write(canned.whole)
            return
        end = canned.end_counted if any(mark in body for mark in USAGE) else canned.end
        if self.script.rate:
            self.transport.write(canned.head + canned.first)
            self.pace(0, self.loop.time(), end)
        else:
            burst = canned.token * self.script.tokens
            self.transport.write(canned.head + canned.first + burst + end)

    def pace(self, sent: int, start: float, end: bytes) -> None:
        """One token, and a date for the next: counted from the start, so that no lateness adds up."""
        if self.transport.is_closing():
            return
        if sent == self.script.tokens:
            self.transport.write(end)
            return
        self.transport.write(self.canned.token)
        then = start + (sent + 1) / self.script.rate
        self.timer = self.loop.call_at(then, self.pace, sent + 1, start, end)


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def serve(script: Script, port: int) -> None:
    """Listen, say where, and stay."""
    canned = Canned(script)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(canned), "127.0.0.1", port, backlog=2048)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description="canned OpenAI answers")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.0, help="tokens a second; 0: all at once")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="before the first byte")
    parser.add_argument("--chunk-text", default="두뇌 ")
    chosen = parser.parse_args()
    script = Script(
        tokens=chosen.tokens,
        rate=chosen.rate,
        delay_s=chosen.delay_ms / 1000,
        text=chosen.chunk_text,
    )
    try:
        uvloop.run(serve(script, chosen.port))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
