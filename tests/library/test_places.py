"""Of the spots of a passage, which one was meant; and what the catalogue keeps of them."""

import pytest

from dunoe.library.passage import Place, Spot
from dunoe.library.places import kept_place, meant, place_of, spots_of
from dunoe.store.documents import PassageRow

TEXTS = (
    "주차는 지하 2층에 합니다. ",
    "요금은 10분에 천 원입니다. ",
    "Imports rose in the winter. ",
)


def spots() -> tuple[Spot, ...]:
    """One for each text, a page each, behind ten letters of something else."""
    made, at = [], 10
    for page, text in enumerate(TEXTS, 1):
        made.append(Spot(at, at + len(text), (text[:2],), Place(page=page)))
        at += len(text)
    return tuple(made)


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("주차장에서는 어디로 가나요?", 1),  # a particle, and a longer word
        ("얼마입니까? 요금?", 2),
        ("요금이 아니라 지하의 주차", 1),  # two words against one
        ("import of the year", 3),
        ("아무 말도 없다", 1),
        ("", 1),
    ],
)
def test_the_spot_that_says_most_of_the_words_is_meant(words: str, page: int) -> None:
    assert meant(spots(), "".join(TEXTS), words).place.page == page


def test_the_catalogue_gives_back_what_it_was_given() -> None:
    whole = Place(page=1, page_end=3)
    kept = kept_place(whole, 10, spots())
    row = PassageRow("p", "d", 0, 10, 10 + len("".join(TEXTS)), 0, (), kept, "".join(TEXTS))
    assert (place_of(row), spots_of(row)) == (whole, spots())


def test_a_passage_of_one_piece_is_its_own_spot() -> None:
    row = PassageRow("p", "d", 0, 10, 12, 0, ("가",), kept_place(Place(line=3), 10, ()), "글.")
    assert spots_of(row) == (Spot(10, 12, ("가",), Place(line=3)),)
