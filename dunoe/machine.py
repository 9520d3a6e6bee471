"""What this computer has: memory and NVIDIA cards."""

import ctypes
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_MEMINFO = Path("/proc/meminfo")
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True)
class Card:
    """One graphics card, as its driver describes it."""

    name: str
    vram_bytes: int
    vram_free_bytes: int


@dataclass(frozen=True)
class Machine:
    """What we may use of this computer, at one moment.

    ram_bytes: a container's limit counts, where it is smaller than the machine.
    ram_free_bytes: to be had without swapping; all of it where the system does not say (macOS).
    """

    ram_bytes: int
    ram_free_bytes: int
    cards: tuple[Card, ...]


def look() -> Machine:
    """The machine as it stands now. Takes some milliseconds, more when a driver must wake up."""
    total, free = _memory()
    return Machine(total, free, _cards())


def _memory() -> tuple[int, int]:
    try:
        text = _MEMINFO.read_text("ascii")
    except FileNotFoundError:  # not Linux
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return total, total
    kib = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", text, re.MULTILINE)}
    total, free = kib["MemTotal"] * 1024, kib["MemAvailable"] * 1024
    limit = _container_limit(total)
    return min(total, limit), min(free, limit)


def _container_limit(otherwise: int) -> int:
    try:
        said = _CONTAINER_LIMIT.read_text("ascii").strip()
    except OSError:  # no container, or one that hides its limits
        return otherwise
    return int(said) if said.isdecimal() else otherwise  # "max" is no limit


def _cards() -> tuple[Card, ...]:
    """Every NVIDIA card that tells its memory; none where there is no driver."""
    if not _has_driver():
        return ()
    import pynvml  # type: ignore[import-untyped]  # ships no types; slow, so only where there is a driver

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        found = [_card(pynvml, i) for i in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    return tuple(card for card in found if card is not None)


def _has_driver() -> bool:
    """True when NVIDIA's management library is installed."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _card(nvml: ModuleType, index: int) -> Card | None:
    """None for a card that is lost, or that has no memory of its own to tell of."""
    try:
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        return Card(nvml.nvmlDeviceGetName(handle), memory.total, memory.free)
    except nvml.NVMLError:
        return None
