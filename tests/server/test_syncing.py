"""The sync that was asked for: stopped, it writes no more."""

import asyncio
import threading

import pytest

from dunoe.library.progress import Progress, Stand
from dunoe.library.threads import run_sync
from dunoe.server.syncing import Syncing

pytestmark = pytest.mark.anyio
PATIENCE_S = 10  # where stopping does not wait, the thread must end all the same


class Writer:
    """A sync whose thread writes until it is let go on."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = asyncio.Event(), threading.Event()
        self.is_writing = False

    async def sync(self) -> Stand:
        """Write once, in a thread."""
        await run_sync(self._write, asyncio.get_running_loop())
        return Progress().now()

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_writing = True
        loop.call_soon_threadsafe(self.has_begun.set)
        self.may_end.wait(PATIENCE_S)
        self.is_writing = False


async def test_whoever_stops_a_sync_waits_for_the_thread_that_writes() -> None:
    syncing, writer = Syncing(), Writer()
    holding = asyncio.create_task(syncing.run())
    await asyncio.sleep(0)
    syncing.begin(writer.sync)
    await writer.has_begun.wait()
    stopping = asyncio.create_task(syncing.stop())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not stopping.done()
    writer.may_end.set()
    await stopping
    assert not writer.is_writing
    holding.cancel()
    await asyncio.wait([holding])


async def test_a_stop_that_is_given_up_leaves_no_writer_behind_at_the_end() -> None:
    syncing, writer = Syncing(), Writer()
    holding = asyncio.create_task(syncing.run())
    await asyncio.sleep(0)
    syncing.begin(writer.sync)
    await writer.has_begun.wait()
    stopping = asyncio.create_task(syncing.stop())
    await asyncio.sleep(0)
    stopping.cancel()  # the client that asked has left
    await asyncio.wait([stopping])
    holding.cancel()  # the server stops
    await asyncio.sleep(0)
    assert not holding.done()
    writer.may_end.set()
    await asyncio.wait([holding])
    assert not writer.is_writing
