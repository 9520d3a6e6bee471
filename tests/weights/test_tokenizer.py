"""Ids must be llama.cpp's own, for every vocabulary and every text: a count that is off by one is a lie."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dunoe.errors import BadRequest
from dunoe.weights.header import read_header
from dunoe.weights.tokenizing.cache import KEPT, LINES, VERSION
from dunoe.weights.tokenizing.charsmap import Uniform
from dunoe.weights.tokenizing.cuttings import CUTTINGS
from dunoe.weights.tokenizing.merging import Bpe, Spm
from dunoe.weights.tokenizing.seams import END, Seams
from dunoe.weights.tokenizing.special import Finder, Special
from dunoe.weights.tokenizing.splits import SEAM, _cut_by, split_of
from dunoe.weights.tokenizing.tokenizer import Tokenizer, Tokenizers
from dunoe.weights.tokenizing.unigram import Unigram
from dunoe.weights.tokenizing.vocabulary import vocabulary_of
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
    assert len(list(tmp_path.glob("*.tokens"))) == 4


def test_a_damaged_folder_only_means_reading_the_file_again(tmp_path: Path) -> None:
    path = VOCAB / "ggml-vocab-gpt-2.gguf"
    Tokenizer.of(path, tmp_path)
    (kept,) = tmp_path.glob("*.tokens")
    whole = kept.read_bytes()
    for damaged in (b"", whole[:-1], whole[:1000], whole[:5000] + b"\0" + whole[5001:]):
        kept.write_bytes(damaged)
        assert Tokenizer.of(path, tmp_path).encode("안녕") == tokenizer("gpt-2").encode("안녕")
        assert kept.read_bytes() == whole


def test_the_folder_keeps_the_newest_files_and_trusts_no_other(tmp_path: Path) -> None:
    for ending, most in (("tokens", KEPT), ("line", LINES)):
        for number in range(most + 4):
            stranger = tmp_path / f"{number:032x}.{ending}"
            stranger.write_bytes(b"not ours")
            os.utime(stranger, (number, number))
    (tmp_path / "half.new").write_bytes(b"")
    os.utime(tmp_path / "half.new", (0, 0))
    (tmp_path / "note.txt").write_text("stays")
    Tokenizer.of(VOCAB / "ggml-vocab-gpt-2.gguf", tmp_path)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == KEPT + LINES + 1 and "note.txt" in kept
    for ending, most in (("tokens", KEPT), ("line", LINES)):
        assert f"{most + 3:032x}.{ending}" in kept and f"{4:032x}.{ending}" not in kept


def test_a_vocabulary_that_cannot_be_put_there_leaves_nothing_behind(tmp_path: Path) -> None:
    path = VOCAB / "ggml-vocab-gpt-2.gguf"
    name = vocabulary_of(read_header(path, arrays=True)).digest + ".tokens"
    (tmp_path / name).mkdir()
    assert Tokenizer.of(path, tmp_path).encode("안녕") == tokenizer("gpt-2").encode("안녕")
    assert [at.name for at in tmp_path.iterdir() if at.suffix != ".line"] == [name]


def test_a_full_disk_is_left_as_it_was(tmp_path: Path) -> None:
    """The disk is full from 100 kB a file on: a limit of the process's own."""
    program = (
        "import resource, signal, sys; from pathlib import Path;"
        "from dunoe.weights.tokenizing.tokenizer import Tokenizer;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "print(Tokenizer.of(Path(sys.argv[1]), Path(sys.argv[2])).encode('안녕'))"
    )
    path = VOCAB / "ggml-vocab-gpt-2.gguf"
    said = subprocess.check_output([sys.executable, "-c", program, path, tmp_path], text=True)
    assert said == f"{tokenizer('gpt-2').encode('안녕')}\n"
    assert {at.suffix for at in tmp_path.iterdir()} <= {".line"}


def test_what_killed_writers_left_makes_room_first_and_drives_no_vocabulary_out(
    tmp_path: Path,
) -> None:
    left = [tmp_path / f"tmp{number}.new" for number in range(KEPT)]
    for file in left:
        file.write_bytes(b"half")
        hour_ago = time.time() - 3600
        os.utime(file, (hour_ago, hour_ago))
    (tmp_path / "tmp-now.new").write_bytes(b"another process is writing this")
    older = tmp_path / f"{0:032x}.tokens"
    older.write_bytes(b"a vocabulary")
    os.utime(older, (0, 0))

    Tokenizer.of(VOCAB / "ggml-vocab-gpt-2.gguf", tmp_path)

    assert older.exists() and len(list(tmp_path.glob("*.tokens"))) == 2
    assert [file.name for file in tmp_path.glob("*.new")] == ["tmp-now.new"]


def test_a_copy_and_a_renamed_file_share_what_is_kept_of_them(tmp_path: Path) -> None:
    name, folder = "ggml-vocab-gpt-2.gguf", tmp_path / "cache"
    one, copy = tmp_path / name, tmp_path / "copy.gguf"
    for file in (one, copy):
        shutil.copyfile(VOCAB / name, file)
    tokenizers = Tokenizers(folder)
    known = tokenizers.of(one)
    assert tokenizers.of(copy) is known
    assert tokenizers.of(one.rename(tmp_path / "renamed.gguf")) is known
    (kept,) = folder.glob("*.tokens")
    assert kept.stem == vocabulary_of(read_header(copy, arrays=True)).digest
    assert len(list(folder.glob("*.line"))) == 3


def test_a_line_that_names_another_vocabulary_is_written_again(tmp_path: Path) -> None:
    path, other = (VOCAB / f"ggml-vocab-{name}.gguf" for name in ("gpt-2", "llama-spm"))
    Tokenizer.of(path, tmp_path)
    (line,), (kept,) = tmp_path.glob("*.line"), tmp_path.glob("*.tokens")
    said = line.read_bytes()
    Tokenizer.of(other, tmp_path / "others")
    (others,) = (tmp_path / "others").glob("*.tokens")
    shutil.copyfile(others, tmp_path / ("0" * 64 + ".tokens"))
    for wrong in (b"", b"\xff", b"../" + said, b"0" * 64, b"1" * 64):
        line.write_bytes(wrong)
        assert Tokenizer.of(path, tmp_path).encode("안녕") == tokenizer("gpt-2").encode("안녕")
        assert line.read_bytes() == said and kept.exists()


def test_a_kept_file_with_a_right_sum_and_wrong_words_is_made_again(tmp_path: Path) -> None:
    path = VOCAB / "ggml-vocab-gpt-2.gguf"
    Tokenizer.of(path, tmp_path)
    (place,) = tmp_path.glob("*.tokens")
    whole = place.read_bytes()
    start = len(VERSION) + 8
    for wrong in (b"[]", b"{}", whole[start + 8 :].replace(b'"rows":', b'"raws":', 1), b"1" * 99):
        rest = len(wrong).to_bytes(8, "little") + wrong
        place.write_bytes(VERSION + zlib.crc32(rest).to_bytes(8, "little") + rest)
        assert Tokenizer.of(path, tmp_path).encode("안녕") == tokenizer("gpt-2").encode("안녕")
        assert place.read_bytes() == whole


class Unbroken(Seams):
    """No seams: every piece is merged as a whole."""

    def lies_between(self, left: str, right: str) -> bool:
        return "\ud800" in (left, right)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "bert-bge"])
def test_a_piece_cut_at_its_seams_has_the_ids_of_the_whole(name: str) -> None:
    known, whole = (Tokenizer.of(VOCAB / f"ggml-vocab-{name}.gguf") for _ in range(2))
    assert isinstance(known.kind, Bpe | Spm | Unigram) and isinstance(whole.kind, type(known.kind))
    whole.kind.parts.seams = Unbroken("")
    dice = random.Random(4)
    letters = [case["text"] for case in korean()] + list("두뇌¡漢字ệ▁é1あ\u0627")
    for _ in range(1000):
        text = "".join(dice.choice(letters)[: dice.randrange(1, 9)] for _ in range(12))
        assert known.encode(text) == whole.encode(text), text
    cut = known.kind.parts
    assert len(cut.known) < len(whole.kind.parts.known)


def test_half_a_surrogate_counts_as_the_replacement_letter() -> None:
    for name in ("gpt-2", "llama-spm"):
        assert tokenizer(name).encode("가\ud800나") == tokenizer(name).encode("가\ufffd나")


def test_letters_that_stay_are_passed_over_and_the_others_become_the_same() -> None:
    kind = tokenizer("nomic-bert-moe").kind
    assert isinstance(kind, Unigram) and kind.uniform.charsmap is not None
    moving = kind.uniform.charsmap.moving()
    assert moving is not None and "\u0301" in moving and "e" not in moving
    everywhere = Uniform(tokenizer("nomic-bert-moe").vocabulary.charsmap, [], None)
    dice = random.Random(5)
    letters = [*moving, *"\u0301\u0308\u1161\u11a8\n\u00a0" * 40, *"eA가\u1100 .\U0001d400𠀀" * 200]
    for _ in range(3000):
        text = "".join(dice.choices(letters, k=dice.randrange(1, 20)))
        assert kind.uniform.text(text) == everywhere.text(text), ascii(text)


class Plain(Finder):
    """Looks for every special token, whatever the text."""

    def __init__(self, specials: list[Special]) -> None:
        self.starts = {"": list(enumerate(specials))}


def test_special_tokens_that_begin_alike_are_found_as_if_each_were_looked_for() -> None:
    texts = ["<|a_1|>", "<|a_12|>", "<|a_1", "<|ab|>", "<|", "<|b", "[PAD1]", "[PAD12]", "[P", "["]
    specials = [
        Special(text, number, is_control=False)
        for number, text in enumerate(sorted(texts, key=len, reverse=True))
    ]
    dice = random.Random(7)
    for _ in range(2000):
        few = [one for one in specials if dice.random() < 0.7]
        text = "".join(dice.choices([*texts, "<", "|", "가", "[PA", "1", "|>"], k=6))
        assert Finder(few).parted(text) == Plain(few).parted(text), text


@pytest.mark.parametrize("name", CUTTINGS)
def test_letters_of_the_upper_planes_stand_again_where_they_stood(name: str) -> None:
    split, split_words = split_of(name)
    dice = random.Random(6)
    for _ in range(200):
        text = "".join(dice.choices(["𠮷", "😀", "𐐷", "가", "a1", " ", "\n", ".", "漢"], k=30))
        pieces = split(text)
        assert "".join(pieces) == text and (split_words or all(pieces))


@pytest.mark.parametrize(
    "name", [name for name, row in CUTTINGS.items() if row.until_words < len(row.steps)]
)
def test_words_cut_together_are_cut_as_each_alone_step_by_step(name: str) -> None:
    words = ["가", "漢字", "12345", "a1b2", "!?.", "٣٤", "x、y", "\r\n", "１２", "한글12漢"]  # noqa: RUF001
    pieces = [[word] for word in words]
    for step in CUTTINGS[name].steps[CUTTINGS[name].until_words :]:
        cut = _cut_by(step)
        pieces = [[part for piece in word for part in cut(piece)] for word in pieces]
    _, cut_words = split_of(name)
    assert cut_words is not None
    marked = SEAM.join(cut_words(END.join(words))).split(END)
    assert [[piece for piece in word.split(SEAM) if piece] for word in marked] == pieces
