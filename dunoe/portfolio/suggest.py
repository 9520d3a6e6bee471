"""Which model to bring first: the best one that this machine runs well."""

from functools import cache

from dunoe.machine import Machine
from dunoe.portfolio.entries import Entry, First, entries


def suggest(machine: Machine) -> Entry:
    """The best model for this machine; the smallest one where none runs well."""
    smallest, *larger = suggestions()
    fitting = (one for one in reversed(larger) if one.first and _runs(one.first, machine))
    return next(fitting, smallest)


@cache
def suggestions() -> tuple[Entry, ...]:
    """Everything we would suggest, best last: the rows of `models.toml` that say what they ask of a machine."""
    return tuple(one for one in entries().values() if one.first is not None)


def _runs(wants: First, machine: Machine) -> bool:
    """True when it lies whole in the memory that models share here: the largest card's, else RAM."""
    if machine.cards:
        return max(card.vram_bytes for card in machine.cards) >= wants.card
    return wants.ram is not None and machine.ram_bytes >= wants.ram
