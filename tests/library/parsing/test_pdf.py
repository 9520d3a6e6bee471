"""PDF: pages, columns, headings, tables, and pages that hold no text."""

from pathlib import Path

import pytest

from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents

BODY = 10.0


def column(texts: list[str], x: float, top: float) -> list[tuple[str, float, float, float]]:
    """Lines of a column, one below the other."""
    return [(text, x, top - 14 * number, BODY) for number, text in enumerate(texts)]


def test_a_page_is_a_place() -> None:
    parsed = parse(
        documents.pdf([column(["first page"], 50, 700), column(["second page"], 50, 700)]), "x"
    )
    assert parsed.text == "first page\n\nsecond page\n\n"
    assert [block.place.page for block in parsed.blocks] == [1, 2]


def test_lines_of_a_paragraph_are_joined_and_a_hyphen_at_their_end_is_not_kept() -> None:
    lines = [
        "The library keeps all of its docu-",
        "ments in one folder and reads them",
        "again when they change.",
    ]
    parsed = parse(documents.pdf([column(lines, 50, 700)]), "x")
    assert parsed.text == (
        "The library keeps all of its documents in one folder and reads them again when they change.\n\n"
    )


def test_larger_letters_are_headings() -> None:
    page = [
        ("Chapter one", 50, 760, 20),
        ("A section", 50, 720, 14),
        ("Part two . . . . 2", 50, 650, 14),
        *column(["body text " * 6], 50, 690),
    ]
    parsed = parse(documents.pdf([page]), "x")
    assert [(block.kind, block.level, block.title) for block in parsed.blocks] == [
        ("heading", 1, "Chapter one"), ("heading", 2, "A section"), ("paragraph", 0, ""), ("paragraph", 0, ""),
    ]  # fmt: skip


def test_columns_that_the_file_mixes_are_read_one_after_the_other() -> None:
    left = column(["left one goes on", "left two goes on", "left three goes on"], 50, 700)
    right = column(["right one goes on", "right two goes on", "right three goes on"], 320, 700)
    low = column(["left four after a gap", "left five after a gap"], 50, 600)
    mixed = [*right[::-1], *low[::-1], *left[::-1]]
    text = " ".join(parse(documents.pdf([mixed]), "x").text.split())
    words = [
        text.index(word)
        for word in ("left one", "left three", "left four", "right one", "right three")
    ]
    assert words == sorted(words)


def test_a_ruled_table_is_a_table_where_it_stands() -> None:
    cells = [
        ("name", 60, 660, BODY), ("price", 160, 660, BODY),
        ("tea", 60, 630, BODY), ("3,000", 160, 630, BODY),
    ]  # fmt: skip
    page = [("before the table", 50, 720, BODY), *cells, ("after the table", 50, 560, BODY)]
    parsed = parse(documents.pdf([page], grid=(50, 610, 250, 680, 2, 2)), "x")
    assert parsed.text == (
        "before the table\n\n| name | price |\n| --- | --- |\n| tea | 3,000 |\n\nafter the table\n\n"
    )
    assert [block.kind for block in parsed.blocks] == ["paragraph", "table", "paragraph"]


def heads_and_feet(heads: list[str], feet: list[str]) -> str:
    """The text of a file whose pages differ in words between those at their edges."""
    words = ["apples", "pears", "plums", "figs", "dates", "limes"]
    pages = [
        [(head, 50, 810, BODY), *column([f"{word} {what}" for what in ("grow", "fall", "rot")], 50, 600),
         (foot, 290, 30, BODY)]
        for head, foot, word in zip(heads, feet, words, strict=False)
    ]  # fmt: skip
    return parse(documents.pdf(pages), "x").text


def test_a_running_head_is_kept_once_where_it_first_stands() -> None:
    text = heads_and_feet(["Annual report"] * 4, list("kmst"))
    assert text.count("Annual report") == 1
    assert text.index("Annual report") < text.index("apples")
    assert text.count("grow") == 4


@pytest.mark.parametrize(
    "form", ["- {} -", "{}", "Page {}", "{} / 12", "p. {}", "Page {} of 12", "[{}]"]
)
@pytest.mark.parametrize("first", [1, 7, 98])
def test_page_numbers_are_left_out(form: str, first: int) -> None:
    feet = [form.format(first + number) for number in range(4)]
    text = heads_and_feet(list("kmst"), feet)
    assert not any(character.isdigit() for character in text)


@pytest.mark.parametrize(
    "heads",
    [
        ["Revenue 2021", "Revenue 2022", "Revenue 2023", "Revenue 2024"],
        ["2021", "2022", "2023", "2024"],
        ["Chapter 1", "Chapter 2", "Chapter 3", "Chapter 4"],
        ["Total: 1,200 won", "Total: 98,000 won", "Total: 45,300 won"],
        ["120", "98", "453"],
        ["1 / 4", "1 / 2", "3 / 4"],
        ["1%", "2%", "3%"],
    ],
)
@pytest.mark.parametrize("is_foot", [False, True])
def test_lines_at_the_edge_that_differ_in_a_number_are_text(
    heads: list[str], is_foot: bool
) -> None:
    others = list("kmst")
    text = heads_and_feet(others, heads) if is_foot else heads_and_feet(heads, others)
    assert [head for head in heads if head not in text] == []


def test_lines_that_recur_are_text_on_every_page_away_from_the_edge() -> None:
    page = [(f"item {number} of the list", 50, 800 - 20 * number, BODY) for number in range(10)]
    text = parse(documents.pdf([page] * 4), "x").text
    assert text.count("item 5 of the list") == 4
    assert text.count("item 0 of the list") == 1


def test_a_page_without_text_is_named() -> None:
    data = documents.pdf([column(["words here"], 50, 700), []], grid=(50, 610, 250, 680, 1, 1))
    assert parse(data, "x").warnings == ("글이 없는 쪽(그림이나 스캔): 2",)


def test_a_file_of_pictures_only_is_refused_as_empty() -> None:
    with pytest.raises(Unreadable) as raised:
        parse(documents.pdf([[], []], grid=(50, 610, 250, 680, 1, 1)), "x")
    assert raised.value.code == "empty"


def test_a_password_is_named() -> None:
    data = documents.pdf([column(["secret"], 50, 700)])
    locked = b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">>>"
    ids = b"/ID[<" + b"43" * 16 + b"><" + b"43" * 16 + b">]"
    data = data.replace(b"trailer\r\n<<", b"trailer\r\n<</Encrypt " + locked + ids)
    with pytest.raises(Unreadable) as raised:
        parse(data, "x")
    assert raised.value.code == "encrypted"


def test_a_table_without_lines_at_its_sides_is_a_table(shared: Path) -> None:
    data = (
        shared / "data/office/unstructured/example-docs/pdf/korean-text-with-tables.pdf"
    ).read_bytes()
    text = parse(data, "x").text
    assert "| 업종 | 적립 대상 |\n| --- | --- |\n| 할인점 | 이마트, 이마트 트레이더스" in text
    assert "| 주유 | 모든 주유소 |" in text
