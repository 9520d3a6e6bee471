"""How a model is asked comes from data, by whatever name it goes."""

import pytest

from dunoe.portfolio.entries import entries
from dunoe.portfolio.policy import Policy, policy_for


def test_r1_is_asked_as_its_makers_say() -> None:
    policy = policy_for("brain", "deepseek-r1:14b")
    assert not policy.takes_system
    assert policy.sampling() == {"temperature": 0.6, "top_p": 0.95}
    assert policy.note is not None and "begin with <think>" in policy.note.en
    assert policy.room(512) == 512 + policy.thinking


def test_eeve_is_kept_from_repeating_itself() -> None:
    policy = policy_for("EEVE-Korean-Instruct-10.8B-v1.0.Q5_K_M.gguf")
    guard = policy.sampling()
    assert (guard["repeat_last_n"], guard["repeat_penalty"]) == (256, 1.15)
    assert policy.room(4096) == 768
    assert policy.room(100) == 100


@pytest.mark.parametrize(
    ("name", "thinks"),
    [
        ("Qwen3.5-9B-Q4_K_M", False),
        ("qwen3.5:4b", False),
        ("Qwen3.5-35B-A3B-Q4_K_M", True),
        ("qwen3.5:27b", True),
        ("Qwen3-14B-Q4_K_M", True),
        ("qwen3:1.7b-q8_0", True),
        ("Qwen3-4B-Instruct-2507-Q4_K_M", False),
        ("qwen3-coder:30b", False),
        ("qwen2.5-coder:14b", False),
        ("gemma-4-12b-it-Q4_K_M", False),
        ("gpt-oss:20b", True),
    ],
)
def test_what_thinks_first_gets_room_for_it(name: str, thinks: bool) -> None:
    assert bool(policy_for(name).thinking) is thinks


def test_a_model_that_nobody_knows_is_asked_as_it_comes() -> None:
    assert policy_for("my-own", "tiny.gguf") == Policy()
    assert Policy().sampling() == {}
    assert Policy().room(512) == 512


def test_every_chat_model_of_the_portfolio_has_a_policy() -> None:
    chat = [one for one in entries().values() if one.mode == "chat"]
    assert [one.id for one in chat if policy_for(one.id, one.title) == Policy()] == []


def test_what_only_embeds_has_none() -> None:
    others = [one for one in entries().values() if one.mode != "chat"]
    assert [one.id for one in others if policy_for(one.id, one.title) != Policy()] == []
