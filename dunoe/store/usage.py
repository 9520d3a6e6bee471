"""The book of usage: who used how much of which model, per UTC day."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Lock
from typing import NamedTuple

import anyio
from sqlalchemy import Date, bindparam, func, select, text

from dunoe.errors import Problem
from dunoe.store.database import Database
from dunoe.store.tables import usage

FLUSH_S = 1.0
LAST_FLUSH_S = 5.0  # what the last flush may take when the server stops
NOBODY = ""  # the key of a caller that needs none

_MOST_TOKENS = 2**31  # more than any context; a broken engine's number must not break the book
_LOG = logging.getLogger(__name__)
_ADD = text(
    "INSERT INTO dunoe_usage (day, key_id, model, requests, prompt_tokens, completion_tokens)"
    " VALUES (:day, :key_id, :model, :requests, :prompt_tokens, :completion_tokens)"
    " ON CONFLICT (day, key_id, model) DO UPDATE SET"
    " requests = dunoe_usage.requests + excluded.requests,"
    " prompt_tokens = dunoe_usage.prompt_tokens + excluded.prompt_tokens,"
    " completion_tokens = dunoe_usage.completion_tokens + excluded.completion_tokens"
).bindparams(bindparam("day", type_=Date))


class Sum(NamedTuple):
    """What was used, added up."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, other: "Sum") -> "Sum":
        """Both together."""
        return Sum(*(mine + its for mine, its in zip(self, other, strict=True)))

    @property
    def tokens(self) -> int:
        """Prompt and answer together: what tokens_per_day counts."""
        return self.prompt_tokens + self.completion_tokens


Page = tuple[date, str]  # one key's day
Sums = dict[Page, dict[str, Sum]]  # per model


class UsageBook:
    """Counters in memory, written to the database about once a second by `run`.

    The counters are pending, then writing, then known (docs/design/store.md).
    """

    def __init__(
        self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """now: the current time in UTC; it says which day it is."""
        self._database, self._now = database, now
        self._pending: Sums = {}
        self._writing: Sums = {}
        self._known: dict[Page, int] = {}
        self._counts = Lock()  # guards the three above; held for moments
        self._pen = Lock()  # one write at a time, so known totals never go back
        self._is_failing = False

    def add(
        self, key_id: str | None, model: str, prompt_tokens: int, completion_tokens: int
    ) -> None:
        """Count one request, in memory. key_id: None for a caller without a key."""
        one = Sum(1, _sane(prompt_tokens), _sane(completion_tokens))
        page = (self._now().date(), key_id or NOBODY)
        with self._counts:
            _count(self._pending, page, model, one)

    def tokens_today(self, key_id: str | None) -> int:
        """Tokens of this key since midnight UTC: what the database last said, and ours since then."""
        page = (self._now().date(), key_id or NOBODY)
        with self._counts:
            return self._known.get(page, 0) + sum(
                one.tokens
                for sums in (self._pending, self._writing)
                for one in sums.get(page, {}).values()
            )

    async def flush(self) -> None:
        """`save`, in a thread."""
        await asyncio.to_thread(self.save)

    def save(self) -> None:
        """Write what is pending, and read what every process together used today.

        Raises what the database raises; then everything is pending again.
        """
        with self._pen:
            with self._counts:
                self._writing, self._pending = self._pending, {}
            try:
                known = self._exchange(self._writing, self._now().date())
            except BaseException:  # whatever it was, no count may be lost
                with self._counts:
                    for page, models in self._writing.items():
                        for model, one in models.items():
                            _count(self._pending, page, model, one)
                    self._writing = {}
                raise
            with self._counts:
                self._known, self._writing = known, {}

    async def run(self) -> None:
        """Flush every second until cancelled, and once more then. A failing database is logged once."""
        try:
            while True:
                await self._flush_or_log()
                await asyncio.sleep(FLUSH_S)
        finally:
            with anyio.move_on_after(LAST_FLUSH_S, shield=True):
                await self._flush_or_log()

    async def _flush_or_log(self) -> None:
        try:
            await self.flush()
        except Problem as problem:
            if not self._is_failing:
                _LOG.warning("cannot write the usage, the counts wait in memory: %s", problem)
            self._is_failing = True
        else:
            self._is_failing = False

    def _exchange(self, sums: Sums, today: date) -> dict[Page, int]:
        """Our sums into the database, everybody's totals of today out of it."""
        rows = [
            {"day": day, "key_id": key_id, "model": model} | one._asdict()
            for (day, key_id), models in sorted(sums.items())  # one order for all: no deadlock
            for model, one in sorted(models.items())
        ]
        totals = (
            select(usage.c.key_id, func.sum(usage.c.prompt_tokens + usage.c.completion_tokens))
            .where(usage.c.day == today)
            .group_by(usage.c.key_id)
        )
        with self._database.writing() if rows else self._database.reading() as connection:
            if rows:
                connection.execute(_ADD, rows)
            return {
                (today, key_id): int(tokens) for key_id, tokens in connection.execute(totals).all()
            }


def _sane(tokens: int) -> int:
    return min(max(tokens, 0), _MOST_TOKENS)


def _count(sums: Sums, page: Page, model: str, one: Sum) -> None:
    models = sums.setdefault(page, {})
    models[model] = models[model].plus(one) if model in models else one
