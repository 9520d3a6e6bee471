"""Decides which models are on a card, who waits for one and who goes next. It does nothing itself.

Each event comes with its time (`now_s`, of any steady clock) and returns what is to be done now, in this order.
States, transitions and the reasons for the rules: docs/design/residency.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dunoe.errors import Problem
from dunoe.portfolio.model import Model
from dunoe.residency.tenant import Resident, State, Tenant, Ticket
from dunoe.settings import QueueSettings

Why = Literal["full", "too_long", "too_big", "load_failed", "stopping"]


@dataclass(frozen=True, slots=True)
class Grant:
    """The ticket may run. It waited queued_s for its turn and load_s for the model's load."""

    ticket: Ticket
    queued_s: float = 0.0
    load_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Refuse:
    """The ticket will not run. failure: what the engine said, where loading failed."""

    ticket: Ticket
    why: Why
    retry_after_s: int | None = None
    failure: Problem | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Load it; answer with `loaded` or `load_failed`."""

    model: Model


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload it; answer with `unloaded`."""

    model: Model


@dataclass(frozen=True, slots=True)
class CancelLoad:
    """Stop loading it and leave nothing behind; answer with `unloaded`."""

    model: Model


Decision = Grant | Refuse | Load | Unload | CancelLoad


class Scheduler:
    """The rules between models that share cards.

    budgets: card -> bytes. Tickets must grow from call to call.
    """

    def __init__(self, budgets: Mapping[str, int], queue: QueueSettings) -> None:
        self._budgets = dict(budgets)
        self._queue = queue
        self._tenants: dict[str, Tenant] = {}
        self._tickets: dict[Ticket, Tenant] = {}
        self._waiting = 0
        self._newest = Ticket(0)
        self._is_stopping = False

    # what callers do

    def asked(self, ticket: Ticket, model: Model, now_s: float) -> list[Decision]:
        """Somebody wants to use the model; tell `left` when that ends, however it ends."""
        self._newest = ticket
        tenant = self._tenant(model)
        if tenant.is_open and not self._is_stopping:
            tenant.running[ticket] = now_s
            self._tickets[ticket] = tenant
            return [Grant(ticket)]
        refusal = self._refusal(ticket, tenant, now_s)
        if refusal is not None:
            return [refusal]
        tenant.waiting[ticket] = now_s
        self._tickets[ticket] = tenant
        self._waiting += 1
        return self._settle(tenant.model.card, now_s)

    def wanted(self, ticket: Ticket, model: Model, now_s: float) -> list[Decision]:
        """Like `asked`, but once the load has begun it goes on when the ticket leaves."""
        decisions = self.asked(ticket, model, now_s)
        tenant = self._tenants[model.name]
        if ticket in tenant.waiting:
            tenant.is_wanted = True
        return decisions

    def left(self, ticket: Ticket, now_s: float) -> list[Decision]:
        """The ticket is done or its caller is gone. Unknown (refused before, its model died): nothing."""
        tenant = self._tickets.pop(ticket, None)
        if tenant is None:
            return []
        if ticket in tenant.running:
            tenant.finish(ticket, now_s)
            if not self._waiting and tenant.limit is None:
                return []
        else:
            del tenant.waiting[ticket]
            self._waiting -= 1
        return self._settle(tenant.model.card, now_s)

    def unwanted(self, name: str, now_s: float) -> list[Decision]:
        """Unload the model after the work that was asked for so far; later work loads it again."""
        tenant = self._tenants.get(name)
        if tenant is None or tenant.model.card is None:
            return []
        tenant.is_wanted = False
        tenant.closing = self._newest
        return self._settle(tenant.model.card, now_s)

    # what became of decisions

    def loaded(self, name: str, now_s: float) -> list[Decision]:
        """A `Load` is done."""
        tenant = self._tenants[name]
        if tenant.state != "loading":
            return []
        tenant.end_load(now_s)
        return self._settle(tenant.model.card, now_s)

    def load_failed(self, name: str, failure: Problem, now_s: float) -> list[Decision]:
        """A `Load` ended badly: everyone who waits for the model is told why."""
        tenant = self._tenants[name]
        if tenant.state != "loading":
            return []
        tenant.fail_load(failure, now_s)
        refused = self._refuse_all(tenant, "load_failed", failure)
        return refused + self._settle(tenant.model.card, now_s)

    def unloaded(self, name: str, now_s: float) -> list[Decision]:
        """An `Unload` or a `CancelLoad` is done; the memory is free."""
        tenant = self._tenants[name]
        if tenant.state != "unloading":
            return []
        tenant.enter("absent")
        return self._settle(tenant.model.card, now_s)

    def gone(self, name: str, now_s: float) -> list[Decision]:
        """A ready model died by itself, and what ran on it with it."""
        tenant = self._tenants[name]
        if tenant.state != "ready":
            return []
        for ticket in tenant.running:
            del self._tickets[ticket]
        tenant.running.clear()
        tenant.enter("absent")
        return self._settle(tenant.model.card, now_s)

    # time, end, and looking in

    def tick(self, now_s: float) -> list[Decision]:
        """Time has passed: refuse those who waited too long. Due at `deadline_s`."""
        decisions: list[Decision] = []
        cards = set()
        for tenant in self._tenants.values():
            for ticket, asked_s in list(tenant.waiting.items()):
                if now_s < asked_s + self._queue.wait_s:
                    break
                self._forget(tenant, ticket)
                decisions.append(Refuse(ticket, "too_long", tenant.retry_after_s()))
                cards.add(tenant.model.card)
        for card in cards:
            decisions += self._settle(card, now_s)
        return decisions

    def deadline_s(self) -> float | None:
        """When the next `tick` is due; None while nobody waits."""
        asked_s = [next(iter(t.waiting.values())) for t in self._tenants.values() if t.waiting]
        return min(asked_s) + self._queue.wait_s if asked_s else None

    def stop(self) -> list[Decision]:
        """Refuse who waits and who comes, and unload everything, busy or not."""
        self._is_stopping = True
        decisions: list[Decision] = []
        for tenant in self._tenants.values():
            decisions += self._refuse_all(tenant, "stopping")
            if tenant.model.card is None:
                continue
            if tenant.state in ("loading", "ready"):
                decisions.append(self._send_away(tenant))
        return decisions

    def view(self) -> list[Resident]:
        """Every model that was ever asked for, absent ones too."""
        return [tenant.seen() for tenant in self._tenants.values()]

    def state(self, name: str) -> State:
        """Where one model is now."""
        tenant = self._tenants.get(name)
        return "absent" if tenant is None else tenant.state

    @property
    def waiting(self) -> int:
        """Tickets in the queue, all models together."""
        return self._waiting

    # the rules

    def _tenant(self, model: Model) -> Tenant:
        tenant = self._tenants.get(model.name)
        if tenant is not None and (tenant.model is model or not tenant.is_vacant):
            return tenant
        if tenant is None:
            tenant = self._tenants[model.name] = Tenant(model, "absent")
        tenant.model = model
        tenant.enter("ready" if model.card is None else "absent")
        return tenant

    def _refusal(self, ticket: Ticket, tenant: Tenant, now_s: float) -> Refuse | None:
        """Why this ticket may not even wait."""
        model = tenant.model
        if self._is_stopping:
            return Refuse(ticket, "stopping")
        if model.card is not None and model.footprint > self._budgets[model.card]:
            return Refuse(ticket, "too_big")
        if now_s < tenant.retry_at_s:
            again_s = math.ceil(tenant.retry_at_s - now_s)
            return Refuse(ticket, "load_failed", again_s, tenant.failure)
        if self._waiting >= self._queue.length:
            return Refuse(ticket, "full", tenant.retry_after_s())
        return None

    def _settle(self, card: str | None, now_s: float) -> list[Decision]:
        """Everything that follows on one card from what is known now."""
        tenants = [t for t in self._tenants.values() if t.model.card == card]
        for tenant in tenants:
            tenant.limit = tenant.closing
            tenant.is_wanted &= tenant.state == "loading" or bool(tenant.waiting)
        decisions = self._fill(card, tenants, now_s) if card is not None else []
        for tenant in tenants:
            while tenant.may_serve:
                decisions.append(self._serve(tenant, now_s))
            if self._may_go(tenant):
                decisions.append(self._send_away(tenant))
        return decisions

    def _fill(self, card: str, tenants: list[Tenant], now_s: float) -> list[Decision]:
        """Load what fits, oldest waiter first; for the first that does not, others must make room."""
        decisions: list[Decision] = []
        free = self._budgets[card] - sum(t.takes for t in tenants)
        for head in self._line(tenants):
            if head.model.footprint > free:
                coming = sum(t.takes for t in tenants if t.state == "unloading")
                for victim in self._victims(tenants, head.model.footprint - free - coming):
                    victim.give_way(head.oldest)
                break
            head.begin_load(now_s)
            free -= head.takes
            decisions.append(Load(head.model))
        return decisions

    def _line(self, tenants: list[Tenant]) -> list[Tenant]:
        """The models to be loaded, in their order."""
        absent = (t for t in tenants if t.state == "absent" and t.waiting)
        return sorted(absent, key=lambda t: t.oldest)

    def _victims(self, tenants: list[Tenant], missing: int) -> list[Tenant]:
        """Who must go to free so many bytes: idle ones first, and no more than needed."""
        staying = [t for t in tenants if t.state in ("loading", "ready")]
        staying.sort(key=lambda t: (0, t.used_s) if t.is_idle else (1, t.load_began_s))
        spare = sum(t.takes for t in staying) - missing
        chosen: list[Tenant] = []
        for tenant in reversed(staying):
            if tenant.takes <= spare:
                spare -= tenant.takes
            else:
                chosen.append(tenant)
        return chosen

    def _may_go(self, tenant: Tenant) -> bool:
        """Its room is needed and its work is done, or nobody waits for its load any more."""
        if tenant.state == "loading":
            return not tenant.waiting and not tenant.is_wanted
        return tenant.state == "ready" and tenant.limit is not None and not tenant.running

    def _send_away(self, tenant: Tenant) -> Unload | CancelLoad:
        decision = CancelLoad if tenant.state == "loading" else Unload
        tenant.enter("unloading")
        return decision(tenant.model)

    def _serve(self, tenant: Tenant, now_s: float) -> Grant:
        ticket, asked_s = tenant.waiting.popitem(last=False)
        self._waiting -= 1
        tenant.running[ticket] = now_s
        load_s = tenant.load_s_of(asked_s)
        return Grant(ticket, queued_s=now_s - asked_s - load_s, load_s=load_s)

    def _refuse_all(
        self, tenant: Tenant, why: Why, failure: Problem | None = None
    ) -> list[Decision]:
        tickets = list(tenant.waiting)
        for ticket in tickets:
            self._forget(tenant, ticket)
        return [Refuse(ticket, why, failure=failure) for ticket in tickets]

    def _forget(self, tenant: Tenant, ticket: Ticket) -> None:
        """A waiter gets no turn."""
        del tenant.waiting[ticket]
        del self._tickets[ticket]
        self._waiting -= 1
