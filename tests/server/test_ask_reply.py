"""What a person sees of a hit: the words of the question marked, as text."""

import pytest

from dunoe.server.ask_reply import highlighted, snippet_of


@pytest.mark.parametrize(
    ("text", "question", "seen"),
    [
        ("소유권은 규칙이다", "소유권 규칙", "«소유권»은 «규칙»이다"),
        ("citations and cats", "it cats", "citations and «cats»"),
        ("The Model and the model", "model", "The «Model» and the «model»"),
        ("<b>굵게</b>", "굵게", "<b>«굵게»</b>"),
        ("글", "", "글"),
    ],
)
def test_words_of_the_question_are_marked(text: str, question: str, seen: str) -> None:
    assert highlighted(text, question) == seen


def test_a_snippet_begins_before_the_first_word_that_was_asked_for() -> None:
    snippet = snippet_of("가나다 " * 200 + "소유권은 여기 있다. " + "라마바 " * 200, "소유권")
    assert "소유권은 여기" in snippet
    assert snippet.startswith("…")
    assert snippet.endswith("…")
