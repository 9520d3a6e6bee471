"""The book of usage: whatever happens between, the sums are exact."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import Connection, delete, select, text

from dunoe.errors import Unavailable
from dunoe.store.database import Database
from dunoe.store.store import Store, open_store
from dunoe.store.tables import usage
from dunoe.store.usage import UsageBook

Row = tuple[date, str, str]


class Calendar:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def written(store: Store) -> dict[Row, tuple[int, int, int]]:
    """The whole table: requests, prompt and answer tokens."""
    with store.database.reading() as connection:
        return {
            (row.day, row.key_id, row.model): (
                row.requests,
                row.prompt_tokens,
                row.completion_tokens,
            )
            for row in connection.execute(select(usage))
        }


@contextmanager
def broken(database: Database) -> Iterator[None]:
    """A database whose book is away for a while."""
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE dunoe_usage RENAME TO lost"))
    yield
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE lost RENAME TO dunoe_usage"))


def test_requests_are_added_up_by_day_key_and_model(store: Store) -> None:
    calendar = Calendar()
    book = UsageBook(store.database, calendar)
    book.add("laptop", "tiny", 10, 1)
    book.add("laptop", "tiny", 20, 2)
    book.add("laptop", "big", 5, 5)
    book.save()
    book.add(None, "tiny", 1, 1)
    book.add("laptop", "tiny", 30, 3)
    book.save()
    today = calendar.now.date()
    assert written(store) == {
        (today, "laptop", "tiny"): (3, 60, 6),
        (today, "laptop", "big"): (1, 5, 5),
        (today, "", "tiny"): (1, 1, 1),
    }


def test_a_day_ends_at_midnight_utc(store: Store) -> None:
    calendar = Calendar()
    book = UsageBook(store.database, calendar)
    book.add("laptop", "tiny", 10, 1)
    book.save()
    book.add("laptop", "tiny", 20, 2)
    assert book.tokens_today("laptop") == 33
    calendar.now += timedelta(minutes=1)
    assert book.tokens_today("laptop") == 0
    book.add("laptop", "tiny", 40, 4)
    assert book.tokens_today("laptop") == 44
    book.save()
    assert book.tokens_today("laptop") == 44
    assert written(store) == {
        (date(2026, 12, 31), "laptop", "tiny"): (2, 30, 3),
        (date(2027, 1, 1), "laptop", "tiny"): (1, 40, 4),
    }


def test_a_restart_and_another_process_are_counted_in(store: Store, url: str) -> None:
    store.usage.add("laptop", "tiny", 10, 1)
    store.usage.save()
    with open_store(url) as other:
        other.usage.save()
        assert other.usage.tokens_today("laptop") == 11
        other.usage.add("laptop", "tiny", 100, 0)
        other.usage.save()
    store.usage.add("laptop", "tiny", 1000, 0)
    assert store.usage.tokens_today("laptop") == 1011
    store.usage.save()
    assert store.usage.tokens_today("laptop") == 1111


def test_a_failed_write_loses_nothing_and_counts_nothing_twice(store: Store) -> None:
    book = store.usage
    book.add("laptop", "tiny", 10, 1)
    with broken(store.database):
        with pytest.raises(Unavailable):
            book.save()
        assert book.tokens_today("laptop") == 11
        book.add("laptop", "tiny", 20, 2)
        with pytest.raises(Unavailable):
            book.save()
    book.save()
    book.save()
    assert book.tokens_today("laptop") == 33
    assert list(written(store).values()) == [(2, 30, 3)]


def test_a_write_that_fails_half_way_keeps_no_half(store: Store) -> None:
    with store.database.writing() as connection:
        connection.execute(text("ALTER TABLE dunoe_usage RENAME TO whole"))
        connection.execute(
            text(
                "CREATE TABLE dunoe_usage (day DATE, key_id VARCHAR(8), model VARCHAR,"
                " requests BIGINT, prompt_tokens BIGINT CHECK (prompt_tokens < 100),"
                " completion_tokens BIGINT, PRIMARY KEY (day, key_id, model))"
            )
        )
    store.usage.add("a", "tiny", 1, 1)
    store.usage.add("b", "tiny", 100, 1)
    with pytest.raises(Unavailable):
        store.usage.save()
    assert written(store) == {}
    with store.database.writing() as connection:
        connection.execute(text("DROP TABLE dunoe_usage"))
        connection.execute(text("ALTER TABLE whole RENAME TO dunoe_usage"))
    store.usage.save()
    assert sorted(written(store).values()) == [(1, 1, 1), (1, 100, 1)]


def test_numbers_of_a_broken_engine_do_not_break_the_book(store: Store) -> None:
    store.usage.add("laptop", "tiny", 10**40, -5)
    store.usage.save()
    assert list(written(store).values()) == [(1, 2**31, 0)]


BOOKS = st.integers(0, 1)
KEYS = st.sampled_from([None, "aaaaaaaa", "bbbbbbbb"])
MODELS = st.sampled_from(["tiny", "큰 모델"])
TOKENS = st.integers(0, 10**6)


class TwoBooks(RuleBasedStateMachine):
    """The books of two processes on one database, and what they should say."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store, self.calendar = store, Calendar()
        self.books = [UsageBook(store.database, self.calendar) for _ in range(2)]
        self.expected: dict[Row, tuple[int, int, int]] = {}
        with store.database.writing() as connection:
            connection.execute(delete(usage))

    @rule(at=BOOKS, key=KEYS, model=MODELS, prompt=TOKENS, completion=TOKENS)
    def add(self, at: int, key: str | None, model: str, prompt: int, completion: int) -> None:
        before = self.books[at].tokens_today(key)
        self.books[at].add(key, model, prompt, completion)
        assert self.books[at].tokens_today(key) == before + prompt + completion
        row = (self.calendar.now.date(), key or "", model)
        had = self.expected.get(row, (0, 0, 0))
        self.expected[row] = (had[0] + 1, had[1] + prompt, had[2] + completion)

    @rule(at=BOOKS)
    def save(self, at: int) -> None:
        self.books[at].save()

    @rule(at=BOOKS)
    def fail(self, at: int) -> None:
        with broken(self.store.database), pytest.raises(Unavailable):
            self.books[at].save()

    @rule(at=BOOKS)
    def restart(self, at: int) -> None:
        self.books[at].save()
        self.books[at] = UsageBook(self.store.database, self.calendar)

    @rule()
    def midnight(self) -> None:
        self.calendar.now += timedelta(days=1)

    def teardown(self) -> None:
        for book in (*self.books, *self.books):  # twice: each reads what the other wrote
            book.save()
        assert written(self.store) == self.expected
        today = self.calendar.now.date()
        for key in ("", "aaaaaaaa", "bbbbbbbb"):
            total = sum(
                prompt + completion
                for (day, key_id, _), (_, prompt, completion) in self.expected.items()
                if (day, key_id) == (today, key)
            )
            assert [book.tokens_today(key) for book in self.books] == [total, total]


def test_any_order_of_events_sums_up_exactly(store: Store) -> None:
    class Here(TwoBooks):
        def __init__(self) -> None:
            super().__init__(store)

    stories = settings(max_examples=50, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Here, settings=stories)


class WatchedBook(UsageBook):
    """The real book; a test can wait for the end of each flush."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.flushes: asyncio.Queue[bool] = asyncio.Queue()

    async def flush(self) -> None:
        try:
            await super().flush()
        except Unavailable:
            self.flushes.put_nowait(False)
            raise
        self.flushes.put_nowait(True)


@pytest.mark.anyio
async def test_processes_that_write_at_once_neither_lose_nor_lock_up(
    store: Store, url: str
) -> None:
    with open_store(url) as other:
        for turn in range(20):
            for book in (store.usage, other.usage):
                keys = ["a", "b", "c", "d"]
                for key in keys if book is store.usage else reversed(keys):
                    book.add(key, "tiny", turn, 1)
            await asyncio.gather(store.usage.flush(), other.usage.flush(), store.usage.flush())
    assert [amounts for _, amounts in sorted(written(store).items())] == [(40, 380, 40)] * 4


class GatedDatabase(Database):
    """The real database, behind a gate that a test opens."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.has_come, self.gate = threading.Event(), threading.Event()

    @contextmanager
    def writing(self, *, alone: bool = False) -> Iterator[Connection]:
        self.has_come.set()
        assert self.gate.wait(10)
        with super().writing(alone=alone) as connection:
            yield connection


@pytest.mark.anyio
async def test_what_is_being_written_counts_all_the_while(store: Store, url: str) -> None:
    gated = GatedDatabase(url)
    book = UsageBook(gated)
    book.add("laptop", "tiny", 10, 1)
    flushing = asyncio.ensure_future(book.flush())
    assert await asyncio.to_thread(gated.has_come.wait, 10)
    assert book.tokens_today("laptop") == 11
    book.add("laptop", "tiny", 20, 2)
    assert book.tokens_today("laptop") == 33
    gated.gate.set()
    await flushing
    assert book.tokens_today("laptop") == 33
    gated.close()


@pytest.mark.anyio
async def test_a_cancelled_flush_still_counts_once(store: Store) -> None:
    store.usage.add("laptop", "tiny", 10, 1)
    flushing = asyncio.ensure_future(store.usage.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing
    await store.usage.flush()
    assert store.usage.tokens_today("laptop") == 11
    assert list(written(store).values()) == [(1, 10, 1)]


@pytest.mark.anyio
async def test_run_reads_at_the_start_and_writes_at_the_end(store: Store, url: str) -> None:
    store.usage.add("laptop", "tiny", 10, 1)
    store.usage.save()
    with open_store(url) as other:
        book = WatchedBook(other.database)
        running = asyncio.ensure_future(book.run())
        assert await book.flushes.get()
        assert book.tokens_today("laptop") == 11
        book.add("laptop", "tiny", 20, 2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert list(written(store).values()) == [(2, 30, 3)]


@pytest.mark.anyio
async def test_run_lives_through_a_failing_database_and_says_so_once(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunoe.store.usage.FLUSH_S", 0)
    book = WatchedBook(store.database)
    book.add("laptop", "tiny", 10, 1)
    with caplog.at_level(logging.WARNING, "dunoe.store.usage"):
        with broken(store.database):
            running = asyncio.ensure_future(book.run())
            assert [await book.flushes.get() for _ in range(3)] == [False] * 3
        while not await book.flushes.get():
            assert len(caplog.records) == 1
        assert list(written(store).values()) == [(1, 10, 1)]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert len(caplog.records) == 1
