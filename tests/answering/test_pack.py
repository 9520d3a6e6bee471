"""The best passages are read whole and in order; what does not fit is named."""

import pytest

from dunoe.answering.pack import FRAME, READING, Packed, pack
from tests.answering.making import candidate, document

pytestmark = pytest.mark.anyio


async def letters(texts: list[str]) -> list[int]:
    """A tokenizer whose tokens are letters."""
    return [len(text) for text in texts]


def texts(packed: Packed) -> list[str]:
    return [source.text for source in packed.sources]


async def test_a_found_passage_brings_its_whole_section() -> None:
    made = document("a", ["머리"], ["가" * 10, "나" * 10, "다" * 10], ["꼬리"])
    packed = await pack([candidate(made, 2)], FRAME + 30, letters)
    assert texts(packed) == ["가" * 10 + "나" * 10 + "다" * 10]
    assert packed.tokens == FRAME + 30


async def test_a_section_that_does_not_fit_gives_its_found_passage() -> None:
    made = document("a", ["가" * 100, "나" * 20, "다" * 100])
    packed = await pack([candidate(made, 1)], FRAME + 50, letters)
    assert texts(packed) == ["나" * 20]


async def test_what_does_not_fit_at_all_is_named_as_dropped() -> None:
    small, large = document("작은", ["가" * 10]), document("큰", ["나" * 500])
    packed = await pack([candidate(large, 0), candidate(small, 0)], FRAME + 50, letters)
    assert texts(packed) == ["가" * 10]
    assert [one.document for one in packed.dropped] == [large[0]]


async def test_room_that_is_left_lets_the_best_source_grow_into_its_neighbours() -> None:
    made = document("a", ["가" * 10], ["나" * 10], ["다" * 10], ["라" * 10])
    packed = await pack([candidate(made, 1)], FRAME + 35, letters)
    assert texts(packed) == ["가" * 10 + "나" * 10 + "다" * 10]


async def test_two_found_neighbours_are_one_source_in_the_order_of_the_document() -> None:
    made = document("a", ["가가"], ["나나"], ["다다"])
    packed = await pack([candidate(made, 1, 0.9), candidate(made, 0, 0.5)], FRAME * 2 + 4, letters)
    assert texts(packed) == ["가가나나"]
    assert packed.sources[0].score == 0.9


async def test_the_same_passage_found_twice_is_read_once() -> None:
    made = document("a", ["가" * 10])
    packed = await pack([candidate(made, 0), candidate(made, 0)], 10_000, letters)
    assert len(packed.sources) == 1
    assert packed.tokens == FRAME + 10


async def test_sources_are_numbered_in_the_order_of_the_best_passages() -> None:
    first, second = document("a", ["가"]), document("b", ["나"])
    packed = await pack([candidate(second, 0), candidate(first, 0)], 10_000, letters)
    assert [(source.number, source.text) for source in packed.sources] == [(1, "나"), (2, "가")]


async def test_no_more_is_read_than_is_worth_its_prefill() -> None:
    made = document("a", *[["가" * 1000] for _ in range(30)])
    packed = await pack([candidate(made, 15)], 1_000_000, letters)
    assert READING - 1000 < packed.tokens <= READING
