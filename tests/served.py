"""dunoe inside the test's own event loop, on a real socket, so that a test can look into its brain."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import SocketStream

from dunoe import settings_check
from dunoe.server.brain import Brain, open_brain
from dunoe.server.serve import listen, server_of

PATIENCE_S = 30  # for something that must happen; only a hang takes this long


@dataclass(frozen=True)
class Served:
    """A running server. port: on 127.0.0.1."""

    brain: Brain
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def served(folder: Path, config: str) -> AsyncIterator[Served]:
    """A server with this config; relative files are relative to `folder`. Its library is empty unless it says so."""
    if "[library]" not in config:
        config += "\n[library]\nsample = false\nwatch = false\n"
    file = folder / "served.toml"
    file.write_text(config, "utf-8")
    told = settings_check.load(file, environ={"DUNOE_HOME": str(folder / "home")})
    is_up, is_down = anyio.Event(), anyio.Event()
    with listen("127.0.0.1", 0) as door:
        async with open_brain(told) as brain, anyio.create_task_group() as group:
            server = server_of(brain, is_up.set)

            async def serve() -> None:
                await server.serve([door])
                is_down.set()

            group.start_soon(serve)
            await is_up.wait()
            try:
                yield Served(brain, door.getsockname()[1])
            finally:  # a test that failed stops the server as well, and spoils no other
                server.should_exit = True
                with anyio.CancelScope(shield=True):
                    await is_down.wait()


async def until(what: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return when it holds; fail when it never does."""
    with anyio.fail_after(PATIENCE_S):
        while True:
            found = what()
            if found if isinstance(found, bool) else await found:
                return
            await anyio.sleep(0.01)


@asynccontextmanager
async def asking(port: int, path: str, body: bytes, *headers: str) -> AsyncIterator[SocketStream]:
    """A raw request that has been sent; leaving the block hangs up."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        yield stream


async def some_of(stream: SocketStream, wanted: bytes) -> bytes:
    """Read until the answer holds these bytes (a regular expression)."""
    seen = b""
    with anyio.fail_after(PATIENCE_S):
        while re.search(wanted, seen) is None:
            seen += await stream.receive()
    return seen
