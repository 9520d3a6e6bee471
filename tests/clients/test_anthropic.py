"""The anthropic client: messages, their stream, tools, counting, and its exceptions."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import orjson
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import MessageParam, ToolParam

from tests.clients.conftest import House

HELLO: list[MessageParam] = [{"role": "user", "content": "안녕하세요?"}]
WEATHER: ToolParam = {
    "name": "weather",
    "description": "오늘의 날씨",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["서울", "부산"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
}


@pytest.fixture
def client(house: House) -> Iterator[Anthropic]:
    with Anthropic(base_url=house.url, api_key=house.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(house: House) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=house.url, api_key=house.key, max_retries=0) as client:
        yield client


def test_a_message_is_answered_and_counted(client: Anthropic) -> None:
    answer = client.messages.create(model="tiny", max_tokens=4, system="짧게", messages=HELLO)
    assert answer.type == "message"
    assert answer.role == "assistant"
    (block,) = answer.content
    assert block.type == "text" and block.text
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens == 4
    counted = client.messages.count_tokens(model="tiny", system="짧게", messages=HELLO)
    assert counted.input_tokens == answer.usage.input_tokens


def test_a_stream_adds_up_to_a_message(client: Anthropic) -> None:
    with client.messages.stream(model="tiny", max_tokens=4, messages=HELLO) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    (block,) = final.content
    assert block.type == "text"
    assert block.text == said != ""
    assert final.stop_reason == "max_tokens"
    assert final.usage.output_tokens == 4
    assert final.usage.input_tokens > 4


@pytest.mark.anyio
async def test_the_async_client_does_the_same(aclient: AsyncAnthropic) -> None:
    answer = await aclient.messages.create(model="tiny", max_tokens=2, messages=HELLO)
    assert answer.content
    async with aclient.messages.stream(model="tiny", max_tokens=2, messages=HELLO) as stream:
        final = await stream.get_final_message()
    assert final.usage.output_tokens == 2


@pytest.mark.parametrize(
    "choice", [{"type": "auto"}, {"type": "any"}, {"type": "tool", "name": "weather"}]
)
def test_a_tool_is_used_and_its_result_read(client: Anthropic, choice: Any) -> None:
    answer = client.messages.create(
        model="neat", max_tokens=200, messages=HELLO, tools=[WEATHER], tool_choice=choice
    )
    assert answer.stop_reason == "tool_use"
    (use,) = [block for block in answer.content if block.type == "tool_use"]
    assert use.name == "weather"
    assert use.input["city"] in ("서울", "부산")
    after = client.messages.create(
        model="tiny",
        max_tokens=2,
        tools=[WEATHER],
        messages=[
            *HELLO,
            {"role": "assistant", "content": answer.content},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "맑음"}],
            },
        ],
    )
    assert after.content


def test_a_tools_input_streams(client: Anthropic) -> None:
    with client.messages.stream(
        model="neat", max_tokens=200, messages=HELLO, tools=[WEATHER], tool_choice={"type": "any"}
    ) as stream:
        pieces = [event.partial_json for event in stream if event.type == "input_json"]
        final = stream.get_final_message()
    (use,) = [block for block in final.content if block.type == "tool_use"]
    assert pieces
    assert use.input["city"] in ("서울", "부산")
    assert final.stop_reason == "tool_use"


def test_thinking_may_be_asked_and_said_again(client: Anthropic) -> None:
    """This model does not think; what it is asked, and thoughts of another, must not disturb it."""
    answer = client.messages.create(
        model="tiny",
        max_tokens=4,
        thinking={"type": "enabled", "budget_tokens": 1024},
        messages=[
            *HELLO,
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "음", "signature": ""},
                    {"type": "text", "text": "네"},
                ],
            },
            {"role": "user", "content": [{"type": "text", "text": "그래서?"}]},
        ],
    )
    assert answer.usage.output_tokens == 4


def test_a_stop_sequence_ends_a_message(client: Anthropic) -> None:
    asked: dict[str, Any] = {"model": "tiny", "max_tokens": 8, "messages": HELLO}
    asked["extra_body"] = {"seed": 4, "temperature": 0}
    client.messages.create(**asked)  # now the prompt is cached
    whole = client.messages.create(**asked).content[0].text
    stop = whole[4:6]
    answer = client.messages.create(**asked, stop_sequences=[stop])
    assert answer.content[0].text == whole[: whole.index(stop)]
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", stop)


def test_a_form_is_filled_in(client: Anthropic) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    answer = client.messages.create(
        model="neat",
        max_tokens=200,
        messages=HELLO,
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    block = answer.content[0]
    assert block.type == "text"
    assert isinstance(orjson.loads(block.text)["ok"], bool)


# errors


def test_what_goes_wrong_is_the_right_exception(client: Anthropic, house: House) -> None:
    with pytest.raises(anthropic.NotFoundError, match="nobody"):
        client.messages.create(model="nobody", max_tokens=1, messages=HELLO)
    with pytest.raises(anthropic.AuthenticationError):
        client.with_options(api_key="dn-wrong").messages.create(
            model="tiny", max_tokens=1, messages=HELLO
        )
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(
            model="tiny", max_tokens=1, messages=[{"role": "user", "content": "말 " * 9000}]
        )
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model="tiny", max_tokens=0, messages=HELLO)


def test_too_much_at_once_says_when_to_come_back(client: Anthropic, house: House) -> None:
    hurried = client.with_options(api_key=house.once["anthropic"])
    hurried.messages.count_tokens(model="tiny", messages=HELLO)
    with pytest.raises(anthropic.RateLimitError) as refused:
        hurried.messages.count_tokens(model="tiny", messages=HELLO)
    assert 0 < int(refused.value.response.headers["Retry-After"]) <= 60
