"""A machine is told of one model that runs well on it."""

import re

import pytest

from dunoe.machine import Card, Machine
from dunoe.portfolio.entries import Entry
from dunoe.portfolio.suggest import suggest, suggestions

GIB = 2**30


def machine(ram_gib: float, *cards_gib: float) -> Machine:
    """A machine with this much memory and these cards."""
    cards = tuple(Card("card", int(gib * GIB), int(gib * GIB)) for gib in cards_gib)
    return Machine(int(ram_gib * GIB), int(ram_gib * GIB), cards)


@pytest.mark.parametrize(
    ("ram_gib", "name"),
    [  # what a machine sold with 2, 4, 8, 16, 32 and 64 GB really shows
        (1.9, "Qwen3.5-0.8B"),
        (3.8, "Qwen3.5-2B"),
        (7.6, "Qwen3.5-4B"),
        (15.5, "Qwen3.5-4B"),
        (31.2, "Qwen3.5-9B"),
        (62.5, "Qwen3.5-35B-A3B"),
    ],
)
def test_without_a_card_memory_and_patience_decide(ram_gib: float, name: str) -> None:
    assert suggest(machine(ram_gib)).title == name


@pytest.mark.parametrize(
    ("card_gib", "name"),
    [
        (2, "Qwen3.5-0.8B"),
        (4, "Qwen3.5-2B"),
        (6, "Qwen3.5-4B"),
        (7.99, "Qwen3.5-9B"),
        (15.92, "Qwen3.5-9B"),
        (23.99, "Qwen3.5-27B"),
        (31.8, "Qwen3.5-35B-A3B"),
    ],
)
def test_with_a_card_its_memory_decides_and_not_the_ram(card_gib: float, name: str) -> None:
    assert suggest(machine(128, card_gib)).title == name


def test_the_largest_of_several_cards_counts_and_they_are_not_added_up() -> None:
    assert suggest(machine(32, 4, 8, 8)) == suggest(machine(32, 8))


def test_the_poorest_machine_is_still_told_of_the_smallest_model() -> None:
    assert suggest(machine(0.5)) == suggest(machine(0.5, 0.5)) == suggestions()[0]


@pytest.mark.parametrize("row", suggestions(), ids=lambda row: str(row.id))
def test_a_row_is_one_file_and_leaves_room_in_the_memory_it_asks_for(row: Entry) -> None:
    assert re.fullmatch(r"hf:[\w.-]+/[\w.-]+/[\w.-]+\.gguf", row.source)
    assert row.title in row.source
    assert row.first is not None
    assert row.size_bytes < 0.9 * row.first.card
    assert row.first.ram is None or row.size_bytes < 0.6 * row.first.ram


def test_the_rows_are_ordered_by_what_they_ask_of_a_card() -> None:
    asked = [row.first.card for row in suggestions() if row.first]
    assert asked == sorted(asked)
