"""Profiles and models are data: they load, they agree with themselves, and a person's own are explained."""

from pathlib import Path

import pytest

from dunoe.errors import Misconfigured, NotFound
from dunoe.portfolio.entries import Entry, entries, entry, known
from dunoe.portfolio.profiles import Profile, profile, profiles

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
        assert seat.role in seat.entry.roles
        for other in seat.alternatives:
            assert seat.role in entry(other).roles


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
    ],
)
def test_a_token_of_context_takes_what_the_facts_say(id: str, bytes_a_token: int) -> None:
    assert kv_bytes(entry(id)) == bytes_a_token


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
    ],
)
def test_a_model_is_known_under_the_names_that_people_give_it(name: str) -> None:
    found = known("something", name)
    assert found is not None
    assert found.context == 4096


def test_a_digest_tells_a_model_before_any_name() -> None:
    reranker = entry("bge-reranker-v2-m3")
    assert known("r1-14b", sha256=reranker.sha256) is reranker


def test_another_model_is_not_taken_for_one_of_ours() -> None:
    assert known("EEVE-Korean-2.8B-v1.0.gguf", "qwen2.5-coder:32b", "") is None


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFound, match="there is no profile 'plan'") as caught:
        profile("plan")
    assert "plan-2026-02" in str(caught.value.hint)


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
    ],
)
def test_a_slip_in_it_is_shown_with_its_line(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MINE.replace(written, instead), "utf-8")
    with pytest.raises(Misconfigured, match=said):
        profile(str(file))
