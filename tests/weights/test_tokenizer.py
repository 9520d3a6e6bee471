"""Ids must be llama.cpp's own, for every vocabulary and every text: a count that is off by one is a lie."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dunoe.errors import BadRequest
from dunoe.weights.tokenizer import Tokenizer
from dunoe.weights.tokenizer_merging import Bpe
from tests.tiny import VOCAB

NAMES = sorted(path.stem.removeprefix("ggml-vocab-") for path in VOCAB.glob("*.gguf"))
WITH_CASES = [name for name in NAMES if (VOCAB / f"ggml-vocab-{name}.gguf.inp").exists()]


@cache
def tokenizer(name: str) -> Tokenizer:
    return Tokenizer.of(VOCAB / f"ggml-vocab-{name}.gguf")


def korean() -> list[dict[str, Any]]:  # Any: JSON
    lines = (VOCAB / "ko-fixtures.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


@pytest.mark.parametrize("name", WITH_CASES)
def test_llama_cpps_own_cases_give_its_own_ids(name: str) -> None:
    said = Path(VOCAB / f"ggml-vocab-{name}.gguf.out").read_text("utf-8").split("\n")
    texts = Path(VOCAB / f"ggml-vocab-{name}.gguf.inp").read_text("utf-8")
    for text, line in zip(texts.split("\n__ggml_vocab_test__\n"), said, strict=False):
        assert tokenizer(name).encode(text) == [int(number) for number in line.split()], text


@pytest.mark.parametrize("name", NAMES)
def test_korean_gives_the_ids_that_llama_cpp_gave(name: str) -> None:
    for case in korean():
        text, known = case["text"], tokenizer(name)
        assert known.encode(text) == case["ids"].get(name, known.encode(text))
        parsed = known.encode(text, parse_special=True)
        assert parsed == case["ids_parse_special"].get(name, parsed)
        ended = known.encode(text, add_special=True)
        assert ended == case["ids_add_special"].get(name, ended)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "bert" not in name and "spm" not in name]
)
def test_ids_say_the_text_again(name: str) -> None:
    for case in korean():
        known = tokenizer(name)
        assert known.decode(known.encode(case["text"])) == case["text"]


def test_an_id_that_is_no_token_is_a_problem() -> None:
    with pytest.raises(BadRequest, match="no token of that number"):
        tokenizer("gpt-2").decode([50257])


@pytest.mark.parametrize("name", NAMES)
def test_a_count_is_the_number_of_ids(name: str) -> None:
    text = "두뇌는 <|im_start|>한국어</s>를 먼저 말합니다."
    for parse in (False, True):
        ids = tokenizer(name).encode(text, add_special=True, parse_special=parse)
        assert tokenizer(name).count(text, add_special=True, parse_special=parse) == len(ids)


def test_the_second_time_it_comes_from_the_folder_with_the_same_ids(tmp_path: Path) -> None:
    for name in ("qwen2", "llama-spm", "bert-bge", "nomic-bert-moe"):
        path = VOCAB / f"ggml-vocab-{name}.gguf"
        first, second = Tokenizer.of(path, tmp_path), Tokenizer.of(path, tmp_path)
        for case in korean():
            text = case["text"] + "<|im_end|></s>[MASK]"
            assert first.encode(text) == second.encode(text) == tokenizer(name).encode(text)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_damaged_folder_only_means_reading_the_file_again(tmp_path: Path) -> None:
    path = VOCAB / "ggml-vocab-gpt-2.gguf"
    Tokenizer.of(path, tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-1], whole[:1000], whole[:5000] + b"\0" + whole[5001:]):
        kept.write_bytes(damaged)
        assert Tokenizer.of(path, tmp_path).encode("안녕") == tokenizer("gpt-2").encode("안녕")
        assert kept.read_bytes() == whole


def test_many_new_pieces_get_the_same_ids_from_the_rust_library() -> None:
    known = Tokenizer.of(VOCAB / "ggml-vocab-qwen2.gguf")
    text = " ".join(f"두뇌{number}는{number * 7}" for number in range(500)) + "\u0378𠀀"
    one_by_one = known.encode(text)
    assert isinstance(known.kind, Bpe)
    pieces = known.kind.pieces(text, after_special=True)
    assert known.kind.ids_by_rust(list(set(pieces))) == {
        piece: known.kind.ids_of(piece) for piece in set(pieces)
    }
    assert [number for piece in pieces for number in known.kind.ids_of(piece)] == one_by_one


def test_half_a_surrogate_counts_as_the_replacement_letter() -> None:
    for name in ("gpt-2", "llama-spm"):
        assert tokenizer(name).encode("가\ud800나") == tokenizer(name).encode("가\ufffd나")
