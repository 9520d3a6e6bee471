"""Anthropic's dialect: what clients send is understood, and what they get is what they read."""

import base64

import anthropic
import httpx2
import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from pydantic import TypeAdapter, ValidationError

from dunoe.engines.events import Called, Event, Finished, Said, Thought, Usage
from dunoe.engines.request import Counting, Generation, Json
from dunoe.errors import BadRequest, Text, Unavailable
from dunoe.server.answer import Answer
from dunoe.server.anthropic_reply import MessagesReply, count_body
from dunoe.server.anthropic_request import CountBody, MessagesBody, decode_count, decode_messages
from tests.server.anything import shaped
from tests.server.event_stream import drops, events

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(8)).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": JPEG}}
HELLO: list[Json] = [{"role": "user", "content": "안녕"}]
USAGE = Usage(12, 5, cached_tokens=4)


def asked(**fields: object) -> Generation:
    body = {"model": "m", "max_tokens": 9, "messages": HELLO, **fields}
    return decode_messages(MessagesBody.model_validate(body))


def spoken(*batches: list[Event]) -> bytes:
    reply = MessagesReply("뇌")
    return reply.start() + b"".join(reply.pieces(list(batch)) for batch in batches) + reply.end()


def client(body: bytes, kind: str = "text/event-stream") -> anthropic.Anthropic:
    """The real client, and instead of a network these bytes, which come one at a time."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=drops(body), headers={"content-type": kind})

    network = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="k", base_url="http://dunoe.test", http_client=network)


def final(wire: bytes) -> Message:
    with client(wire).messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
    ) as stream:
        return stream.get_final_message()


def test_system_and_sampling_find_their_places() -> None:
    ask = asked(
        system=[{"type": "text", "text": "짧게", "cache_control": {"type": "ephemeral"}}],
        stop_sequences=["끝"],
        temperature=0.5,
        top_k=3,
        stream=True,
        metadata={"user_id": "u"},
        min_p=0.1,
    )
    assert ask.messages == [{"role": "system", "content": "짧게"}, *HELLO]
    assert ask.stream
    assert ask.options == (
        {"max_tokens": 9, "stop": ["끝"], "temperature": 0.5, "top_k": 3, "min_p": 0.1}
    )


def test_results_of_tools_become_messages_and_their_pictures_follow() -> None:
    result = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "content": [{"type": "text", "text": "맑음"}, IMAGE],
    }
    ask = asked(
        messages=[
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "음", "signature": ""},
                    {"type": "text", "text": "볼게요"},
                    {"type": "tool_use", "id": "t1", "name": "날씨", "input": {"도시": "서울"}},
                ],
            },
            {"role": "user", "content": [result, {"type": "text", "text": "그래서?"}]},
        ]
    )
    said, weather, user = ask.messages
    assert (said["content"], said["reasoning_content"]) == ("볼게요", "음")
    assert said["tool_calls"][0]["function"] == {"name": "날씨", "arguments": '{"도시":"서울"}'}
    assert weather == {"role": "tool", "tool_call_id": "t1", "content": "맑음"}
    picture, text = user["content"]
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")  # the bytes say so
    assert text == {"type": "text", "text": "그래서?"}


def test_tools_and_their_choice_are_openais_inside() -> None:
    schema = {"type": "object", "properties": {"도시": {"type": "string"}}}
    ask = asked(
        tools=[{"name": "날씨", "description": "d", "input_schema": schema}],
        tool_choice={"type": "tool", "name": "날씨", "disable_parallel_tool_use": True},
    )
    function = {"name": "날씨", "description": "d", "parameters": schema}
    assert ask.tools == [{"type": "function", "function": function}]
    assert ask.tool_choice == {"type": "function", "function": {"name": "날씨"}}
    assert ask.options["parallel_tool_calls"] is False
    kinds = {
        kind: asked(tool_choice={"type": kind}).tool_choice for kind in ("auto", "any", "none")
    }
    assert kinds == {"auto": "auto", "any": "required", "none": "none"}


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, False),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, True),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "high"),
    ],
)
def test_thinking_is_only_for_who_asks(fields: Json, think: bool | str | None) -> None:
    assert asked(**fields).think == think


def test_a_format_is_a_schema() -> None:
    ask = asked(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}})
    assert ask.format is not None and ask.format["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("content", "param"),
    [
        ([{"type": "server_tool_use", "id": "a"}], "messages.0.content.0"),
        ([{"type": "tool_result", "content": "a"}], "messages.0.content.0"),
        (
            [{"type": "image", "source": {"type": "url", "url": "http://10.0.0.1/a"}}],
            "messages.0.content.0.source.url",
        ),
    ],
)
def test_what_we_cannot_do_is_said_with_its_field(content: list[Json], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(messages=[{"role": "user", "content": content}])
    assert refused.value.param == param


def test_anthropics_own_tools_are_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="web_search_20250305"):
        asked(tools=[{"type": "web_search_20250305", "name": "web_search"}])


def test_max_tokens_is_required() -> None:
    with pytest.raises(ValidationError, match="max_tokens"):
        MessagesBody.model_validate({"model": "m", "messages": HELLO})


def test_counting_reads_the_same_chat() -> None:
    body = {"model": "m", "messages": HELLO, "system": "짧게"}
    found = decode_count(CountBody.model_validate(body))
    assert found == Counting(messages=[{"role": "system", "content": "짧게"}, *HELLO])
    told = client(orjson.dumps(count_body(7)), "application/json").messages.count_tokens(
        model="m", messages=[{"role": "user", "content": "?"}]
    )
    assert told.input_tokens == 7


def test_the_real_client_gathers_blocks_from_a_stream() -> None:
    wire = spoken(
        [Thought("음"), Thought("…")],
        [Said("안"), Said("녕\u2028")],
        [
            Called(0, "t1", "날씨", ""),
            Called(0, arguments='{"도시":'),
            Called(0, arguments='"서울"}'),
        ],
        [Called(1, "", "시간", "{}"), Finished("tool_calls"), USAGE],
    )
    message = final(wire)
    thought, text, weather, hour = message.content
    assert thought.type == "thinking" and (thought.thinking, thought.signature) == ("음…", "")
    assert text.type == "text" and text.text == "안녕\u2028"
    assert weather.type == "tool_use" and weather.input == {"도시": "서울"} and weather.id == "t1"
    assert hour.type == "tool_use" and hour.id.startswith("toolu_")
    assert (message.model, message.stop_reason) == ("뇌", "tool_use")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (12, 5)


def test_every_event_is_of_the_sdks_types_and_in_order() -> None:
    wire = spoken([Thought("음"), Said("가"), Called(0, "t", "f", "{}")], [Finished("stop"), USAGE])
    found = events(wire)
    for event in found:
        TypeAdapter(RawMessageStreamEvent).validate_python(event)
    block = ["content_block_start", "content_block_delta", "content_block_stop"]
    kinds = [event["type"] for event in found]
    assert kinds == ["message_start", *block * 3, "message_delta", "message_stop"]
    assert [event["index"] for event in found if "index" in event] == [0] * 3 + [1] * 3 + [2] * 3


@pytest.mark.parametrize(
    ("finished", "reason", "stop"),
    [
        (Finished("stop"), "end_turn", None),
        (Finished("stop", stop="끝"), "stop_sequence", "끝"),
        (Finished("length"), "max_tokens", None),
        (Finished("content_filter"), "refusal", None),
    ],
)
def test_why_it_ended_is_told(finished: Finished, reason: str, stop: str | None) -> None:
    streamed = final(spoken([Said("가")], [finished]))
    answer = Answer()
    answer.add([Said("가"), finished])
    whole = Message.model_validate(MessagesReply("m").whole(answer))
    for message in (streamed, whole):
        assert (message.stop_reason, message.stop_sequence) == (reason, stop)


def test_an_answer_in_one_piece_holds_everything() -> None:
    answer = Answer()
    answer.add(
        [Thought("음"), Said("가"), Called(0, "t1", "f", '{"x":1}'), Finished("stop"), USAGE]
    )
    body = orjson.dumps(MessagesReply("m").whole(answer))
    message = client(body, "application/json").messages.create(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
    )
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.stop_reason == "tool_use" and message.usage.input_tokens == 12


def test_an_empty_answer_still_has_its_block() -> None:
    empty = Answer()
    empty.add([Finished("stop"), USAGE])
    whole = Message.model_validate(MessagesReply("m").whole(empty))
    assert [block.type for block in whole.content] == ["text"]
    assert [block.type for block in final(spoken([Finished("stop"), USAGE])).content] == ["text"]


def test_pings_are_not_seen_and_a_break_is_raised() -> None:
    reply = MessagesReply("m")
    problem = Unavailable(Text("멈추는 중입니다", "stopping"), Text("나중에", "later"))
    wire = reply.start() + reply.ping + reply.pieces([Said("가")]) + reply.broken(problem, "en")
    with pytest.raises(anthropic.APIStatusError, match="stopping") as raised:
        final(wire)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["error"]["type"] == "overloaded_error"


FIELDS = ["messages", "role", "content", "type", "text", "source", "data", "url", "id", "name"]
FIELDS += ["input", "tool_use_id", "system", "tools", "tool_choice", "thinking", "max_tokens"]
WORDS = ["user", "assistant", "text", "image", "tool_use", "tool_result", "base64", "auto", JPEG]


@settings(max_examples=300, deadline=None)
@given(shaped(FIELDS, WORDS))
def test_any_json_is_understood_or_refused(body: object) -> None:
    blocks = {"messages": [{"role": "user", "content": body}], "max_tokens": 1}
    for given_body in (body, blocks):
        try:
            decode_messages(MessagesBody.model_validate(given_body))
        except (ValidationError, BadRequest) as refused:
            assert str(refused)


def test_blocks_nested_without_end_are_refused() -> None:
    deep: Json = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    for _ in range(600):
        deep = {"type": "tool_result", "tool_use_id": "a", "content": [deep]}
    with pytest.raises((ValidationError, BadRequest)):
        asked(messages=[{"role": "user", "content": [deep]}])
