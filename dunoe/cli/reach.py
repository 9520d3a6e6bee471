"""A server to ask: the one that runs, or else one inside this command, on a port that nobody knows."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio
import typer

from dunoe.cli.client import Client, url_of
from dunoe.cli.terminal import console, said
from dunoe.errors import Problem, Text
from dunoe.server.brain import Brain, open_brain
from dunoe.server.serve import listen, server_of
from dunoe.settings import Settings

INTERRUPTED = 130
PROBE_S = 10.0  # whoever has our port and says nothing for so long is not dunoe
STOPPED = Text("멈췄습니다.", "Stopped.")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Reached:
    """Whom to ask. brain: of the server inside this command; None when another process serves."""

    client: Client
    brain: Brain | None


def reach(
    settings: Settings,
    work: Callable[[Reached], Awaitable[Result]],
    stopped: Text = STOPPED,
    *,
    watches: bool = False,
) -> Result:
    """Do this work with a server.

    stopped: what is said after Ctrl-C. watches: a server of our own watches the folders meanwhile.
    Raises what the work raises, and Unavailable when another process has the library but does not answer here.
    """
    return to_the_end(_reach(settings, work, watches=watches), stopped)


def to_the_end(work: Coroutine[None, None, Result], stopped: Text = STOPPED) -> Result:
    """Run it. Ctrl-C ends it, and what `stopped` says is said; a second Ctrl-C waits for nothing."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    try:
        return asyncio.run(_stoppable(work))
    except KeyboardInterrupt:
        console(stderr=True).print(said(stopped), soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


async def _stoppable(work: Coroutine[None, None, Result]) -> Result:
    """Ctrl-C cancels a scope, not the task: what a thread has begun is waited for before anything is closed."""
    loop = asyncio.get_running_loop()
    with anyio.CancelScope() as scope:

        def stop() -> None:
            scope.cancel()
            loop.remove_signal_handler(signal.SIGINT)

        loop.add_signal_handler(signal.SIGINT, stop)
        try:
            return await work
        finally:
            loop.remove_signal_handler(signal.SIGINT)
    raise KeyboardInterrupt


async def _reach(
    settings: Settings, work: Callable[[Reached], Awaitable[Result]], *, watches: bool
) -> Result:
    async with Client(settings) as client:
        if await _is_ours(client):
            return await work(Reached(client, None))
    outcome: Result | Problem
    async with _inside(settings, watches=watches) as reached:
        try:
            outcome = await work(reached)
        except Problem as problem:  # out there it would come wrapped in the groups of the brain
            outcome = problem
    if isinstance(outcome, Problem):
        raise outcome
    return outcome


async def _is_ours(client: Client) -> bool:
    """True when the server of this home runs there, and not that of somebody else, or something else.

    Our local key is told to be local by our own server alone.
    """
    with anyio.move_on_after(PROBE_S):
        try:
            return bool((await client.json("GET", "/api/key")).get("is_local"))
        except Problem:
            return False
    return False


@asynccontextmanager
async def _inside(settings: Settings, *, watches: bool) -> AsyncIterator[Reached]:
    """A server of our own: for this machine and this user alone, whatever the settings open to others."""
    with listen("127.0.0.1", 0) as door:
        mine = {
            "host": "127.0.0.1",
            "port": door.getsockname()[1],
            "allow": (),
            "log_requests": False,
            "stop_s": 0.0,
        }
        alone = settings.model_copy(
            update={
                "server": settings.server.model_copy(update=mine),
                "library": settings.library.model_copy(update={"watch": watches}),
            }
        )
        is_up = asyncio.Event()
        async with open_brain(alone) as brain, asyncio.TaskGroup() as group:
            server = server_of(brain, is_up.set)
            group.create_task(server.serve([door]))
            try:
                await is_up.wait()
                async with Client(alone, url_of(alone)) as client:
                    yield Reached(client, brain)
            finally:
                server.should_exit = True
