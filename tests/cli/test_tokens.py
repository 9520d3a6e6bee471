"""`dunoe tokens`: the count or the ids of what stands on stdin, as llama.cpp has them."""

import json
from collections.abc import Callable

import pytest

from tests.cli.conftest import Said
from tests.tiny import VOCAB

QWEN2 = VOCAB / "ggml-vocab-qwen2.gguf"
CASES = [
    json.loads(line)
    for line in (VOCAB / "ko-fixtures.jsonl").read_text("utf-8").split("\n")
    if line
]
KINDS = [
    ("qwen2", "ids", []),
    ("qwen2", "ids_parse_special", ["--special"]),
    ("llama-spm", "ids_add_special", ["--ends"]),
]


@pytest.mark.parametrize(("name", "field", "flags"), KINDS)
def test_every_line_of_the_korean_cases(
    typed: Callable[..., Said], name: str, field: str, flags: list[str]
) -> None:
    lines = "".join(json.dumps(case["text"]) + "\n" for case in CASES)

    got = typed(
        "tokens", VOCAB / f"ggml-vocab-{name}.gguf", "--ids", "--jsonl", *flags, stdin=lines
    )

    found = [[int(number) for number in line.split()] for line in got.out.splitlines()]
    assert found == [case[field][name] for case in CASES]


def test_a_text_is_one_line_of_its_count_and_every_byte_of_it_counts(
    typed: Callable[..., Said],
) -> None:
    assert typed("tokens", QWEN2, stdin="안녕하세요").out == "3\n"
    assert typed("tokens", QWEN2, stdin="안녕하세요\n").out == "4\n"

    told = typed("tokens", QWEN2, "--json", "--ids", stdin="안녕하세요")

    assert json.loads(told.out) == {"count": 3, "ids": [126246, 144370, 91145]}


def test_the_mark_before_a_text_is_no_part_of_it(typed: Callable[..., Said]) -> None:
    """Editors of Windows begin a file with one; it was a token more."""
    assert typed("tokens", QWEN2, stdin="\ufeff안녕하세요").out == "3\n"
    assert typed("tokens", QWEN2, "--jsonl", stdin='\ufeff"안녕하세요"\r\n').out == "3\n"


def test_a_model_of_the_settings_by_its_name(typed: Callable[..., Said]) -> None:
    folder = QWEN2.parent

    told = typed("models", "pull", QWEN2, "--name", "말")
    counted = typed("tokens", "말", stdin="안녕하세요")

    assert folder.is_dir() and told.code == 0, told.err
    assert counted.out == "3\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["nowhere.gguf"], "a", "nowhere.gguf"),
        ([VOCAB / "ko-fixtures.jsonl"], "a", "GGUF"),
        ([QWEN2, "--jsonl"], '"a"\nb\n', "2번째 줄"),
        ([QWEN2, "--jsonl"], '"\\ud800"\n', "1번째 줄"),
        ([QWEN2, "--jsonl"], '"a"\n\n"b"\n', "2번째 줄"),
    ],
)
def test_what_cannot_be_counted_is_told_in_two_lines(
    typed: Callable[..., Said], arguments: list[str], stdin: str, said: str
) -> None:
    got = typed("tokens", *arguments, stdin=stdin)

    error = got.err.splitlines()
    assert got.code == 1
    assert len(error) == 2 and said in error[0]
