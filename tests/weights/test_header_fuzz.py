"""A share of the million spoiled headers of bench/fuzz_header.py, the same at every run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import fuzz_header
from dunoe.weights import header
from dunoe.weights.header import Header

CASES = 2000


@pytest.mark.usefixtures("shared")
def test_a_spoiled_header_is_read_or_refused_in_words() -> None:
    tally = fuzz_header.run(20261123, 1, CASES + 1)
    assert tally.broken == []
    assert tally.cases == CASES
    assert tally.read > CASES / 10
    assert tally.refused > CASES / 2
    assert tally.unfinished > CASES / 100
    assert tally.worst_bytes[0] < 64 * 2**20


@pytest.mark.usefixtures("shared")
def test_a_fault_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def sees_none(header: Header) -> Iterator[str]:
        yield from ()

    monkeypatch.setattr(header, "faults", sees_none)
    assert fuzz_header.run(20261123, 2, 500).broken


def test_a_case_is_the_same_whenever_it_is_asked_for(shared: Path) -> None:
    assert shared.is_dir()
    assert fuzz_header.case(7, 11)[0] == fuzz_header.case(7, 11)[0] != fuzz_header.case(7, 12)[0]
