"""Vocabularies that lie: a `Problem` or ids, never a crash, never for ever, never much memory."""

import os
import tracemalloc
from array import array
from io import BytesIO
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunoe.errors import Problem
from dunoe.weights.gguf_bytes import WINDOW, HeaderBytes
from dunoe.weights.header import Header, Value
from dunoe.weights.tokenizing.tokenizer import Tokenizer

EXAMPLES = int(os.environ.get("DUNOE_TOKENIZER_STRINGS", 300))
TEXTS = [
    "",
    "두뇌",
    "a  b\n\n가나다 각",
    "▁▁<s></s>",
    "🇰🇷👍🏽\0\ufffd",
    "ab" * 300,
    "\u3137\uffd7\u11b7",
]

tokens = st.sampled_from(
    ["", "a", "b", "ab", "abab", "▁", "▁a", "a▁b", "<s>", "</s>", "<0x41>", "두", "뇌", "두뇌", "\ufffd", "Ġ", "ë", "ĳ"]
)  # fmt: skip
lists = st.one_of(
    st.lists(tokens, max_size=20).map(tuple),
    st.lists(tokens, unique=True, min_size=4, max_size=18).map(tuple),
)
merges = st.lists(
    st.one_of(
        st.tuples(tokens, tokens).map(" ".join), st.sampled_from(["", " ", "  ", "ab", " a b "])
    ),
    max_size=20,
).map(tuple)
numbers = st.lists(st.one_of(st.integers(-3, 9), st.just(2**31)), max_size=20).map(tuple)
scores = st.lists(
    st.one_of(st.floats(), st.floats(-20, 0), st.just(float("nan")), st.just(-3.4e38)), max_size=24
).map(tuple)
maps = st.one_of(
    st.binary(max_size=40).map(tuple),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=40).map(
        lambda entries: tuple(
            (4 * len(entries)).to_bytes(4, "little") + array("I", entries).tobytes() + b"a\0"
        )
    ),
)
anything = st.one_of(st.booleans(), st.integers(-5, 2**63), st.floats(), st.text(max_size=3), lists)
KINDS: dict[str, st.SearchStrategy[Value]] = {
    "model": st.sampled_from(["gpt2", "gemma4", "llama", "t5", "bert", "none"]),
    "pre": st.sampled_from(["default", "qwen2", "llama-bpe", "deepseek-coder", "no such"]),
    "tokens": lists,
    "token_type": numbers,
    "scores": scores,
    "merges": merges,
    "precompiled_charsmap": maps,
    "bos_token_id": st.integers(-2, 30),
    "eos_token_id": st.integers(-2, 30),
    "unknown_token_id": st.integers(-2, 30),
    "add_bos_token": st.booleans(),
    "add_space_prefix": st.booleans(),
    "remove_extra_whitespaces": st.booleans(),
}
vocabularies = st.fixed_dictionaries(
    {"model": KINDS["model"], "tokens": lists},
    optional={
        key: st.one_of(kind, kind, kind, kind, anything)
        for key, kind in KINDS.items()
        if key not in ("model", "tokens")
    },
)


def tokenizer(**said: Value) -> Tokenizer:
    metadata: dict[str, Value] = {f"tokenizer.ggml.{key}": value for key, value in said.items()}
    metadata["general.architecture"] = "llama"
    return Tokenizer.of(Header(3, MappingProxyType(metadata), (), 0, 0))


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(vocabularies)
def test_a_vocabulary_that_lies_is_a_problem_or_gives_ids(said: dict[str, Value]) -> None:
    try:
        known = tokenizer(**said)
    except Problem:
        return
    for text in TEXTS:
        for parse in (False, True):
            try:
                ids = known.encode(text, parse_special=parse, add_special=parse)
            except Problem:
                continue
            assert all(0 <= number < len(known.vocabulary.tokens) for number in ids)
            known.decode(ids)


@pytest.mark.parametrize("model", ["gpt2", "gemma4", "llama", "t5", "bert"])
def test_a_token_of_a_million_letters_costs_neither_time_nor_memory(model: str) -> None:
    tokens = ("<unk>", "<s>", "</s>", "a", "b", "aa", "a" * 1_000_000)
    tracemalloc.start()
    try:
        known = tokenizer(
            model=model,
            tokens=tokens,
            scores=(-1.0,) * 7,
            merges=("a a",),
            add_space_prefix=False,
            **{f"{name}_token_id": 1 for name in ("unknown", "bos", "eos", "seperator")},
        )
        assert known.encode("a" * 20_000)
    except Problem as problem:
        assert model in ("t5", "bert") and "too long" in str(problem)
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 60e6


def test_a_merge_may_give_what_is_no_token_and_be_said_in_any_order() -> None:
    tokens = ("a", "b", "c", "abc", "x y", "x", "y")
    merges = ("ab c", "a b", "a b", "no", " b", "x  y", "a ")
    known = tokenizer(model="gpt2", pre="gpt-2", tokens=tokens, merges=merges)
    assert known.encode("abc") == [3]
    assert known.encode("ab") == [0, 1]  # merged to what is no token, and spelled again


def test_strings_that_are_no_utf8_move_no_other_string() -> None:
    texts = [b"a", b"\xff", "두뇌".encode(), b"", b"b" * WINDOW, b"c\xed\xa0\x80"] * 30
    data = b"".join(len(text).to_bytes(8, "little") + text for text in texts)
    data = (
        b"".join(n.to_bytes(size, "little") for n, size in ((9, 4), (8, 4), (len(texts), 8))) + data
    )
    raw = HeaderBytes(BytesIO(data), len(data), "x", arrays=True)
    assert raw.value() == tuple(text.decode("utf-8", "replace") for text in texts)


def test_merges_that_bite_their_own_tail_come_to_an_end() -> None:
    tokens = ("a", "aa", *"bcdefghijk")
    merges = ("a a", "aa a", "a aa", "aa aa", "aaa a")
    known = tokenizer(model="gpt2", pre="gpt-2", tokens=tokens, merges=merges)
    assert known.encode("a" * 2) == [1]
    assert len(known.encode("a" * 100_000)) <= 100_000
