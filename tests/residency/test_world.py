"""A small simulated world in which anything may happen: whatever does, the scheduler keeps its promises."""

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dunoe.residency.scheduler import (
    CancelLoad,
    Decision,
    Grant,
    Load,
    Refuse,
    Scheduler,
    Unload,
)
from dunoe.residency.tenant import Ticket
from dunoe.settings import QueueSettings
from tests.residency.cast import BROKEN, BUDGETS, MODELS

LENGTH, WAIT_S = 6, 60.0
NAMES = st.sampled_from(sorted(MODELS))


class World(RuleBasedStateMachine):
    """Engines and callers; it believes nothing that the scheduler did not decide."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler = Scheduler(BUDGETS, QueueSettings(length=LENGTH, wait_s=WAIT_S))
        self.now_s = 0.0
        self.last = 0
        self.model_of: dict[int, str] = {}
        self.asked_s: dict[int, float] = {}
        self.waiting: defaultdict[str, list[int]] = defaultdict(list)
        self.running: defaultdict[str, set[int]] = defaultdict(set)
        self.dead: set[int] = set()  # ran on a model that died; their callers have not noticed yet
        self.state: defaultdict[str, str] = defaultdict(lambda: "absent")
        self.wanted: set[str] = set()
        self.is_stopping = False

    # what the world does with decisions, and what they must never be

    def act(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Grant(ticket):
                    self.grant(ticket)
                case Refuse(ticket, why, retry_after_s):
                    assert why != "full" or self.queued() >= LENGTH
                    assert why not in ("full", "too_long") or (retry_after_s or 0) >= 1
                    assert why != "too_long" or self.now_s >= self.asked_s[ticket] + WAIT_S
                    self.forget(ticket)
                case Load(model):
                    assert self.state[model.name] == "absent"
                    assert self.waiting[model.name]
                    self.state[model.name] = "loading"
                case Unload(model):
                    assert self.state[model.name] == "ready"
                    assert self.is_stopping or not self.running[model.name]
                    self.state[model.name] = "unloading"
                case CancelLoad(model):
                    assert self.state[model.name] == "loading"
                    assert not self.waiting[model.name]
                    assert self.is_stopping or model.name not in self.wanted
                    self.state[model.name] = "unloading"
            self.memory_is_never_over_budget()
        self.wanted = {n for n in self.wanted if self.waiting[n] or self.state[n] == "loading"}

    def grant(self, ticket: int) -> None:
        name = self.model_of[ticket]
        assert MODELS[name].card is None or self.state[name] == "ready"
        assert len(self.running[name]) < MODELS[name].slots
        assert self.waiting[name].pop(0) == ticket  # first come, first served
        self.running[name].add(ticket)

    def forget(self, ticket: int) -> None:
        self.waiting[self.model_of.pop(ticket)].remove(ticket)

    def queued(self) -> int:
        """Waiters, without the one who is asking just now."""
        return sum(map(len, self.waiting.values())) - 1

    # what may happen

    @rule(name=NAMES, is_wish=st.booleans())
    def ask(self, name: str, is_wish: bool) -> None:
        self.last += 1
        ticket = Ticket(self.last)
        self.model_of[ticket], self.asked_s[ticket] = name, self.now_s
        self.waiting[name].append(ticket)
        event = self.scheduler.wanted if is_wish else self.scheduler.asked
        self.act(event(ticket, MODELS[name], self.now_s))
        if is_wish and ticket in self.waiting[name]:
            self.wanted.add(name)

    @precondition(lambda self: self.model_of)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self.leaves(data.draw(st.sampled_from(sorted(self.model_of))))

    def leaves(self, ticket: int) -> None:
        name = self.model_of.pop(ticket)
        self.dead.discard(ticket)
        self.running[name].discard(ticket)
        if ticket in self.waiting[name]:
            self.waiting[name].remove(ticket)
        self.act(self.scheduler.left(Ticket(ticket), self.now_s))

    @rule(name=NAMES, is_good=st.integers(0, 3))
    def load_ends(self, name: str, is_good: int) -> None:
        if self.state[name] != "loading":
            return
        self.wanted.discard(name)
        if is_good:
            self.state[name] = "ready"
            self.act(self.scheduler.loaded(name, self.now_s))
        else:
            self.state[name] = "absent"
            self.act(self.scheduler.load_failed(name, BROKEN, self.now_s))

    @rule(name=NAMES)
    def unload_ends(self, name: str) -> None:
        if self.state[name] == "unloading":
            self.state[name] = "absent"
            self.act(self.scheduler.unloaded(name, self.now_s))

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        if self.state[name] == "ready":
            self.state[name] = "absent"
            self.dead |= self.running.pop(name, set())
            self.act(self.scheduler.gone(name, self.now_s))

    @rule(name=NAMES)
    def unwant(self, name: str) -> None:
        self.wanted.discard(name)
        self.act(self.scheduler.unwanted(name, self.now_s))

    @rule(later_s=st.floats(0, 40))
    def time_goes_by(self, later_s: float) -> None:
        self.now_s += later_s
        self.act(self.scheduler.tick(self.now_s))

    # what always holds

    @invariant()
    def memory_is_never_over_budget(self) -> None:
        for card, budget in BUDGETS.items():
            models = [one for one in MODELS.values() if one.card == card]
            assert sum(m.footprint for m in models if self.state[m.name] != "absent") <= budget

    @invariant()
    def nobody_waits_before_a_free_slot_that_nobody_else_needs(self) -> None:
        for name, waiting in self.waiting.items():
            is_ready = MODELS[name].card is None
            assert not (waiting and is_ready and len(self.running[name]) < MODELS[name].slots)

    @invariant()
    def a_load_is_for_somebody(self) -> None:
        for name, state in self.state.items():
            assert state != "loading" or self.waiting[name] or name in self.wanted

    @invariant()
    def both_know_the_same(self) -> None:
        for seen in self.scheduler.view():
            if seen.model.card is not None:
                assert seen.state == self.state[seen.name]
            assert seen.in_flight == len(self.running[seen.name])
            assert seen.waiting == len(self.waiting[seen.name])
        assert self.scheduler.waiting == sum(map(len, self.waiting.values()))

    @invariant()
    def nobody_waits_longer_than_allowed(self) -> None:
        waiting = [t for tickets in self.waiting.values() for t in tickets]
        deadlines = [self.asked_s[t] + WAIT_S for t in waiting]
        assert self.scheduler.deadline_s() == min(deadlines, default=None)
        assert all(deadline > self.now_s for deadline in deadlines)

    # how it ends

    def teardown(self) -> None:
        """Left alone, with work that ends and engines that obey, the world comes to rest with all served."""
        served_at_most = len(self.model_of)
        swaps = 0
        while any(self.waiting.values()):
            swaps += 1
            assert swaps <= 3 * served_at_most, "it swaps, and serves nobody"
            for name in MODELS:
                self.load_ends(name, 1)
                self.unload_ends(name)
                for ticket in sorted(self.running[name]):
                    self.leaves(ticket)
        self.is_stopping = True
        self.act(self.scheduler.stop())
        for name in MODELS:
            self.unload_ends(name)
        assert set(self.state.values()) <= {"absent"}


def test_the_world_in_any_order() -> None:
    run_state_machine_as_test(
        World,
        settings=settings(
            max_examples=300,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


@pytest.mark.parametrize("name", ["b", "whole", "d"])
@pytest.mark.parametrize("clients", [1, 2, 5])
def test_nobody_starves_while_others_come_again_and_again(name: str, clients: int) -> None:
    """Callers of a and c come back in the moment they are served; one request for another model gets its turn."""
    world = World()
    busy = ["a", "c"] * clients
    for other in busy[: LENGTH - 1]:
        world.ask(other, False)
    for one in ("a", "c"):
        world.load_ends(one, 1)
    world.ask(name, False)
    rare = world.last
    for _ in range(50):
        if rare in world.running[name]:
            return
        for one in MODELS:
            world.load_ends(one, 1)
            world.unload_ends(one)
            for ticket in sorted(world.running[one] - {rare}):
                world.ask(one, False)  # the next is there before this one has left
                world.leaves(ticket)
        world.now_s += 1
    pytest.fail(f"{name} never had its turn")


def test_two_models_that_do_not_fit_share_the_card_by_turns() -> None:
    """Everybody who asks is served within one turn of each model, and a turn serves more than one."""
    world = World()
    loads = 0
    for name in ["a", "b"] * 3:
        world.ask(name, False)
    for _ in range(60):
        for name in ("a", "b"):
            loads += world.state[name] == "loading"
            world.load_ends(name, 1)
            world.unload_ends(name)
            for ticket in sorted(world.running[name]):
                world.leaves(ticket)
                world.ask(name, False)
    assert loads > 2
    assert world.last >= 2 * loads
