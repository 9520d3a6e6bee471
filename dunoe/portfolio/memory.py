"""Memory: what loaded models may take here, and what one of them takes."""

import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dunoe.machine import Machine
from dunoe.settings import Mode, ModelSettings, Settings
from dunoe.weights.header import BadModelFile, Header, read_model
from dunoe.weights.memory.footprint import CARD_OVERHEAD, Load, Share
from dunoe.weights.memory.footprint import footprint as reckon
from dunoe.weights.memory.measured import Measured
from dunoe.weights.naming import parts_of

OUR_CARD = "card"
RAM = "RAM"  # a budget of its own where models may also lie on a card
# Bytes of a card left to the desktop and the driver, as llama.cpp's own fitting leaves them.
RESERVE = 2**30
CONTEXT = {"chat": 8192, "embedding": 2048, "rerank": 2048}  # tokens, where the settings are silent
BATCH, BATCH_ON_CARD = 64, 512  # tokens of a prompt that the engine reads at once
_RAM_SHARE = 0.75  # of RAM that models may take; the rest is the system's


class Memory(NamedTuple):
    """Bytes of the cards or of RAM, and how many of them are not for models."""

    size: int
    reserve: int

    @property
    def room(self) -> int:
        """What models may take."""
        return self.size - self.reserve


def of_card(size: int) -> Memory:
    """One card of that size; 0: there is none."""
    return Memory(size, min(size, RESERVE))


def of_ram(size: int) -> Memory:
    """RAM of that size."""
    return Memory(size, size - int(size * _RAM_SHARE))


def our_card(settings: Settings, here: Machine) -> Memory:
    """What models are loaded onto. What the settings tell is for models alone; of what we see, each card keeps some."""
    if settings.card.vram is not None:
        return Memory(settings.card.vram, 0)
    seen = [of_card(card.vram_bytes) for card in here.cards]
    return Memory(sum(one.size for one in seen), sum(one.reserve for one in seen))


def budgets(settings: Settings, here: Machine) -> dict[str, int]:
    """Bytes that loaded models may take: of our card (of RAM without one), of RAM beside it, of each Ollama's."""
    ram = of_ram(here.ram_bytes).room
    ours = {OUR_CARD: ram}
    if has_card(settings, here):
        ours = {OUR_CARD: our_card(settings, here).room, RAM: ram}
    elsewhere = {
        name: engine.vram if engine.vram is not None else sys.maxsize
        for name, engine in settings.engines.items()
        if engine.kind == "ollama" and not engine.is_on_our_card
    }
    return {**ours, **elsewhere}


def has_card(settings: Settings, here: Machine) -> bool:
    """True where a card has room for models: one that we see, or one whose memory the settings tell."""
    return our_card(settings, here).room > 0


def budget_of(model: ModelSettings, *, has_card: bool) -> str:
    """By which of `budgets` a model of ours is bounded: where it lies."""
    return RAM if has_card and model.gpu_layers == 0 else OUR_CARD


def footprint(
    model: ModelSettings, *, has_card: bool = False, measured: Measured | None = None
) -> int:
    """Bytes a model of ours takes of its budget while loaded: the card's, or RAM's where none of it is on a card.

    What its settings say; else what it took when it was last loaded so; else what its header promises; else,
    where that cannot be read, the size of its files.
    """
    if model.footprint or model.file is None:
        return model.footprint or 0
    projector = beside(model)
    try:
        share = measured.get(model.file, _asked(model)) if measured is not None else None
        if share is not None:
            return projector + _of_budget(share, is_on_card=has_card and model.gpu_layers != 0)
        return projector + _reckoned(model, _states(model), has_card=has_card)
    except (BadModelFile, OSError):
        files = [model.file, *(adapter.file for adapter in model.adapters)]
        return projector + sum(size_of(file) for file in files)


def beside(model: ModelSettings) -> int:
    """Bytes that are loaded with a model and stand in no header of its own: its projector's."""
    return 0 if model.projector is None else size_of(model.projector)


def remember(measured: Measured, model: ModelSettings, share: Share) -> None:
    """What a model took just now: it wins over the reckoning from now on."""
    if model.file is not None:
        measured.put(model.file, _asked(model), share)


def _asked(model: ModelSettings) -> Load:
    """How it is to be loaded, whatever the machine makes of that: by this a figure is found again."""
    return load_of(model, has_card=True)


def _of_budget(share: Share, *, is_on_card: bool) -> int:
    """What counts of a measured load. What should be on the card and is in RAM counts there: nobody else counts it."""
    return share.card + CARD_OVERHEAD if is_on_card and share.card else share.total


def context_of(model: ModelSettings) -> int:
    """Tokens of one slot: what is wanted, and never more than a model of ours was trained on."""
    wanted = model.context or CONTEXT[model.mode]
    if model.file is None:
        return wanted
    try:
        return min(wanted, _headed(model.file).context_length or wanted)
    except (BadModelFile, OSError):
        return wanted  # it will be told when the model is loaded


def one_batch(context: int, slots: int) -> int:
    """Tokens of a batch that holds a whole text; llama.cpp wants as many for each slot, and aborts otherwise."""
    return -(-context // slots) * slots


def load_for(mode: Mode, context: int, parallel: int = 1, kv_type: str = "f16") -> Load:
    """How a model of this mode is loaded, whole on the card: a text to embed must fit one batch."""
    if mode == "chat":
        return Load(context, parallel, kv_type, gpu_layers=-1, ubatch=BATCH_ON_CARD)
    whole = one_batch(context, parallel)
    return Load(context, parallel, kv_type, gpu_layers=-1, ubatch=whole, outputs=whole)


def load_of(model: ModelSettings, *, has_card: bool) -> Load:
    """How the embedded engine loads it; raises `BadModelFile` for an adapter that is none."""
    slots = model.parallel or 1
    load = load_for(model.mode, context_of(model), slots, model.kv_type)
    if model.mode == "chat":
        load = replace(load, ubatch=max(BATCH_ON_CARD, slots))
    load = replace(
        load,
        gpu_layers=model.gpu_layers,
        flash_attention=model.flash_attention != "off",
        adapters=tuple(_headed(adapter.file) for adapter in model.adapters),
    )
    return load if has_card else without_card(load)


def without_card(load: Load) -> Load:
    """The same on a machine that has no card: all in RAM, and a prompt is read in smaller pieces."""
    ubatch = load.ubatch if load.outputs is not None else max(BATCH, load.parallel)
    return replace(load, gpu_layers=0, ubatch=ubatch)


def _states(model: ModelSettings) -> tuple[tuple[int, int], ...]:
    """Size and time of its files, all parts of them: what is reckoned holds as long as these do."""
    files = [model.file, *(adapter.file for adapter in model.adapters)]
    states = [part.stat() for file in files if file is not None for part in parts_of(file)]
    return tuple((state.st_size, state.st_mtime_ns) for state in states)


@lru_cache(maxsize=256)
def _reckoned(model: ModelSettings, states: tuple[tuple[int, int], ...], *, has_card: bool) -> int:
    """By the header. Laying out a batch takes milliseconds, and the list is asked for every second."""
    assert model.file is not None
    taken = reckon(_headed(model.file), load_of(model, has_card=has_card))
    return taken.card or taken.host


def _headed(file: Path) -> Header:
    found = _read(file, size_of(file), file.stat().st_mtime_ns)
    if isinstance(found, BadModelFile):
        raise found.with_traceback(None)
    return found


@lru_cache(maxsize=64)
def _read(file: Path, size: int, mtime_ns: int) -> Header | BadModelFile:
    """All parts as one; the same file is read once, a broken one too."""
    try:
        return read_model(file)
    except BadModelFile as problem:
        return problem


def size_of(file: Path) -> int:
    """Bytes of a model's file and its other parts, as far as they are there."""
    return sum(part.stat().st_size for part in parts_of(file) if part.is_file())
