"""OpenAI's dialect as its own library reads it."""

from typing import Any

import orjson
import pytest
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Embedded, Reranked
from dunoe.errors import BadRequest, EngineFailed, Problem
from dunoe.server.answer import Answer
from dunoe.server.body import check, parse
from dunoe.server.openai_chat import ChatBody, ChatReply, decode_chat
from dunoe.server.openai_text import CompletionBody, CompletionReply, decode_completion
from dunoe.server.openai_vectors import (
    EmbeddingBody,
    RerankBody,
    decode_embedding,
    decode_rerank,
    embeddings_json,
    rerank_json,
)

Json = dict[str, Any]  # Any: JSON
HELLO = [{"role": "user", "content": "안녕"}]


def chat(**fields: Any) -> tuple[ChatBody, Json]:
    raw = {"messages": HELLO, **fields}
    return ChatBody.model_validate(raw), raw


def chunks(stream: bytes) -> list[Json]:
    """The events of a stream, its end mark checked and left out."""
    events = stream.removesuffix(b"\n\n").split(b"\n\n")
    assert events[-1] == b"data: [DONE]"
    return [orjson.loads(event.removeprefix(b"data: ")) for event in events[:-1]]


def streamed(reply: ChatReply | CompletionReply, *batches: list[Event]) -> list[Json]:
    out = reply.start() + b"".join(reply.pieces(batch) for batch in batches) + reply.end()
    return chunks(out)


def test_what_is_known_has_its_place_and_what_is_not_travels_untouched() -> None:
    body, raw = chat(
        max_completion_tokens=9, stop="끝", top_k=3, logit_bias={"1": -100}, mirostat=2, user="u",
        temperature=None, top_logprobs=2, logprobs=True, n=2, reasoning_effort="none",
    )  # fmt: skip
    ask = decode_chat(body, raw)
    assert ask.options == {
        "max_tokens": 9, "stop": ["끝"], "top_k": 3, "logit_bias": {"1": -100}, "mirostat": 2, "user": "u",
    }  # fmt: skip
    assert (ask.messages, ask.logprobs, ask.n, ask.think) == (HELLO, 2, 2, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": []},
        {"messages": "x"},
        {"messages": [{"content": "x"}]},
        {"n": 0},
        {"temperature": "hot"},
        {"stop": [1]},
        {"top_logprobs": 99},
        {"stream_options": 1},
    ],
)
def test_a_field_of_the_wrong_kind_is_refused(wrong: Json) -> None:
    with pytest.raises(ValidationError):
        chat(**wrong)


@pytest.mark.parametrize("value", [str(2**70), str(-(2**70)), "1e300"])
def test_a_number_beyond_all_numbers_is_refused_in_the_callers_words(value: str) -> None:
    with pytest.raises(BadRequest) as told:
        check(
            ChatBody,
            parse(f'{{"messages": [{{}}], "seed": {value}}}'.encode()) | {"messages": HELLO},
        )
    assert told.value.message.ko == "'seed' 값이 맞지 않습니다: 너무 큰 정수입니다"


@pytest.mark.parametrize(
    "wrong", [{"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}]
)
def test_a_format_that_nobody_can_meet_is_refused(wrong: Json) -> None:
    with pytest.raises(BadRequest):
        decode_chat(*chat(response_format=wrong))


def test_a_stream_is_what_the_library_expects() -> None:
    body, _ = chat(stream=True, stream_options={"include_usage": True}, n=2)
    found = streamed(
        ChatReply("req_1", "tiny", body),
        [Extra({"system_fingerprint": "b1"}), Thought("음", 0), Said("안", 0), Said("녕\u2028", 0)],
        [
            Said(
                "b",
                1,
                logprobs=[{"token": "b", "logprob": -0.5, "bytes": [98], "top_logprobs": []}],
            )
        ],
        [Called(0, "call_1", "날씨", "", 1), Called(0, arguments='{"도시"', index=1)],
        [
            Finished("stop", 0),
            Finished("tool_calls", 1),
            Extra({"timings": {"n": 1}}),
            Usage(5, 4, 2),
        ],
    )
    seen = [ChatCompletionChunk.model_validate(one, strict=True) for one in found]
    text = "".join(
        one.choices[0].delta.content or ""
        for one in seen
        if one.choices and one.choices[0].index == 0
    )
    assert text == "안녕\u2028"
    assert seen[-1].usage is not None and seen[-1].usage.total_tokens == 9
    assert all(one.choices for one in seen[:-1])  # many clients look at choices[0] without asking
    assert [one.choices[0].finish_reason for one in seen[:-1]][-2:] == ["stop", "tool_calls"]
    assert [one["timings"] for one in found if "timings" in one] == [{"n": 1}]
    assert seen[2].system_fingerprint == "b1"
    assert found[2]["choices"][0]["delta"] == {"reasoning_content": "음"}


def test_a_line_separator_in_the_text_does_not_end_a_line_of_the_stream() -> None:
    body, _ = chat(stream=True)
    piece = ChatReply("req_1", "tiny", body).pieces([Said("가\u2028나\u0085다")])
    assert len(piece.decode().strip().splitlines()) == 1


def test_without_being_asked_a_stream_tells_no_usage() -> None:
    body, _ = chat(stream=True)
    found = streamed(
        ChatReply("req_1", "tiny", body), [Said("a")], [Finished("length"), Usage(1, 1)]
    )
    assert all("usage" not in one for one in found)


def test_an_answer_in_one_piece_is_what_the_library_expects() -> None:
    body, _ = chat()
    answer = Answer()
    answer.add(
        [Thought("생각"), Said("", 0), Called(0, "c1", "f", '{"a":'), Called(0, arguments="1}")]
    )
    answer.add([Finished("tool_calls"), Usage(3, 2, 1), Extra({"timings": {"x": 1}})])
    found = ChatReply("req_1", "tiny", body).whole(answer)
    read = ChatCompletion.model_validate(found)
    assert read.choices[0].message.tool_calls is not None
    assert found["choices"][0]["message"]["tool_calls"][0]["function"] == {
        "name": "f",
        "arguments": '{"a":1}',
    }
    assert found["choices"][0]["message"]["reasoning_content"] == "생각"
    assert found["timings"] == {"x": 1}
    assert read.usage is not None and read.usage.prompt_tokens == 3


def test_a_broken_stream_has_an_error_and_no_end_mark() -> None:
    body, _ = chat(stream=True)
    problem: Problem = EngineFailed("broke", "try again", code="engine_broke_off")
    told = ChatReply("req_1", "tiny", body).broken(problem, "en")
    assert orjson.loads(told.removeprefix(b"data: "))["error"]["code"] == "engine_broke_off"
    assert b"[DONE]" not in told


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [("a", ["a"]), (["a", "b"], ["a", "b"]), ([1, 2], [[1, 2]]), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_a_completion_takes_texts_and_tokens(prompt: Any, prompts: list[Any]) -> None:
    raw = {"prompt": prompt, "max_tokens": 3}
    asks = decode_completion(CompletionBody.model_validate(raw), raw)
    assert [ask.prompt for ask in asks] == prompts
    assert {ask.task for ask in asks} == {"complete"}


def test_a_suffix_asks_for_the_middle() -> None:
    raw = {"prompt": "def f(", "suffix": "return x"}
    (ask,) = decode_completion(CompletionBody.model_validate(raw), raw)
    assert (ask.task, ask.prompt, ask.suffix) == ("infill", "def f(", "return x")


def test_completions_stream_and_echo_and_tell_log_probabilities() -> None:
    raw = {"prompt": "가", "stream": True, "echo": True, "stream_options": {"include_usage": True}}
    body = CompletionBody.model_validate(raw)
    entries = [
        {"token": "나", "logprob": -1.0, "top_logprobs": [{"token": "다", "logprob": -2.0}]},
        {"token": "라", "logprob": -3.0},
    ]
    reply = CompletionReply("req_1", "tiny", body)
    found = streamed(reply, [Said("나라", logprobs=entries)], [Finished("stop"), Usage(1, 2)])
    assert "".join(one["choices"][0]["text"] for one in found[:-1]) == "가나라"
    told = found[1]["choices"][0]["logprobs"]
    assert (told["text_offset"], told["top_logprobs"]) == ([0, 1], [{"다": -2.0}, {}])
    assert found[-2]["choices"][0]["finish_reason"] == "stop"
    assert found[-1]["usage"]["completion_tokens"] == 2


def test_a_completion_in_one_piece_is_what_the_library_expects() -> None:
    answer = Answer()
    answer.add([Said("나"), Said("다", 1), Finished("length"), Finished("stop", 1), Usage(1, 2)])
    body = CompletionBody.model_validate({"prompt": "가", "n": 2})
    read = Completion.model_validate(CompletionReply("req_1", "tiny", body).whole(answer))
    assert [(one.text, one.finish_reason) for one in read.choices] == [
        ("나", "length"),
        ("다", "stop"),
    ]


def test_vectors_in_both_encodings_are_the_same_numbers() -> None:
    made = Embedded([[0.5, -0.25]], 3)
    plain = EmbeddingBody.model_validate({"input": "가", "dimensions": 2})
    assert decode_embedding(plain).dimensions == 2
    read = CreateEmbeddingResponse.model_validate(embeddings_json(plain, "m", made))
    assert read.data[0].embedding == [0.5, -0.25]
    packed = EmbeddingBody.model_validate({"input": [[1, 2]], "encoding_format": "base64"})
    assert embeddings_json(packed, "m", made)["data"][0]["embedding"] == "AAAAPwAAgL4="


def test_documents_come_back_best_first() -> None:
    body = RerankBody.model_validate(
        {"query": "q", "documents": ["a", {"text": "b"}, "c"], "top_n": 2, "return_documents": True}
    )
    asked = decode_rerank(body)
    found = rerank_json(body, "m", asked, Reranked([0.1, 0.9, 0.5], 7))
    assert [(one["index"], one["document"]["text"]) for one in found["results"]] == [
        (1, "b"),
        (2, "c"),
    ]
    with pytest.raises(BadRequest):
        decode_rerank(RerankBody.model_validate({"query": "q", "documents": [{"title": "x"}]}))


PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"
    "AAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def pictured(url: Any) -> Json:
    parts = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": url}]
    return {"messages": [{"role": "user", "content": parts}]}


def test_a_picture_in_the_request_goes_on_to_the_model() -> None:
    ask = decode_chat(*chat(**pictured({"url": PIXEL})))
    assert ask.messages[0]["content"][1]["image_url"]["url"] == PIXEL


@pytest.mark.parametrize(
    "url",
    [
        {"url": "http://169.254.169.254/latest"},
        {"url": "file:///etc/passwd"},
        {"url": 5},
        {},
        "https://x",
    ],
)
def test_no_address_is_fetched_for_a_caller(url: Any) -> None:
    """llama.cpp itself would fetch what it is pointed at, from inside this network."""
    with pytest.raises(BadRequest):
        decode_chat(*chat(**pictured(url)))
