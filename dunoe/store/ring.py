"""The key ring: every key in memory, for the way of a request."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from dunoe.errors import Problem
from dunoe.store.keys import Kept, Key, Keys, read, unlock

STALE_S = 2.0  # a key added or revoked by another process counts after this long
SEEK_S = (
    0.1  # between two looks for keys that nobody knows; guessing must not keep the database busy
)
PATIENCE_S = 1.0  # a request waits this long for a slow database, then the known keys go on

_LOG = logging.getLogger(__name__)


class KeyRing:
    """Who may come in, without I/O: `await fresh()` once per request, then `find`. Belongs to one event loop."""

    def __init__(
        self,
        keys: Keys,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """clock: monotonic seconds, for staleness; now: the time that expiry is measured by."""
        self._keys, self._clock, self._now = keys, clock, now
        self._kept: dict[str, Kept] | None = None
        self._read_at = self._sought_at = float("-inf")
        self._reading: asyncio.Future[dict[str, Kept]] | None = None
        self._is_failing = False

    @property
    def is_empty(self) -> bool:
        """True when there surely is no unrevoked key: then the server lets loopback callers in.

        An expired key still counts, and a ring that was never read is not empty: neither time nor
        a broken database may open a door.
        """
        return self._kept is not None and not self._kept

    def find(self, presented: str) -> Key | None:
        """The live key that was presented, or None; a few microseconds."""
        if (parts := read(presented)) is None:
            return None
        return unlock((self._kept or {}).get(parts.id), parts, self._now())

    def is_stale(self, now_s: float) -> bool:
        """Was the last look at the database too long ago?"""
        return now_s - self._read_at >= STALE_S

    async def fresh(self) -> None:
        """Look at the database again when the ring is stale. Never raises: the known keys go on."""
        if not self.is_stale(self._clock()):
            return
        done, _ = await asyncio.wait((self._reading or self._read(),), timeout=PATIENCE_S)
        if not done:
            self._fail("the database takes too long")

    async def seek(self, presented: str) -> bool:
        """Look for a key that is unknown and may be new; False where that is no use. Never raises."""
        if (parts := read(presented)) is None or parts.id in (self._kept or {}):
            return False
        if self._reading is None and self._clock() - self._sought_at >= SEEK_S:
            self._sought_at = self._clock()
            self._read()
        if self._reading is not None:  # also that of another request
            await asyncio.wait((self._reading,), timeout=PATIENCE_S)
        return parts.id in (self._kept or {})

    async def refresh(self) -> None:
        """Look at the database now, as after a change of our own; raise what the database raises."""
        while self._reading is not None:  # it may have begun before the change
            await asyncio.wait((self._reading,))
        await asyncio.shield(self._read())

    def _read(self) -> asyncio.Future[dict[str, Kept]]:
        """Begin one read in a thread. It ends by itself, whoever stops waiting for it."""
        began = self._clock()
        reading = asyncio.get_running_loop().run_in_executor(None, self._keys.unrevoked)
        reading.add_done_callback(lambda _: self._settle(reading, began))
        self._reading = reading
        return reading

    def _settle(self, reading: asyncio.Future[dict[str, Kept]], began: float) -> None:
        self._reading = None
        if reading.cancelled():
            return
        try:
            self._kept = reading.result()
        except Problem as problem:
            self._fail(problem)
        else:
            self._read_at, self._is_failing = began, False

    def _fail(self, why: Problem | str) -> None:
        """Say it once per outage, and leave the next try to a later request."""
        self._read_at = self._clock()
        if not self._is_failing:
            _LOG.warning("cannot read the keys again, the known ones go on: %s", why)
        self._is_failing = True
