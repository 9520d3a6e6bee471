"""Markers lead to a source that says what they stand behind; the others never reach the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.answering.citations import Checker
from dunoe.answering.markers import CLUSTER, MAYBE
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
    assert text == "상태는 useState로 만든다 [2]."
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


PARTS = (
    *(RUST, REACT, "[1]", "[2]", "[9]", " ", "`", "```\n", "[1](x)", "\n", "**", "(", ")"),
    *("문서 ", "in ", "에 따르면 ", "과 ", "~~", "| ", "출처: ", "    ", " 참고)"),
    *("- ", "[", "]", "(출처: ", "[1-2]", "<sup>", "</sup>", ". ", ","),
    *("\\[1\\]", "\\", "[01]", "[1/2]", "[1 및 2]", "[2번 문서]", "[1, p. 3]"),
    *("[1]·[2]", " 및 ", "[1 2", "·", "[2: 휴", "근거 1]", "(2번 문서)", "<sup>1</sup>"),
    *("[1](<휴가.md>)", '[1](휴가.md "t")', "[1](http://localhost/휴가.md)", "[ ２ ]"),  # noqa: RUF001 - full-width
    *("[1, 2]에서", "【2†휴가.md】", "[1-99]", "[0]", "[1|", "과 문서 [2]", "[source_"),
    *(
        "[1:3-5]",
        "<cite>1</cite>",
        "<cite>",
        "</cite>",
        "(9번 자료 참고)",
        "[1번째 문서]",
        "[1, 제3조]",
    ),
    *(
        "**(",
        ")**",
        "자세한 내용은 ",
        " 참조",
        "See ",
        "As ",
        " for details",
        "그리고 ",
        "번 자료",
        "처럼 ",
    ),
    *("**출처**: ", "**출처:** ", "을 참고하세요", " says, "),
    *("[[1]](#1)", "](휴가.md)", "[1](휴가.md)", "(#1)", "[2024](연혁.md)", "(휴"),
)


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_no_beginning_of_a_marker_is_let_go_before_it_is_whole(answer: str) -> None:
    for found in CLUSTER.finditer(answer):
        for length in range(1, len(found[0])):
            assert MAYBE.fullmatch(found[0][:length]), (found[0], length)


@given(
    st.lists(st.sampled_from(PARTS)),
    st.integers(1, 7),
)
def test_how_an_answer_is_cut_into_pieces_changes_nothing(parts: list[str], step: int) -> None:
    answer = "".join(parts)
    whole, pieces = read(answer, len(answer) or 1), read(answer, step)
    assert whole[0] == pieces[0]
    assert whole[1].citations == pieces[1].citations


SALES = "3분기 매출은 482억 원으로 전년보다 12% 늘었다. 개발자 17명을 새로 뽑는다."
HOTEL = "서울 출장 숙박비는 10만 원까지 낸다. 회의는 오후 세 시에 열두 명이 한다."


def checked(answer: str) -> tuple[str, Checker]:
    """What the reader sees of an answer from the sales and the hotel, as it comes letter by letter."""
    checker = Checker([source(1, SALES), source(2, HOTEL, file="출장 2024.md")])
    return "".join(map(checker.feed, answer)) + checker.close(), checker


def test_a_marker_before_a_sentence_is_for_the_sentence_behind_it() -> None:
    text, checker = checked(
        "- [2] 서울 숙박비는 10만 원이다.\n- [1] 개발자 17명을 뽑는다.\n[1] 화성에는 물이 있다."
    )
    assert (
        text == "- [2] 서울 숙박비는 10만 원이다.\n- [1] 개발자 17명을 뽑는다.\n화성에는 물이 있다."
    )
    assert [one.claim for one in checker.citations] == [
        "서울 숙박비는 10만 원이다.",
        "개발자 17명을 뽑는다.",
    ]
    assert checker.removed == 1


def test_a_line_that_begins_with_a_marker_goes_on_that_way() -> None:
    text, checker = checked("[2] 서울 숙박비는 10만 원이다. [1] 개발자 17명을 뽑는다.")
    assert [one.number for one in checker.citations] == [2, 1]
    assert "[1] 개발자" in text


def test_only_the_sentence_behind_a_marker_waits_for_its_end() -> None:
    checker = Checker([source(1, SALES)])
    assert checker.feed("[1] 개발자 17명을 뽑는다.") == ""
    assert checker.feed(" 다") == "[1] 개발자 17명을 뽑는다. 다"
    assert checker.feed("음 문장은") == "음 문장은"


def test_a_marker_alone_in_its_line_is_for_the_sentence_before_it() -> None:
    text, _ = checked("서울 숙박비는 10만 원이다.\n\n[2]\n\n끝")
    assert "\n[2]\n" in text


@pytest.mark.parametrize("answer", ["[1]", "[1]\n", "- [1]", "**[1]**", "1. [1] \n", "출처: [1]"])
def test_who_says_nothing_has_no_proof(answer: str) -> None:
    text, checker = checked(answer)
    assert (checker.citations, checker.removed) == ([], 1)
    assert "1]" not in text


@pytest.mark.parametrize(
    "said",
    [
        "3분기 매출은 900억 원으로 전년보다 50% 줄었다 [1].",
        "3분기 매출은 482만 원으로 전년보다 12% 늘었다 [1].",
        "개발자 18명을 새로 뽑는다 [1].",
        "서울 출장 숙박비는 100만 원까지 낸다 [2].",
        "회의는 오후 네 시, 16시에 한다 [2].",
    ],
)
def test_a_number_that_the_source_does_not_have_sinks_the_citation(said: str) -> None:
    text, checker = checked(said)
    assert (checker.citations, checker.removed) == ([], 1)
    assert text.endswith(("다.", "낸다."))


@pytest.mark.parametrize(
    "said",
    [
        "3분기 매출은 48,200,000,000원으로 전년보다 12 % 늘었다 [1].",
        "1. 3분기 매출은 482억 원이다 [1].",
        "서울 출장 숙박비는 100,000원까지 낸다 [2].",
        "2024년 서울 출장 숙박비는 10만 원까지 낸다 [2].",
        "회의는 15시에 12명이 한다 [2].",
        "숙박비와 회의, 2가지를 정한다: 서울 출장 숙박비는 10만 원까지 낸다 [2].",
    ],
)
def test_a_number_may_be_written_in_another_way(said: str) -> None:
    assert checked(said)[1].removed == 0


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        (" [1-2]", " [2]"),
        (" [1~2]", " [2]"),
        (" [1;2]", " [2]"),
        (" [2:3]", " [2]"),
        (" [2:1-1]", " [2]"),
        (" [1:2-5]", ""),
        (" [1:3-2:5]", " [2]"),
        (" [2, L3-5]", " [2]"),
        (" [2, 제3조]", " [2]"),
        (" [2 제3조]", " [2]"),
        (" [2, §3]", " [2]"),
        (" [2번째 문서]", " [2]"),
        (" (2번 자료 참고)", " [2]"),
        (" [2 참조]", " [2]"),
        (" [참고문헌 2]", " [2]"),
        (" [2.]", " [2]"),
        (" [note 2]", " [2]"),
        ("<cite>2</cite>", "[2]"),
        (" [Source: 2]", " [2]"),
        (" [출처: 1, 출처: 2]", " [2]"),
        (" [[2]]", " [2]"),
        ("【2】", "[2]"),
        ("【2†source】", "[2]"),
        ("[^2]", "[2]"),
        (" (출처: [2])", " [2]"),
        (" (출처 2)", " [2]"),
        (" ([1], [2])", " [2]"),
        ("**[2]**", "[2]"),
        ("<sup>[2]</sup>", "[2]"),
        (" [출처:2]", " [2]"),
        (" [2번 문서]", " [2]"),
        (" [2번 자료, 3쪽]", " [2]"),
        (" [2, p. 3]", " [2]"),
        (" [2, pp. 1-12]", " [2]"),
        (" [출처 1, p. 3; 출처 2, p. 1]", " [2]"),
        (" [1 및 2]", " [2]"),
        (" [1과 2]", " [2]"),
        (" [1 and 2]", " [2]"),
        (" [1/2]", " [2]"),
        (" [02]", " [2]"),
        (" \\[2\\]", " [2]"),
        ("\\[1\\]\\[2\\]", "[2]"),
        (" [[2]](#2)", " [2]"),
        (" [2](출장 2024.md)", " [2]"),
        (" [1](휴가.md), [2](../출장.md#숙박비)", " [2]"),
        (" [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]", " [2]"),
        (" [2-99]", " [2]"),
        (" [0]", ""),
        (" [1 2]", " [2]"),
        (" [1+2]", " [2]"),
        (" [1|2]", " [2]"),
        (" [1，2]", " [2]"),  # noqa: RUF001 - full-width, as models of Chinese write it
        (" [1、2]", " [2]"),
        (" [ ２ ]", " [2]"),  # noqa: RUF001 - the same
        (" [1 또는 2]", " [2]"),
        (" [1 or 2]", " [2]"),
        (" [근거 2]", " [2]"),
        (" [각주 2]", " [2]"),
        (" [passage 2]", " [2]"),
        (" [source_2]", " [2]"),
        (" [2: 출장 2024.md]", " [2]"),
        (" [2, 출장 2024.md]", " [2]"),
        ("【2†출장 2024.md】", "[2]"),
        (" (2번 문서)", " [2]"),
        (" (9번 자료)", ""),
        ("<sup>2</sup>", "[2]"),
        ("<sup>1, 2</sup>", "[2]"),
        (" [2](<출장 2024.md>)", " [2]"),
        (' [2](출장.md "출장 규정")', " [2]"),
        (" [2](http://localhost:8000/출장.md)", " [2]"),
        (" [2]·[9]", " [2]"),
        (" [9]/[2]", " [2]"),
        (" [1]~[3]", " [2]"),
        (" [2] 및 [9]", " [2]"),
        (" [9]와 문서 [2]", " [2]"),
        (" [8]·[9]", ""),
        (" [[1]](a.md), [[2]](b.md)", " [2]"),
        (" [[8]](a.md), [[9]](b.md)", ""),
        (" [[9]](#9)", ""),
        (" \\[9\\]", ""),
        (" [9](휴가.md)", ""),
        (" [09]", ""),
        (" [[9]]", ""),
        ("**[9]**", ""),
        (" (출처: [9])", ""),
        ("<sup>[9]</sup>", ""),
        ("**[1]** **[9]**", ""),
        (" **([2])**", " [2]"),
        (" **([13])**", ""),
        (" **(출처: [13])**", ""),
        (" *(출처: [9])*", ""),
        (" (출처: **[9]**)", ""),
        (" (자세한 내용은 [9] 참조)", ""),
        (" (자세한 내용은 [9]를 참고하세요)", ""),
        (" (see [9] for details)", ""),
        (" [9], [8] 그리고 [7]", ""),
        (" [9] 또는 [2]", " [2]"),
    ],
)
def test_markers_are_read_however_they_are_written(written: str, seen: str) -> None:
    said = "서울 출장 숙박비는 10만 원까지 낸다"
    assert checked(f"{said}{written}.")[0] == f"{said}{seen}."


@pytest.mark.parametrize(
    "text",
    [
        "array[1]은 둘째다",
        "a[1] = 3",
        "f()[1]",
        "[2024]년",
        "[0]",
        "[5-2]",
        "(1) 첫째",
        "[[a]]",
        "[100-200]",
        "E = mc<sup>2</sup>",
        "넓이는 3m<sup>2</sup>",
        "구간 [1, 2]에서 함수는 증가한다",
        "구간 [1, 3]에서 함수는 증가한다",
        "[1-3]은 범위이고",
        "[2024](연혁.md)",
        "[휴가](휴가.md)",
        "[[휴가]](#1)",
        "[1](https://example.org/1.html)",
        "[1](이것은 설명이다)",
        "[3/9] 설치",
        "[12쪽]",
        "\\[x^2 + 1\\]",
        "`[1](휴가.md)`와 `\\[1\\]`",
        "**굵게**",
    ],
)
def test_brackets_that_are_no_markers_stay(text: str) -> None:
    assert checked(f"{text} 끝")[0] == f"{text} 끝"


@pytest.mark.parametrize(
    "text",
    [
        "let v = [1, 2, 3];",
        "코드: let v = [9]; 이다.",
        "v = vec![1, 2]",
        "x[i][1]",
        "sum([1, 2])",
        "value[9]",
        "배열 [1, 2]의 합",
        "목록 [1, 2, 3] 안에서",
        "~~~\na [9]\n~~~\n",
        "    a [9]\n    [1, 2]\n",
        "> ```rust\n> a [9]\n> ```\n",
        "````\n```\na [9]\n```\nb [9]\n````\n",
        "<code>[9]</code>",
        "<pre>\na [9]\n</pre>\n",
        "`` a ` [9] ``",
    ],
)
def test_code_and_text_keep_their_brackets(text: str) -> None:
    seen, checker = checked(text)
    assert (seen, checker.citations, checker.removed) == (text, [], 0)


@pytest.mark.parametrize(
    "code", ["````\n```\na [9]\n````\n", "~~~\n```\n~~~\n", "<code>[9]</code> "]
)
def test_behind_code_markers_are_checked_again(code: str) -> None:
    text, checker = checked(f"{code}화성에는 물이 있다 [1].")
    assert text == f"{code}화성에는 물이 있다."
    assert checker.removed == 1


def test_an_indented_line_of_a_list_is_no_code() -> None:
    assert checked("- 물\n\n    화성에는 물이 있다 [9].")[1].removed == 1


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("문서 [1]에 따르면 개발자 17명을 뽑는다.", None),
        ("According to [1], 개발자 17명을 뽑는다.", None),
        ("[2]에 따르면 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("문서 [9]에 따르면 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("According to [9], 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("[1]과 [9]에 따르면 개발자 17명을 뽑는다.", "[1]에 따르면 개발자 17명을 뽑는다."),
        (
            "문서 [9]와 [1]에 따르면 개발자 17명을 뽑는다.",
            "문서 [1]에 따르면 개발자 17명을 뽑는다.",
        ),
        ("문서 [8]과 [9]에 따르면 화성에 간다.", "화성에 간다."),
        ("화성은 [9]의 자료이다.", "화성은 자료 9의 자료이다."),
        ("개발자는 [1] 17명을 뽑는다.", None),
        ("개발자는 [1] 99명을 뽑는다.", "개발자는 99명을 뽑는다."),
        ("- **숙박비** [2]: 서울 90만 원까지 낸다.", "- **숙박비**: 서울 90만 원까지 낸다."),
        ("- **숙박비** [2]: 서울 10만 원까지 낸다.", None),
        ("| 숙박비 [2] | 90만 원 |\n", "| 숙박비 | 90만 원 |\n"),
        ("| 숙박비 [2] | 10만 원 |\n", None),
        ("개발자 17명을 뽑는다 ([9] 참고).", "개발자 17명을 뽑는다."),
        ("개발자 17명을 뽑는다 (see [9]).", "개발자 17명을 뽑는다."),
        ("개발자는 17명 (문서 [9] 참고)이다.", "개발자는 17명이다."),
        ("개발자 17명을 뽑는다 ~~[9]~~.", "개발자 17명을 뽑는다."),
        ("개발자 17명을 뽑는다. 출처: [9]\n", "개발자 17명을 뽑는다.\n"),
        ("개발자 17명을 뽑는다. 출처: [1]\n", None),
        ("개발자 17명을 뽑는다.\n\n**출처**: [9], [8]\n", "개발자 17명을 뽑는다.\n\n\n"),
        ("개발자 17명을 뽑는다.\n\n**출처:** [1]\n", None),
        ("[13]번 자료에 따르면 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("[1]번 자료에 따르면 개발자 17명을 뽑는다.", None),
        ("[13]에서는 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("[13]처럼 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("화성은 [13]부터 안다.", "화성은 자료 13부터 안다."),
        ("화성은 [13]만 안다.", "화성은 자료 13만 안다."),
        ("As [13] says, 개발자 17명을 뽑는다.", "개발자 17명을 뽑는다."),
        ("개발자 17명을 뽑는다. See [13] for details.\n", "개발자 17명을 뽑는다.\n"),
        ("개발자 17명을 뽑는다. See [1] for details.\n", None),
        ("개발자 17명을 뽑는다. 자세한 내용은 [9]를 참고하세요.", "개발자 17명을 뽑는다."),
        ("개발자 17명을 뽑는다. 자세한 내용은 [1]을 참고하세요.", None),
        ("개발자 17명을 뽑는다. [9] 참조.", "개발자 17명을 뽑는다."),
        ("개발자 17명을 뽑는다. 출처: [9].", "개발자 17명을 뽑는다."),
    ],
)
def test_a_marker_is_judged_by_its_whole_sentence_which_stays_one(
    answer: str, seen: str | None
) -> None:
    assert checked(answer)[0] == (seen or answer)


@pytest.mark.parametrize(
    ("unit", "seen"),
    [(" ", " "), ("> ", "> "), ("x[1] ", "x[1] "), ("| [9] ", "| "), ("가[", "가[")],
)
def test_a_long_line_costs_no_letter_more_than_a_short_one(unit: str, seen: str) -> None:
    many = 100_000 // len(unit)  # where each letter cost its line, this did not end
    assert read(unit * many, 100)[0].rstrip() == (seen * many).rstrip()


def test_the_numbers_of_a_sentence_may_stand_in_its_sources_together() -> None:
    sources = [
        source(1, "연차는 1년에 15일이다."),
        source(2, "숙박비는 하루 8만 원이다."),
        source(3, "연차와 숙박비는 총무팀에 묻는다."),
    ]
    for markers, seen in (("[1][2]", " [1][2]"), ("[1][2][3]", " [1][2]"), ("[1][3]", "")):
        said = "연차는 1년에 15일이고, 숙박비는 하루 8만 원이다"
        checker = Checker(sources)
        assert checker.feed(f"{said} {markers}.") + checker.close() == f"{said}{seen}."
    checker = Checker(sources)
    said = "연차는 1년에 15일이고, 숙박비는 하루 9만 원이다"
    assert checker.feed(f"{said} [1][2].") + checker.close() == f"{said}."
