"""What the scheduler decides, as stories.

A line is `[@seconds] event -> decisions`. Sizes: a b 6, c d 4, e 2, whole 10, huge 11 of the card's 10; c has two
slots, the others one. `other` is 5 of a second card's 5; `remote` has no card. Four may wait, 60 s each.
"""

from collections.abc import Callable

import pytest

from dunoe.errors import EngineFailed
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
from tests.residency.cast import BROKEN, BUDGETS, MODELS, model

STORIES = {
    "a model is loaded when it is asked for": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        leave 1        ->
        ask 2 a        -> grant 2
    """,
    "everyone who waits for a load is served together, as slots allow": """
        ask 1 c        -> load c
        ask 2 c        ->
        ask 3 c        ->
        loaded c       -> grant 1, grant 2
        leave 2        -> grant 3
    """,
    "a newcomer does not overtake those who wait": """
        ask 1 a        -> load a
        ask 2 a        ->
        ask 3 a        ->
        loaded a       -> grant 1
        leave 1        -> grant 2
        leave 2        -> grant 3
    """,
    "a model without a card is always ready and still has slots": """
        ask 1 remote   -> grant 1
        ask 2 remote   ->
        unwant remote  ->
        leave 1        -> grant 2
        stop           ->
        leave 2        ->
    """,
    "a model of a remote server turns newcomers away once all stops": """
        stop           ->
        ask 1 remote   -> refuse 1 stopping
    """,
    "models that fit stay beside each other": """
        ask 1 a        -> load a
        ask 2 c        -> load c
        loaded a       -> grant 1
        loaded c       -> grant 2
        leave 1        ->
        leave 2        ->
        ask 3 a        -> grant 3
        ask 4 c        -> grant 4
    """,
    "cards do not know of each other": """
        ask 1 whole    -> load whole
        ask 2 other    -> load other
    """,
    "an idle model goes when another needs its room, and memory counts until it is gone": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        leave 1        ->
        ask 2 b        -> unload a
        ask 3 a        ->
        unloaded a     -> load b
        loaded b       -> grant 2
        leave 2        -> unload b
        unloaded b     -> load a
        loaded a       -> grant 3
    """,
    "a model with work in flight stays until the work is done": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 b        ->
        leave 1        -> unload a
        unloaded a     -> load b
    """,
    "a model that loads for somebody is not cut short": """
        ask 1 a        -> load a
        ask 2 b        ->
        loaded a       -> grant 1
        leave 1        -> unload a
    """,
    "of the idle, the least recently used goes, and no more than needed": """
        ask 1 d        -> load d
        ask 2 c        -> load c
        loaded d       -> grant 1
        loaded c       -> grant 2
        leave 2        ->
        @5 leave 1     ->
        @6 ask 3 a     -> unload c
    """,
    "being loaded counts as being used": """
        want 1 d       -> load d
        want 2 c       -> load c
        @3 loaded c    -> grant 2
        @4 leave 2     ->
        leave 1        ->
        @5 loaded d    ->
        @6 ask 3 a     -> unload c
    """,
    "a small idle model is let off when the next one suffices": """
        ask 1 e        -> load e
        ask 2 a        -> load a
        loaded e       -> grant 1
        loaded a       -> grant 2
        leave 1        ->
        @5 leave 2     ->
        @6 ask 3 b     -> unload a
    """,
    "several go when one is not enough": """
        ask 1 c        -> load c
        ask 2 d        -> load d
        loaded c       -> grant 1
        loaded d       -> grant 2
        leave 1        ->
        leave 2        ->
        ask 3 whole    -> unload c, unload d
        unloaded d     ->
        unloaded c     -> load whole
    """,
    "an idle model goes rather than waiting for a busy one": """
        ask 1 c        -> load c
        ask 2 d        -> load d
        loaded c       -> grant 1
        loaded d       -> grant 2
        @9 leave 2     ->
        ask 3 b        -> unload d
    """,
    "of the busy, the longest resident gives way": """
        ask 1 d        -> load d
        @1 ask 2 c     -> load c
        loaded c       -> grant 2
        @2 loaded d    -> grant 1
        ask 3 b        ->
        ask 4 c        -> grant 4
        leave 4        ->
        leave 1        -> unload d
    """,
    "a load that nobody waits for stays behind what can go at once": """
        want 1 d       -> load d
        leave 1        ->
        ask 2 c        -> load c
        loaded c       -> grant 2
        @5 leave 2     ->
        ask 3 b        -> unload c
    """,
    "a model that has just been loaded for somebody is not idle": """
        ask 1 c        -> load c
        loaded c       -> grant 1
        @1 ask 2 d     -> load d
        ask 3 b        ->
        loaded d       -> grant 2
        ask 4 c        ->
        leave 1        -> unload c
    """,
    "room that is already coming free is waited for": """
        ask 1 c        -> load c
        ask 2 d        -> load d
        loaded c       -> grant 1
        loaded d       -> grant 2
        leave 1        ->
        leave 2        ->
        ask 3 a        -> unload c
        ask 4 d        -> grant 4
        leave 4        ->
        leave 3        ->
        ask 5 b        ->
        unloaded c     -> load b
    """,
    "newcomers of a busy model queue behind the one that waits for its room": """
        ask 1 c        -> load c
        loaded c       -> grant 1
        ask 2 whole    ->
        ask 3 c        ->
        leave 1        -> unload c
        unloaded c     -> load whole
        loaded whole   -> grant 2
        leave 2        -> unload whole
        unloaded whole -> load c
        loaded c       -> grant 3
    """,
    "those who came before the one at the head are served first": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 a        ->
        ask 3 b        ->
        ask 4 a        ->
        leave 1        -> grant 2
        leave 2        -> unload a
    """,
    "a loaded model first serves all who waited for it": """
        ask 1 a        -> load a
        ask 2 b        ->
        ask 3 a        ->
        loaded a       -> grant 1
        ask 4 a        ->
        leave 1        -> grant 3
        leave 3        -> unload a
        unloaded a     -> load b
    """,
    "the way is free again when the one at the head leaves": """
        ask 1 c        -> load c
        loaded c       -> grant 1
        ask 2 whole    ->
        ask 3 c        ->
        leave 2        -> grant 3
    """,
    "a ready model that is in nobody's way goes on": """
        ask 1 a        -> load a
        ask 2 c        -> load c
        loaded a       -> grant 1
        loaded c       -> grant 2
        ask 3 b        ->
        ask 4 c        -> grant 4
    """,
    "no younger load overtakes the head of the line": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 b        ->
        ask 3 d        ->
        leave 1        -> unload a
        unloaded a     -> load b, load d
    """,
    "the oldest waiter is at the head, not the model that was known first": """
        ask 1 whole    -> load whole
        ask 2 b        ->
        loaded whole   -> grant 1
        ask 3 a        ->
        leave 2        ->
        ask 4 b        ->
        leave 1        -> unload whole
        unloaded whole -> load a
    """,
    "a load is cancelled when the last who waits for it leaves": """
        ask 1 a        -> load a
        ask 2 a        ->
        leave 1        ->
        leave 2        -> cancel a
        ask 3 a        ->
        unloaded a     -> load a
    """,
    "a load that ended while it was being cancelled is unloaded all the same": """
        ask 1 a        -> load a
        leave 1        -> cancel a
        loaded a       ->
        failed a       ->
        gone a         ->
        ask 2 b        ->
        unloaded a     -> load b
    """,
    "a load that is wanted goes on when its caller leaves": """
        want 1 a       -> load a
        leave 1        ->
        loaded a       ->
        ask 2 a        -> grant 2
    """,
    "a wish is remembered until its load begins": """
        ask 1 b        -> load b
        loaded b       -> grant 1
        want 2 a       ->
        leave 1        -> unload b
        unloaded b     -> load a
        leave 2        ->
        loaded a       ->
    """,
    "a wish whose caller leaves before the load begins is forgotten": """
        ask 1 b        -> load b
        loaded b       -> grant 1
        want 2 a       ->
        leave 2        ->
        leave 1        ->
        ask 3 a        -> unload b
        unloaded b     -> load a
        leave 3        -> cancel a
    """,
    "a wish that was granted is no pin": """
        want 1 a       -> load a
        ask 2 a        ->
        loaded a       -> grant 1
        gone a         -> load a
        leave 2        -> cancel a
    """,
    "a wish for a model that cannot load is over": """
        want 1 a       -> load a
        failed a       -> refuse 1 load_failed
        ask 2 a        -> load a
        leave 2        -> cancel a
    """,
    "a wish that is unwanted before its load begins does not outlive its caller": """
        ask 1 b        -> load b
        loaded b       -> grant 1
        want 2 a       ->
        unwant a       ->
        leave 1        -> unload b
        unloaded b     -> load a
        leave 2        -> cancel a
    """,
    "a wanted load that is unwanted again is cancelled": """
        want 1 a       -> load a
        leave 1        ->
        unwant a       -> cancel a
        unwant a       ->
    """,
    "a wish that finds the queue full is none": """
        ask 1 a        -> load a
        ask 2 b        ->
        ask 3 b        ->
        ask 4 b        ->
        want 5 a       -> refuse 5 full 2
        leave 1        -> cancel a
    """,
    "a refused wish leaves nothing behind": """
        want 1 huge    -> refuse 1 too_big
        stop           ->
        want 2 a       -> refuse 2 stopping
    """,
    "an idle model is unloaded when it is unwanted": """
        unwant a       ->
        ask 1 a        -> load a
        loaded a       -> grant 1
        leave 1        ->
        unwant a       -> unload a
        unwant a       ->
        unloaded a     ->
        unwant a       ->
        ask 2 a        -> load a
    """,
    "an unwanted model finishes what was asked before and comes back for what was asked after": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 a        ->
        unwant a       ->
        ask 3 a        ->
        leave 1        -> grant 2
        leave 2        -> unload a
        unloaded a     -> load a
        loaded a       -> grant 3
        leave 3        ->
    """,
    "a model that is unwanted while it loads serves those who wait, then goes": """
        ask 1 a        -> load a
        unwant a       ->
        ask 2 a        ->
        loaded a       -> grant 1
        leave 1        -> grant 2
        leave 2        -> unload a
    """,
    "unwanted and in the way: the narrower border counts": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 b        ->
        ask 3 a        ->
        unwant a       ->
        leave 1        -> unload a
        unloaded a     -> load b
    """,
    "a model larger than its card is refused, alone or not": """
        ask 1 huge     -> refuse 1 too_big
        leave 1        ->
    """,
    "everyone who waits for a load that fails is told": """
        ask 1 a        -> load a
        ask 2 a        ->
        ask 3 b        ->
        failed a       -> refuse 1 load_failed, refuse 2 load_failed, load b
        leave 1        ->
    """,
    "a broken model is left alone for a while, longer each time": """
        ask 1 a        -> load a
        failed a       -> refuse 1 load_failed
        ask 2 a        -> load a
        failed a       -> refuse 2 load_failed
        ask 3 a        -> load a
        failed a       -> refuse 3 load_failed
        ask 4 a        -> refuse 4 load_failed 5
        @4 ask 5 a     -> refuse 5 load_failed 1
        @5 ask 6 a     -> load a
        failed a       -> refuse 6 load_failed
        ask 7 a        -> refuse 7 load_failed 10
    """,
    "a broken model is left alone for a minute at most": """
        ask 1 a        -> load a
        failed a       -> refuse 1 load_failed
        @1 ask 2 a     -> load a
        failed a       -> refuse 2 load_failed
        @100 ask 3 a   -> load a
        failed a       -> refuse 3 load_failed
        @200 ask 4 a   -> load a
        failed a       -> refuse 4 load_failed
        @300 ask 5 a   -> load a
        failed a       -> refuse 5 load_failed
        @400 ask 6 a   -> load a
        failed a       -> refuse 6 load_failed
        @500 ask 7 a   -> load a
        failed a       -> refuse 7 load_failed
        ask 8 a        -> refuse 8 load_failed 60
    """,
    "failures long ago, or before a success, do not count": """
        ask 1 a        -> load a
        failed a       -> refuse 1 load_failed
        ask 2 a        -> load a
        failed a       -> refuse 2 load_failed
        @301 ask 3 a   -> load a
        failed a       -> refuse 3 load_failed
        ask 4 a        -> load a
        loaded a       -> grant 4
        gone a         ->
        ask 5 a        -> load a
        failed a       -> refuse 5 load_failed
        ask 6 a        -> load a
        failed a       -> refuse 6 load_failed
        ask 7 a        -> load a
    """,
    "a model that dies is loaded again by the next who asks": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        gone a         ->
        ask 2 a        -> load a
        leave 1        ->
        loaded a       -> grant 2
        leave 2        ->
    """,
    "a model that dies is loaded again for those who wait": """
        ask 1 a        -> load a
        ask 2 a        ->
        loaded a       -> grant 1
        gone a         -> load a
        loaded a       -> grant 2
    """,
    "a death makes room": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 b        ->
        gone a         -> load b
    """,
    "a death that is told while the model is unloaded changes nothing": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        leave 1        ->
        ask 2 b        -> unload a
        gone a         ->
        unloaded a     -> load b
        unloaded b     ->
    """,
    "the queue is bounded, all models together": """
        ask 1 a        -> load a
        ask 2 a        ->
        ask 3 b        ->
        ask 4 b        ->
        ask 5 a        -> refuse 5 full 3
        ask 6 remote   -> grant 6
        leave 5        ->
        leave 4        ->
        ask 7 a        ->
        ask 8 a        -> refuse 8 full 4
    """,
    "granted, refused and late tickets leave the queue": """
        ask 1 a        -> load a
        ask 2 a        ->
        ask 3 a        ->
        failed a       -> refuse 1 load_failed, refuse 2 load_failed, refuse 3 load_failed
        ask 4 a        -> load a
        ask 5 a        ->
        ask 6 a        ->
        ask 7 a        ->
        loaded a       -> grant 4
        ask 8 a        ->
        ask 9 a        -> refuse 9 full 5
        @60 tick       -> refuse 5 too_long 4, refuse 6 too_long 3, refuse 7 too_long 2, refuse 8 too_long 1
        ask 10 a       ->
    """,
    "who waits too long is refused, who came later is not": """
        ask 1 a        -> load a
        @1 ask 2 a     ->
        @2 ask 3 b     ->
        @59 tick       ->
        @60 tick       -> refuse 1 too_long 2
        @61 tick       -> refuse 2 too_long 1, cancel a
        @61 unloaded a -> load b
    """,
    "nobody is served by a tick that also refuses them": """
        ask 1 whole    -> load whole
        loaded whole   -> grant 1
        leave 1        ->
        ask 2 c        -> unload whole
        unloaded whole -> load c
        loaded c       -> grant 2
        ask 3 whole    ->
        ask 4 c        ->
        @1 ask 5 c     ->
        @60 tick       -> refuse 3 too_long 1, refuse 4 too_long 1, grant 5
    """,
    "stopping refuses everyone and unloads everything, busy or not": """
        ask 1 a        -> load a
        loaded a       -> grant 1
        ask 2 d        -> load d
        ask 3 a        ->
        ask 4 e        ->
        stop           -> refuse 3 stopping, unload a, refuse 2 stopping, cancel d, refuse 4 stopping
        ask 5 a        -> refuse 5 stopping
        leave 1        ->
        unloaded a     ->
        unloaded d     ->
        stop           ->
    """,
    "how long to wait is told from recent service times, slots and the load": """
        ask 1 c        -> load c
        @10 loaded c   -> grant 1
        @20 leave 1    ->
        ask 2 c        -> grant 2
        ask 3 c        -> grant 3
        ask 4 c        ->
        ask 5 c        ->
        ask 6 c        ->
        ask 7 c        ->
        ask 8 c        -> refuse 8 full 7
        @21 gone c     -> load c
        ask 9 c        -> refuse 9 full 17
    """,
}


class Teller:
    """A scheduler that speaks in story lines."""

    def __init__(self, length: int = 4) -> None:
        self.scheduler = Scheduler(BUDGETS, QueueSettings(length=length, wait_s=60))
        self.now_s = 0.0

    def tell(self, event: str) -> list[Decision]:
        """What is decided upon `[@seconds] event`."""
        words = event.split()
        if words[0].startswith("@"):
            self.now_s = float(words.pop(0)[1:])
        verb, rest = words[0], words[1:]
        if verb in ("ask", "want", "leave"):
            return self._caller(verb, Ticket(int(rest[0])), *rest[1:])
        events: dict[str, Callable[..., list[Decision]]] = {
            "loaded": self.scheduler.loaded,
            "failed": lambda name, now_s: self.scheduler.load_failed(name, BROKEN, now_s),
            "unloaded": self.scheduler.unloaded,
            "gone": self.scheduler.gone,
            "unwant": self.scheduler.unwanted,
            "tick": self.scheduler.tick,
            "stop": lambda _: self.scheduler.stop(),
        }
        return events[verb](*rest, self.now_s)

    def _caller(self, verb: str, ticket: Ticket, name: str = "") -> list[Decision]:
        if verb == "leave":
            return self.scheduler.left(ticket, self.now_s)
        event = self.scheduler.asked if verb == "ask" else self.scheduler.wanted
        return event(ticket, MODELS[name], self.now_s)


def told(decision: Decision) -> str:
    """A decision as a story has it."""
    match decision:
        case Grant(ticket):
            return f"grant {ticket}"
        case Refuse(ticket, why, retry_after_s):
            return f"refuse {ticket} {why} {retry_after_s or ''}".strip()
        case Load(one):
            return f"load {one.name}"
        case Unload(one):
            return f"unload {one.name}"
        case CancelLoad(one):
            return f"cancel {one.name}"


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES.keys())
def test_story(story: str) -> None:
    teller = Teller()
    lines = [line.strip() for line in story.strip().split("\n")]
    seen = []
    for line in lines:
        event = line.split("->")[0]
        decided = ", ".join(told(one) for one in teller.tell(event))
        seen.append(f"{event}-> {decided}".strip())
    assert seen == lines


def test_without_a_queue_only_what_is_ready_answers() -> None:
    teller = Teller(length=0)
    assert [told(one) for one in teller.tell("ask 1 a")] == ["refuse 1 full 1"]
    assert [told(one) for one in teller.tell("ask 2 remote")] == ["grant 2"]


def test_who_is_refused_by_a_broken_model_gets_its_problem() -> None:
    teller = Teller()
    for number in (1, 2, 3):
        teller.tell(f"ask {number} a")
        assert teller.tell("failed a") == [Refuse(Ticket(number), "load_failed", None, BROKEN)]
    assert teller.tell("ask 4 a") == [Refuse(Ticket(4), "load_failed", 5, BROKEN)]


def test_a_grant_tells_how_long_the_line_and_the_load_took() -> None:
    teller = Teller()
    teller.tell("ask 1 b")
    teller.tell("@1 loaded b")
    teller.tell("@2 ask 2 a")
    teller.tell("@5 leave 1")
    assert teller.tell("@6 unloaded b") == [Load(MODELS["a"])]
    teller.tell("@7 ask 3 a")
    assert teller.tell("@10 loaded a") == [Grant(Ticket(2), queued_s=4, load_s=4)]
    teller.tell("@11 ask 4 a")
    assert teller.tell("@12 leave 2") == [Grant(Ticket(3), queued_s=2, load_s=3)]
    assert teller.tell("@15 leave 3") == [Grant(Ticket(4), queued_s=4, load_s=0)]


def test_the_deadline_is_the_oldest_waiters() -> None:
    teller = Teller()
    assert teller.scheduler.deadline_s() is None
    teller.tell("@1 ask 1 remote")
    assert teller.scheduler.deadline_s() is None
    teller.tell("@2 ask 2 a")
    teller.tell("@3 ask 3 b")
    teller.tell("@3 ask 4 a")
    assert teller.scheduler.deadline_s() == 62
    teller.tell("leave 2")
    assert teller.scheduler.deadline_s() == 63


def test_the_view_tells_states_seats_and_counts() -> None:
    teller = Teller()
    for event in ("ask 1 c", "@2 loaded c", "ask 2 c", "ask 3 c", "@3 ask 4 b", "@4 failed b"):
        teller.tell(event)
    assert teller.scheduler.waiting == 1
    teller.tell("gone c")
    teller.tell("@9 loaded c")
    c, b = teller.scheduler.view()
    assert (c.name, c.state, c.in_flight, c.waiting, c.footprint) == ("c", "ready", 1, 0, 4)
    assert (c.loads, c.load_failures, c.load_s) == (2, 0, 2 + 5)
    assert (b.name, b.state, b.loads, b.load_failures) == ("b", "absent", 0, 1)
    assert teller.scheduler.state("c") == "ready"
    assert teller.scheduler.state("nobody") == "absent"


def test_a_new_description_of_a_model_counts_once_the_old_one_is_away() -> None:
    scheduler = Scheduler(BUDGETS, QueueSettings())
    assert scheduler.asked(Ticket(1), model("m", 4), 0) == [Load(model("m", 4))]
    assert scheduler.asked(Ticket(2), model("m", 11), 0) == []
    scheduler.loaded("m", 0)
    scheduler.left(Ticket(1), 0)
    scheduler.left(Ticket(2), 0)
    assert scheduler.asked(Ticket(3), model("m", 11), 0) == [Grant(Ticket(3))]
    scheduler.gone("m", 0)
    assert scheduler.asked(Ticket(4), MODELS["whole"], 0) == [Load(MODELS["whole"])]
    assert scheduler.asked(Ticket(5), model("m", 4), 0) == []
    assert scheduler.asked(Ticket(6), model("m", 11), 0) == []
    scheduler.load_failed("whole", EngineFailed("no"), 0)
    scheduler.load_failed("m", EngineFailed("no"), 0)
    assert scheduler.asked(Ticket(7), model("m", 11), 0) == [Refuse(Ticket(7), "too_big")]
    assert scheduler.asked(Ticket(8), model("m", 0, card=None), 0) == [Grant(Ticket(8))]
    assert scheduler.asked(Ticket(9), model("m", 0, slots=9, card=None), 0) == []
    scheduler.left(Ticket(8), 0)
    scheduler.left(Ticket(9), 0)
    assert scheduler.asked(Ticket(10), model("m", 4), 0) == [Load(model("m", 4))]
    assert [one.load_failures for one in scheduler.view()] == [1, 1]


def test_a_model_that_turned_out_larger_gives_back_what_it_was_counted_with() -> None:
    scheduler = Scheduler(BUDGETS, QueueSettings())
    scheduler.asked(Ticket(1), model("m", 4), 0)
    scheduler.loaded("m", 0)
    scheduler.left(Ticket(1), 0)
    assert scheduler.asked(Ticket(2), model("m", 9), 0) == [Grant(Ticket(2))]
    assert scheduler.asked(Ticket(3), MODELS["a"], 0) == [Load(MODELS["a"])]  # 4 and 6 of 10
    scheduler.left(Ticket(2), 0)
    scheduler.loaded("a", 0)
    scheduler.left(Ticket(3), 0)
    assert scheduler.unwanted("m", 0) == [Unload(model("m", 4))]
    scheduler.unloaded("m", 0)
    assert scheduler.asked(Ticket(4), MODELS["c"], 0) == [
        Load(MODELS["c"])
    ]  # 6 and 4: all is there
    scheduler.loaded("c", 0)
    scheduler.left(Ticket(4), 0)
    assert (
        len(scheduler.asked(Ticket(5), model("m", 9), 0)) == 2
    )  # both must go for what it takes now
