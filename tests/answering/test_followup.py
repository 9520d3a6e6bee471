"""A question that goes on is told from one that begins anew, by its words alone."""

import pytest

from dunoe.answering.followup import is_vague, leans, speaking_of
from dunoe.answering.pack import Candidate
from dunoe.answering.prompts import Turn
from tests.answering.making import candidate, document


@pytest.mark.parametrize(
    "question",
    [
        "그건 언제까지?",
        "그 규칙은?",
        "숙박비는?",
        "부산은요?",
        "왜?",
        "그럼 병가는 며칠이야?",
        "What about it?",
    ],
)
def test_a_question_that_goes_on_says_so(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        "서울 출장 숙박비는 얼마까지 되나요?",
        "고양이 사료는 하루 몇 번 주나요?",
        "How do I cancel an order?",
        "이자율이 얼마나 되나요?",
    ],
)
def test_a_question_of_its_own_does_not(question: str) -> None:
    assert not leans(question)


LEAVE = candidate(document("휴가", ["연차 휴가는 회사에서 3년을 일하면 16일이다."]), 0)
HOTEL = candidate(document("출장", ["출장 숙박비는 하루 10만 원이다."]), 0)


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("숙박비는?", [HOTEL]),
        ("그건 언제부터?", [LEAVE, HOTEL]),  # no word of its own: whatever was found
        ("주차장은?", []),
        ("회사 주차장은 어디에 있나요?", []),  # a word in passing is not what it asks for
        ("3년을 일하면 며칠인가요?", [LEAVE]),
    ],
)
def test_of_what_two_questions_find_only_what_the_new_one_asks_for_stays(
    question: str, kept: list[Candidate]
) -> None:
    assert speaking_of(question, [LEAVE, HOTEL]) == kept


@pytest.mark.parametrize(
    "question",
    ["this가 뭐야?", "for는 어떻게 써?", "什么是所有权?", "연차는?", "What is a trait?"],
)
def test_a_question_that_names_something_is_not_about_nothing(question: str) -> None:
    assert not is_vague([], question)
    assert not is_vague([Turn("왜?", "")], question)
    assert not is_vague([Turn(question, "")], "왜?")
