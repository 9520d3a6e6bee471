"""Bytes to one client: headers once, then body; who writes need not know whether the headers went."""

import time

import orjson
from starlette.types import Send

from dunoe.engines.request import Json
from dunoe.server.call import Call

_STREAM = [
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Wire:
    """The answering half of one HTTP exchange."""

    def __init__(self, send: Send, call: Call) -> None:
        self._send = send
        self.call = call
        self.has_begun = False
        self.has_ended = False
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
        await self._begin(status, media_type, [length, *(more or [])])
        await self.end(body)

    async def stream(self, media_type: str) -> None:
        """Begin a streamed answer, if it has not begun."""
        if not self.has_begun:
            await self._begin(200, media_type, _STREAM)

    async def write(self, body: bytes) -> None:
        """Send a piece now; waits while the client reads more slowly than we write."""
        self.last_write = time.perf_counter()
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

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
            (b"server-timing", self.call.timing()),
            *more,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
