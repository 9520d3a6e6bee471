"""Memory: what loaded models may take here, and what one of them takes."""

import sys
from pathlib import Path

from dunoe.machine import Machine
from dunoe.settings import ModelSettings, Settings
from dunoe.weights.naming import parts_of

OUR_CARD = "card"
_RAM_SHARE = 0.75  # of RAM that models may take where there is no card; the rest is the system's


def budgets(settings: Settings, here: Machine) -> dict[str, int]:
    """Bytes that loaded models may take: of our card (or RAM where there is none), and of each Ollama's."""
    ours = settings.card.vram
    if ours is None:
        cards = sum(card.vram_bytes for card in here.cards)
        ours = cards or int(here.ram_bytes * _RAM_SHARE)
    elsewhere = {
        name: engine.vram if engine.vram is not None else sys.maxsize
        for name, engine in settings.engines.items()
        if engine.kind == "ollama" and not engine.is_on_our_card
    }
    return {OUR_CARD: ours, **elsewhere}


def footprint(model: ModelSettings) -> int:
    """Bytes a model of ours takes while loaded: what its settings say, else its files, all parts of them."""
    files = [model.file, model.projector, *(adapter.file for adapter in model.adapters)]
    return model.footprint or sum(size_of(file) for file in files if file is not None)


def size_of(file: Path) -> int:
    """Bytes of a model's file and its other parts, as far as they are there."""
    return sum(part.stat().st_size for part in parts_of(file) if part.is_file())
