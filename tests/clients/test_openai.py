"""The openai client: chat, completions, embeddings, models, and its exceptions."""

from typing import Any

import openai
import orjson
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import (
    ChatCompletionMessageParam,
    ChatCompletionNamedToolChoiceParam,
    ChatCompletionToolParam,
)
from pydantic import BaseModel

from tests.clients.conftest import House

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "안녕하세요?"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "오늘의 날씨",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["서울", "부산"]}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
TIME: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "time", "parameters": {"type": "object", "properties": {}}},
}
NAMED: ChatCompletionNamedToolChoiceParam = {"type": "function", "function": {"name": "weather"}}


class Weather(BaseModel):
    """A form to fill in."""

    is_sunny: bool
    city: str


def test_a_chat_is_answered(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=6)
    assert answer.object == "chat.completion"
    assert answer.model == "tiny"
    choice = answer.choices[0]
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 6
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 6


def test_a_stream_says_the_same_and_counts_last(client: OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": HELLO, "max_tokens": 6, "seed": 3}
    asked["temperature"] = 0
    client.chat.completions.create(**asked)  # now the prompt is cached for both
    whole = client.chat.completions.create(**asked)
    with client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    ) as stream:
        chunks = list(stream)
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 6
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_without_include_usage_a_stream_counts_nothing(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=2, stream=True)
    assert all(chunk.choices and chunk.usage is None for chunk in stream)


def test_the_streaming_helper_accumulates(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="neat",
        messages=HELLO,
        max_tokens=200,
        seed=5,
        response_format=Weather,
        stream_options={"include_usage": True},
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"content.delta", "content.done", "chunk"} <= kinds
    assert isinstance(final.choices[0].message.parsed, Weather)
    assert final.usage is not None


@pytest.mark.anyio
async def test_the_async_client_chats_and_streams(aclient: AsyncOpenAI) -> None:
    answer = await aclient.chat.completions.create(model="tiny", messages=HELLO, max_tokens=3)
    assert answer.choices[0].message.content
    async with await aclient.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=3, stream=True
    ) as stream:
        said = [c.choices[0].delta.content async for c in stream if c.choices[0].delta.content]
    assert said


def test_a_client_may_stop_reading(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=2000, stream=True
    )
    next(iter(stream))
    stream.close()
    assert client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=1).choices


@pytest.mark.parametrize("choice", ["auto", "required", NAMED], ids=["auto", "required", "named"])
def test_a_tool_is_called(client: OpenAI, choice: Any) -> None:
    tools = [TIME, WEATHER] if choice is NAMED else [WEATHER]
    answer = client.chat.completions.create(
        model="neat", messages=HELLO, tools=tools, tool_choice=choice, max_tokens=100, seed=1
    )
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert len(calls) == 1
    assert calls[0].type == "function"
    assert calls[0].id
    assert calls[0].function.name == "weather"
    assert orjson.loads(calls[0].function.arguments)["city"] in ("서울", "부산")


def test_a_streamed_call_comes_in_pieces_that_fit(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="neat",
        messages=HELLO,
        tools=[WEATHER],
        tool_choice="required",
        max_tokens=100,
        seed=1,
    ) as stream:
        for _ in stream:
            continue
        final = stream.get_final_completion()
    assert final.choices[0].finish_reason == "tool_calls"
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert orjson.loads(calls[0].function.arguments)["city"] in ("서울", "부산")
    assert calls[0].id


def test_a_tools_result_is_read(client: OpenAI) -> None:
    call: Any = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "서울"}'},
    }
    answer = client.chat.completions.create(
        model="tiny",
        messages=[
            *HELLO,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "맑음"},
        ],
        tools=[WEATHER],
        tool_choice="none",
        max_tokens=3,
    )
    assert answer.choices[0].message.content
    assert answer.choices[0].message.tool_calls is None


def test_a_schema_is_parsed(client: OpenAI) -> None:
    answer = client.chat.completions.parse(
        model="neat", messages=HELLO, response_format=Weather, max_tokens=200, seed=2
    )
    assert isinstance(answer.choices[0].message.parsed, Weather)
    assert answer.choices[0].finish_reason == "stop"


def test_any_json_is_json(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="neat",
        messages=HELLO,
        response_format={"type": "json_object"},
        max_tokens=300,
        seed=2,
    )
    assert isinstance(orjson.loads(answer.choices[0].message.content or ""), dict)


def test_probabilities_come_with_every_token(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="tiny", messages=HELLO, max_tokens=4, logprobs=True, top_logprobs=2, seed=1
    )
    likely = answer.choices[0].logprobs
    assert likely is not None
    assert likely.content is not None
    assert len(likely.content) == 4
    assert all(one.logprob <= 0 and len(one.top_logprobs) == 2 for one in likely.content)


def test_a_seed_repeats_an_answer(client: OpenAI) -> None:
    def said(seed: int) -> str | None:
        answer = client.chat.completions.create(
            model="tiny", messages=HELLO, max_tokens=8, seed=seed
        )
        return answer.choices[0].message.content

    said(11)  # now the prompt is cached for all
    assert said(11) == said(11) != said(12)


def test_a_stop_text_ends_an_answer(client: OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": HELLO, "max_tokens": 8, "seed": 4}
    client.chat.completions.create(**asked)
    whole = client.chat.completions.create(**asked).choices[0].message.content
    assert whole is not None
    stop = whole[4:6]
    answer = client.chat.completions.create(**asked, stop=stop)
    assert answer.choices[0].message.content == whole[: whole.index(stop)]
    assert answer.choices[0].finish_reason == "stop"


def test_several_choices_differ(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=4, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) == 3
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


def test_roles_aliases_and_unknown_fields_are_taken(client: OpenAI) -> None:
    for name in ("brain", "gpt-4o"):
        answer = client.chat.completions.create(
            model=name,
            messages=[{"role": "developer", "content": "짧게"}, *HELLO],
            max_completion_tokens=2,
            user="somebody",
            metadata={"a": "b"},
            store=True,
            extra_body={"unheard_of": {"deep": 1}},
        )
        assert answer.model == name


def test_a_text_is_continued(client: OpenAI) -> None:
    answer = client.completions.create(
        model="tiny", prompt=["옛날", "옛날 옛적에"], max_tokens=4, logprobs=1, seed=1
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.text and choice.finish_reason == "length" for choice in answer.choices)
    assert answer.choices[0].logprobs is not None
    assert len(answer.choices[0].logprobs.tokens or []) == 4
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 8


def test_a_gap_is_filled(client: OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "tiny",
        "prompt": "def add(a, b):\n    return ",
        "max_tokens": 4,
    }
    gap = client.completions.create(**asked, suffix="\n\nprint(add(1, 2))")
    end = client.completions.create(**asked)
    assert gap.choices[0].text
    assert gap.usage is not None and end.usage is not None
    assert gap.usage.prompt_tokens > end.usage.prompt_tokens


def test_a_continued_text_streams(client: OpenAI) -> None:
    stream = client.completions.create(
        model="tiny",
        prompt="옛날",
        max_tokens=4,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].text for c in chunks if c.choices)
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 4


def test_vectors_are_the_same_as_floats_and_base64(client: OpenAI) -> None:
    texts = ["one", "two words"]
    floats = client.embeddings.create(model="embedder", input=texts, encoding_format="float")
    packed = client.embeddings.create(model="embedder", input=texts)  # the client asks for base64
    raw = client.embeddings.create(model="embedder", input=texts, encoding_format="base64")
    assert isinstance(raw.data[0].embedding, str)
    for one, other in zip(floats.data, packed.data, strict=True):
        assert one.index == other.index
        assert len(one.embedding) == 64
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    assert floats.usage.prompt_tokens > 2


def test_vectors_may_be_shorter_and_of_token_ids(client: OpenAI) -> None:
    made = client.embeddings.create(
        model="embedder", input=[[101, 7592, 102]], dimensions=16, encoding_format="float"
    )
    assert len(made.data[0].embedding) == 16
    assert sum(x * x for x in made.data[0].embedding) == pytest.approx(1, abs=1e-3)


@pytest.mark.anyio
async def test_the_async_client_embeds(aclient: AsyncOpenAI) -> None:
    assert (
        len((await aclient.embeddings.create(model="embedder", input="a")).data[0].embedding) == 64
    )


def test_models_are_listed_and_found(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"tiny", "neat", "embedder", "ranker", "brain"} <= set(names)
    assert client.models.retrieve("tiny").id == "tiny"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")


# errors


def test_a_wrong_key_is_an_authentication_error(client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="dn-wrong").models.list()
    assert refused.value.code == "invalid_api_key"


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="nobody", messages=HELLO)
    assert refused.value.code == "model_not_found"
    assert refused.value.param == "model"


def test_too_much_at_once_says_when_to_come_back(client: OpenAI, house: House) -> None:
    hurried = client.with_options(api_key=house.once["openai"])
    hurried.models.list()
    with pytest.raises(openai.RateLimitError) as refused:
        hurried.models.list()
    assert 0 < int(refused.value.response.headers["Retry-After"]) <= 60


def test_a_key_without_the_right_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        client.post("/../api/unload", body={"model": "tiny"}, cast_to=object)


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_too_long_or_wrong_is_a_bad_request(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "말 " * 9000}], stream=stream
        )
    assert refused.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="tiny",
            messages=HELLO,
            stream=stream,
            temperature="hot",  # type: ignore[call-overload]  # wrong on purpose
        )
    assert refused.value.param == "temperature"


def test_a_tool_that_is_not_there_cannot_be_called(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="tiny", messages=HELLO, tools=[TIME], tool_choice=NAMED, max_tokens=2
        )
    assert refused.value.param == "tool_choice"


def test_a_message_is_in_the_callers_language(client: OpenAI) -> None:
    korean = client.with_options(default_headers={"Accept-Language": "ko"})
    with pytest.raises(openai.NotFoundError, match="없습니다"):
        korean.models.retrieve("nobody")
