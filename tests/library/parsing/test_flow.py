"""Boxes drawn on a page: what they hold, and numbers of pages typed into them."""

from dunoe.library.parsing import flow
from dunoe.library.parsing.flow import Item, Paragraph


def left(*boxes: str) -> list[str]:
    """The text of boxes as it is read, each box a paragraph."""
    items = [item for text in boxes for item in flow.boxed([Paragraph(text)])]
    return list(flow.plain(flow.without_pages(items)))


def test_numbers_of_pages_are_no_text() -> None:
    assert left("비전", "3", "844", "- 4 -", "인사말", "5") == ["비전", "844", "인사말"]


def test_other_numbers_alone_in_a_box_stay() -> None:
    assert left("8", "9", "1,504", "2012") == ["8", "9", "1,504", "2012"]


def test_parts_that_are_numbered_from_one_keep_their_numbers() -> None:
    assert left("1", "배경", "2", "목표", "3", "계획") == ["1", "배경", "2", "목표", "3", "계획"]


def test_a_number_that_is_no_box_stays() -> None:
    items: list[Item] = [Paragraph(str(number)) for number in range(3, 9)]
    assert list(flow.without_pages(items)) == items
