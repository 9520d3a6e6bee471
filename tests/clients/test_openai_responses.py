"""The openai client's newer way: responses, whole and streamed."""

import openai
import orjson
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import FunctionToolParam, ResponseFunctionToolCall
from pydantic import BaseModel

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["서울", "부산"]}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Weather(BaseModel):
    """A form to fill in."""

    is_sunny: bool


def test_a_response_is_made_and_told_why_it_ended(client: OpenAI) -> None:
    made = client.responses.create(
        model="tiny", instructions="짧게", input="안녕하세요?", max_output_tokens=4
    )
    assert made.object == "response"
    assert made.output_text
    assert made.status == "incomplete"
    assert made.incomplete_details is not None
    assert made.incomplete_details.reason == "max_output_tokens"
    assert made.usage is not None
    assert made.usage.output_tokens == 4


def test_a_stream_of_events_ends_in_the_same_response(client: OpenAI) -> None:
    stream = client.responses.create(
        model="tiny", input=[{"role": "user", "content": "안녕"}], max_output_tokens=4, stream=True
    )
    events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    said = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert events[-1].type == "response.incomplete"
    assert events[-1].response.output_text == said != ""


def test_the_streaming_helper_parses_a_form(client: OpenAI) -> None:
    with client.responses.stream(
        model="neat", input="맑아?", text_format=Weather, max_output_tokens=200
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert "response.output_text.delta" in kinds
    assert isinstance(final.output_parsed, Weather)
    assert final.status == "completed"


@pytest.mark.anyio
async def test_the_async_client_does_the_same(aclient: AsyncOpenAI) -> None:
    made = await aclient.responses.create(model="tiny", input="안녕", max_output_tokens=2)
    assert made.output_text


def test_a_function_is_called_and_its_output_read(client: OpenAI) -> None:
    made = client.responses.create(
        model="neat",
        input="날씨?",
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        max_output_tokens=200,
    )
    (call,) = made.output
    assert isinstance(call, ResponseFunctionToolCall)
    assert orjson.loads(call.arguments)["city"] in ("서울", "부산")
    after = client.responses.create(
        model="tiny",
        input=[
            {"role": "user", "content": "날씨?"},
            {
                "type": "function_call",
                "call_id": call.call_id,
                "name": call.name,
                "arguments": call.arguments,
            },
            {"type": "function_call_output", "call_id": call.call_id, "output": "맑음"},
        ],
        max_output_tokens=2,
    )
    assert after.output_text


def test_a_call_streams_in_pieces(client: OpenAI) -> None:
    with client.responses.stream(
        model="neat", input="날씨?", tools=[WEATHER], tool_choice="required", max_output_tokens=200
    ) as stream:
        pieces = [e.delta for e in stream if e.type == "response.function_call_arguments.delta"]
        final = stream.get_final_response()
    (call,) = final.output
    assert call.type == "function_call"
    assert "".join(pieces) == call.arguments


def test_what_needs_a_memory_is_refused(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="tiny", input="안녕", previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nobody", input="안녕", stream=True)
