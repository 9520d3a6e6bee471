"""Against llama.cpp itself: the same strings to its `/tokenize`, for vocabularies and ways of cutting text."""

import json
import os
import random
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from gguf import GGUFValueType, GGUFWriter

from dunoe.weights.tokenizing.cuttings import PRES
from dunoe.weights.tokenizing.tokenizer import Tokenizer
from tests import tiny

# With DUNOE_TOKENIZER_STRINGS=3000: every vocabulary and every way of cutting text, half an hour.
DIAL = os.environ.get("DUNOE_TOKENIZER_STRINGS")
STRINGS = int(DIAL or 200)
SMALL = ["gpt-2", "deepseek-coder", "llama-spm", "bert-bge"]
LARGE = ["qwen2", "llama-bpe", "gemma-4", "nomic-bert-moe"]  # seconds each, only to be built
EVERY_CUT = [name for name, row in PRES.items() if not row.spaced]
CUTS = EVERY_CUT if DIAL else ["qwen2", "qwen35", "llama-bpe", "deepseek-v3", "gpt-4o", "exaone"]

CHILD = """
import http.client, json, sys, urllib.parse, xllamacpp
p = xllamacpp.CommonParams()
p.model.path, p.hostnames, p.port, p.n_ctx, p.n_parallel = sys.argv[1], ["127.0.0.1"], 0, 256, 1
p.fit_params = p.warmup = p.ui = False
p.verbosity, p.cpuparams.n_threads, p.n_threads_http = 1, 1, 2
server = xllamacpp.Server(p)
where = urllib.parse.urlsplit(server.listening_address)
line = http.client.HTTPConnection(where.hostname, where.port, timeout=60)
for asked in sys.stdin:
    line.request("POST", "/tokenize", asked.encode(), {"Content-Type": "application/json"})
    print(json.dumps(json.loads(line.getresponse().read())["tokens"]), flush=True)
"""


def model_with(path: Path, vocabulary: str, pre: str | None = None) -> Path:
    """A model of one layer that llama.cpp loads, with a real vocabulary."""
    tiny.FORMS.setdefault(GGUFValueType.UINT8, "B")
    writer = GGUFWriter(path, "llama")
    count, width = 0, 32
    for key, kind, inner, value in tiny._read(tiny.VOCAB / f"ggml-vocab-{vocabulary}.gguf"):
        if key.startswith("tokenizer.ggml."):
            is_pre = pre is not None and key == "tokenizer.ggml.pre"
            writer.add_key_value(key, pre if is_pre else value, kind, inner)
            count = len(value) if key == "tokenizer.ggml.tokens" else count
    tiny._header(writer, tiny.Shape(layers=1, width=width, hidden=width, heads=1, context=256))
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    square = np.zeros((width, width), np.float16)
    parts = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    writer.add_tensor("token_embd.weight", np.zeros((count, width), np.float16))
    for part in parts:
        writer.add_tensor(f"blk.0.{part}.weight", square)
    for norm in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        writer.add_tensor(f"{norm}.weight", np.ones(width, np.float32))
    return tiny._written(writer, path)


class LlamaCpp:
    """What llama.cpp says, string by string."""

    def __init__(self, asking: IO[str], answering: IO[str]) -> None:
        self.asking, self.answering = asking, answering

    def ids(self, text: str, **how: bool) -> Any:  # Any: JSON
        self.asking.write(json.dumps({"content": text, **how}) + "\n")
        self.asking.flush()
        return json.loads(self.answering.readline())


@contextmanager
def llama_cpp(model: Path) -> Iterator[LlamaCpp]:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdin and child.stdout
        try:
            yield LlamaCpp(child.stdin, child.stdout)
        finally:
            child.kill()


def letter(dice: random.Random, specials: list[str]) -> str:
    one = dice.choice
    kinds = (
        lambda: chr(dice.randrange(0xAC00, 0xD7A4)),
        lambda: chr(dice.randrange(0x1100, 0x1200)),
        lambda: unicodedata.normalize("NFD", chr(dice.randrange(0xAC00, 0xD7A4))),
        lambda: one(["👨‍👩‍👧", "🏳️‍🌈", "🇰🇷", "👍🏽", "\u200d", "\ufe0f", "▁", "\0"]),
        lambda: str(dice.randrange(10 ** dice.randrange(1, 9))),
        lambda: one([" ", "  ", "\t", "\n", "\n\n", "\r\n", "\u3000", "\u00a0", "\u2028", "\x85"]),
        lambda: one(["'s", "'S", "'Re", "'ll", "n't", "''d", "ſ", "İ", "K"]),  # noqa: RUF001
        lambda: one(list("!?.,;:()[]{}<>/|@#$%^&*-_=+~`…·「。")),
        lambda: "".join(one("abcXYZéÀßThe") for _ in range(dice.randrange(1, 6))),
        lambda: chr(dice.randrange(1, 0x20)),
        lambda: chr(one([dice.randrange(0xA0, 0xD800), dice.randrange(0xE000, 0x30000)])),
        lambda: one(specials)[: one([99, 1, 3])],
    )
    return one(kinds)()


def strings(seed: int, specials: list[str]) -> Iterator[str]:
    dice = random.Random(seed)
    for _ in range(STRINGS):
        text = "".join(letter(dice, specials) for _ in range(dice.randrange(1, 25)))
        yield dice.choice([text, text, text[0] * dice.randrange(2, 130), " ".join(text)])


def compare(model: Path) -> None:
    known = Tokenizer.of(model)
    specials = [special.text for special in known.vocabulary.specials] or ["<s>"]
    with llama_cpp(model) as truth:
        for number, text in enumerate(strings(7, specials)):
            parse, add = number % 2 == 0, number % 3 == 0
            said = truth.ids(text, parse_special=parse, add_special=add)
            assert known.encode(text, parse_special=parse, add_special=add) == said, ascii(text)


@pytest.mark.parametrize("name", SMALL + LARGE if DIAL else SMALL)
def test_random_strings_get_the_ids_that_llama_cpp_gives(name: str, tmp_path: Path) -> None:
    compare(model_with(tmp_path / "model.gguf", name))


@pytest.mark.parametrize("pre", CUTS)
def test_a_way_of_cutting_text_is_llama_cpps(pre: str, tmp_path: Path) -> None:
    compare(model_with(tmp_path / "model.gguf", "gpt-2", pre))
