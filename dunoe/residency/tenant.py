"""What is known of one model: where it is, who runs on it, who waits for it, and how long things took lately."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal, NewType

from dunoe.errors import Problem
from dunoe.portfolio.model import Model

Ticket = NewType("Ticket", int)  # one request; later ones have higher numbers
State = Literal["absent", "loading", "ready", "unloading"]

FAILURES_ALLOWED = 2  # in a row, before the model is left alone for a while
BACK_OFF_S, BACK_OFF_LONGEST_S = 5.0, 60.0
FAILURES_FORGOTTEN_S = 300.0
LATEST_WEIGHS = 0.2  # of the newest service time in the running mean


@dataclass(frozen=True, slots=True)
class Resident:
    """A model as others see it.

    footprint: bytes it takes on its card while it is not absent.
    loads, load_failures, load_s: counted since the start; load_s is the time of all good loads together.
    """

    model: Model
    state: State
    in_flight: int
    waiting: int
    loads: int
    load_failures: int
    load_s: float

    @property
    def name(self) -> str:
        """What callers call it."""
        return self.model.name

    @property
    def footprint(self) -> int:
        """Bytes it takes on its card while it is not absent."""
        return self.model.footprint


@dataclass(slots=True, eq=False)
class Tenant:
    """One model and its seats. Times are the caller's `now_s`.

    running: ticket -> when it began. waiting: ticket -> when it asked, oldest first.
    limit: newer tickets wait until the model has been away; None: nobody needs its room.
    closing: the limit that an explicit unload set. owed: the newest ticket that waited when it became ready.
    is_wanted: somebody asked for the load itself; it goes on when nobody waits.
    """

    model: Model
    state: State
    running: dict[Ticket, float] = field(default_factory=dict)
    waiting: OrderedDict[Ticket, float] = field(default_factory=OrderedDict)
    limit: Ticket | None = None
    closing: Ticket | None = None
    owed: Ticket = Ticket(0)
    is_wanted: bool = False
    used_s: float = 0.0
    load_began_s: float = -math.inf
    load_s: float = 0.0
    service_s: float = 1.0
    retry_at_s: float = -math.inf
    failed_s: float = -math.inf
    failed_in_a_row: int = 0
    failure: Problem | None = None
    loads: int = 0
    load_failures: int = 0
    loads_s: float = 0.0

    @property
    def is_vacant(self) -> bool:
        """Nothing would be lost if its description changed."""
        is_away = self.state == "absent" or self.model.card is None
        return is_away and not self.running and not self.waiting

    @property
    def oldest(self) -> Ticket:
        """The first of those who wait; there must be one."""
        return next(iter(self.waiting))

    @property
    def takes(self) -> int:
        """Bytes it takes on its card now."""
        return 0 if self.state == "absent" else self.model.footprint

    @property
    def is_open(self) -> bool:
        """A newcomer may run at once; nobody waits then, because whoever could run was served."""
        return self.state == "ready" and self.limit is None and len(self.running) < self.model.slots

    @property
    def may_serve(self) -> bool:
        """The oldest waiter may run now."""
        return (
            self.state == "ready"
            and len(self.running) < self.model.slots
            and bool(self.waiting)
            and (self.limit is None or self.oldest <= max(self.limit, self.owed))
        )

    @property
    def is_idle(self) -> bool:
        """Ready, and nobody would notice if it went."""
        return self.state == "ready" and not self.running and not self.waiting

    def enter(self, state: State) -> None:
        """Change the state; nobody needs its room any more, or nobody yet."""
        self.state = state
        self.limit = self.closing = None

    def give_way(self, to: Ticket) -> None:
        """Tickets newer than this one wait until the model has been away."""
        self.limit = to if self.limit is None else min(self.limit, to)

    def begin_load(self, now_s: float) -> None:
        """The engine is told to load."""
        self.enter("loading")
        self.load_began_s = now_s

    def end_load(self, now_s: float) -> None:
        """It answers: everyone who waits now is owed."""
        self.state, self.used_s = "ready", now_s
        self.is_wanted = False
        self.owed = next(reversed(self.waiting), self.owed)
        self.failed_in_a_row, self.failure = 0, None
        self.load_s = now_s - self.load_began_s
        self.loads += 1
        self.loads_s += self.load_s

    def fail_load(self, failure: Problem, now_s: float) -> None:
        """It does not load; after a few times in a row it is left alone for a while."""
        self.enter("absent")
        if now_s - self.failed_s > FAILURES_FORGOTTEN_S:
            self.failed_in_a_row = 0
        self.failed_s, self.failure = now_s, failure
        self.failed_in_a_row += 1
        self.load_failures += 1
        again = self.failed_in_a_row - FAILURES_ALLOWED - 1
        if again >= 0:
            self.retry_at_s = now_s + min(BACK_OFF_S * 2.0**again, BACK_OFF_LONGEST_S)

    def finish(self, ticket: Ticket, now_s: float) -> None:
        """A running ticket is done."""
        took_s = now_s - self.running.pop(ticket)
        self.service_s += LATEST_WEIGHS * (took_s - self.service_s)
        self.used_s = now_s

    def load_s_of(self, asked_s: float) -> float:
        """How much of the wait since `asked_s` was the load that ended last."""
        ended_s = self.load_began_s + self.load_s
        return max(0.0, ended_s - max(asked_s, self.load_began_s))

    def retry_after_s(self) -> int:
        """Seconds until one more waiter would have its turn, as far as can be told; at least 1."""
        turn_s = (len(self.waiting) + 1) * self.service_s / self.model.slots
        return max(1, math.ceil(turn_s + (0 if self.state == "ready" else self.load_s)))

    def seen(self) -> Resident:
        """A snapshot for others."""
        return Resident(
            model=self.model,
            state=self.state,
            in_flight=len(self.running),
            waiting=len(self.waiting),
            loads=self.loads,
            load_failures=self.load_failures,
            load_s=self.loads_s,
        )
