"""A source says where all of it stands, in a person's words."""

import pytest

from dunoe.answering.source import Part, Source, where
from dunoe.library.passage import Place
from tests.answering.making import grown


@pytest.mark.parametrize(
    ("place", "ko", "en"),
    [
        (Place(), "", ""),
        (Place(line=7), "7행", "line 7"),
        (Place(line=1320, line_end=1332), "1320\u20131332행", "lines 1320-1332"),
        (Place(page=2, page_end=2), "2쪽", "page 2"),
        (Place(page=2, page_end=3), "2\u20133쪽", "pages 2-3"),
        (Place(slide=4), "슬라이드 4", "slide 4"),
        (Place(cells="매출!A3:F9"), "매출!A3:F9", "매출!A3:F9"),
    ],
)
def test_a_place_is_told_as_a_person_says_it(place: Place, ko: str, en: str) -> None:
    assert (where(place, "ko"), where(place, "en")) == (ko, en)


def test_a_source_that_grew_stands_under_the_headings_that_its_passages_share() -> None:
    made = grown()
    assert made.headings == ("휴가",)
    assert (made.place.line, made.place.line_end) == (3, 20)
    assert made.best.place == Place(line=9, line_end=20)


@pytest.mark.parametrize(
    ("first", "last", "whole"),
    [
        ("매출!A3:F9", "매출!A10:F20", "매출!A3:F20"),
        ("매출!A3", "매출!B4", "매출!A3:B4"),
        ("매출!A3:F9", "비용!A1:B2", "매출!A3:F9, 비용!A1:B2"),
    ],
)
def test_cells_reach_from_the_first_to_the_last(first: str, last: str, whole: str) -> None:
    parts = tuple(Part(cells, 0, 1, "글", (), Place(cells=cells)) for cells in (first, last))
    assert Source(1, "d", "표.xlsx", "", 1.0, parts, parts[0]).place.cells == whole
