"""Who sits on the card together, at which context, and who takes turns: reckoned before anything is loaded.

A seat that stays is never loaded twice; seats that take turns share what the others leave, one at a time. Of
all ways to divide them, the one is taken that loads the fewest bytes for a question. RAM is divided likewise
among those who lie beside the card.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import combinations
from typing import Any, Literal

from dunoe.portfolio.entries import Seating
from dunoe.portfolio.memory import Memory, load_for, one_batch, without_card
from dunoe.portfolio.profiles import Profile
from dunoe.weights.header import Header
from dunoe.weights.memory.footprint import PAD, Footprint, Load, Share, footprint
from dunoe.weights.memory.layers import COMPARED

STEPS = [2**power * part for power in range(7, 19) for part in (2, 3)]  # 256, 384, 512, 768, 1k …
MANY = 10  # seats; all divisions of more are too many to try
SHORTEST = 1024  # tokens; with less a chat is no use
# How often a question needs the role: loads that taking turns would cost.
_NEEDED: dict[Seating, float] = {
    "router": 1.0, "embedding": 1.0, "reranking": 1.0, "search": 0.5, "brain": 0.3, "coder": 0.2,
}  # fmt: skip
_NEEDED_ELSE = 0.5

Place = Literal["stays", "turns", "ram", "ram_turns", "nowhere"]
_STAYING: dict[Place, Place] = {"turns": "stays", "ram_turns": "ram"}
Basis = Literal["told", "measured", "reckoned", "rough"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that wants a place. limit: tokens it was trained on, None where nobody tells.

    measured: what it took when it was last loaded as `load` says. beside: bytes that are loaded with it (a projector).
    told: bytes that the settings say it takes, whatever is reckoned or measured; 0: they say nothing.
    """

    name: str
    header: Header
    load: Load
    roles: tuple[Seating, ...] = ()
    is_for_ram: bool = False
    measured: Share | None = None
    beside: int = 0
    told: int = 0
    _known: dict[int, Footprint] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def limit(self) -> int | None:
        """Tokens that it can really have."""
        return self.header.context_length

    def at(self, context: int) -> Footprint:
        """What it takes with this context; asked again and again while a plan is made, so it is remembered."""
        if context not in self._known:
            takes = footprint(self.header, with_context(self.load, context))
            if self.measured is not None and self.is_measured_at(context):
                takes = _corrected(takes, self.measured)
            self._known[context] = _whole(takes, self.beside, self.told)
        return self._known[context]

    def is_measured_at(self, context: int) -> bool:
        """Whether it was loaded with this context, and where it is to be loaded: on a card or not."""
        if self.measured is None or context != self.load.context:
            return False
        return bool(self.measured.card) == bool(self.load.gpu_layers)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a model comes to sit.

    context: tokens of one slot, `wanted` unless the model or the card is too small for that.
    alone: the longest context it could have there with nobody beside it; 0 where it does not fit at all.
    """

    candidate: Candidate
    place: Place
    wanted: int
    context: int
    alone: int
    takes: Footprint

    @property
    def size(self) -> int:
        """Bytes of the memory that it shares: the card's, or RAM's where none of it is on a card."""
        return _size(self.takes)

    @property
    def is_in_ram(self) -> bool:
        """Whether none of it goes to a card."""
        return not self.candidate.load.gpu_layers

    @property
    def basis(self) -> Basis:
        """Where `takes` comes from; `rough` is a header of a kind that is not laid out step by step."""
        if self.candidate.told:
            return "told"
        if self.candidate.is_measured_at(self.context):
            return "measured"
        return "reckoned" if self.candidate.header.architecture in COMPARED else "rough"


@dataclass(frozen=True, slots=True)
class Together:
    """The longest of `STEPS` that two models can have side by side, each cut to its own; 0: not together."""

    first: str
    second: str
    first_context: int
    second_context: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A division of the card, and of RAM. room: bytes that models may take of `vram`."""

    vram: int
    room: int
    seats: tuple[Placed, ...]
    together: tuple[Together, ...]
    ram: Memory

    @property
    def stays(self) -> int:
        """Bytes that are always taken."""
        return sum(seat.takes.card for seat in self.seats if seat.place == "stays")

    @property
    def turns(self) -> int:
        """Bytes of the largest one that takes turns."""
        return max((seat.takes.card for seat in self.seats if seat.place == "turns"), default=0)

    @property
    def free(self) -> int:
        """Bytes that nobody takes at the worst moment."""
        return self.room - self.stays - self.turns

    @property
    def in_ram(self) -> int:
        """Bytes of RAM that those who lie there take at the worst moment."""
        sizes = {place: [0] for place in ("ram", "ram_turns")}
        for seat in self.seats:
            sizes.get(seat.place, []).append(seat.size)
        return sum(sizes["ram"]) + max(sizes["ram_turns"])


def plan(candidates: Sequence[Candidate], card: Memory, ram: Memory) -> Plan:
    """Divide a card and RAM. A card without room for models is not used: everything is in RAM then."""
    seats = [_alone(one, card.room, ram.room) for one in candidates]
    on_card = [seat for seat in seats if seat.place == "turns"]
    for place, room in (("turns", card.room), ("ram_turns", ram.room)):
        sharing = [at for at, seat in enumerate(seats) if seat.place == place]
        for number in _staying([seats[at] for at in sharing], room):
            at = sharing[number]
            seats[at] = replace(seats[at], place=_STAYING[seats[at].place])
    pairs = [_together(one, other, card.room) for one, other in combinations(on_card, 2)]
    return Plan(card.size, card.room, tuple(seats), tuple(pairs), ram)


def candidates(profile: Profile) -> list[Candidate]:
    """The models of a profile, each as its seat wants it."""
    return [
        Candidate(
            name=seat.entry.title,
            header=seat.entry.header(),
            load=load_for(seat.entry.mode, seat.context, seat.parallel, seat.kv_type),
            roles=seat.roles,
            is_for_ram=seat.where == "ram",
        )
        for seat in profile.seats
    ]


def with_context(load: Load, context: int) -> Load:
    """The same with another context; of a model that embeds, the batch goes with it."""
    if load.outputs is None:
        return replace(load, context=context)
    whole = one_batch(context, load.parallel)
    return replace(load, context=context, ubatch=whole, outputs=whole)


def _corrected(takes: Footprint, measured: Share) -> Footprint:
    """The same with what was measured in all; the difference is in what is scratch, for the rest is exact."""
    rest = replace(takes, compute=Share())
    card = measured.card - (rest.card - takes.overhead.card)
    return replace(takes, compute=Share(card, measured.host - (rest.host - takes.overhead.host)))


def _whole(takes: Footprint, beside: int, told: int) -> Footprint:
    """The same with what is loaded beside it; a figure that was told is not divided further."""
    share = Share(card=told or beside) if takes.card else Share(host=told or beside)
    if told:
        none = Share()
        return Footprint(share, none, none, none, none, none, none)
    return replace(takes, weights=takes.weights + share)


def longest(candidate: Candidate, room: int, at_most: int) -> int:
    """Tokens of context, a multiple of the cache's pad, with which it takes no more than `room`; 0: none."""
    low, high = 0, max(1, at_most // PAD)
    while low < high:
        middle = (low + high + 1) // 2
        if _size(candidate.at(middle * PAD)) <= room:
            low = middle
        else:
            high = middle - 1
    return min(low * PAD, at_most)


def _size(takes: Footprint) -> int:
    return takes.card or takes.host


def _alone(one: Candidate, card: int, ram: int) -> Placed:
    """The model with the card or RAM to itself: what of its wish can be had."""
    wanted = one.load.context
    context = min(wanted, one.limit or wanted)
    place: Place = "turns"
    if one.is_for_ram or not card:
        place = "ram_turns"
        beside = replace(one.load, gpu_layers=0) if card else without_card(one.load)
        one = replace(one, load=beside)
    room = ram if place == "ram_turns" else card
    alone = longest(one, room, one.limit or max(wanted, 2**17))
    enough = min(SHORTEST, context)
    if alone < enough:
        return Placed(one, "nowhere", wanted, context, alone, one.at(context))
    context = min(context, alone)
    return Placed(one, place, wanted, context, alone, one.at(context))


def _staying(seats: list[Placed], room: int) -> frozenset[int]:
    """Which of them stay. With one left over, that one stays too: it has nobody to take turns with."""
    if len(seats) > MANY:
        return _staying_greedily(seats, room)
    best, cost = frozenset[int](), float("inf")
    for count in range(len(seats) + 1):
        for chosen in combinations(range(len(seats)), count):
            others = [seat for at, seat in enumerate(seats) if at not in chosen]
            taken = sum(seats[at].size for at in chosen)
            if taken + max((seat.size for seat in others), default=0) > room:
                continue
            loaded = sum(_loads(seat) for seat in others) if len(others) > 1 else 0.0
            if loaded < cost or (loaded == cost and len(chosen) > len(best)):
                best, cost = frozenset(chosen), loaded
    return best


def _staying_greedily(seats: list[Placed], room: int) -> frozenset[int]:
    """Of too many to try all divisions: one after another, who saves most for each byte that it takes."""
    chosen = frozenset[int]()
    worth = {at: _loads(seat) / max(1, seat.size) for at, seat in enumerate(seats)}
    for at in sorted(worth, key=lambda at: -worth[at]):
        more = chosen | {at}
        taken = sum(seats[one].size for one in more)
        others = (seat.size for one, seat in enumerate(seats) if one not in more)
        if taken + max(others, default=0) <= room:
            chosen = more
    return chosen


def _loads(seat: Placed) -> float:
    """Bytes that are loaded for a question when it does not stay."""
    often = sum(_NEEDED[role] for role in seat.candidate.roles) or _NEEDED_ELSE
    weights = seat.takes.weights
    return often * (weights.host if seat.is_in_ram else weights.card)


def _together(one: Placed, other: Placed, room: int) -> Together:
    """Both contexts grow alike, each no longer than its model's own."""

    def takes(context: int) -> int:
        return sum(
            seat.candidate.at(min(context, seat.candidate.limit or context)).card
            for seat in (one, other)
        )

    limits = [seat.candidate.limit or 2**18 for seat in (one, other)]
    reach = [step for step in STEPS if step <= max(limits) and takes(step) <= room]
    contexts = [min(max(reach, default=0), limit) for limit in limits]
    return Together(one.candidate.name, other.candidate.name, contexts[0], contexts[1])


def told(found: Plan) -> dict[str, Any]:  # Any: JSON
    """The plan as JSON, sizes in bytes. total: all that llama.cpp itself will log, so without the driver's overhead."""
    return {
        "vram": found.vram,
        "reserve": found.vram - found.room,
        "ram": found.ram.size,
        "ram_reserve": found.ram.reserve,
        "in_ram": found.in_ram,
        "stays": found.stays,
        "turns": found.turns,
        "free": found.free,
        "seats": [_seat(seat) for seat in found.seats],
        "together": [asdict(pair) for pair in found.together],
    }


def _seat(seat: Placed) -> dict[str, Any]:  # Any: JSON
    takes = seat.takes
    return {
        "name": seat.candidate.name,
        "roles": seat.candidate.roles,
        "place": seat.place,
        "context": seat.context,
        "wanted": seat.wanted,
        "limit": seat.candidate.limit,
        "alone": seat.alone,
        "parallel": seat.candidate.load.parallel,
        "kv_type": seat.candidate.load.kv_type,
        "bytes": {part.name: asdict(getattr(takes, part.name)) for part in fields(takes)},
        "basis": seat.basis,
        "total": takes.total,
        "card": takes.card,
        "ram": takes.host,
    }
