"""OpenAI's Responses: what clients send is understood, and what they get is what they read."""

import base64

import httpx
import openai
import orjson
import pytest
from hypothesis import given, settings
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from dunoe.engines.events import Called, Event, Finished, Said, Thought, Usage
from dunoe.engines.request import Generation, Json
from dunoe.errors import BadRequest, EngineFailed, Text
from dunoe.server.answer import Answer
from dunoe.server.responses_reply import ResponsesReply
from dunoe.server.responses_request import ResponsesBody, decode
from tests.server.anything import shaped
from tests.server.event_stream import drops, events

GIF = "data:image/gif;base64," + base64.b64encode(b"GIF89a" + bytes(8)).decode()
TOOL = {"type": "function", "name": "날씨", "parameters": {"type": "object"}, "strict": True}
USAGE = Usage(12, 5, cached_tokens=4)
LIKELY = {"token": "한", "logprob": -0.5, "bytes": None, "top_logprobs": []}


def asked(given_input: object, **fields: object) -> Generation:
    return decode(ResponsesBody.model_validate({"model": "m", "input": given_input, **fields}))


def reply_to(**fields: object) -> ResponsesReply:
    return ResponsesReply(ResponsesBody.model_validate({"input": "?", **fields}), "뇌")


def spoken(*batches: list[Event], reply: ResponsesReply | None = None) -> bytes:
    reply = reply or reply_to()
    return reply.start() + b"".join(reply.pieces(list(batch)) for batch in batches) + reply.end()


def client(body: bytes, kind: str = "text/event-stream") -> openai.OpenAI:
    """The real client, and instead of a network these bytes, which come one at a time."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=drops(body), headers={"content-type": kind})

    network = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://dunoe.test/v1", http_client=network)


def final(wire: bytes) -> Response:
    with client(wire).responses.stream(model="m", input="?") as stream:
        return stream.get_final_response()


def test_a_text_is_a_question_and_instructions_come_first() -> None:
    ask = asked(
        "안녕",
        instructions="짧게",
        max_output_tokens=9,
        temperature=0.5,
        store=True,
        user="u",
        min_p=0.1,
        stream=True,
    )
    assert ask.messages == (
        [{"role": "system", "content": "짧게"}, {"role": "user", "content": "안녕"}]
    )
    assert ask.options == {"max_tokens": 9, "temperature": 0.5, "min_p": 0.1}
    assert ask.stream and ask.think is None and ask.logprobs is None


def test_the_items_of_one_turn_are_one_message_again() -> None:
    picture = {"type": "input_image", "image_url": GIF, "detail": "auto"}
    ask = asked(
        [
            {"role": "developer", "content": "짧게"},
            {"role": "user", "content": [{"type": "input_text", "text": "날씨?"}, picture]},
            {
                "type": "reasoning",
                "id": "rs",
                "summary": [],
                "content": [{"type": "reasoning_text", "text": "음"}],
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "볼게요"}],
            },
            {"type": "function_call", "call_id": "c1", "name": "날씨", "arguments": "{}"},
            {"type": "function_call", "call_id": "c2", "name": "시간", "arguments": "{}"},
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [{"type": "input_text", "text": "맑음"}, picture],
            },
            {"type": "function_call_output", "call_id": "c2", "output": "9시"},
        ]
    )
    roles = [message["role"] for message in ask.messages]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user"]
    turn = ask.messages[2]
    assert (turn["content"], turn["reasoning_content"]) == ("볼게요", "음")
    assert [call["id"] for call in turn["tool_calls"]] == ["c1", "c2"]
    assert ask.messages[3] == {"role": "tool", "tool_call_id": "c1", "content": "맑음"}
    assert ask.messages[5]["content"][0]["image_url"]["url"] == GIF


def test_two_turns_stay_two_messages() -> None:
    ask = asked([{"role": "assistant", "content": "하나"}, {"role": "assistant", "content": "둘"}])
    assert [message["content"] for message in ask.messages] == ["하나", "둘"]


def test_tools_and_their_choice_are_chats_inside() -> None:
    ask = asked("?", tools=[TOOL], tool_choice={"type": "function", "name": "날씨"})
    function = {"name": "날씨", "parameters": {"type": "object"}, "strict": True}
    assert ask.tools == [{"type": "function", "function": function}]
    assert ask.tool_choice == {"type": "function", "function": {"name": "날씨"}}
    assert asked("?", tools=[TOOL], tool_choice="required").tool_choice == "required"
    some = asked(
        "?",
        tools=[TOOL, {**TOOL, "name": "시간"}],
        tool_choice={"type": "allowed_tools", "mode": "required", "tools": [{"name": "시간"}]},
    )
    assert [tool["function"]["name"] for tool in some.tools] == ["시간"]
    assert some.tool_choice == "required"


def test_format_effort_and_logprobs() -> None:
    named = {"type": "json_schema", "name": "답", "schema": {"type": "object"}, "strict": True}
    ask = asked("?", text={"format": named}, reasoning={"effort": "xhigh"})
    assert ask.format is not None and ask.think == "high"
    assert ask.format["json_schema"] == {"name": "답", "schema": {"type": "object"}, "strict": True}
    assert asked("?", reasoning={"effort": "none"}).think is False
    assert asked("?", text={"format": {"type": "text"}}).format is None
    assert asked("?", include=["message.output_text.logprobs"], top_logprobs=2).logprobs == 2


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools.0"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"input": [{"type": "item_reference", "id": "a"}]}, "input.0"),
        ({"input": [{"type": "function_call_output", "output": "a"}]}, "input.0"),
        (
            {
                "input": [
                    {"role": "user", "content": [{"type": "input_image", "image_url": "http://a"}]}
                ]
            },
            "input.0.content.0.image_url",
        ),
    ],
)
def test_what_we_cannot_do_is_said_with_its_field(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(fields.pop("input", "?"), **fields)
    assert refused.value.param == param
    assert refused.value.hint.ko and refused.value.hint.en


def test_the_real_client_gathers_items_from_a_stream() -> None:
    reply = reply_to(tools=[TOOL], metadata={"a": "b"}, instructions="짧게")
    response = final(
        spoken(
            [Thought("음"), Thought("…")],
            [Said("안"), Said("녕\u2028")],
            [
                Called(0, "c1", "날씨", ""),
                Called(0, arguments='{"도시":'),
                Called(0, arguments='"서울"}'),
            ],
            [Finished("tool_calls"), USAGE],
            reply=reply,
        )
    )
    thought, message, call = response.output
    assert thought.type == "reasoning" and thought.content is not None
    assert thought.content[0].text == "음…"
    assert message.type == "message" and response.output_text == "안녕\u2028"
    assert call.type == "function_call" and call.call_id == "c1"
    assert (call.name, call.arguments) == ("날씨", '{"도시":"서울"}')
    assert (response.status, response.model, response.instructions) == ("completed", "뇌", "짧게")
    assert response.usage is not None and response.usage.input_tokens_details.cached_tokens == 4
    assert (response.usage.input_tokens, response.usage.total_tokens) == (12, 17)
    assert response.metadata == {"a": "b"} and response.tools[0].type == "function"


def test_every_event_is_of_the_sdks_types_and_in_order() -> None:
    wire = spoken(
        [Thought("음"), Said("가", logprobs=[LIKELY]), Called(0, "c", "f", "{}")],
        [Finished("stop"), USAGE],
    )
    found = events(wire)
    for event in found:
        TypeAdapter[object](ResponseStreamEvent).validate_python(event, strict=True)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    kinds = [event["type"].removeprefix("response.") for event in found]
    part_added, part_done = "content_part.added", "content_part.done"
    added, done = "output_item.added", "output_item.done"
    assert kinds == [
        *("created", "in_progress"),
        *(added, part_added, "reasoning_text.delta", "reasoning_text.done", part_done, done),
        *(added, part_added, "output_text.delta", "output_text.done", part_done, done),
        *(added, "function_call_arguments.delta", "function_call_arguments.done", done),
        "completed",
    ]
    places = [event["output_index"] for event in found if "output_index" in event]
    assert places == [0] * 6 + [1] * 6 + [2] * 4


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_an_answer_cut_short_is_incomplete(reason: str, told: str) -> None:
    finished = Finished("length" if reason == "length" else "content_filter")
    last = events(spoken([Said("가"), finished, USAGE]))[-1]
    assert last["type"] == "response.incomplete"
    response = Response.model_validate(last["response"])
    assert response.status == "incomplete" and response.incomplete_details is not None
    assert response.incomplete_details.reason == told
    assert response.output[0].model_dump()["status"] == "incomplete"


def test_an_answer_in_one_piece_holds_everything() -> None:
    answer = Answer()
    answer.add([Thought("음"), Said("가", logprobs=[LIKELY]), Called(0, "c", "f", "{}")])
    answer.add([Finished("tool_calls"), USAGE])
    body = reply_to(tools=[TOOL], tool_choice="auto", reasoning={"effort": "low"}).whole(answer)
    Response.model_validate(body, strict=True)
    response = client(orjson.dumps(body), "application/json").responses.create(model="m", input="?")
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output_text == "가" and response.usage is not None


def test_an_empty_answer_still_has_its_message() -> None:
    response = final(spoken([Finished("stop"), USAGE]))
    assert [item.type for item in response.output] == ["message"] and response.output_text == ""


def test_what_was_asked_is_said_back_in_the_sdks_types() -> None:
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    named = {"type": "json_schema", "name": "답", "schema": {"type": "object"}}
    reply = reply_to(tools=[TOOL], tool_choice=choice, text={"format": named})
    response = Response.model_validate(events(reply.start())[0]["response"], strict=True)
    assert response.tool_choice != "auto" and response.text is not None
    assert response.text.format is not None and response.text.format.type == "json_schema"


def test_pings_are_not_seen_and_a_break_is_raised() -> None:
    reply = reply_to()
    problem = EngineFailed(Text("끊겼습니다", "it broke"), Text("다시", "again"))
    wire = reply.start() + reply.ping + reply.pieces([Said("가")]) + reply.broken(problem, "ko")
    with pytest.raises(openai.APIError, match="끊겼습니다"):
        final(wire)
    last = Response.model_validate(events(wire.replace(reply.ping, b""))[-1]["response"])
    assert last.status == "failed" and last.error is not None and last.output_text == "가"


FIELDS = ["input", "role", "content", "type", "text", "image_url", "call_id", "name", "arguments"]
FIELDS += ["output", "summary", "tools", "tool_choice", "reasoning", "format", "schema", "mode"]
WORDS = ["user", "assistant", "message", "input_text", "input_image", "function_call", "reasoning"]
WORDS += ["function_call_output", "function", "allowed_tools", "json_schema", GIF]


@settings(max_examples=300, deadline=None)
@given(shaped(FIELDS, WORDS))
def test_any_json_is_understood_or_refused(body: object) -> None:
    for given_body in (body, {"input": body}, {"input": [body]}, {"input": "?", "tools": [body]}):
        try:
            asked_for = ResponsesBody.model_validate(given_body)
            decode(asked_for)
            ResponsesReply(asked_for, "m").start()
        except (ValidationError, BadRequest) as refused:
            assert str(refused)
