"""The key ring: the keys of the last two seconds, without I/O."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dunoe.errors import Unavailable
from dunoe.store.keys import Kept, Keys
from dunoe.store.ring import KeyRing
from dunoe.store.store import Store, open_store

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class SlowKeys(Keys):
    """The real keys, behind a gate that a test opens; counts the reads, and those under way at once."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.database)
        self.has_looked, self.gate = threading.Event(), threading.Event()
        self.reads = self.under_way = self.most_at_once = 0

    def unrevoked(self) -> dict[str, Kept]:
        self.reads += 1
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        found = super().unrevoked()
        self.has_looked.set()
        assert self.gate.wait(10)
        self.under_way -= 1
        return found


@contextmanager
def broken(store: Store) -> Iterator[None]:
    """A database that has lost its keys, for a while."""
    with store.database.writing() as connection:
        connection.execute(text("ALTER TABLE dunoe_keys RENAME TO lost"))
    yield
    with store.database.writing() as connection:
        connection.execute(text("ALTER TABLE lost RENAME TO dunoe_keys"))


async def test_a_ring_finds_what_the_database_would(store: Store) -> None:
    key, secret = store.keys.add("laptop", ["infer"])
    await store.ring.refresh()
    assert store.ring.find(secret) == key
    assert store.ring.find(secret[:-1] + "!") is None
    assert store.ring.find("dn-aaaaaaaa" + secret[11:]) is None
    assert store.ring.find("") is None


async def test_another_process_counts_within_two_seconds(store: Store, url: str) -> None:
    clock = Clock()
    ring = KeyRing(store.keys, clock)
    await ring.fresh()
    with open_store(url) as other:
        key, secret = other.keys.add("laptop", ["infer"])
        clock.now_s += 1.9
        await ring.fresh()
        assert ring.find(secret) is None
        clock.now_s += 0.1
        await ring.fresh()
        assert ring.find(secret) == key
        other.keys.revoke("laptop")
        clock.now_s += 2
        await ring.fresh()
        assert ring.find(secret) is None


async def test_a_key_that_nobody_knows_is_looked_for_now_and_then(store: Store, url: str) -> None:
    clock, slow = Clock(), SlowKeys(store)
    slow.gate.set()
    ring = KeyRing(slow, clock)
    await ring.fresh()
    with open_store(url) as other:
        key, secret = other.keys.add("laptop", ["infer"])
    assert all(await asyncio.gather(*(ring.seek(secret) for _ in range(10))))
    assert (ring.find(secret), slow.reads) == (key, 2)
    assert not await ring.seek(secret)  # it is known
    guess = "dn-aaaaaaaa" + secret[11:]
    assert not await ring.seek(guess) and not await ring.seek("guess")
    assert slow.reads == 2
    clock.now_s += 0.1
    assert not await ring.seek(guess)
    assert slow.reads == 3


async def test_a_key_expires_between_two_looks_at_the_database(store: Store) -> None:
    now = datetime.now(UTC)
    key, secret = store.keys.add("visitor", ["infer"], expires_at=now + timedelta(days=1))
    times = iter([now, now + timedelta(days=1)])
    ring = KeyRing(store.keys, now=lambda: next(times))
    await ring.refresh()
    assert ring.find(secret) == key
    assert ring.find(secret) is None


async def test_only_a_ring_that_knows_is_empty(store: Store) -> None:
    ring = KeyRing(store.keys)
    assert not ring.is_empty  # it has not looked yet
    await ring.refresh()
    assert ring.is_empty
    store.keys.add("laptop", ["infer"])
    await ring.refresh()
    assert not ring.is_empty
    store.keys.revoke("laptop")
    await ring.refresh()
    assert ring.is_empty


async def test_a_key_that_expires_does_not_open_the_door_for_everybody(store: Store) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    _, secret = store.keys.add("visitor", ["infer"], expires_at=tomorrow)
    ring = KeyRing(store.keys, now=lambda: tomorrow)
    await ring.refresh()
    assert ring.find(secret) is None
    assert not ring.is_empty


async def test_a_database_that_fails_is_logged_once_and_the_old_keys_go_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    ring = KeyRing(store.keys, clock)
    key, secret = store.keys.add("laptop", ["infer"])
    await ring.fresh()
    with broken(store), caplog.at_level(logging.WARNING, "dunoe.store.ring"):
        for _ in range(3):
            clock.now_s += 2
            await ring.fresh()
            assert ring.find(secret) == key
            assert not ring.is_stale(clock.now_s + 1.9)  # the next request does not ask again
        with pytest.raises(Unavailable):
            await ring.refresh()
    assert len(caplog.records) == 1
    store.keys.revoke("laptop")
    clock.now_s += 2
    await ring.fresh()
    assert ring.find(secret) is None
    with broken(store), caplog.at_level(logging.WARNING, "dunoe.store.ring"):
        clock.now_s += 2
        await ring.fresh()
    assert len(caplog.records) == 2  # a new outage is news


async def test_a_ring_whose_first_look_fails_lets_nobody_in(store: Store) -> None:
    with broken(store):
        await store.ring.fresh()
    assert not store.ring.is_empty


async def test_many_requests_make_one_read(store: Store) -> None:
    slow = SlowKeys(store)
    ring = KeyRing(slow)
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(ring.fresh())
        await asyncio.sleep(0)
        slow.gate.set()
    assert slow.reads == 1


async def test_a_caller_that_leaves_does_not_end_the_read(store: Store) -> None:
    slow = SlowKeys(store)
    ring = KeyRing(slow)
    leaving = asyncio.ensure_future(ring.fresh())
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    staying = asyncio.ensure_future(ring.fresh())
    await asyncio.sleep(0)
    slow.gate.set()
    await staying
    assert ring.is_empty
    assert slow.reads == 1


async def test_a_database_that_hangs_holds_a_request_only_so_long(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunoe.store.ring.PATIENCE_S", 0.01)
    clock, slow = Clock(), SlowKeys(store)
    ring = KeyRing(slow, clock)
    await ring.fresh()
    assert not ring.is_stale(clock.now_s)
    assert "takes too long" in caplog.text
    clock.now_s += 2
    await ring.fresh()
    assert slow.reads == 1  # no second thread goes and hangs beside the first
    slow.gate.set()
    await ring.refresh()
    assert ring.is_empty


async def test_a_change_of_our_own_counts_at_once(store: Store) -> None:
    slow = SlowKeys(store)
    ring = KeyRing(slow)
    early = asyncio.ensure_future(ring.fresh())
    assert await asyncio.to_thread(slow.has_looked.wait, 10)
    _, secret = await asyncio.to_thread(store.keys.add, "laptop", ["infer"])
    changed = asyncio.ensure_future(ring.refresh())
    await asyncio.sleep(0)
    await asyncio.to_thread(slow.gate.set)
    await asyncio.gather(early, changed)
    assert ring.find(secret) is not None
    assert slow.most_at_once == 1  # an old answer cannot come after a new one
