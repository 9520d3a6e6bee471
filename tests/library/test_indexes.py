"""Which indexes there are: what nobody wants any more is closed before it is deleted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dunoe.library.index.collections import EdgeCollections
from dunoe.library.indexes import Indexes, Wanted
from dunoe.store.store import Store

TERMS = "1"
FOUR, EIGHT = Wanted(TERMS, "four", 4), Wanted(TERMS, "eight", 8)


@pytest.fixture
def indexes(home: Path, store: Store) -> Iterator[Indexes]:
    """Those of an empty library."""
    opened = Indexes(EdgeCollections(home / "library"), store)
    opened.open(TERMS)
    yield opened
    opened.close()


def names(home: Path) -> set[str]:
    """What lies on the disk."""
    return {path.name for path in (home / "library").iterdir() if path.is_dir()}


def test_another_model_takes_the_place_of_the_one_being_built(
    indexes: Indexes, store: Store, home: Path
) -> None:
    indexes.want(FOUR)
    indexes.want(EIGHT)
    assert indexes.building is not None
    assert indexes.building.row.name == EIGHT.name
    assert names(home) == {Wanted(TERMS).name, EIGHT.name}
    assert {row.name for row in store.collections.all()} == {Wanted(TERMS).name, EIGHT.name}
    indexes.switch()
    assert indexes.active.row.model == "eight"


def test_words_alone_end_what_is_being_built(indexes: Indexes, home: Path) -> None:
    indexes.want(FOUR)
    indexes.want(Wanted(TERMS))
    assert indexes.building is None
    assert names(home) == {Wanted(TERMS).name}


def test_what_is_being_built_goes_on_when_it_is_wanted_again(indexes: Indexes) -> None:
    indexes.want(FOUR)
    begun = indexes.building
    indexes.want(FOUR)
    assert indexes.building is begun
