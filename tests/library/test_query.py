"""What a question says beside its words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.library.query import LONGEST, read


@pytest.mark.parametrize(
    ("question", "text", "phrases", "excluded", "names"),
    [
        ("소유권이 뭐야?", "소유권이 뭐야?", (), (), ()),
        ('"소유권 이전" 규칙', "소유권 이전 규칙", ("소유권 이전",), (), ()),
        ("“Rust  Book” 설치", "Rust Book 설치", ("rust book",), (), ()),
        ("「민법」 조항", "민법 조항", ("민법",), (), ()),
        ("휴가 -병가", "휴가", (), ("병가",), ()),
        ('휴가 -"연차 휴가"', "휴가", (), ("연차 휴가",), ()),
        ("report.hwp의 예산", "report.hwp의 예산", (), (), ("report.hwp",)),
        ("src/app/main.py 설명", "src/app/main.py 설명", (), (), ("main.py",)),
        ('27" 모니터', '27" 모니터', (), (), ()),  # a quote that is not closed is a sign
        ('"" 뭐지', '"" 뭐지', (), (), ()),
        ("기온 -5 도", "기온 -5 도", (), (), ()),
        ("ls -l 과 --all", "ls -l 과 --all", (), (), ()),
        ("read-only 속성", "read-only 속성", (), (), ()),
        ("-병가", "", (), ("병가",), ()),  # whatever does not say it
        ('-병가 -"연차 휴가"', "", (), ("연차 휴가", "병가"), ()),
        ("", "", (), (), ()),
        (" \n\0 ", "", (), (), ()),
    ],
)
def test_a_question_is_read(
    question: str,
    text: str,
    phrases: tuple[str, ...],
    excluded: tuple[str, ...],
    names: tuple[str, ...],
) -> None:
    found = read(question)
    assert (found.text, found.phrases, found.excluded) == (text, phrases, excluded)
    assert found.names == names


def test_an_operator_stands_between_all_words() -> None:
    assert read("병가 '연차'?", "NOT").excluded == ("병가", "연차")
    assert read('"연차 휴가" 병가', "NOT").excluded == ("연차 휴가", "병가")
    assert read("병가 연차 -휴직", "AND").demanded == ("병가", "연차")
    assert read("병가 연차 -휴직", "AND").excluded == ("휴직",)
    assert read("병가 연차").demanded == ()


@given(st.text())
def test_any_text_can_be_asked(question: str) -> None:
    found = read(question)
    assert bool(found.text or found.excluded) == bool(question.replace("\0", " ").strip())
    found.allows("제목", "", question)


@pytest.mark.parametrize(
    "text", ["a" * 100_000, "-a" * 50_000, '"' * 9_999, "a.b" * 30_000, "-" * 9_999]
)
def test_long_questions_are_read_quickly(text: str) -> None:
    assert len(read(text).text) <= LONGEST
    read(text).is_identifier  # noqa: B018 - that it comes back is the test


@pytest.mark.parametrize(
    ("question", "said", "is_allowed"),
    [
        ('"소유권 이전"', "소유권  이전은 이렇게", True),
        ('"소유권 이전"', "이전 소유권", False),
        ('"Ownership Rules"', "the ownership rules are", True),
        ("휴가 -병가", "병가는 따로 낸다", False),  # with a particle it is the same word
        ("휴가 -병가", "질병가족 휴가", True),
        ("언어 -java", "javascript 언어", True),
        ("언어 -java", "Java 언어", False),
        ("언어 -c++", "c++ 언어", False),
    ],
)
def test_what_a_passage_must_and_must_not_say(question: str, said: str, is_allowed: bool) -> None:
    assert read(question).allows("제목", "머리말", said) is is_allowed


@pytest.mark.parametrize(
    ("question", "is_identifier"),
    [
        ("E0382", True),
        ("useEffect", True),
        ("std::map", True),
        ("snake_case", True),
        ("main.py", True),
        ("ptr->field", True),
        ("read-only", False),
        ("hello", False),
        ("소유권", False),
        ("useEffect 사용법", False),
    ],
)
def test_an_identifier_is_known_by_its_spelling(question: str, is_identifier: bool) -> None:
    assert read(question).is_identifier is is_identifier
