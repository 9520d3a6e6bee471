"""`dunoe eval`: a judged set, and one's own library by one's own questions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Said

ALONE = "[server]\nport = 9\n"
TEXTS = {
    "cat": "The cat is a small domesticated carnivorous mammal.",
    "car": "An automobile has four wheels and an engine.",
    "sea": "The ocean is salt water that covers most of the Earth.",
}
QUESTIONS = {"cat": "small carnivorous pet", "car": "vehicle with wheels", "sea": "salt water"}


@pytest.fixture
def judged(tmp_path: Path) -> list[str]:
    """A small set, as options of the command."""
    files = {
        "corpus": [{"id": f"d-{name}", "text": text} for name, text in TEXTS.items()],
        "queries": [{"id": name, "text": text} for name, text in QUESTIONS.items()],
    }
    for name, rows in files.items():
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "qrels").write_text("".join(f"{name}\td-{name}\t1\n" for name in TEXTS))
    (tmp_path / "dunoe.toml").write_text(ALONE)
    return [word for name in (*files, "qrels") for word in (f"--{name}", str(tmp_path / name))]


def found(said: Said) -> dict[str, Any]:
    """What was printed as JSON."""
    assert said.code == 0, said.err
    read: dict[str, Any] = json.loads(said.out)
    return read


def test_a_set_is_measured_and_a_mode_without_a_model_says_so(
    typed: Callable[..., Said], judged: list[str]
) -> None:
    every = found(typed("eval", "retrieval", *judged, "--json"))
    assert (every["documents"], every["passages"]) == (3, 3)
    lexical = every["modes"]["lexical"]
    assert lexical["r_1"] == [1.0, 1.0, 1.0]
    assert lexical["questions"] == 3
    assert 0 < lexical["ms"]["p50"] <= lexical["ms"]["p95"]
    assert every["modes"]["dense"] == {"problem": "임베딩 모델이 없어 재지 못했습니다"}
    assert every["modes"]["rerank"] == {"problem": "재정렬 모델이 없어 재지 못했습니다"}
    table = typed("eval", "retrieval", *judged, "--modes", "lexical,dense", "--limit", "2").out
    assert "1.000 [1.000, 1.000]" in table
    assert "임베딩 모델이 없어" in table
    assert "rerank" not in table


def test_real_models_are_measured_too(
    typed: Callable[..., Said], judged: list[str], tmp_path: Path, minilm: Path, tiny_rerank: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(
        f'{ALONE}[models.minilm]\nfile = "{minilm}"\nmode = "embedding"\n'
        f'[models.judge]\nfile = "{tiny_rerank}"\nmode = "rerank"\n'
        '[library]\nembedding = "minilm"\nreranking = "judge"\n'
    )
    modes = found(typed("eval", "retrieval", *judged, "--json"))["modes"]
    assert modes["dense"]["r_1"][0] == 1.0
    assert modes["hybrid"]["ndcg_10"][0] == 1.0
    assert modes["rerank"]["r_10"][0] == 1.0


def test_a_model_of_the_environment_that_is_not_there_spoils_nothing_else(
    told: Callable[..., Said], judged: list[str]
) -> None:
    done = told("eval", "retrieval", *judged, "--json", EMBEDDING_MODEL="gone")
    assert found(done)["modes"]["lexical"]["r_1"][0] == 1.0
    assert "problem" in found(done)["modes"]["dense"]
    assert "모델" in done.err


def test_a_large_set_is_read_by_processes_and_ranks_as_a_small_one(
    told: Callable[..., Said], judged: list[str], tmp_path: Path
) -> None:
    with (tmp_path / "corpus").open("a") as corpus:
        for number in range(600):
            corpus.write(
                json.dumps({"id": f"x{number}", "text": f"Filler number {number}."}) + "\n"
            )
    measured = found(told("eval", "retrieval", *judged, "--modes", "lexical", "--json"))
    assert measured["documents"] == 603
    assert measured["modes"]["lexical"]["r_1"][0] == 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--modes", "magic"], "magic"),
        (["--corpus", "corpus"], "--qrels"),
        (["--corpus", "no", "--queries", "no", "--qrels", "no"], "no"),
        ([], "dunoe eval add"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_two_lines(
    typed: Callable[..., Said], tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "dunoe.toml").write_text(ALONE)
    done = typed("eval", "retrieval", *words)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
    assert said in done.err


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("corpus", "", "corpus: 문서가 하나도 없습니다"),
        ("queries", "", "queries: 질문이 하나도 없습니다"),
        ("qrels", "cat\td-cat\tx\n", "qrels: "),
    ],
)
def test_a_set_with_nothing_in_it_names_the_file_that_is_empty(
    typed: Callable[..., Said], judged: list[str], tmp_path: Path, file: str, text: str, said: str
) -> None:
    (tmp_path / file).write_text(text)
    done = typed("eval", "retrieval", *judged, "--modes", "lexical")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
    assert said in done.err


@pytest.fixture
def library(typed: Callable[..., Said], tmp_path: Path) -> Callable[..., Said]:
    """A command line beside a library of two documents."""
    notes = tmp_path / "notes"
    notes.mkdir()
    long = "과수원에서 기르는 붉은 열매를 가을에 거둔다. " * 30
    (notes / "과일.md").write_text(f"# 사과\n\n{long}\n\n# 배\n\n" + "노란 열매. " * 60, "utf-8")
    (notes / "차.md").write_text("# 자동차\n\n바퀴가 넷이다.\n", "utf-8")
    (tmp_path / "dunoe.toml").write_text(f'{ALONE}[library]\nfolders = ["notes"]\n')
    assert typed("library", "sync").code == 0
    return typed


def test_ones_own_library_is_measured_by_ones_own_questions(
    library: Callable[..., Said],
) -> None:
    assert library("eval", "add", "가을에 거두는 붉은 열매", "notes/과일.md#사과").code == 0
    assert library("eval", "add", "바퀴가 몇 개야?", "notes/차.md").code == 0
    assert library("eval", "add", "노란 열매", "notes/과일.md#사과").code == 0  # a wrong answer
    (_, _, third) = json.loads(library("eval", "list", "--json").out)
    assert third["heading"] == "사과"
    every = found(library("eval", "retrieval", "--json"))
    lexical = every["modes"]["lexical"]
    assert lexical["questions"] == 3
    assert lexical["r_1"][0] == pytest.approx(2 / 3)
    assert "problem" in every["modes"]["hybrid"]
    assert "노란 열매" in library("eval", "rm", "3").out
    assert found(library("eval", "retrieval", "--json"))["modes"]["lexical"]["r_1"][0] == 1.0
    assert "바퀴" in library("eval", "list").out


@pytest.mark.parametrize("answer", ["notes/없다.md", "notes/과일.md#포도", "dunoe.toml"])
def test_an_answer_that_the_library_lacks_is_not_taken(
    library: Callable[..., Said], answer: str
) -> None:
    done = library("eval", "add", "어디?", answer)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 2)
    assert json.loads(library("eval", "list", "--json").out) == []


def test_who_spells_a_heading_otherwise_is_told_those_of_the_file(
    library: Callable[..., Said], tmp_path: Path
) -> None:
    (tmp_path / "notes" / "메모.txt").write_text("제목이 없다.\n", "utf-8")
    (tmp_path / "notes" / "목록.md").write_text("# 감\n\n떫다.\n\n# 귤\n\n시다.\n", "utf-8")
    assert library("library", "sync").code == 0
    for file in ("과일.md#포도", "목록.md#포도"):  # of sections that share a passage, too
        said = library("eval", "add", "어디?", f"notes/{file}").err.splitlines()[-1]
        assert ("사과" in said and "배" in said) or ("감" in said and "귤" in said)
    assert (
        "파일만 쓰세요"
        in library("eval", "add", "어디?", "notes/메모.txt#포도").err.splitlines()[-1]
    )


def test_a_question_that_is_not_there_is_not_taken_out(typed: Callable[..., Said]) -> None:
    done = typed("eval", "rm", "1")
    assert (done.code, done.err.count("\n")) == (1, 2)
