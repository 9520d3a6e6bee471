"""Bytes to one client: headers once, then body; who writes need not know whether the headers went."""

import time
from collections.abc import Callable

import orjson
from starlette.types import Send

from dunoe.engines.request import Json
from dunoe.errors import Language, Problem
from dunoe.server.call import Call

Broken = Callable[[Problem, Language], bytes]  # the last piece of a stream that broke off

_STREAM = [
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Wire:
    """The answering half of one HTTP exchange.

    marks: headers that go out with the answer's own.
    broken: what ends this stream if it breaks off; None while it is none. is_stuck: a write waits for the client.
    """

    def __init__(self, send: Send, call: Call) -> None:
        self._send = send
        self.call = call
        self.has_begun = False
        self.has_ended = False
        self.marks: list[tuple[bytes, bytes]] = []
        self.broken: Broken | None = None
        self.is_stuck = False
        self.last_write = time.perf_counter()

    async def json(
        self,
        body: Json | list[Json],
        status: int = 200,
        more: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        """A whole JSON answer."""
        await self.whole(orjson.dumps(body), "application/json", status, more)

    async def whole(
        self,
        body: bytes,
        media_type: str,
        status: int = 200,
        more: list[tuple[bytes, bytes]] | None = None,
    ) -> None:
        """A whole answer."""
        length = (b"content-length", b"%d" % len(body))
        timing = (b"server-timing", self.call.timing(is_whole=True))
        await self._begin(status, media_type, [length, timing, *(more or [])])
        await self.end(body)

    async def stream(self, media_type: str, broken: Broken) -> None:
        """Begin a streamed answer, if it has not begun."""
        if not self.has_begun:
            self.broken = broken
            timing = (b"server-timing", self.call.timing(is_whole=False))
            await self._begin(200, media_type, [timing, *_STREAM])

    async def write(self, body: bytes) -> None:
        """Send a piece now; waits while the client reads more slowly than we write."""
        self.last_write = time.perf_counter()
        self.is_stuck = True
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        self.is_stuck = False

    async def end(self, body: bytes = b"") -> None:
        """Send the last piece."""
        self.has_ended = True
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _begin(self, status: int, media_type: str, more: list[tuple[bytes, bytes]]) -> None:
        self.has_begun = True
        self.call.status = status
        headers = [
            (b"content-type", media_type.encode()),
            (b"x-request-id", self.call.id.encode()),
            *self.marks,
            *more,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
