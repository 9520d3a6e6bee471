"""Profiles and models are data: they load, they agree with themselves, and a person's own are explained."""

from pathlib import Path

import pytest

from dunoe.errors import Misconfigured, NotFound
from dunoe.portfolio.entries import Entry, entries, entry, known
from dunoe.portfolio.profiles import Profile, profile, profiles
from dunoe.weights.memory.footprint import Load, footprint
from dunoe.weights.quantisation import TENSOR_TYPES

MINE = """
name = "mine"
title = { ko = "내 것", en = "mine" }
about = { ko = "하나", en = "one" }
vram = "8GiB"

[[seat]]
role = "brain"
model = "r1-14b"
context = 4096
"""


def kv_bytes(one: Entry) -> int:
    """Bytes that one token takes in a plain f16 cache, by the obvious formula."""
    header = one.header()
    heads = header.number("attention.head_count")
    layers, pairs = header.number("block_count"), header.number("attention.head_count_kv")
    assert heads and layers and pairs
    width = header.number("attention.key_length") or one.shape.embedding_length // heads
    return 2 * 2 * layers * pairs * width


@pytest.mark.parametrize("one", profiles(), ids=lambda one: str(one.name))
def test_every_seat_of_a_profile_has_a_model_made_for_it(one: Profile) -> None:
    for seat in one.seats:
        assert set(seat.roles) <= set(seat.entry.roles)
        for other in seat.alternatives:
            assert seat.role in entry(other).roles


def test_only_the_plan_asks_a_model_for_more_context_than_it_has() -> None:
    asked = {
        (one.name, seat.model)
        for one in profiles()
        for seat in one.seats
        if seat.context > seat.entry.context
    }
    assert asked == {("plan-2026-02", "eeve-10.8b")}


@pytest.mark.parametrize("one", profiles(), ids=lambda one: str(one.name))
def test_a_profile_plays_each_role_once_and_says_why_in_both_languages(one: Profile) -> None:
    played = [role for seat in one.seats for role in seat.roles]
    assert len(played) == len(set(played))
    assert {"brain", "search", "embedding", "reranking"} <= set(played)
    for text in (one.title, one.about, *one.corrections):
        assert all(text)


def test_the_profiles_are_for_every_size_of_machine() -> None:
    cards = sorted((one.vram or 0) // 2**30 for one in profiles())
    assert cards == [0, 8, 12, 16, 16, 24]


@pytest.mark.parametrize("one", entries().values(), ids=lambda one: str(one.id))
def test_a_model_is_one_named_file_with_a_licence(one: Entry) -> None:
    assert one.source.startswith("hf:") and one.source.endswith(".gguf")
    assert one.licence.strip()


@pytest.mark.parametrize("one", entries().values(), ids=lambda one: str(one.id))
def test_a_header_that_we_make_up_has_the_true_size_and_shape(one: Entry) -> None:
    header = one.header()
    assert header.data_end == header.file_size == one.size_bytes
    assert header.context_length == one.context
    assert header.vocabulary_size == one.shape.vocab_size
    assert all(tensor.size > 0 for tensor in header.tensors)


@pytest.mark.parametrize(
    ("id", "bytes_a_token"),
    [
        ("r1-14b", 196_608),
        ("qwen2.5-coder-14b", 196_608),
        ("eeve-10.8b", 196_608),
        ("llama-3.2-3b", 114_688),
        ("qwen3-14b", 163_840),
        ("qwen2.5-coder-7b", 57_344),
        ("qwen3-embedding-0.6b", 114_688),
        ("llama-3.2-1b", 32_768),
    ],
)
def test_a_token_of_context_takes_what_the_facts_say(id: str, bytes_a_token: int) -> None:
    assert kv_bytes(entry(id)) == bytes_a_token


@pytest.mark.parametrize(
    ("id", "bytes_a_token"),
    [
        ("qwen3.5-2b", 12_288),
        ("qwen3.5-4b", 32_768),
        ("qwen3.5-9b", 32_768),
        ("qwen3.5-27b", 65_536),
        ("qwen3.5-35b-a3b", 20_480),
    ],
)
def test_a_hybrid_keeps_a_cache_in_every_fourth_layer(id: str, bytes_a_token: int) -> None:
    header = entry(id).header()
    assert kv_bytes(entry(id)) // 4 == bytes_a_token
    attending = [one for one in header.tensors if one.name.endswith(".attn_k.weight")]
    assert len(attending) * 4 == header.block_count


def test_a_model_that_is_not_here_goes_through_the_footprint_of_a_real_one() -> None:
    r1 = footprint(entry("r1-14b").header(), Load(8192, gpu_layers=-1))
    assert r1.weights.card / 2**30 == pytest.approx(7.96, abs=0.01)  # the input table stays in RAM
    assert r1.kv.card == 196_608 * 8192
    hybrid = footprint(entry("qwen3.5-9b").header(), Load(8192, gpu_layers=-1))
    assert (hybrid.kv.card, hybrid.state.card) == (32_768 * 8192, 52_690_944)
    reader = footprint(entry("e5-large").header(), Load(512, gpu_layers=-1))
    assert reader.kv.total == 0


def test_a_pattern_is_repeated_over_the_layers() -> None:
    gemma = entry("gemma-4-12b").header()
    windowed = gemma.metadata["gemma4.attention.sliding_window_pattern"]
    assert windowed == (True, True, True, True, True, False) * 8
    assert gemma.metadata["gemma4.attention.head_count_kv"] == (8, 8, 8, 8, 8, 1) * 8


def recipe(one: Entry) -> float:
    """Bytes of a plain transformer's tensors, packed as llama.cpp packs it; norms and biases left out."""
    header, shape = one.header(), one.shape
    size = {packed.name: packed.size / packed.block for packed in TENSOR_TYPES.values()}
    most, better = {
        "Q4_K_M": ("Q4_K", "Q6_K"), "Q5_K_M": ("Q5_K", "Q6_K"), "Q8_0": ("Q8_0", "Q8_0"),
    }[one.quantisation]  # fmt: skip
    count, width = shape.block_count, shape.embedding_length
    inner, heads = shape.number("feed_forward_length"), shape.number("attention.head_count")
    kv_heads = shape.number("attention.head_count_kv")
    assert inner and heads and kv_heads
    head = header.number("attention.key_length") or width // heads
    table = shape.vocab_size * width
    total = table * size[better] + (0 if shape.is_tied else table * size[most])
    for layer in range(count):
        eighth = count // 8
        is_better = layer < eighth or layer >= 7 * count // 8 or (layer - eighth) % 3 == 2
        up = size[better if is_better else most]
        plain = 2 * width * heads * head + width * kv_heads * head + 2 * width * inner
        total += plain * size[most] + (width * kv_heads * head + width * inner) * up
    return total


PLAIN = [
    one
    for one in entries().values()
    if one.shape.architecture in {"qwen2", "qwen3", "llama"} and one.quantisation != "F16"
]


@pytest.mark.parametrize("one", PLAIN, ids=lambda one: str(one.id))
def test_a_file_is_as_long_as_its_shape_and_packing_make_it(one: Entry) -> None:
    assert recipe(one) == pytest.approx(one.size_bytes, rel=0.02)


def test_what_the_plan_gets_wrong_is_said_with_it() -> None:
    plan = profile("plan-2026-02")
    said = " ".join(text.en for text in plan.corrections)
    assert "4,096" in said and "0.6" in said and "16 GB" in said and "512" in said
    search = next(seat for seat in plan.seats if seat.role == "search")
    assert search.context > search.entry.context == 4096


@pytest.mark.parametrize(
    "name",
    [
        "EEVE-Korean-Instruct-10.8B-v1.0-Q5_K_M.gguf",
        "/models/EEVE-Korean-Instruct-10.8B-v1.0.Q4_K_M.gguf",
        "hf.co/somebody/EEVE-Korean-Instruct-10.8B-v1.0-Q4_K_M-GGUF",
        "eeve-korean-instruct-10.8b-v1.0:latest",
        "EEVE-Korean-10.8B",
        "teddy/eeve-korean-10.8b:latest",
        "eeve:10.8b",
    ],
)
def test_a_model_is_known_under_the_names_that_people_give_it(name: str) -> None:
    found = known("something", name)
    assert found is not None
    assert found.context == 4096


def test_a_name_means_one_model() -> None:
    for one in entries().values():
        for name in (one.id, one.title, one.file, one.ollama or one.id, *one.aliases):
            assert known(name) is one


def test_a_digest_tells_a_model_before_any_name() -> None:
    reranker = entry("bge-reranker-v2-m3")
    assert known("r1-14b", sha256=reranker.sha256) is reranker


def test_another_model_is_not_taken_for_one_of_ours() -> None:
    assert known("EEVE-Korean-2.8B-v1.0.gguf", "qwen2.5-coder:32b", "") is None


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match="there is no profile 'plan'") as caught:
        profile("plan")
    assert "plan-2026-02" in str(caught.value.hint)


def test_a_profile_s_file_that_is_not_there_is_no_profile() -> None:
    with pytest.raises(NotFound, match=r"no profile '\./none\.toml'"):
        profile("./none.toml")


def test_a_person_s_own_profile_is_read_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE, "utf-8")
    mine = profile(str(file))
    assert mine.vram == 8 * 2**30
    assert mine.seats[0].entry.title == "DeepSeek-R1-Distill-Qwen-14B"


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("r1-14b", "r1-15b", r"mine\.toml:9: there is no model 'r1-15b'"),
        ("context", "contxt", r"mine\.toml:10: 'seat\.0\.contxt': unknown setting"),
        ("8GiB", "8 cups", r"mine\.toml:5: 'vram'"),
        ('"brain"', '"cook"', r"mine\.toml:8: 'seat\.0\.role': must be one of"),
        ("[[seat]]", "[[seats]]", r"mine\.toml:7: 'seats': unknown setting"),
        ('{ ko = "내 것", en = "mine" }', '"mine"', r"mine\.toml:3: 'title': must be in both lang"),
    ],
)
def test_a_slip_in_it_is_shown_with_its_line(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE.replace(written, instead), "utf-8")
    with pytest.raises(Misconfigured, match=said):
        profile(str(file))
