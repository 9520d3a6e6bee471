"""A little server of files, with the bad habits of the world."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web


@dataclass
class Asked:
    """One request that a server saw."""

    path: str
    start: int
    stop: int
    authorization: str | None
    sent: int = 0


@dataclass
class FileServer:
    """A little server of files with the bad habits of the world. Paths begin with a slash.

    Habits concern answers with a body of more than 4 bytes. cut_after: bytes after which the next ones end, one entry
    each. statuses: what the next ones are instead. hold: until it is set, bodies stop after `hold_after` bytes, but for
    the first `free`.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    has_ranges: bool = True
    has_etag: bool = True
    tells_size: bool = True
    cut_after: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    hold: asyncio.Event | None = None
    hold_after: int = 0
    free: int = 0
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    @property
    def sent(self) -> int:
        """Bytes of bodies that went out."""
        return sum(asked.sent for asked in self.asked)

    def ranges(self) -> list[tuple[int, int]]:
        """What was asked for, without the four first bytes that every pull begins with."""
        return [(a.start, a.stop) for a in self.asked if a.stop - a.start > 4]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.path, b"")
        span = request.headers.get("Range")
        start, stop = 0, len(content)
        if span and self.has_ranges and (found := re.fullmatch(r"bytes=(\d+)-(\d+)", span)):
            start, stop = int(found[1]), min(int(found[2]) + 1, len(content))
        asked = Asked(request.path, start, stop, request.headers.get("Authorization"))
        self.asked.append(asked)
        if request.path in self.refusals:
            status, headers = self.refusals[request.path]
            return web.Response(status=status, headers=headers)
        if request.path in self.redirects:
            location = self.redirects[request.path]
            return web.Response(status=302, headers={"Location": location, **self.headers})
        if request.path not in self.files:
            return web.Response(status=404)
        is_long = stop - start > 4
        if is_long and self.statuses:
            return web.Response(status=self.statuses.pop(0))
        return await self._body(
            request, asked, content, is_ranged=(start, stop) != (0, len(content))
        )

    async def _body(
        self, request: web.Request, asked: Asked, content: bytes, *, is_ranged: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=206 if is_ranged else 200, headers=self.headers)
        if self.has_etag and "ETag" not in self.headers:
            response.headers["ETag"] = f'"{sha256(content).hexdigest()[:8]}"'
        if is_ranged:
            response.headers["Content-Range"] = (
                f"bytes {asked.start}-{asked.stop - 1}/{len(content)}"
            )
        if self.tells_size:
            response.content_length = asked.stop - asked.start
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        is_long = asked.stop - asked.start > 4
        cut = self.cut_after.pop(0) if self.cut_after and is_long else None
        end = asked.stop if cut is None else min(asked.stop, asked.start + cut)
        is_free = self.free > 0
        self.free -= is_long
        for at in range(asked.start, end, 16384):
            piece = content[at : min(at + 16384, end)]
            if self.hold and is_long and not is_free and asked.sent >= self.hold_after:
                self.holding.set()
                await self.hold.wait()
            await response.write(piece)
            asked.sent += len(piece)
        if end < asked.stop and request.transport is not None:
            request.transport.close()
        return response


@asynccontextmanager
async def serving(server: FileServer) -> AsyncIterator[FileServer]:
    """Runs it on the loopback, and writes where into `url`."""
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        server.url = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()
