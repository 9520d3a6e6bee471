"""The sync that was asked for: it outlives the request that began it, and everybody who asks gets the same one."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from dunoe.errors import Problem, Text, Unavailable
from dunoe.library.progress import Stand

Sync = Callable[[], Coroutine[object, object, Stand]]


@dataclass(frozen=True, slots=True)
class Run:
    """One sync."""

    task: asyncio.Task[Stand | Problem]

    @property
    def is_over(self) -> bool:
        """It ended, well or not."""
        return self.task.done()

    async def over_within(self, limit_s: float) -> None:
        """Return when it is over, or after so many seconds."""
        await asyncio.wait([self.task], timeout=limit_s)

    async def result(self) -> Stand:
        """How it ended; raises what ended it. Cancelling this does not cancel the sync."""
        await asyncio.wait([self.task])
        if self.task.cancelled():
            raise Unavailable(
                Text("동기화를 멈췄습니다", "the sync was stopped"),
                Text("다시 시작하면 이어서 합니다.", "start it again and it goes on."),
                code="sync_stopped",
            )
        ended = self.task.result()
        if isinstance(ended, Problem):
            raise ended
        return ended


class Syncing:
    """One sync at a time. Its own task group runs it, for as long as the server does."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._run: Run | None = None

    async def run(self) -> None:
        """Hold the syncs until cancelled."""
        async with self._group:
            await asyncio.Event().wait()

    def begin(self, sync: Sync) -> Run:
        """The sync that runs, or a new one."""
        if self._run is None or self._run.is_over:
            self._run = Run(self._group.create_task(_quiet(sync)))
        return self._run

    async def stop(self) -> None:
        """End it, if one runs."""
        if self._run is not None and not self._run.is_over:
            self._run.task.cancel()
            await asyncio.wait([self._run.task])


async def _quiet(sync: Sync) -> Stand | Problem:
    """A sync that fails ends nothing but itself."""
    try:
        return await sync()
    except Problem as problem:
        return problem
