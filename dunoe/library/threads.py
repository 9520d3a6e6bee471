"""Work in a thread that is waited for, however its caller is cancelled."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import anyio

P = ParamSpec("P")
T = TypeVar("T")


def _nothing() -> None:
    """The thread ends by itself."""


async def run_sync(call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """`in_thread`, spelled as anyio spells it."""
    return await in_thread(partial(call, *args, **named))


async def in_thread(call: Callable[[], T], stop: Callable[[], None] = _nothing) -> T:
    """What `call` returns. A cancelled caller leaves when the thread has ended, so locks hold as long as it writes.

    stop: called on cancelling, to let a thread that waits for something end. anyio's own shield holds against its
    cancel scopes alone, and a task of asyncio that is cancelled would leave the thread behind.
    """
    running = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop()
        with anyio.CancelScope(shield=True):
            await _ended(running)
        raise


async def _ended(running: asyncio.Future[T]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:  # once is enough: our caller raises it again
            continue
    if not running.cancelled():
        running.exception()  # looked at, so that nobody complains that it was not
