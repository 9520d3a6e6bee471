"""The runner with an engine that obeys the test: every load, unload and death happens when the test says so."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import anyio
import pytest

from dunoe.errors import Busy, EngineFailed, Problem, Unavailable
from dunoe.portfolio.model import Model
from dunoe.residency.runner import Lease, Runner
from dunoe.settings import QueueSettings
from tests.residency.cast import BROKEN, BUDGETS, MODELS, Scripted, model

pytestmark = pytest.mark.anyio

A, B, C, D, REMOTE = (MODELS[name] for name in ("a", "b", "c", "d", "remote"))


class Caller:
    """Somebody who asks for a model, holds it until `release`, and can be cancelled at any moment."""

    def __init__(self, runner: Runner, model: Model) -> None:
        self.runner, self.model = runner, model
        self.scope = anyio.CancelScope()
        self.has_it, self.release, self.is_over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.lease: Lease | None = None
        self.problem: Problem | None = None

    async def call(self) -> None:
        try:
            with self.scope:
                async with self.runner.lease(self.model) as self.lease:
                    self.has_it.set()
                    await self.release.wait()
        except Problem as problem:
            self.problem = problem
        self.is_over.set()

    async def leave(self) -> None:
        self.scope.cancel()
        await self.is_over.wait()

    async def finish(self) -> None:
        self.release.set()
        await self.is_over.wait()


class Stage:
    """A runner, its engine and its callers."""

    def __init__(self, engine: Scripted, runner: Runner, group: anyio.abc.TaskGroup) -> None:
        self.engine, self.runner, self.group = engine, runner, group

    async def caller(self, model: Model) -> Caller:
        """Somebody who has asked and now has it, waits, or was refused."""
        caller = Caller(self.runner, model)
        self.group.start_soon(caller.call)
        await anyio.wait_all_tasks_blocked()
        return caller

    def seats(self, model: Model) -> tuple[str, int, int]:
        """State, in flight and waiting of one model."""
        found = {one.name: one for one in self.runner.view()}[model.name]
        return found.state, found.in_flight, found.waiting


@pytest.fixture
async def stage() -> AsyncGenerator[Stage]:
    engine = Scripted()
    async with anyio.create_task_group() as group:
        async with Runner({"box": engine}, BUDGETS, QueueSettings(length=4)) as runner:
            yield Stage(engine, runner, group)
            engine.is_prompt = True
            for door in [*engine.doors("load"), *engine.doors("unload")]:
                door.open()
        assert engine.on_card == set()
        group.cancel_scope.cancel()


async def test_a_model_is_loaded_by_the_first_and_shared_by_all_who_waited(stage: Stage) -> None:
    callers = [await stage.caller(C) for _ in range(3)]
    assert stage.engine.said == ["load c"]
    assert stage.seats(C) == ("loading", 0, 3)
    stage.engine.door("load", "c").open()
    await callers[0].has_it.wait()
    await callers[1].has_it.wait()
    assert not callers[2].has_it.is_set()
    await callers[0].finish()
    await callers[2].has_it.wait()
    assert stage.seats(C) == ("ready", 2, 0)


async def test_a_lease_tells_the_model_its_engine_and_the_waits() -> None:
    now_s = 100.0
    engine = Scripted()
    async with Runner({"box": engine}, BUDGETS, QueueSettings(), clock=lambda: now_s) as runner:
        async with anyio.create_task_group() as group:
            caller = Caller(runner, A)
            group.start_soon(caller.call)
            await engine.door("load", "a").came.wait()
            now_s = 103.0
            engine.door("load", "a").open()
            await caller.has_it.wait()
            assert caller.lease == Lease(A, engine, queued_s=0, load_s=3)
            second = Caller(runner, A)
            group.start_soon(second.call)
            await anyio.wait_all_tasks_blocked()
            now_s = 108.0
            caller.release.set()
            await second.has_it.wait()
            assert second.lease == Lease(A, engine, queued_s=5, load_s=0)
            second.release.set()
        engine.is_prompt = True


async def test_who_leaves_the_queue_gives_the_place_back(stage: Stage) -> None:
    first, second = await stage.caller(REMOTE), await stage.caller(REMOTE)
    third = await stage.caller(REMOTE)
    assert stage.runner.waiting == 2
    await second.leave()
    assert stage.runner.waiting == 1
    await first.finish()
    await third.has_it.wait()
    assert stage.seats(REMOTE) == ("ready", 1, 0)


async def test_the_last_who_leaves_stops_the_load(stage: Stage) -> None:
    first, second = await stage.caller(A), await stage.caller(A)
    await first.leave()
    assert stage.engine.said == ["load a"]
    await second.leave()
    await stage.engine.door("unload", "a").came.wait()
    assert stage.engine.said == ["load a", "load a: CancelledError", "unload a"]
    assert stage.seats(A) == ("unloading", 0, 0)
    third = await stage.caller(A)
    stage.engine.door("unload", "a").open()
    await stage.engine.door("load", "a").came.wait()
    stage.engine.door("load", "a").open()
    await third.has_it.wait()


async def test_a_load_that_ends_in_the_moment_it_is_cancelled_is_undone(stage: Stage) -> None:
    caller = await stage.caller(A)
    caller.scope.cancel()
    stage.engine.door("load", "a").open()
    await stage.engine.door("unload", "a").came.wait()
    assert stage.engine.said == ["load a", "unload a"]
    stage.engine.door("unload", "a").open()
    await anyio.wait_all_tasks_blocked()
    assert stage.seats(A) == ("absent", 0, 0)
    assert stage.engine.on_card == set()


@pytest.mark.parametrize("is_native", [True, False])
async def test_who_leaves_after_the_grant_but_before_running_gives_the_slot_back(
    stage: Stage, is_native: bool
) -> None:
    async with stage.runner.lease(REMOTE):
        second = Caller(stage.runner, REMOTE)
        task = asyncio.ensure_future(second.call())
        await anyio.wait_all_tasks_blocked()
    assert stage.seats(REMOTE) == ("ready", 1, 0)  # granted, and nothing ran since
    assert not second.has_it.is_set()
    if is_native:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not second.has_it.is_set()
    else:
        await second.leave()
    assert stage.seats(REMOTE) == ("ready", 0, 0)


async def test_a_grant_to_one_who_is_just_leaving_goes_to_the_next(stage: Stage) -> None:
    """The first gives its slot to the second, who is cancelled already and has not run since."""
    first, second = await stage.caller(REMOTE), await stage.caller(REMOTE)
    third = await stage.caller(REMOTE)
    first.scope.cancel()
    second.scope.cancel()
    await third.has_it.wait()
    assert not second.has_it.is_set()
    assert stage.seats(REMOTE) == ("ready", 1, 0)


async def test_a_native_cancel_in_any_phase_gives_back_exactly_once() -> None:
    """asyncio's own cancel, at every step of a request's life: asked, loading, granted, running."""
    for steps in range(12):
        engine = Scripted(is_prompt=True)
        async with Runner({"box": engine}, BUDGETS, QueueSettings()) as runner:
            async with AsyncExitStack() as stack:
                if steps % 2:  # either it must be loaded, or somebody is before it
                    await stack.enter_async_context(runner.lease(A))
                task = asyncio.ensure_future(Caller(runner, A).call())
                for step in range(steps):
                    await asyncio.sleep(0)
                    if step == 2:
                        await stack.aclose()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            seen = runner.view()
            assert [one.in_flight + one.waiting for one in seen] == [0] * len(seen)
            async with runner.lease(A) as lease:
                assert lease.model is A
        assert engine.on_card == set()


async def test_two_models_that_do_not_fit_swap(stage: Stage) -> None:
    first = await stage.caller(A)
    stage.engine.door("load", "a").open()
    await first.has_it.wait()
    second = await stage.caller(B)
    assert stage.engine.said == ["load a", "death a"]
    await first.finish()
    await stage.engine.door("unload", "a").came.wait()
    assert "load b" not in stage.engine.said
    stage.engine.door("unload", "a").open()
    await stage.engine.door("load", "b").came.wait()
    assert stage.engine.on_card == set()
    stage.engine.door("load", "b").open()
    await second.has_it.wait()
    assert stage.engine.on_card == {"b"}


async def test_a_crash_is_noticed_and_the_next_request_loads_again(stage: Stage) -> None:
    first = await stage.caller(A)
    stage.engine.door("load", "a").open()
    await first.has_it.wait()
    await stage.engine.door("death", "a").came.wait()
    stage.engine.door("death", "a").open()
    await anyio.wait_all_tasks_blocked()
    assert stage.seats(A) == ("absent", 0, 0)
    second = await stage.caller(A)
    assert stage.seats(A) == ("loading", 0, 1)
    await first.finish()  # the one whose answer broke off; it takes nobody's slot with it
    stage.engine.door("load", "a").open()
    await second.has_it.wait()
    assert stage.seats(A) == ("ready", 1, 0)
    assert "unload a" not in stage.engine.said


async def test_a_death_that_cannot_be_watched_is_no_death(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    first = await stage.caller(A)
    stage.engine.door("load", "a").open()
    await first.has_it.wait()
    await stage.engine.door("death", "a").came.wait()
    stage.engine.door("death", "a").slam(RuntimeError("blind"))
    await anyio.wait_all_tasks_blocked()
    assert stage.seats(A) == ("ready", 1, 0)
    assert "blind" in caplog.text


async def test_everyone_who_waits_for_a_failing_load_gets_its_problem(stage: Stage) -> None:
    first, second = await stage.caller(A), await stage.caller(A)
    other = await stage.caller(B)
    stage.engine.door("load", "a").slam(BROKEN)
    await first.is_over.wait()
    await second.is_over.wait()
    for caller in (first, second):
        assert isinstance(caller.problem, EngineFailed)
        assert (caller.problem.message, caller.problem.hint) == (BROKEN.message, BROKEN.hint)
        assert caller.problem is not BROKEN
        assert caller.problem.__cause__ is BROKEN
    await stage.engine.door("load", "b").came.wait()
    assert other.problem is None


async def test_a_bug_in_an_engines_load_is_told_and_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caller = await stage.caller(A)
    stage.engine.door("load", "a").slam(ZeroDivisionError("oops"))
    await caller.is_over.wait()
    assert isinstance(caller.problem, EngineFailed)
    assert caller.problem.upstream == "box"
    assert "oops" in caplog.text


@pytest.mark.parametrize("exc", [BROKEN, ZeroDivisionError("oops")])
async def test_an_unload_that_fails_is_logged_and_counts_as_done(
    stage: Stage, caplog: pytest.LogCaptureFixture, exc: Exception
) -> None:
    first = await stage.caller(A)
    stage.engine.door("load", "a").open()
    await first.has_it.wait()
    await stage.caller(B)
    await first.finish()
    await stage.engine.door("unload", "a").came.wait()
    stage.engine.door("unload", "a").slam(exc)
    await stage.engine.door("load", "b").came.wait()
    assert "unloading a" in caplog.text
    stage.engine.on_card.clear()


class Unloadable(Scripted):
    """An engine that loads nothing."""

    async def load(self, model: Model) -> None:
        raise BROKEN


async def test_a_model_that_is_left_alone_says_why_and_for_how_long() -> None:
    problems = []
    async with Runner({"box": Unloadable()}, BUDGETS, QueueSettings()) as runner:
        for _ in range(4):
            with pytest.raises(Problem) as caught:
                await runner.preload(A)
            problems.append(caught.value)
    assert {type(problem) for problem in problems[:3]} == {EngineFailed}
    last = problems[3]
    assert isinstance(last, Unavailable) and last.retry_after_s == 5
    assert last.message == BROKEN.message
    assert last.hint.en == "mend it It is tried again with the first request after 5 s."
    assert "5초 뒤" in last.hint.ko


async def test_a_full_queue_says_when_to_come_back(stage: Stage) -> None:
    for _ in range(5):
        await stage.caller(REMOTE)
    refused = await stage.caller(REMOTE)
    assert isinstance(refused.problem, Busy)
    assert refused.problem.retry_after_s == 5
    assert refused.problem.code == "queue_full"
    assert stage.runner.waiting == 4
    assert len(stage.runner._waiters) == 4  # who is refused leaves nothing behind


async def test_who_waits_too_long_is_told() -> None:
    queue = QueueSettings(wait_s=0.01)
    async with Runner({"box": Scripted()}, BUDGETS, queue) as runner:
        async with runner.lease(REMOTE):
            for _ in range(2):  # the clock is watched again after it had nothing to watch
                with pytest.raises(Unavailable, match="'remote' did not become free") as caught:
                    await runner.lease(REMOTE).__aenter__()
                assert caught.value.retry_after_s == 1
                assert caught.value.code == "queue_timeout"
        async with runner.lease(REMOTE):
            assert runner.waiting == 0


async def test_a_model_too_big_for_its_card_names_both_sizes() -> None:
    big = model("big", 20 * 2**30)
    async with Runner({"box": Scripted()}, {"gpu": 16 * 2**30}, QueueSettings()) as runner:
        with pytest.raises(
            Unavailable, match=r"'big' needs 20.00 GiB.*'gpu' is 16.00 GiB"
        ) as caught:
            await runner.preload(big)
    assert caught.value.retry_after_s is None
    assert caught.value.code == "model_too_big"
    assert "vram" in caught.value.hint.ko


async def test_preload_returns_when_the_model_is_there(stage: Stage) -> None:
    stage.group.start_soon(stage.runner.preload, A)
    await anyio.wait_all_tasks_blocked()
    stage.engine.door("load", "a").open()
    await anyio.wait_all_tasks_blocked()
    assert stage.seats(A) == ("ready", 0, 0)
    holder = await stage.caller(A)
    await stage.runner.preload(A)  # though its only slot is taken
    assert holder.has_it.is_set()


async def test_a_preload_goes_on_when_its_caller_leaves(stage: Stage) -> None:
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(stage.runner.preload, A)
            await stage.engine.door("load", "a").came.wait()
            scope.cancel()
    stage.engine.door("load", "a").open()
    await anyio.wait_all_tasks_blocked()
    assert stage.seats(A) == ("ready", 0, 0)


async def test_unload_waits_for_the_work_and_for_the_memory(stage: Stage) -> None:
    await stage.runner.unload(A)
    await stage.runner.unload(REMOTE)
    caller = await stage.caller(A)
    stage.engine.door("load", "a").open()
    await caller.has_it.wait()
    unloaded = [asyncio.ensure_future(stage.runner.unload(A)) for _ in range(3)]
    await anyio.wait_all_tasks_blocked()
    assert "unload a" not in stage.engine.said
    unloaded[0].cancel()
    await caller.finish()
    later = await stage.caller(A)
    await stage.engine.door("unload", "a").came.wait()
    assert not unloaded[1].done()
    stage.engine.door("unload", "a").open()
    await asyncio.gather(*unloaded[1:])
    await stage.engine.door("load", "a").came.wait()
    assert later.problem is None


async def test_stopping_refuses_the_waiting_and_cancels_the_loading() -> None:
    engine = Scripted()
    async with anyio.create_task_group() as group:
        async with Runner({"box": engine}, BUDGETS, QueueSettings()) as runner:
            callers = [Caller(runner, one) for one in (C, D, A)]
            group.start_soon(callers[0].call)
            await engine.door("load", "c").came.wait()
            engine.door("load", "c").open()
            await callers[0].has_it.wait()
            group.start_soon(callers[1].call)
            await engine.door("load", "d").came.wait()
            group.start_soon(callers[2].call)
            await anyio.wait_all_tasks_blocked()
            engine.is_prompt = True
        assert {"unload c", "load d: CancelledError", "unload d"} < set(engine.said)
        assert engine.on_card == set()
        for caller in callers[1:]:
            await caller.is_over.wait()
            assert isinstance(caller.problem, Unavailable)
            assert caller.problem.code == "stopping"
        with pytest.raises(Unavailable, match="stopping"):
            await runner.preload(B)
        callers[0].release.set()


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    engine = Scripted(is_prompt=True)
    with pytest.raises(KeyError, match="mine"):
        async with Runner({"box": engine}, BUDGETS, QueueSettings()) as runner:
            await runner.preload(A)
            raise KeyError("mine")
    assert engine.said[-1] == "unload a"


async def test_a_cancelled_server_still_unloads() -> None:
    engine = Scripted(is_prompt=True)
    with anyio.CancelScope() as scope:
        async with Runner({"box": engine}, BUDGETS, QueueSettings()) as runner:
            await runner.preload(A)
            scope.cancel()
            await anyio.sleep_forever()
    assert engine.said[-1] == "unload a"
    assert engine.on_card == set()


async def test_stopping_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dunoe.residency.runner.STOP_S", 0.01)
    engine = Scripted()
    async with Runner({"box": engine}, BUDGETS, QueueSettings()) as runner:
        engine.is_prompt = True
        await runner.preload(A)
        engine.is_prompt = False
    assert engine.said[-1] == "unload a: CancelledError"
    assert "not unloaded in time: a" in caplog.text


async def test_a_stop_in_time_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    async with Runner({"box": Scripted(is_prompt=True)}, BUDGETS, QueueSettings()) as runner:
        await runner.preload(A)
    assert caplog.text == ""
