"""BM25: what ranks before what, and that the product of both sides is the formula."""

import math
from collections import Counter
from pathlib import Path

import pytest

from dunoe.library import bm25, evaluate, terms
from dunoe.library.bm25 import ask, weigh
from dunoe.library.index.point import Sparse


class Scores:
    """An obvious index, with the idf that Qdrant multiplies with: ln(1 + (N - n + 0.5) / (n + 0.5))."""

    def __init__(self, passages: list[Sparse]) -> None:
        self.holding: dict[int, list[tuple[int, float]]] = {}
        for row, passage in enumerate(passages):
            for term, weight in zip(*passage, strict=True):
                self.holding.setdefault(term, []).append((row, weight))
        for rows in self.holding.values():
            idf = math.log(1 + (len(passages) - len(rows) + 0.5) / (len(rows) + 0.5))
            rows[:] = [(row, weight * idf) for row, weight in rows]

    def of(self, query: Sparse) -> dict[int, float]:
        """Row and score of every passage that has a term of the question."""
        scores: dict[int, float] = {}
        for term, times in zip(*query, strict=True):
            for row, weight in self.holding.get(term, ()):
                scores[row] = scores.get(row, 0.0) + times * weight
        return scores

    def best(self, query: str) -> int:
        """The row that answers best."""
        scores = self.of(ask(query))
        return max(scores, key=scores.__getitem__)


def weight(passage: Sparse, word: str) -> float:
    """What a passage gives for a word."""
    (term,) = terms.read(word).words
    return dict(zip(*passage, strict=True)).get(term, 0.0)


def test_each_term_stands_in_a_vector_once() -> None:
    for vector in (
        weigh("자료", ["자료"], "자료와 자료, data Data"),
        ask("자료 자료 data data_data"),
    ):
        assert len(vector.indices) == len(set(vector.indices)) == len(vector.values)
        assert all(value > 0 for value in vector.values)


def test_nothing_weighs_nothing() -> None:
    assert weigh("", [], " \n") == ask("?!") == Sparse([], [])


def test_a_weight_is_the_formula() -> None:
    text = "자료를 찾고 자료를 읽는다"
    read = terms.read(text)
    length = sum(map(len, read))
    norm = bm25.K1 * (1 - bm25.B + bm25.B * length / bm25.LENGTH)
    assert weight(weigh("", [], text), "자료") == pytest.approx(2 * (bm25.K1 + 1) / (2 + norm))


def test_repeating_a_word_helps_less_each_time() -> None:
    once, twice, often = (weight(weigh("", [], "자료 " * n), "자료") for n in (1, 2, 20))
    assert once < twice < often < bm25.K1 + 1
    assert twice < 2 * once


def test_the_same_word_weighs_more_in_a_short_passage() -> None:
    assert weight(weigh("", [], "자료"), "자료") > weight(
        weigh("", [], "자료 " + "물건 " * 300), "자료"
    )


def test_a_title_counts_more_than_a_heading_and_a_heading_is_found() -> None:
    title, heading, text = (
        weigh("자료", [], "물건"),
        weigh("", ["자료"], "물건"),
        weigh("", [], "자료"),
    )
    assert weight(title, "자료") > weight(heading, "자료") > 0
    assert weight(text, "자료") > 0


def test_a_question_repeated_is_the_same_question() -> None:
    assert Counter(zip(*ask("자료를 찾는 법"), strict=True)) == Counter(
        zip(*ask("자료를 찾는 법, 자료를 찾는 법"), strict=True)
    )


def test_the_error_code_decides_among_pages_about_errors() -> None:
    codes = [f"E0{n}" for n in range(300, 340)]
    index = Scores(
        [weigh("", [], f"컴파일러 오류 {code}: 자료형이 맞지 않습니다") for code in codes]
    )
    assert index.best("E0308 오류가 무엇인가요?") == codes.index("E0308")


def test_a_compound_finds_its_parts_and_the_other_way_round() -> None:
    index = Scores(
        [weigh("", [], text) for text in ("중증질환 산정특례 제도", "산 정상의 특별한 전례")]
    )
    assert index.best("산정 특례") == 0
    index = Scores(
        [weigh("", [], text) for text in ("중증 질환 산정 특례", "산 정상의 특별한 전례")]
    )
    assert index.best("산정특례") == 0


def test_an_identifier_is_found_from_its_words_and_whole_before_parts() -> None:
    index = Scores([weigh("", [], text) for text in ("user name", "def getUserName():", "get up")])
    assert index.best("get_user_name") == 1
    assert index.best("user name") == 0
    assert set(index.of(ask("user name"))) == {0, 1}


def test_a_name_matters_more_than_a_word_and_a_word_more_than_a_part_of_a_name() -> None:
    question = dict(zip(*ask("자료 getUserName"), strict=True))
    read = terms.read("자료 getUserName")
    (name,), (word,), (pair,) = read.names, read.words, read.pairs
    assert question[name] > question[word] > question[pair] > question[read.parts[0]]


def test_korean_questions_find_their_documents(shared: Path) -> None:
    """The floor of plain BM25 over morphemes and pairs on the first 2,000 questions is .766 and .941."""
    folder = shared / "data" / "retrieval" / "welfare-qa"
    judged = evaluate.load_set(
        folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv"
    )
    index = Scores([weigh(one.title, [], one.text) for one in judged.documents])
    questions = dict(list(judged.questions.items())[:600])
    run = {}
    for question, text in questions.items():
        scores = index.of(ask(text))
        best = sorted(scores, key=scores.__getitem__, reverse=True)[:10]
        run[question] = [judged.documents[row].id for row in best]
    found = evaluate.evaluate(run, {one: judged.qrels[one] for one in questions}, resamples=10)
    assert found.r_1.mean > 0.80
    assert found.r_10.mean > 0.94


def test_how_a_question_is_asked_is_not_what_it_is_about() -> None:
    assert ask("소유권이란 무엇인가요?") == ask("소유권이란")
    assert ask("How do I pull a model?") == ask("pull model")
    assert ask("왜?").indices == ask("왜").indices != []  # nothing else to go by
