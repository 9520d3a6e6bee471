"""Measures: by hand where that is possible, against a slow obvious version where it is not."""

import json
import math
import random
from pathlib import Path

import pytest

from dunoe.errors import BadRequest, NotFound, Problem
from dunoe.library.evaluate import compare, evaluate, load_set, ranked_by_score, ranking


def means(run: dict[str, list[str]], qrels: dict[str, dict[str, int]]) -> list[float]:
    """The measures without their intervals."""
    return [figure.mean for figure in evaluate(run, qrels, resamples=1)]


def test_the_right_document_first_is_all_that_can_be_had() -> None:
    assert means({"q": ["a", "b"]}, {"q": {"a": 1}}) == [1, 1, 1, 1, 1]


def test_the_right_document_third() -> None:
    found = means({"q": ["b", "c", "a"]}, {"q": {"a": 1}})
    assert found == pytest.approx([1 / math.log2(4), 1 / 3, 0, 1, 1])


def test_the_right_document_eleventh_is_not_found() -> None:
    assert means({"q": [*"bcdefghijk", "a"]}, {"q": {"a": 1}}) == [0, 0, 0, 0, 0]


def test_several_grades() -> None:
    """Gain is the grade itself, as trec_eval has it; recall counts every grade alike."""
    found = means({"q": ["b", "x", "a"]}, {"q": {"a": 3, "b": 1, "c": 2, "z": 0}})
    best = 3 + 2 / math.log2(3) + 1 / 2
    assert found == pytest.approx([(1 + 3 / 2) / best, 1, 1 / 3, 2 / 3, 2 / 3])


def test_a_question_that_found_nothing_counts_and_one_without_answer_does_not() -> None:
    qrels = {"q": {"a": 1}, "lost": {"a": 1}, "open": {"a": 0}}
    assert means({"q": ["a"], "open": ["b"]}, qrels) == [0.5] * 5


def test_a_document_that_is_named_twice_takes_one_rank() -> None:
    assert ranking(["b", "b", "a", "b"]) == ["b", "a"]
    assert means({"q": ["b", "b", "a"]}, {"q": {"a": 1}})[1] == 1 / 2


def test_a_document_stands_where_its_best_passage_does() -> None:
    assert ranked_by_score([("b", 9.0), ("a", 8.0), ("a", 1.0)]) == ["b", "a"]
    assert ranked_by_score([("b", 9.0), ("b", 8.0), ("a", 9.5)], second=0) == ["a", "b"]


def test_a_second_passage_decides_between_two_that_are_near() -> None:
    assert ranked_by_score([("b", 9.0), ("a", 8.9), ("a", 8.0), ("c", 8.0)]) == ["a", "b", "c"]


def test_further_passages_do_not_count() -> None:
    assert ranked_by_score([("b", 9.0), ("b", 5.0), *[("a", 8.0)] * 9]) == ["b", "a"]


def test_many_questions_against_a_slow_version() -> None:
    rng = random.Random(1)
    documents = [f"d{n}" for n in range(30)]
    qrels = {f"q{n}": {d: rng.randint(0, 2) for d in rng.sample(documents, 5)} for n in range(80)}
    qrels = {q: marks for q, marks in qrels.items() if any(marks.values())}
    run = {q: rng.sample(documents, 20) for q in qrels}
    total = [0.0] * 5
    for question, marks in qrels.items():
        relevant = [d for d in marks if marks[d]]
        dcg = sum(marks.get(d, 0) / math.log2(i + 2) for i, d in enumerate(run[question][:10]))
        ideal = sorted(marks.values(), reverse=True)
        total[0] += dcg / sum(gain / math.log2(i + 2) for i, gain in enumerate(ideal))
        ranks = [run[question].index(d) + 1 for d in relevant if d in run[question][:10]]
        total[1] += 1 / min(ranks) if ranks else 0
        for i, k in enumerate((1, 5, 10), 2):
            total[i] += len(set(run[question][:k]) & set(relevant)) / len(relevant)
    assert means(run, qrels) == pytest.approx([one / len(qrels) for one in total])


def test_an_interval_is_the_same_each_time_and_narrows_with_more_questions() -> None:
    def figures(count: int) -> tuple[float, float, float]:
        qrels = {f"q{n}": {"a": 1} for n in range(count)}
        return evaluate({f"q{n}": ["a" if n % 4 else "b"] for n in range(count)}, qrels).r_1

    few, many = figures(40), figures(1000)
    assert few == figures(40)
    assert few[0] == many[0] == 0.75
    assert few[1] < many[1] < 0.75 < many[2] < few[2]
    error = math.sqrt(0.75 * 0.25 / 1000)  # of a mean of 1,000 coins
    assert many[2] - many[1] == pytest.approx(2 * 1.96 * error, rel=0.15)  # of 1,000 resamples


def test_a_gain_on_every_question_has_an_interval_above_zero() -> None:
    qrels = {f"q{n}": {"a": 1} for n in range(50)}
    before = {q: ["b", "a"] for q in qrels}
    after = {q: ["a", "b"] for q in qrels}
    gain = compare(before, after, qrels)
    assert gain.mrr_10 == (0.5, 0.5, 0.5)
    assert gain.r_5 == (0, 0, 0)
    assert compare(after, before, qrels).r_1 == (-1, -1, -1)


def test_what_changes_nothing_on_the_whole_has_zero_in_its_interval() -> None:
    qrels = {f"q{n}": {"a": 1} for n in range(100)}
    one = {q: ["a"] if int(q[1:]) % 2 else ["b"] for q in qrels}
    other = {q: ["b"] if int(q[1:]) % 2 else ["a"] for q in qrels}
    gain = compare(one, other, qrels).r_1
    assert gain.mean == 0
    assert gain.low < 0 < gain.high


def test_no_marks_no_measure() -> None:
    with pytest.raises(BadRequest):
        evaluate({"q": ["a"]}, {"q": {"a": 0}})


CORPUS = (
    '{"id": "d1", "title": "제목", "text": "하나\u2028둘"}\n\n{"_id": "d2", "text": "셋", "x": 1}\n'
)
QUERIES = '{"id": "q1", "text": "무엇?"}\n{"id": "q2", "text": "누구?"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\r\nq2\td2\t2\nq3\td1\t1\n"


def written(
    folder: Path, corpus: str = CORPUS, queries: str = QUERIES, qrels: str = QRELS
) -> list[Path]:
    """The three files of a set."""
    files = {"corpus.jsonl": corpus, "queries.jsonl": queries, "qrels.tsv": qrels}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return [folder / name for name in files]


def test_a_set_is_read(tmp_path: Path) -> None:
    judged = load_set(*written(tmp_path))
    assert [(one.id, one.title, one.text) for one in judged.documents] == [
        ("d1", "제목", "하나\u2028둘"),
        ("d2", "", "셋"),
    ]
    assert judged.questions == {"q1": "무엇?", "q2": "누구?"}
    assert judged.qrels == {"q1": {"d1": 1, "d2": 0}, "q2": {"d2": 2}}


@pytest.mark.parametrize(
    ("broken", "where"),
    [
        ({"corpus": CORPUS + "{"}, "corpus.jsonl:4"),
        ({"corpus": CORPUS + '{"id": "d3"}'}, "corpus.jsonl:4: text"),
        ({"corpus": CORPUS + '{"id": "", "text": ""}'}, "corpus.jsonl:4: id"),
        ({"corpus": CORPUS + '["d3"]'}, "corpus.jsonl:4"),
        ({"corpus": CORPUS + '{"id": "d1", "text": ""}'}, "corpus.jsonl:4: id 'd1'"),
        ({"queries": '{"id": "q1", "text": 7}'}, "queries.jsonl:1: text"),
        ({"qrels": QRELS + "q1 d1 1\n"}, "qrels.tsv:6"),
        ({"qrels": QRELS + "q1\td2\tyes\n"}, "qrels.tsv:6"),
        ({"qrels": QRELS + "q1\td9\t1\n"}, "qrels.tsv:6: there is no document 'd9'"),
        ({"corpus": ""}, "corpus.jsonl: there are no documents"),
        ({"queries": "\n"}, "queries.jsonl: there are no questions"),
        ({"qrels": "q1\td1\tx\n"}, "queries.jsonl is marked"),
    ],
)
def test_a_broken_set_names_file_and_line(
    tmp_path: Path, broken: dict[str, str], where: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        load_set(*written(tmp_path, **broken))
    assert where in caught.value.message.en
    assert caught.value.hint.ko


def test_what_is_wrong_with_a_line_is_said_in_the_person_s_language(tmp_path: Path) -> None:
    with pytest.raises(BadRequest) as caught:
        load_set(*written(tmp_path, corpus='{"id": 1, "text": "글"}\n'))
    assert caught.value.message.ko.endswith("corpus.jsonl:1: id: 문자열이어야 합니다")


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    corpus, queries, qrels = written(tmp_path)
    queries.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRequest, match=r"queries\.jsonl"):
        load_set(corpus, queries, qrels)
    for path in (tmp_path / "none.jsonl", tmp_path):
        with pytest.raises(NotFound) as caught:
            load_set(path, queries, qrels)
        assert isinstance(caught.value, Problem)


def test_the_sets_beside_the_checkout_are_read(shared: Path) -> None:
    folder = shared / "data" / "retrieval" / "strategyqa-ko-facts"
    judged = load_set(folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels.tsv")
    lines = (folder / "corpus.jsonl").read_bytes().strip().split(b"\n")
    assert [one.id for one in judged.documents] == [json.loads(line)["id"] for line in lines]
    assert sum(map(len, judged.qrels.values())) == 4161
