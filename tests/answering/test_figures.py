"""Numbers are compared by what they are worth and what they count, however they are written."""

import pytest

from dunoe.answering.figures import Figures


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("50,000,000원", "5천만 원"),
        ("오천만 원", "5천만 원"),
        ("5000만원", "오천만 원"),
        ("1억 2천만 원", "1억 2천"),
        ("120,000,000원", "1억 2천만 원"),
        ("1만 2,345명", "12,345명"),
        ("스물다섯 살", "25세"),
        ("만 25세 이상", "스물다섯 살"),
        ("3회", "세 번"),
        ("12명", "열두 명"),
        ("24시간", "스물네 시간"),
        ("사흘", "3일"),
        ("v1.99", "1.99"),
        ("1.99.0", "v1.99"),
        ("12.50%", "12.5 퍼센트"),
        ("2026년 11월 23일", "2026-11-23"),
        ("2026. 11. 23.", "2026년 11월 23일"),
        ("'26.11.23", "2026년 11월 23일"),
        ("\u201924년", "2024년"),
        ("2024년", "24년"),
        ("오후 3시", "15시"),
        ("15:00", "오후 세 시"),
        ("3 p.m.", "15시"),
        ("3시", "15:00"),
        ("2023학년도", "2023년"),
        ("야간12시간보육", "12시간"),
        ("하루 1회, 한 번에 2정", "아침 1회 2정, 저녁 2정"),
        ("15:00~17:00", "오후 3~5시"),
        ("절반", "50%"),
        ("02-1234-5678", "☎ 02-1234-5678"),
        ("5~6백만 원", "500만 원에서 600만 원"),
        ("(단위: 천원) 매출 482", "482,000원"),
        ("2.5 million won", "250만 원"),
        ("2.5 million won", "2,500,000원"),
        ("three days", "3일"),
        ("30명을 뽑는다", "30 사람이다"),
        ("정원 30", "30명"),
        ("두 가지를 한 번에 하루 한 번", ""),
    ],
)
def test_a_number_is_the_same_however_it_is_written(source: str, sentence: str) -> None:
    assert Figures(source).has(sentence)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("5일 안에 신청한다", "5천만 원"),
        ("5일 안에 신청한다", "오천만 원"),
        ("문의 02-1234-5678", "1,234원"),
        ("문의 02-1234-5678", "5678원"),
        ("문의 02-1234-5678", "031-1234-5678"),
        ("2026년 11월 23일", "23명"),
        ("2026-11-23", "2026-11-24"),
        ("2026-11-23", "11만 원"),
        ("30일", "30%"),
        ("6월", "6개월"),
        ("24세", "스물다섯 살"),
        ("2회", "세 번"),
        ("2일", "사흘"),
        ("v1.98", "v1.99"),
        ("1.99.0", "v1.99.1"),
        ("오전 3시", "오후 3시"),
        ("3시", "16:00"),
        ("UTF-8", "8명"),
        ("1억 2천만 원", "1억 3천만 원"),
        ("5km", "5m까지"),
        ("2023학년도", "3학년"),
        ("세대마다 다르다", "3개"),
        ("two days", "three days"),
    ],
)
def test_another_number_or_another_unit_is_not_the_same(source: str, sentence: str) -> None:
    assert not Figures(source).has(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "하나의 방법을 한 번 더 쓴다.",
        "다음 두 가지, 3단계가 있다.",
        "1. 첫째 ② 둘째 (3) 셋째",
        "`a[7]`과 E0382, UTF-8, 정부24는 이름이다.",
        "사회와 세대, 만일, 이 일은 수가 아니다.",
        "서너 명, 두세 번, 수천 명은 어림이다.",
    ],
)
def test_what_is_no_number_of_the_source_is_not_asked_of_it(sentence: str) -> None:
    assert Figures("").has(sentence)


@pytest.mark.parametrize(
    "text", ["9" * 2_000_000, f"{'9' * 50}시", "5만" * 100_000, "\n" * 200_000]
)
def test_data_that_only_looks_like_a_number_does_no_harm(text: str) -> None:
    assert Figures(text).has(text)
