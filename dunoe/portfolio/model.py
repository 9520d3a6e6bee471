"""A model as the house knows it: its names, who runs it, what it takes and how many it serves at once."""

from dataclasses import dataclass

from dunoe.settings import LLAMA, ModelSettings


@dataclass(frozen=True, slots=True)
class Model:
    """One model that can be asked.

    name: what callers say. upstream: what the engine calls it.
    footprint: bytes it takes on `card` while loaded; 0 where loading is not our business.
    card: the memory it shares with others, None where loading is not our business.
    slots: requests it answers at once.
    """

    name: str
    engine: str
    upstream: str
    settings: ModelSettings
    slots: int
    footprint: int = 0
    card: str | None = None

    @property
    def is_embedded(self) -> bool:
        """True when our own llama.cpp runs it."""
        return self.engine == LLAMA
