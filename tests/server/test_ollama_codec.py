"""Ollama's dialect: what clients send is understood, and what they get is what they read."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import ollama
import orjson
import pytest
from hypothesis import given, settings
from pydantic import BaseModel, ValidationError

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Embedded, Embedding, Generation, Json
from dunoe.errors import BadRequest, EngineFailed, Text
from dunoe.server.answer import Answer
from dunoe.server.ollama_models import Card, Running, capabilities_of, details_of, ps, show, tags
from dunoe.server.ollama_reply import ChatReply, GenerateReply, embed_body, embeddings_body
from dunoe.server.ollama_request import (
    ChatBody,
    EmbedBody,
    EmbeddingsBody,
    GenerateBody,
    Preload,
    Unload,
    decode_chat,
    decode_embed,
    decode_embeddings,
    decode_generate,
    refuse_own_words,
)
from dunoe.weights.header import Header, Skipped, Tensor
from tests.server.anything import shaped

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
USAGE = Usage(12, 5, prefill_s=0.25, decode_s=0.5)
LIKELY = {
    "token": "한",
    "logprob": -0.5,
    "bytes": [237, 149, 156],
    "top_logprobs": [{"token": "하", "logprob": -1.5, "bytes": None}],
}


def ticking(step_ns: int = 1_000_000_000) -> Iterator[int]:
    now = 1_700_000_000_000_000_000
    while True:
        yield now
        now += step_ns


def chat_of(**fields: object) -> Generation:
    found = decode_chat(ChatBody.model_validate({"model": "m", **fields}))
    assert isinstance(found, Generation)
    return found


def generate_of(**fields: object) -> Generation:
    found = decode_generate(GenerateBody.model_validate({"model": "m", **fields}))
    assert isinstance(found, Generation)
    return found


def spoken(reply: ChatReply | GenerateReply, *batches: list[Event]) -> bytes:
    return reply.start() + b"".join(reply.pieces(list(batch)) for batch in batches) + reply.end()


def client(body: bytes, status: int = 200) -> ollama.Client:
    """The real client, and instead of a network these bytes, which come one at a time."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=(body[i : i + 1] for i in range(len(body))))

    return ollama.Client(host="http://ollama.test", transport=httpx.MockTransport(answer))


def test_a_chat_streams_unless_it_says_otherwise() -> None:
    messages = [{"role": "User", "content": "안녕"}]
    assert chat_of(messages=messages).stream
    assert not chat_of(messages=messages, stream=False).stream
    assert chat_of(messages=messages).messages == [{"role": "user", "content": "안녕"}]


def test_options_become_sampling_and_those_of_loading_stay_ours() -> None:
    options = {
        "num_predict": 7,
        "num_ctx": 99,
        "num_gpu": 1,
        "stop": "끝",
        "top_k": 3,
        "dry_base": 2,
    }
    asked = chat_of(messages=[{"role": "user"}], options=options)
    assert asked.options == {"max_tokens": 7, "stop": ["끝"], "top_k": 3, "dry_base": 2}
    assert generate_of(prompt="a", options={"num_predict": -1}).options == {}


@pytest.mark.parametrize(
    ("said", "meant"),
    [(True, True), (False, False), ("low", "low"), ("max", "high"), ("true", True), (None, None)],
)
def test_think_is_a_switch_or_a_level(said: object, meant: object) -> None:
    assert generate_of(prompt="a", think=said).think == meant


def test_format_is_json_or_a_schema() -> None:
    schema = {"type": "object"}
    wanted = generate_of(prompt="a", format=schema).format
    assert wanted is not None and wanted["json_schema"]["schema"] == schema
    assert generate_of(prompt="a", format="json").format == {"type": "json_object"}
    assert generate_of(prompt="a", format="").format is None
    with pytest.raises(BadRequest, match="yaml"):
        generate_of(prompt="a", format="yaml")


def test_logprobs_are_counted_by_their_alternatives() -> None:
    assert generate_of(prompt="a").logprobs is None
    assert generate_of(prompt="a", logprobs=True).logprobs == 0
    assert generate_of(prompt="a", logprobs=True, top_logprobs=3).logprobs == 3


def test_generate_is_a_chat_a_text_or_a_gap() -> None:
    turn = generate_of(prompt="뭐?", system="짧게", images=[PNG])
    assert turn.task == "chat" and turn.messages[0] == {"role": "system", "content": "짧게"}
    assert turn.messages[1]["content"][0] == {"type": "text", "text": "뭐?"}
    url = turn.messages[1]["content"][1]["image_url"]["url"]
    assert url == f"data:image/png;base64,{PNG}"
    raw = generate_of(prompt="<s>", raw=True)
    assert (raw.task, raw.prompt) == ("complete", "<s>")
    gap = generate_of(prompt="def f(", suffix="return 1")
    assert (gap.task, gap.prompt, gap.suffix) == ("infill", "def f(", "return 1")


def test_a_turn_keeps_ollamas_own_words() -> None:
    words = {"prompt": "뭐?", "system": "짧게", "template": "{{ .Prompt }}", "context": [1, 2]}
    assert generate_of(**words).turn == words
    assert generate_of(prompt="뭐?", context=[], template="").turn == {"prompt": "뭐?"}
    assert generate_of(prompt="뭐?", raw=True).turn is None


@pytest.mark.parametrize("name", ["template", "context"])
def test_words_that_only_an_ollama_reads_are_refused_for_others(name: str) -> None:
    body = GenerateBody.model_validate({"prompt": "a", "template": "t", "context": [1]})
    refuse_own_words(body.model_copy(update={"template": None, "context": None}))
    other = {"template": "context", "context": "template"}[name]
    with pytest.raises(BadRequest) as refused:
        refuse_own_words(body.model_copy(update={other: None}))
    assert refused.value.param == name


@pytest.mark.parametrize("streamed", [True, False])
def test_the_tokens_of_a_turn_go_back(streamed: bool) -> None:
    events: list[Event] = [Said("가"), Extra({"context": [1, 2], "timings": {}}), Finished("stop")]
    reply = GenerateReply("m")
    if streamed:
        last = orjson.loads((reply.pieces(events) + reply.end()).splitlines()[-1])
    else:
        answer = Answer()
        answer.add(events)
        last = reply.whole(answer)
    assert last["context"] == [1, 2] and last["done"] and "timings" not in last


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"images": ["%%"]}, "images.0"),
        ({"images": [base64.b64encode(b"hello").decode()]}, "images.0"),
        ({"suffix": "b", "template": "{{ .Prompt }}"}, "template"),
        ({"suffix": "b", "context": [1, 2]}, "context"),
        ({"raw": True, "system": "a"}, "raw"),
        ({"raw": True, "images": [PNG]}, "images"),
        ({"keep_alive": "soon"}, "keep_alive"),
    ],
)
def test_what_we_cannot_do_is_said_with_its_field(fields: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        generate_of(prompt="a", **fields)
    assert refused.value.param == param
    assert refused.value.hint.ko and refused.value.hint.en


def test_a_wrong_type_names_its_field() -> None:
    with pytest.raises(ValidationError) as wrong:
        chat_of(messages=[{"role": "user", "content": ["a"]}], options={"temperature": "hot"})
    assert {error["loc"] for error in wrong.value.errors()} == {
        ("messages", 0, "content"),
        ("options", "temperature"),
    }


@pytest.mark.parametrize(
    ("keep_alive", "wanted"),
    [
        (None, Preload()),
        (0, Unload()),
        ("0", Unload()),
        ("0s", Unload()),
        ("1h30m", Preload()),
        (-1, Preload()),
        ("-1m", Preload()),
        (2.5, Preload()),
    ],
)
def test_an_empty_request_loads_or_unloads(keep_alive: object, wanted: Preload | Unload) -> None:
    fields = {"model": "m", "keep_alive": keep_alive}
    assert decode_chat(ChatBody.model_validate({**fields, "messages": []})) == wanted
    assert decode_generate(GenerateBody.model_validate({**fields, "prompt": ""})) == wanted


def test_a_call_without_an_id_is_found_by_its_result() -> None:
    calls = [
        {"function": {"name": name, "arguments": {"도시": "서울"}}} for name in ("시간", "날씨")
    ]
    asked = chat_of(
        messages=[
            {"role": "assistant", "content": "", "thinking": "음", "tool_calls": calls},
            {"role": "tool", "content": "맑음", "tool_name": "날씨"},
            {"role": "tool", "content": "9시"},
        ],
        tools=[{"type": "function", "function": {"name": "날씨", "parameters": {}}}],
    )
    said, weather, hour = asked.messages
    assert said["reasoning_content"] == "음"
    assert said["tool_calls"][1]["function"]["arguments"] == '{"도시":"서울"}'
    assert weather["tool_call_id"] == said["tool_calls"][1]["id"]
    assert hour["tool_call_id"] == said["tool_calls"][0]["id"]
    assert asked.tools == [{"type": "function", "function": {"name": "날씨", "parameters": {}}}]


def test_texts_to_embed_come_alone_or_in_a_list() -> None:
    one = decode_embed(EmbedBody.model_validate({"model": "m", "input": "가"}))
    assert one == Embedding(["가"], truncate=True)
    many = decode_embed(EmbedBody.model_validate({"input": ["가", "나"], "truncate": False}))
    assert many == Embedding(["가", "나"], truncate=False)
    assert decode_embed(EmbedBody.model_validate({"input": []})).inputs == []
    old = decode_embeddings(EmbeddingsBody.model_validate({"prompt": "가"}))
    assert old == Embedding(["가"], truncate=True, is_normalised=False)


def test_the_real_client_reads_a_streamed_chat() -> None:
    line_end = (
        "줄\u2028끝\x85"  # Python's clients cut lines here, so it must not stand there as it is
    )
    wire = spoken(
        ChatReply("뇌"),
        [Thought("음…")],
        [Said("안녕", logprobs=[LIKELY]), Said(line_end)],
        [Called(0, "", "날씨", '{"도시":'), Called(0, arguments='"서울"}')],
        [Finished("tool_calls"), USAGE],
    )
    chunks = list(client(wire).chat("뇌", [{"role": "user", "content": "?"}], stream=True))
    assert chunks[0].message.thinking == "음…"
    assert "".join(chunk.message.content or "" for chunk in chunks) == f"안녕{line_end}"
    assert chunks[1].logprobs is not None and chunks[1].logprobs[0].top_logprobs is not None
    assert chunks[1].logprobs[0].top_logprobs[0].token == "하"
    calls = [call for chunk in chunks for call in chunk.message.tool_calls or []]
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("날씨", {"도시": "서울"})
    ]
    assert [chunk.done for chunk in chunks] == [False] * 4 + [True]
    last = chunks[-1]
    assert (last.done_reason, last.prompt_eval_count, last.eval_count) == ("stop", 12, 5)
    assert last.prompt_eval_duration == 250_000_000 and last.eval_duration == 500_000_000


def test_the_real_client_reads_a_streamed_text() -> None:
    wire = spoken(
        GenerateReply("m"), [Thought("음"), Said("가")], [Said("나"), Finished("length"), USAGE]
    )
    chunks = list(client(wire).generate("m", "?", stream=True))
    assert [chunk.thinking for chunk in chunks] == ["음", None, None, None]
    assert "".join(chunk.response or "" for chunk in chunks) == "가나"
    assert chunks[-1].done_reason == "length"


def test_a_ping_between_two_lines_is_not_seen() -> None:
    reply = ChatReply("m")
    wire = reply.ping + reply.pieces([Said("가")]) + reply.ping * 2 + reply.end()
    chunks = list(client(wire).chat("m", stream=True))
    assert [chunk.message.content for chunk in chunks] == ["가", ""]


def test_times_are_measured_where_the_engine_tells_none() -> None:
    reply = ChatReply("m", ticking().__next__)  # each look at the clock is a second later
    reply.pieces([Said("가")])
    reply.pieces([Finished("stop"), Usage(3, 2)])
    last = orjson.loads(reply.end())
    assert last["created_at"] == "2023-11-14T22:13:23.000000000Z"
    assert last["total_duration"] == 3_000_000_000
    assert last["prompt_eval_duration"] == 1_000_000_000
    assert last["eval_duration"] == 2_000_000_000
    assert "load_duration" not in last


def test_what_was_waited_before_prefill_is_loading() -> None:
    reply = ChatReply("m", ticking().__next__)
    reply.pieces([Said("가")])
    reply.pieces([Finished("stop"), USAGE])
    assert orjson.loads(reply.end())["load_duration"] == 750_000_000


def test_a_call_that_was_cut_off_is_not_shown() -> None:
    wire = spoken(ChatReply("m"), [Called(0, "a", "f", '{"x": 1')], [Finished("length")])
    chunks = list(client(wire).chat("m", stream=True))
    assert [chunk.message.tool_calls for chunk in chunks] == [None]
    assert chunks[0].done_reason == "length"


def test_an_answer_in_one_piece_holds_everything() -> None:
    answer = Answer()
    answer.add([Thought("음"), Said("가", logprobs=[LIKELY]), Called(0, "c1", "f", "")])
    answer.add([Finished("tool_calls"), USAGE])
    body = ChatReply("m").whole(answer)
    read = client(orjson.dumps(body)).chat("m")
    assert (read.message.content, read.message.thinking, read.done) == ("가", "음", True)
    assert (
        read.message.tool_calls is not None and read.message.tool_calls[0].function.arguments == {}
    )
    assert read.logprobs is not None and read.eval_count == 5
    text = ollama.GenerateResponse.model_validate(GenerateReply("m").whole(answer))
    assert (text.response, text.thinking) == ("가", "음")
    ollama.ChatResponse.model_validate(ChatReply("m").loaded("unload"))
    assert GenerateReply("m").loaded("load")["done_reason"] == "load"


def test_an_answer_that_breaks_off_ends_with_the_error() -> None:
    reply = ChatReply("m")
    problem = EngineFailed(Text("끊겼습니다", "it broke"), Text("다시 하세요", "try again"))
    wire = reply.pieces([Said("가")]) + reply.broken(problem, "ko")
    chunks = client(wire).chat("m", stream=True)
    assert next(chunks).message.content == "가"
    with pytest.raises(ollama.ResponseError, match="끊겼습니다\n다시 하세요"):
        next(chunks)


def test_vectors_are_read_by_the_real_client() -> None:
    made = Embedded([[0.6, 0.8]], 3)
    read = client(orjson.dumps(embed_body("m", made, 5))).embed("m", "가")
    assert (read.embeddings, read.prompt_eval_count) == ([[0.6, 0.8]], 3)
    assert client(orjson.dumps(embeddings_body(made))).embeddings("m", "가").embedding == [0.6, 0.8]
    assert embeddings_body(Embedded([], 0)) == {"embedding": []}


def test_models_are_listed_shown_and_watched() -> None:
    header = Header(
        version=3,
        metadata={
            "general.architecture": "qwen2",
            "general.name": "비밀",
            "general.file_type": 15,
            "qwen2.context_length": 32768,
            "tokenizer.chat_template": "{% if tools %}<think>",
            "tokenizer.ggml.tokens": ("가", "나"),
            "tokenizer.ggml.merges": Skipped(7),
            "tokenizer.ggml.fim_pre_token_id": 5,
        },
        tensors=(Tensor("a", (1000, 494), "Q4_K", 0, 1),),
        data_start=0,
        file_size=1,
    )
    when = datetime(2026, 1, 2, tzinfo=UTC)
    assert capabilities_of(header, is_seeing=True) == (
        ("completion", "tools", "insert", "vision", "thinking")
    )
    card = Card("뇌", when, 99, "ab", details_of(header), capabilities_of(header))
    listed = client(orjson.dumps(tags([card]))).list().models[0]
    assert listed.model == "뇌" and listed.modified_at == when and listed.details is not None
    assert (listed.details.parameter_size, listed.details.quantization_level) == (
        "494.00K",
        "Q4_K_M",
    )
    both = [Running(card, 9, 9, 4096), Running(card, 7, 5, 2048)]
    running = client(orjson.dumps(ps(both))).ps().models
    assert [one.context_length for one in running] == [4096, 2048]
    brief, full = show(card, header), show(card, header, parameters="num_ctx 4096", verbose=True)
    shown = client(orjson.dumps(brief)).show("뇌")
    assert shown.template == "{% if tools %}<think>" and shown.modelinfo is not None
    assert shown.modelinfo["tokenizer.ggml.tokens"] is None
    assert "general.name" not in shown.modelinfo
    assert full["model_info"]["tokenizer.ggml.tokens"] == ("가", "나")
    assert full["parameters"] == "num_ctx 4096"


FIELDS = ["messages", "role", "content", "images", "tool_calls", "function", "name", "arguments"]
FIELDS += ["tools", "prompt", "suffix", "raw", "think", "format", "options", "keep_alive", "input"]


def survives(model: type[BaseModel], body: object) -> BaseModel | None:
    try:
        return model.model_validate(body)
    except ValidationError:
        return None


@settings(max_examples=300, deadline=None)
@given(shaped(FIELDS, ["user", "tool", "json", "f", PNG, "5m"]))
def test_any_json_is_understood_or_refused(body: object) -> None:
    try:
        if chat := survives(ChatBody, body):
            assert isinstance(chat, ChatBody) and decode_chat(chat)
        if text := survives(GenerateBody, body):
            assert isinstance(text, GenerateBody) and decode_generate(text)
        if embed := survives(EmbedBody, body):
            assert isinstance(embed, EmbedBody) and decode_embed(embed)
    except BadRequest as refused:
        assert refused.hint.en


def test_arguments_nested_without_end_are_refused() -> None:
    deep: Json = {}
    for _ in range(600):
        deep = {"a": deep}
    call = {"function": {"name": "f", "arguments": deep}}
    with pytest.raises(BadRequest):
        chat_of(messages=[{"role": "assistant", "tool_calls": [call]}])
