"""Markers lead to a source that says what they stand behind; the others never reach the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.answering.citations import Checker
from tests.answering.making import source

RUST = "소유권은 러스트가 메모리를 안전하게 다루는 방법이다."
REACT = "컴포넌트의 상태가 바뀌면 화면을 다시 그린다. 상태는 useState로 만든다."


def read(answer: str, step: int = 1) -> tuple[str, Checker]:
    """What the reader sees of an answer that comes in pieces of `step` letters."""
    checker = Checker([source(1, RUST), source(2, "머리말. ", REACT)])
    pieces = [checker.feed(answer[at : at + step]) for at in range(0, len(answer), step)]
    return "".join(pieces) + checker.close(), checker


def test_a_marker_behind_what_its_source_says_stays() -> None:
    text, checker = read("소유권은 메모리를 안전하게 다루는 방법이다 [1].")
    assert text == "소유권은 메모리를 안전하게 다루는 방법이다 [1]."
    assert [one.number for one in checker.citations] == [1]
    assert checker.removed == 0


def test_a_marker_of_a_source_that_is_not_there_goes() -> None:
    text, checker = read("소유권은 메모리를 안전하게 다루는 방법이다 [7].")
    assert text == "소유권은 메모리를 안전하게 다루는 방법이다."
    assert checker.removed == 1


def test_a_marker_behind_what_its_source_does_not_say_goes() -> None:
    text, checker = read("소유권은 메모리를 안전하게 다루는 방법이다 [2].")
    assert "[2]" not in text
    assert checker.removed == 1


def test_a_citation_leads_to_the_passage_that_says_it() -> None:
    _, checker = read("상태는 useState로 만든다 [2].")
    assert checker.citations[0].part.text == REACT


def test_a_marker_after_the_full_stop_is_for_the_sentence_before_it() -> None:
    text, checker = read(
        "소유권은 메모리를 안전하게 다루는 방법이다. [1]\n상태는 useState로 만든다. [2]"
    )
    assert (text.count("["), checker.removed) == (2, 0)
    assert checker.citations[1].claim == "상태는 useState로 만든다."


def test_two_markers_side_by_side_are_for_the_same_sentence() -> None:
    text, checker = read("상태는 useState로 만든다 [1][2].")
    assert text == "상태는 useState로 만든다[2]."
    assert checker.removed == 1


def test_several_numbers_in_one_marker_are_checked_each() -> None:
    text, checker = read("상태는 useState로 만든다 [출처 1, 2, 2].")
    assert text == "상태는 useState로 만든다 [2]."
    assert checker.removed == 2


def test_a_quotation_must_stand_in_the_source_word_for_word() -> None:
    kept, _ = read('문서는 "상태가 바뀌면 화면을 다시 그린다"고 한다 [2].')
    gone, _ = read('문서는 "상태가 바뀌면 화면을 모두 지운다"고 한다 [2].')
    assert "[2]" in kept
    assert "[2]" not in gone


@pytest.mark.parametrize(
    "text",
    [
        "배열의 처음은 `a[1]`이다.",
        "```python\nvalue = a[9]\n```\n",
        "[1](https://example.org)",
        "[a, b]와 [각주]",
        "열린 [",
        "끝나지 않은 [1",
        "  빈칸  [자료가 아주 길어서 표시가 아닌 것 1234567890]",
    ],
)
def test_what_is_no_marker_is_left_as_it_is(text: str) -> None:
    assert read(text)[0] == text


def test_an_answer_in_another_script_is_judged_by_numbers_and_names() -> None:
    checker = Checker([source(1, "The useState hook arrived in React 16.8.")])
    text = checker.feed("useState 훅은 React 16.8에서 나왔습니다 [1].") + checker.close()
    assert "[1]" in text


@given(
    st.lists(
        st.sampled_from([RUST, REACT, "[1]", "[2]", "[9]", " ", "`", "```\n", "[1](x)", "\n"])
    ),
    st.integers(1, 7),
)
def test_how_an_answer_is_cut_into_pieces_changes_nothing(parts: list[str], step: int) -> None:
    answer = "".join(parts)
    whole, pieces = read(answer, len(answer) or 1), read(answer, step)
    assert whole[0] == pieces[0]
    assert whole[1].citations == pieces[1].citations
