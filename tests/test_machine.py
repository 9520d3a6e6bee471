"""What the machine shows; the driver's library is the one thing that is played."""

import ctypes
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from dunoe import machine
from dunoe.machine import Card

GIB = 2**30


class NVMLError(Exception):
    """The driver refuses."""


@dataclass
class Driver:
    """Plays the driver's library: cards in slots, `None` for one that fell off the bus."""

    NVMLError = NVMLError
    cards: list[tuple[str, int, int] | None] = field(default_factory=list)
    is_installed: bool = True
    is_open: bool = False

    def nvmlInit(self) -> None:
        if not self.is_installed:
            raise NVMLError("library not found")
        self.is_open = True

    def nvmlShutdown(self) -> None:
        self.is_open = False

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> tuple[str, int, int]:
        card = self.cards[index]
        if card is None:
            raise NVMLError("GPU is lost")
        return card

    def nvmlDeviceGetMemoryInfo(self, handle: tuple[str, int, int]) -> SimpleNamespace:
        return SimpleNamespace(total=handle[1], free=handle[2])

    def nvmlDeviceGetName(self, handle: tuple[str, int, int]) -> str:
        return handle[0]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    played = Driver()
    monkeypatch.setitem(sys.modules, "pynvml", played)
    monkeypatch.setattr(machine, "_has_driver", lambda: True)
    return played


def test_a_machine_without_a_driver_has_no_cards(driver: Driver) -> None:
    driver.is_installed = False
    assert machine.look().cards == ()


def test_a_machine_without_nvidias_library_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", _missing)
    monkeypatch.setitem(sys.modules, "pynvml", None)  # importing it would fail
    assert machine.look().cards == ()


def _missing(name: str) -> None:
    raise OSError(f"{name}: cannot open shared object file")


def test_every_card_is_seen_and_the_driver_is_let_go(driver: Driver) -> None:
    driver.cards = [
        ("NVIDIA GeForce RTX 5070 Ti", 16 * GIB, 15 * GIB),
        ("NVIDIA RTX A2000", 6 * GIB, GIB),
    ]
    assert machine.look().cards == (
        Card("NVIDIA GeForce RTX 5070 Ti", 16 * GIB, 15 * GIB),
        Card("NVIDIA RTX A2000", 6 * GIB, GIB),
    )
    assert not driver.is_open


def test_a_lost_card_does_not_hide_the_others(driver: Driver) -> None:
    driver.cards = [None, ("NVIDIA RTX A2000", 6 * GIB, GIB)]
    assert [card.name for card in machine.look().cards] == ["NVIDIA RTX A2000"]


def test_the_real_machine_has_memory() -> None:
    seen = machine.look()
    assert 0 < seen.ram_free_bytes <= seen.ram_bytes


def test_memory_is_what_the_kernel_says_is_available(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(
        "MemTotal:       16384000 kB\nMemFree:          512000 kB\nMemAvailable:    8192000 kB\n"
        "HugePages_Total:       0\n"
    )
    monkeypatch.setattr(machine, "_MEMINFO", meminfo)
    monkeypatch.setattr(machine, "_CONTAINER_LIMIT", tmp_path / "none")
    seen = machine.look()
    assert (seen.ram_bytes, seen.ram_free_bytes) == (16384000 * 1024, 8192000 * 1024)


@pytest.mark.parametrize(("limit", "total"), [("1073741824\n", GIB), ("max\n", 4 * GIB)])
def test_a_container_has_no_more_than_its_limit(
    limit: str, total: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo, memory_max = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal: 4194304 kB\nMemAvailable: 4194304 kB\n")
    memory_max.write_text(limit)
    monkeypatch.setattr(machine, "_MEMINFO", meminfo)
    monkeypatch.setattr(machine, "_CONTAINER_LIMIT", memory_max)
    assert machine.look().ram_bytes == total


def test_a_system_without_proc_still_has_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "none")
    seen = machine.look()
    assert seen.ram_bytes == seen.ram_free_bytes > 0
