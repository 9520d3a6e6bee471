"""Blocks cover their text; what is no letter does not come into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.errors import Text
from dunoe.library.parsing import tables
from dunoe.library.parsing.builder import Builder
from dunoe.library.parsing.clean import clean
from dunoe.library.unreadable import Unreadable

WHAT = Text("시험 문서", "test document")


@given(st.lists(st.text(max_size=40), max_size=12))
def test_the_blocks_lie_one_behind_the_other(texts: list[str]) -> None:
    builder = Builder("docx", WHAT)
    for number, text in enumerate(texts):
        builder.add(text, "heading" if number % 3 else "code", number % 3)
    try:
        parsed = builder.parsed()
    except Unreadable as problem:
        assert problem.code in ("empty", "garbled")
        return
    edges = [0, *(block.end for block in parsed.blocks)]
    assert edges == [*(block.start for block in parsed.blocks), len(parsed.text)]
    assert all(parsed.text[block.start : block.end].strip() for block in parsed.blocks)
    assert clean(parsed.text)[1] == 0


def test_a_document_of_garbage_is_refused() -> None:
    builder = Builder("pdf", WHAT)
    builder.add("글 " + "\ue123\x01\ufffd" * 20)
    builder.add("멀쩡한 문단")
    with pytest.raises(Unreadable) as raised:
        builder.parsed()
    assert raised.value.code == "garbled"


def test_a_little_garbage_is_left_out_and_said() -> None:
    builder = Builder("pdf", WHAT)
    builder.add("멀쩡한 문단입니다. " * 30 + "\ue123" * 10)
    parsed = builder.parsed()
    assert "\ue123" not in parsed.text
    assert parsed.warnings == ("알아볼 수 없는 글자 10개를 뺐습니다",)


def test_letters_in_parts_are_composed_and_known_signs_kept() -> None:
    assert clean("한글\r\n\uf0b7 점\xa0\u3000\U000f02b2") == ("한글\n• 점  ②", 0)


def test_a_long_table_is_cut_between_rows_under_its_header() -> None:
    rows = [["이름", "값"], *([f"이름 {number}", "1 | 2"] for number in range(100))]
    found = list(tables.pieces(rows, chars=300))
    assert [row for piece in found for row in piece.rows] == list(range(1, 101))
    assert len(found) > 5
    assert all(piece.markdown.startswith("| 이름 | 값 |\n| --- | --- |\n") for piece in found)
    assert all(len(piece.markdown) <= 330 for piece in found)
    assert "1 \\| 2" in found[0].markdown
