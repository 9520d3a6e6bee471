"""Of a long passage the sentences that speak of the question are quoted, whole, and nothing nobody sees."""

import pytest

from dunoe.answering.excerpt import body, excerpt, shortened, visible, weights

RULES = (
    "회사는 오래전에 세워졌다. 창립자는 두 사람이었다. "
    "연차는 열다섯 날이며 남은 날은 다음 해로 넘어간다. 식당은 지하에 있다.\n\n"
    "점심은 열두 시에 먹는다. 남은 연차를 돈으로 받으려면 인사팀에 신청한다. 주차는 무료이다."
)


def best_of(text: str, question: str, length: int) -> str:
    return excerpt(text, weights(question, [text]), length)


def test_the_sentences_that_speak_of_the_question_are_quoted_in_their_order() -> None:
    assert best_of(RULES, "남은 연차는 어떻게 되나요?", 60) == (
        "… 연차는 열다섯 날이며 남은 날은 다음 해로 넘어간다.\n\n…\n\n"
        "남은 연차를 돈으로 받으려면 인사팀에 신청한다. …"
    )


def test_room_that_is_left_takes_what_follows_the_best() -> None:
    assert best_of(RULES, "점심", 40).startswith("…\n\n점심은 열두 시에 먹는다. 남은 연차를")


LONG = "창고 열쇠의 이력을 적어 둔 글로 " * 60 + "마지막 금고번호는 7391이다."


def test_a_sentence_that_is_too_long_is_quoted_around_the_words_of_the_question() -> None:
    said = best_of(LONG, "마지막 금고번호는?", 400)
    assert said.startswith("… 열쇠의 ")
    assert said.endswith("마지막 금고번호는 7391이다.")
    assert len(said) < 450


def test_two_far_places_of_a_sentence_are_both_quoted() -> None:
    said = best_of("첫 금고번호는 1206이고 " + LONG + " " + LONG, "금고번호", 400)
    assert said.startswith("첫 금고번호는 1206이고")
    assert said.count("7391") == 2


def test_a_long_sentence_found_by_its_meaning_alone_is_quoted_from_its_beginning() -> None:
    assert best_of(LONG, "vacation", 400).startswith("창고 열쇠의 이력을")


def test_a_short_passage_stays_whole() -> None:
    assert best_of(RULES, "연차", 1000) == RULES


def test_a_passage_found_by_its_meaning_alone_is_quoted_from_its_beginning() -> None:
    assert (
        best_of(RULES, "vacation", 30) == "회사는 오래전에 세워졌다. 창립자는 두 사람이었다.\n\n…"
    )


def test_code_that_is_cut_is_closed() -> None:
    code = "```rust\n" + "let 값 = 1;\n" * 20 + "```\n"
    cut = best_of(f"코드는 이렇다.\n\n{code}", "값", 60)
    assert "```rust\nlet 값 = 1;\n" in cut
    assert cut.count("```") == 2
    assert "let 값 = 1;\n```" in cut


def test_a_passage_that_begins_inside_code_is_code() -> None:
    assert body("let a = 1;\n```\n", "a.md", before="글\n```rust\n") == "```\nlet a = 1;\n```"


def test_a_row_of_a_table_keeps_its_head() -> None:
    table = "| 도시 | 인구 |\n| --- | --- |\n" + "".join(
        f"| 도시{n}호 | {n}만 |\n" for n in range(50)
    )
    assert best_of(table + "| 서울 | 940만 |\n", "서울 인구", 30) == (
        "| 도시 | 인구 |\n| --- | --- |\n| … |\n| 서울 | 940만 |"
    )


def test_the_headings_above_a_quote_are_not_said_twice() -> None:
    assert body("# 휴가\n\n## 연차\n\n열다섯 날.\n", "a.md") == "열다섯 날."


def test_sections_that_share_a_passage_keep_their_headings() -> None:
    text = "## 연차\n\n열다섯 날.\n\n## 병가\n\n서른 날."
    assert body(text, "a.md") == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('<!-- old -->가 <span class="a">나</span> `Vec<T>` a < b', "가 나 `Vec<T>` a < b"),
        ("## 상태 {/*state*/}", "## 상태"),
        ("<Intro>\n\n상태란\n\n</Intro>", "\n\n상태란\n\n"),
        ("<CodeStep step={1}>값</CodeStep>은 Vec<String>이다", "값은 Vec<String>이다"),
        ("<Sandpack>\n```js\n<div><App /></div>\n```", "\n```js\n<div><App /></div>\n```"),
        ("가\n\n<Note>\n\n나\n\n```\n다\n\n\n라\n```", "가\n\n나\n\n```\n다\n\n\n라\n```"),
        ("`<Suspense>`는", "`<Suspense>`는"),
        ("---\ntags: [휴가]\n---\n글", "글"),
        ("---\n\n글\n\n---\n", "---\n\n글\n\n---\n"),
    ],
)
def test_a_person_sees_neither_markup_nor_front_matter(text: str, seen: str) -> None:
    assert visible(text, "문서.md") == seen


def test_a_file_that_is_no_markdown_is_what_it_is() -> None:
    assert visible("<App /> {/* a */}", "app.tsx") == "<App /> {/* a */}"


def test_a_long_text_is_cut_at_a_space() -> None:
    assert shortened("낱말 " * 20, 30) == ("낱말 " * 10).rstrip()[:29] + "…"
