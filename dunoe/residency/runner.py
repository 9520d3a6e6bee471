"""Does what the scheduler decides: loads, unloads, lets requests run; and tells it what became of that."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

import anyio

from dunoe.engines.engine import Engine
from dunoe.errors import EngineFailed, Problem, Text
from dunoe.portfolio.model import Model
from dunoe.residency.refusal import refusal
from dunoe.residency.scheduler import CancelLoad, Decision, Grant, Load, Refuse, Scheduler, Unload
from dunoe.residency.tenant import Resident, Ticket
from dunoe.settings import QueueSettings

log = logging.getLogger(__name__)

STOP_S = 10.0  # for unloading everything at the end; the engines' `aclose` ends what is left then

Ask = Callable[[Ticket, Model, float], list[Decision]]


@dataclass(frozen=True, slots=True)
class Lease:
    """A model that is loaded, and one of its slots. It was waited for: queued_s in line, load_s for the load."""

    model: Model
    engine: Engine
    queued_s: float
    load_s: float


class Stay(NamedTuple):
    """A model that is not absent: cancelling the scope unloads it, cancelling the task abandons it."""

    scope: anyio.CancelScope
    task: asyncio.Task[None]


class Runner:
    """The models of some engines on some cards. An async context manager: it owns every task it starts.

    engines: by name. budgets: card -> bytes. clock: seconds, steady.
    """

    def __init__(
        self,
        engines: Mapping[str, Engine],
        budgets: Mapping[str, int],
        queue: QueueSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engines = engines
        self._budgets = budgets
        self._clock = clock
        self._scheduler = Scheduler(budgets, queue)
        self._tickets = map(Ticket, itertools.count(1))
        self._waiters: dict[Ticket, asyncio.Future[Grant | Refuse]] = {}
        self._stays: dict[str, Stay] = {}  # of models that are not absent
        self._absences: dict[str, asyncio.Future[None]] = {}
        self._someone_waits = asyncio.Event()

    async def __aenter__(self) -> Self:
        # asyncio's group and not anyio's: a cancel scope around us must not cut short the unloading
        self._group = await asyncio.TaskGroup().__aenter__()
        self._timer = self._group.create_task(self._watch_the_clock())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Refuse who waits and unload everything."""
        try:
            with anyio.move_on_after(STOP_S, shield=True):
                self._act(self._scheduler.stop())
                while self._stays:
                    await self._absence(next(iter(self._stays)))
        finally:
            if self._stays:
                log.warning("not unloaded in time: %s", ", ".join(self._stays))
            for task in (self._timer, *(stay.task for stay in self._stays.values())):
                task.cancel()
            await self._group.__aexit__(None, None, None)

    def lease(self, model: Model) -> AbstractAsyncContextManager[Lease]:
        """Wait for the model and one of its slots; give the slot back at the end, however it ends.

        Raises Busy (queue full), Unavailable (waited too long, too big for its card, stopping), or what the
        engine raised when the model did not load. Cancelling is safe at every moment.
        """
        return _Turn(self, model, self._scheduler.asked)

    async def preload(self, model: Model) -> None:
        """Return when the model is loaded; once begun, the load goes on when the caller is cancelled.

        Raises what `lease` raises.
        """
        if self._scheduler.state(model.name) != "ready":
            async with _Turn(self, model, self._scheduler.wanted):
                return

    async def unload(self, model: Model) -> None:
        """Return when the model has been unloaded, after the work that was asked for so far.

        Nothing happens to a model that is not loaded, or whose memory is not ours.
        """
        self._act(self._scheduler.unwanted(model.name, self._clock()))
        if model.name in self._stays:
            await self._absence(model.name)

    def view(self) -> list[Resident]:
        """Every model that was ever asked for, absent ones too."""
        return self._scheduler.view()

    @property
    def waiting(self) -> int:
        """Requests in the queue, all models together."""
        return self._scheduler.waiting

    async def _take(self, ticket: Ticket, model: Model, ask: Ask) -> Lease:
        """Wait for a turn; `_leave` must follow, however this ends."""
        engine = self._engines[model.engine]
        decisions = ask(ticket, model, self._clock())
        grant = Grant(ticket)
        if decisions != [grant]:  # the hot path makes neither task nor future
            grant = await self._wait(ticket, model, decisions)
        return Lease(model, engine, grant.queued_s, grant.load_s)

    def _leave(self, ticket: Ticket) -> None:
        """The turn is over. Never awaits, so that no cancellation can keep the slot."""
        self._act(self._scheduler.left(ticket, self._clock()))

    async def _wait(self, ticket: Ticket, model: Model, decisions: list[Decision]) -> Grant:
        answer: asyncio.Future[Grant | Refuse] = asyncio.get_running_loop().create_future()
        self._waiters[ticket] = answer
        try:
            self._act(decisions)
            self._someone_waits.set()
            outcome = await answer
        finally:
            del self._waiters[ticket]
        if isinstance(outcome, Refuse):
            raise refusal(outcome, model, self._budgets) from outcome.failure
        return outcome

    def _act(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Grant() | Refuse():
                    answer = self._waiters[decision.ticket]
                    if not answer.done():  # else it was cancelled, and its `left` is on the way
                        answer.set_result(decision)
                case Load(model):
                    scope = anyio.CancelScope()
                    task = self._group.create_task(self._stay(model, scope))
                    self._stays[model.name] = Stay(scope, task)
                case Unload(model) | CancelLoad(model):
                    self._stays[model.name].scope.cancel()

    async def _stay(self, model: Model, scope: anyio.CancelScope) -> None:
        """One stay of a model, from load to unload. Cancelling the scope ends it, loading or loaded."""
        engine = self._engines[model.engine]
        with scope:
            failure = await _load(engine, model)
            if not scope.cancel_called:  # a load may end well in the moment it is cancelled
                if failure is not None:
                    self._end(
                        model, self._scheduler.load_failed(model.name, failure, self._clock())
                    )
                    return
                self._act(self._scheduler.loaded(model.name, self._clock()))
                await _death(engine, model)
                if not scope.cancel_called:
                    self._end(model, self._scheduler.gone(model.name, self._clock()))
                    return
        await _unload(engine, model)
        self._end(model, self._scheduler.unloaded(model.name, self._clock()))

    def _end(self, model: Model, decisions: list[Decision]) -> None:
        """A stay is over; who waited for that is told, even when the next begins at once."""
        del self._stays[model.name]
        absent = self._absences.pop(model.name, None)
        if absent is not None:
            absent.set_result(None)
        self._act(decisions)

    async def _absence(self, name: str) -> None:
        """Wait until the stay of this model is over."""
        if name not in self._absences:
            self._absences[name] = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._absences[name])

    async def _watch_the_clock(self) -> None:
        while True:
            await self._someone_waits.wait()
            deadline_s = self._scheduler.deadline_s()
            if deadline_s is None:
                self._someone_waits.clear()
                continue
            await anyio.sleep(max(0.0, deadline_s - self._clock()))
            self._act(self._scheduler.tick(self._clock()))


class _Turn(AbstractAsyncContextManager[Lease]):
    """One ticket, from asking to leaving: a class, since a generator costs each request 1.6 % more."""

    def __init__(self, runner: Runner, model: Model, ask: Ask) -> None:
        self._runner, self._model, self._ask = runner, model, ask

    async def __aenter__(self) -> Lease:
        self._ticket = next(self._runner._tickets)
        try:
            return await self._runner._take(self._ticket, self._model, self._ask)
        except BaseException:  # cancelled too
            self._runner._leave(self._ticket)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._runner._leave(self._ticket)


async def _load(engine: Engine, model: Model) -> Problem | None:
    try:
        await engine.load(model)
    except Problem as problem:
        return problem
    except Exception as exc:  # outermost edge of our own task; its waiters must hear of it
        log.exception("loading %s", model.name)
        failure = EngineFailed(
            Text(
                f"모델 '{model.name}'을(를) 올리지 못했습니다",
                f"the model '{model.name}' did not load",
            ),
            Text("서버 로그에 원인이 있습니다.", "the server log tells why."),
            upstream=engine.name,
        )
        failure.__cause__ = exc
        return failure
    return None


async def _death(engine: Engine, model: Model) -> None:
    try:
        log.warning("%s ended by itself: %s", model.name, await engine.gone(model))
    except Exception:  # outermost edge of our own task; the model stays, unwatched
        log.exception("watching %s", model.name)
        await anyio.sleep_forever()


async def _unload(engine: Engine, model: Model) -> None:
    try:
        await engine.unload(model)
    except Problem as problem:  # counts as unloaded: docs/design/residency.md, limits
        log.warning("unloading %s: %s", model.name, problem)
    except Exception:  # outermost edge of our own task; the others go on
        log.exception("unloading %s", model.name)
