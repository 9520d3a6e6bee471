"""Cutting a request down to what fits: whole turns, or the middle of a text, and never more than needed."""

from typing import Any

import pytest

from dunoe.engines.request import Generation
from dunoe.errors import BadRequest
from dunoe.server.truncation import cut, read_policy

pytestmark = pytest.mark.anyio


async def letters(ask: Generation) -> int:
    """A model whose every letter is a token, and whose template adds five to a message."""
    if ask.task == "chat":
        return sum(len(str(message["content"])) + 5 for message in ask.messages)
    return len(ask.prompt)


def said(role: str, text: str, **more: Any) -> dict[str, Any]:  # Any: JSON
    return {"role": role, "content": text, **more}


TALK = [
    said("system", "s" * 95),
    said("user", "a" * 95),
    said("assistant", "", tool_calls=[{"id": "1"}]),
    said("tool", "t" * 95, tool_call_id="1"),
    said("assistant", "b" * 95),
    said("user", "c" * 95),
    said("assistant", "d" * 95),
    said("user", "e" * 95),
]


async def test_the_oldest_turns_go_whole_a_call_with_its_result() -> None:
    found = await cut(Generation("chat", messages=TALK), "oldest", 500, letters)

    assert found is not None
    assert found.told == {"messages": [1, 2, 3, 4]}
    assert found.ask.messages == [TALK[0], *TALK[5:]]


async def test_no_more_turns_go_than_must() -> None:
    whole = await letters(Generation("chat", messages=TALK))

    found = await cut(Generation("chat", messages=TALK), "oldest", whole - 1, letters)

    assert found is not None and found.told == {"messages": [1, 2, 3, 4]}


async def test_the_last_question_stays_even_when_it_is_too_long_alone() -> None:
    assert await cut(Generation("chat", messages=TALK), "oldest", 199, letters) is None
    assert await cut(Generation("chat", messages=TALK), "oldest", 200, letters) is not None


async def test_one_question_alone_has_no_older_turn() -> None:
    alone = [said("system", "s"), said("user", "가" * 1000)]

    assert await cut(Generation("chat", messages=alone), "oldest", 500, letters) is None


async def test_the_middle_of_the_longest_text_goes_and_a_mark_says_so() -> None:
    text = "앞" * 1000 + "뒤" * 1000
    messages = [said("system", "s" * 300), said("user", text), said("user", "짧은 말")]

    found = await cut(Generation("chat", messages=messages), "middle", 1500, letters)

    assert found is not None
    cut_text = found.ask.messages[1]["content"]
    gone = found.told["texts"][0]["characters"]
    assert cut_text.startswith("앞앞") and cut_text.endswith("뒤뒤")
    assert f"{gone:,}자 생략" in cut_text
    assert cut_text.count("앞") + cut_text.count("뒤") == 2000 - gone
    assert 1499 <= await letters(found.ask) <= 1500
    assert found.ask.messages[0] == messages[0] and found.ask.messages[2] == messages[2]


async def test_a_second_text_is_cut_when_one_is_not_enough_the_system_prompt_last() -> None:
    messages = [said("system", "s" * 2000), said("user", "u" * 1500), said("user", "v" * 1000)]

    found = await cut(Generation("chat", messages=messages), "middle", 2700, letters)

    assert found is not None
    assert [one["message"] for one in found.told["texts"]] == [1, 2]
    assert found.ask.messages[0] == messages[0]
    assert await letters(found.ask) <= 2700


async def test_what_is_short_already_cannot_be_cut() -> None:
    messages = [said("user", "u" * 150)]

    assert await cut(Generation("chat", messages=messages), "middle", 100, letters) is None


@pytest.mark.parametrize(("policy", "begins", "ends"), [("oldest", "b", "b"), ("middle", "a", "b")])
async def test_a_prompt_loses_its_beginning_or_its_middle(
    policy: Any, begins: str, ends: str
) -> None:
    ask = Generation("complete", prompt="a" * 1000 + "b" * 1000)

    found = await cut(ask, policy, 900, letters)

    assert found is not None and isinstance(found.ask.prompt, str)
    assert found.ask.prompt[0] == begins and found.ask.prompt[-1] == ends
    assert await letters(found.ask) <= 900


async def test_a_prompt_of_tokens_is_cut_to_the_token() -> None:
    ask = Generation("complete", prompt=list(range(100)))

    oldest = await cut(ask, "oldest", 30, letters)
    middle = await cut(ask, "middle", 30, letters)

    assert oldest is not None and oldest.ask.prompt == list(range(70, 100))
    assert middle is not None and middle.ask.prompt == [*range(15), *range(85, 100)]


async def test_a_gap_to_fill_is_never_cut() -> None:
    ask = Generation("infill", prompt="a" * 1000, suffix="b")

    assert await cut(ask, "middle", 100, letters) is None


def test_a_policy_that_nobody_knows_is_named_with_those_there_are() -> None:
    with pytest.raises(BadRequest) as refused:
        read_policy("newest")

    assert "newest" in refused.value.message.en
    assert "off, oldest, middle" in refused.value.hint.en
    assert read_policy("off") is None


async def test_a_text_among_parts_is_cut_like_any_other() -> None:
    parts = [{"type": "text", "text": "짧게"}, {"type": "text", "text": "긴" * 2000}]

    async def shown(ask: Generation) -> int:
        return sum(len(part["text"]) for part in ask.messages[0]["content"])

    found = await cut(Generation("chat", messages=[said("user", "")]), "middle", 100, letters)
    assert found is None
    ask = Generation("chat", messages=[{"role": "user", "content": parts}])
    found = await cut(ask, "middle", 1000, shown)

    assert found is not None
    assert found.ask.messages[0]["content"][0] == parts[0]
    assert 990 < await shown(found.ask) <= 1000
