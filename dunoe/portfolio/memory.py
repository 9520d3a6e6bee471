"""Memory: what loaded models may take here, and what one of them takes."""

import sys
from functools import lru_cache
from pathlib import Path

from dunoe.machine import Machine
from dunoe.settings import ModelSettings, Settings
from dunoe.weights.footprint import Load, Share
from dunoe.weights.footprint import footprint as reckon
from dunoe.weights.header import BadModelFile, Header, read_model
from dunoe.weights.measured import Measured
from dunoe.weights.naming import parts_of

OUR_CARD = "card"
CONTEXT = {
    "chat": 8192,
    "embedding": 2048,
    "rerank": 2048,
}  # as the engine has it where nothing is said
BATCH, BATCH_ON_CARD = 64, 512  # tokens of a prompt that the engine reads at once
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


def footprint(
    model: ModelSettings, *, has_card: bool = False, measured: Measured | None = None
) -> int:
    """Bytes a model of ours takes of its budget while loaded: the card's, or RAM's where there is none.

    What its settings say; else what it took when it was last loaded so; else what its header promises; else,
    where that cannot be read, the size of its files.
    """
    files = [model.file, model.projector, *(adapter.file for adapter in model.adapters)]
    if model.footprint or model.file is None:
        return model.footprint or 0
    whole = sum(size_of(file) for file in files if file is not None)
    try:
        load = load_of(model, has_card=has_card)
        share = measured.get(model.file, load) if measured is not None else None
        if share is None:
            taken = reckon(_headed(model.file), load)
            share = Share(taken.card, taken.host)
    except (BadModelFile, OSError):
        return whole
    projector = 0 if model.projector is None else size_of(model.projector)
    return projector + (share.card if has_card else share.total)


def load_of(model: ModelSettings, *, has_card: bool) -> Load:
    """How the embedded engine loads it; raises `BadModelFile` for an adapter that is none."""
    is_chat = model.mode == "chat"
    context, slots = model.context or CONTEXT[model.mode], model.parallel or 1
    return Load(
        context,
        slots,
        model.kv_type,
        gpu_layers=model.gpu_layers if has_card else 0,
        flash_attention=model.flash_attention != "off",
        ubatch=max(BATCH_ON_CARD if has_card else BATCH, slots) if is_chat else context,
        outputs=None if is_chat else context,
        adapters=tuple(_headed(adapter.file) for adapter in model.adapters),
    )


def _headed(file: Path) -> Header:
    return _read(file, size_of(file), file.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _read(file: Path, size: int, mtime_ns: int) -> Header:
    """All parts as one; the same file is read once."""
    return read_model(file)


def size_of(file: Path) -> int:
    """Bytes of a model's file and its other parts, as far as they are there."""
    return sum(part.stat().st_size for part in parts_of(file) if part.is_file())
