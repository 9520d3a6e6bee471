"""Which model to bring first: the best one that this machine runs well."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, TypeAdapter

from dunoe.machine import Machine
from dunoe.settings import Size


class Suggestion(BaseModel):
    """One row of `first_models.toml`.

    source: what `dunoe models pull` takes. size_bytes: what there is to download.
    card, ram: bytes it wants of a graphics card, or of memory where there is no card (None: too slow there).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    source: str
    size_bytes: int
    card: Size
    ram: Size | None = None

    def runs_on(self, machine: Machine) -> bool:
        """True when it lies whole in the memory that models share here: the largest card's, else RAM."""
        if machine.cards:
            return max(card.vram_bytes for card in machine.cards) >= self.card
        return self.ram is not None and machine.ram_bytes >= self.ram


def suggest(machine: Machine) -> Suggestion:
    """The best model for this machine; the smallest one where none runs well."""
    smallest, *larger = suggestions()
    return next((one for one in reversed(larger) if one.runs_on(machine)), smallest)


@cache
def suggestions() -> tuple[Suggestion, ...]:
    """Everything we would suggest, best last."""
    tree = tomllib.loads(files("dunoe.portfolio").joinpath("first_models.toml").read_text("utf-8"))
    return TypeAdapter(tuple[Suggestion, ...]).validate_python(tree["model"])
