"""HTTP of a fake engine, down to the socket: what was asked is kept, and every fault of a network can be had.

Raw asyncio and no framework, because a framework would not cut a Hangul letter or reset a connection for us.
"""

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Json = dict[str, Any]  # Any: JSON

Fault = Literal[
    "status",  # answers `status` with `error` instead
    "slow",  # waits `delay_s`, or for `Seen.go`, before the first byte
    "hang",  # says `at` pieces and then nothing, until `Seen.go` is set
    "reset",  # says `at` pieces, then RST
    "closed",  # says `at` pieces, then closes without the end of the chunked body
    "half_line",  # says `at` pieces and half a line, then closes
    "garbage",  # says `at` pieces, then a line that is not JSON
    "error",  # says `at` pieces, then the error as a line of the stream
    "unfinished",  # ends as HTTP should, but without saying that the answer is whole
    "cut",  # every byte is a write of its own
]


@dataclass
class Turn:
    """What one request gets. path: only requests to this route take it; none: the next one that asks a model.

    at: pieces that go out before the fault. pause_s: seconds between pieces.
    prompt_tokens: None counts the words of the prompt.
    """

    text: list[str] = field(default_factory=lambda: ["안녕", "하세요", "."])
    thinking: list[str] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    finish: str = "stop"
    prompt_tokens: int | None = None
    path: str = ""
    fault: Fault | None = None
    at: int = 1
    delay_s: float = 0.0
    pause_s: float = 0.0
    status: int = 500
    error: str = "llama runner process has terminated: exit status 2"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """One request as it came, and what became of it.

    left: the client hung up before the answer was whole, at `left_at` (monotonic seconds). done: the answer
    went out whole. go: set it to end a `hang` or a `slow`.
    """

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes
    left: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    left_at: float | None = None
    turn: Turn | None = None

    @property
    def body(self) -> Json:
        """The body as an object; {} where there is none."""
        found = json.loads(self.raw) if self.raw else {}
        return found if isinstance(found, dict) else {}


@dataclass
class Answer:
    """body: one piece of JSON; pieces: a stream, one line or event each. Just one of them goes out.

    end: what closes a stream properly and `unfinished` leaves away. garbage, error: a broken line and an
    error line in this dialect.
    """

    status: int = 200
    body: object = None
    pieces: list[bytes] | None = None
    end: bytes = b""
    garbage: bytes = b"{not json\n"
    error: bytes = b""
    type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Face(Protocol):
    """A dialect: it knows the routes and what a request gets."""

    def asks(self, seen: Seen) -> bool:
        """True for a request that makes a model work, so that it takes the next turn of the script."""

    def answer(self, seen: Seen, turn: Turn) -> Answer:
        """The whole answer, before any fault."""

    def refuse(self, status: int, text: str) -> Answer:
        """An error in this dialect."""


class Connection(asyncio.StreamReaderProtocol):
    """One client. It answers requests one after another and notices at once when the client is gone."""

    def __init__(self, serve: Callable[["Connection"], object], live: set["Connection"]) -> None:
        self.reader = asyncio.StreamReader(limit=2**26)
        super().__init__(self.reader, self._opened)
        self._serve, self._live = serve, live
        self.now: Seen | None = None
        self.task: asyncio.Task[None] | None = None

    async def _opened(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer, self.task = writer, asyncio.current_task()
        self._live.add(self)
        try:
            while seen := await self.read():
                self.now = seen
                await self._serve(self)  # type: ignore[misc]  # a coroutine function
                if not seen.left.is_set():
                    seen.done.set()
                self.now = None
        finally:
            self._live.discard(self)
            writer.close()

    def eof_received(self) -> bool:
        self._gone()
        super().eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        super().connection_lost(exc)

    def _gone(self) -> None:
        if self.now is not None and not self.now.left.is_set():
            self.now.left_at = time.monotonic()
            self.now.left.set()

    async def read(self) -> Seen | None:
        """The next request; None when the client has no more."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            method, path, _ = first.split(" ", 2)
            pairs = [line.partition(":") for line in lines]
            headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
            raw = await self._body(headers)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Seen(method, path.partition("?")[0], headers, raw)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", 0)))
        whole = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            whole += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return whole

    async def wait(self, delay_s: float | None = None) -> None:
        """Until the test says go, the client leaves, or the time is over."""
        assert self.now is not None
        waits = [asyncio.ensure_future(e.wait()) for e in (self.now.go, self.now.left)]
        try:
            await asyncio.wait(waits, timeout=delay_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    def write(self, data: bytes) -> None:
        """Send, unless nobody is there."""
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    def chunk(self, data: bytes) -> None:
        """Send one piece of a chunked body."""
        if data:
            self.write(b"%x\r\n%s\r\n" % (len(data), data))

    def reset(self) -> None:
        """Close so that the client sees a reset."""
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()


async def send(to: Connection, answer: Answer, turn: Turn) -> None:
    """Send an answer, with its turn's fault."""
    if turn.fault == "slow":
        await to.wait(turn.delay_s or None)
    if answer.pieces is None:
        await _send_whole(to, answer, turn)
    else:
        await _send_stream(to, answer, answer.pieces, turn)
    with contextlib.suppress(ConnectionError):
        await to.writer.drain()


def head(answer: Answer, *framing: str) -> bytes:
    """Status line and headers."""
    named = [f"{name}: {value}" for name, value in answer.headers.items()]
    lines = [f"HTTP/1.1 {answer.status} -", f"Content-Type: {answer.type}", *framing, *named]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _send_whole(to: Connection, answer: Answer, turn: Turn) -> None:
    if turn.fault == "hang":
        await to.wait()
    data = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
    if turn.fault == "garbage":
        data = answer.garbage
    elif turn.fault == "unfinished":
        data = b""
    whole = head(answer, f"Content-Length: {len(data)}") + data
    if turn.fault in ("reset", "closed", "half_line"):
        to.write(whole[: -len(data) // 2])
        await _break(to, turn)
    elif turn.fault == "cut":
        await _drip(whole, to.write)
    else:
        to.write(whole)


async def _send_stream(to: Connection, answer: Answer, pieces: list[bytes], turn: Turn) -> None:
    if turn.fault in ("hang", "reset", "closed") and turn.at == 0:
        await _break(to, turn)
        if turn.fault != "hang":
            return
    to.write(head(answer, "Transfer-Encoding: chunked"))
    breaks = turn.fault in ("hang", "reset", "closed", "half_line", "garbage", "error")
    at = min(turn.at, len(pieces)) if breaks else len(pieces)
    for piece in pieces[:at]:
        await _say(to, piece, turn)
    if breaks:
        await _break_in(to, answer, pieces[at:], turn)
    if turn.fault not in ("unfinished", "error", "garbage"):
        await _say(to, answer.end, turn)
    to.write(b"0\r\n\r\n")


async def _break_in(to: Connection, answer: Answer, left: list[bytes], turn: Turn) -> None:
    """The fault, after the pieces that went out whole; left: those that did not."""
    if turn.fault == "half_line":
        after = left[0] if left else answer.end
        to.chunk(after[: len(after) // 2])
    elif turn.fault in ("garbage", "error"):
        to.chunk(answer.garbage if turn.fault == "garbage" else answer.error)
    await _break(to, turn)
    for piece in left if turn.fault == "hang" else ():
        await _say(to, piece, turn)


async def _say(to: Connection, piece: bytes, turn: Turn) -> None:
    if turn.fault == "cut":
        await _drip(piece, to.chunk)
    else:
        to.chunk(piece)
    if turn.pause_s and to.now is not None and not to.now.left.is_set():
        await asyncio.sleep(turn.pause_s)


async def _drip(data: bytes, write: Callable[[bytes], None]) -> None:
    """One byte a write; the sleep lets a client in the same loop read each by itself."""
    for place in range(len(data)):
        write(data[place : place + 1])
        await asyncio.sleep(0)


async def _break(to: Connection, turn: Turn) -> None:
    if turn.fault == "hang":
        await to.wait()
    elif turn.fault in ("reset", "closed", "half_line"):
        with contextlib.suppress(ConnectionError):
            await to.writer.drain()
        await asyncio.sleep(0.02)  # a reset throws away what the client has not read yet
        if turn.fault == "reset":
            to.reset()
        else:
            to.writer.close()
