"""Two rankings become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.library.fusion import Way, fuse
from dunoe.library.index.point import Found

RANKING = st.lists(
    st.builds(Found, st.sampled_from("abcdefgh"), st.floats(-1, 100)), unique_by=lambda one: one.id
)


def order(found: list[str], scores: list[float]) -> list[Found]:
    return [Found(id, score) for id, score in zip(found, scores, strict=True)]


@pytest.mark.parametrize("way", ["convex", "ranks"])
def test_what_both_legs_like_is_first(way: Way) -> None:
    words, meanings = order(["a", "b", "c"], [9, 8, 1]), order(["d", "b", "e"], [0.9, 0.88, 0.7])
    assert fuse(words, meanings, way)[0].id == "b"


@pytest.mark.parametrize("way", ["convex", "ranks"])
def test_one_leg_alone_keeps_its_order(way: Way) -> None:
    words = order(["a", "b", "c"], [9, 8, 1])
    assert [one.id for one in fuse(words, [], way)] == ["a", "b", "c"]
    assert [one.id for one in fuse([], words, way)] == ["a", "b", "c"]
    assert fuse([], [], way) == []


def test_the_weight_decides_between_the_legs() -> None:
    words, meanings = order(["a", "b"], [9, 1]), order(["b", "a"], [0.9, 0.1])
    assert fuse(words, meanings, dense_weight=0.2)[0].id == "a"
    assert fuse(words, meanings, dense_weight=0.8)[0].id == "b"


def test_scores_that_lie_close_together_count_by_their_order_of_size() -> None:
    """Cosines of e5 lie between .7 and 1: their differences must not vanish beside those of BM25."""
    words = order(["a", "b"], [10, 9])
    assert fuse(words, order(["b", "a", "c"], [0.84, 0.82, 0.80]))[0].id == "b"


@given(RANKING, RANKING, st.sampled_from(["convex", "ranks"]), st.floats(0, 1))
def test_values_lie_between_0_and_1_and_fall(
    words: list[Found], meanings: list[Found], way: Way, weight: float
) -> None:
    found = fuse(words, meanings, way, weight)
    values = [one.value for one in found]
    assert values == sorted(values, reverse=True)
    assert all(0 <= value <= 1.0000001 for value in values)
    assert {one.id for one in found} == {one.id for one in [*words, *meanings]}
