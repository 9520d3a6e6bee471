"""Clients that cost little: raw sockets, canned requests, times taken where the bytes arrive.

Used by `python -m bench`; each function is one way of asking, and returns what was measured.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

END_OF_STREAM = b"0\r\n\r\n"
EVENT = b"data: "


@dataclass(frozen=True)
class Target:
    """A server and the request it is asked. headers: lines without their ends."""

    host: str
    port: int
    path: str
    body: bytes
    headers: Sequence[str] = ()

    def request(self) -> bytes:
        """The bytes of one request."""
        lines = [
            f"POST {self.path} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
            *self.headers,
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass
class Streamed:
    """One streamed answer: seconds to its first byte and between its reads, events seen."""

    first_s: float = 0.0
    gaps_s: list[float] = field(default_factory=list)
    events: int = 0


class Client:
    """One connection that is kept."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.bytes = target.request()

    async def __aenter__(self) -> "Client":
        self.reader, self.writer = await asyncio.open_connection(
            self.target.host, self.target.port, limit=2**20
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def whole(self) -> float:
        """Ask once, read the whole answer; seconds to its first byte."""
        began = time.perf_counter()
        self.writer.write(self.bytes)
        head = await self.reader.readuntil(b"\r\n\r\n")
        first_s = time.perf_counter() - began
        _must_be_200(head)
        lower = head.lower()
        if b"content-length:" in lower:
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            await self.reader.readexactly(length)
        else:
            await self.reader.readuntil(END_OF_STREAM)
        return first_s

    async def stream(self) -> Streamed:
        """Ask once, read events until the stream ends."""
        seen = Streamed()
        began = last = time.perf_counter()
        self.writer.write(self.bytes)
        _must_be_200(await self.reader.readuntil(b"\r\n\r\n"))
        tail = b""
        while not tail.endswith(END_OF_STREAM):
            read = await self.reader.read(2**18)
            if not read:
                raise ConnectionError("the stream broke off")
            now = time.perf_counter()
            if seen.events == 0:
                seen.first_s = now - began
            else:
                seen.gaps_s.append(now - last)
            last = now
            whole = tail + read
            seen.events += whole.count(EVENT) - tail.count(EVENT)
            tail = whole[-16:]
        return seen


async def one_by_one(target: Target, count: int) -> list[float]:
    """Seconds to the first byte of `count` requests, one client."""
    async with Client(target) as client:
        return [await client.whole() for _ in range(count)]


async def closed_loop(target: Target, clients: int, seconds: float) -> float:
    """Requests a second, each client asking again at once."""
    async with asyncio.TaskGroup() as group:
        until = time.perf_counter() + seconds
        tasks = [group.create_task(_loop(target, until)) for _ in range(clients)]
    return sum(task.result() for task in tasks) / seconds


async def _loop(target: Target, until: float) -> int:
    done = 0
    async with Client(target) as client:
        while time.perf_counter() < until:
            await client.whole()
            done += 1
    return done


async def chunks(target: Target, clients: int, streams: int) -> float:
    """Chunks a second through `clients` connections, `streams` answers each."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_streams(target, streams)) for _ in range(clients)]
    return sum(task.result() for task in tasks) / (time.perf_counter() - began)


async def _streams(target: Target, count: int) -> int:
    async with Client(target) as client:
        return sum([(await client.stream()).events for _ in range(count)])


async def side_by_side(target: Target, clients: int) -> list[Streamed]:
    """One stream each on `clients` connections at the same time."""
    gate = asyncio.Semaphore(64)  # connections being made at once
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_one(target, gate)) for _ in range(clients)]
    return [task.result() for task in tasks]


async def _one(target: Target, gate: asyncio.Semaphore) -> Streamed:
    client = Client(target)
    async with gate:
        await client.__aenter__()
    try:
        return await client.stream()
    finally:
        await client.__aexit__()


def _must_be_200(head: bytes) -> None:
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(head[:80].decode("latin-1"))
