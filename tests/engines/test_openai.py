"""OpenAI's dialect, read and written: against a scripted server, a real llama.cpp, and line by line."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import orjson
import pytest

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.http import LINE_LIMIT
from dunoe.engines.llama import LlamaEngine
from dunoe.engines.llama_server import LlamaServerEngine
from dunoe.engines.openai import OpenAIEngine
from dunoe.engines.openai_wire import Decoder, body
from dunoe.engines.request import Counting, Embedding, Generation, Json, Reranking
from dunoe.errors import BadRequest, EngineFailed, NotFound, NotSupported, TooLong
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, EngineSettings, ModelSettings, TimeoutSettings
from tests.engines import behaviour
from tests.fake_engine import FakeEngine
from tests.fake_wire import Answer, Turn

pytestmark = pytest.mark.anyio

MODEL = Model("mine", "box", "tiny", ModelSettings(engine="box", name="tiny"), slots=1)


@asynccontextmanager
async def opened(
    *turns: Turn, path: str = "", **settings: str
) -> AsyncIterator[tuple[OpenAIEngine, FakeEngine]]:
    """An engine and the scripted server behind it."""
    async with FakeEngine("openai", turns) as fake:
        whole = EngineSettings.model_validate(
            {"kind": "openai", "url": fake.url + path, **settings}
        )
        engine = OpenAIEngine("box", whole, TimeoutSettings())
        try:
            yield engine, fake
        finally:
            await engine.aclose()


def chunk(delta: Json | None = None, finish: str | None = None, **top: object) -> bytes:
    """One line of a stream."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return b"data: " + orjson.dumps({"choices": [choice], **top})


def decoded(*lines: bytes, n: int = 1) -> list[Event]:
    """The events of a whole answer."""
    decoder = Decoder("box", n)
    return [*decoder.lines(list(lines)), *decoder.end()]


async def test_a_question_travels_whole_and_under_the_name_it_has_there() -> None:
    asked = Generation(
        "chat",
        messages=[{"role": "user", "content": "가"}],
        stream=True,
        options={"temperature": 0.5, "my_field": {"a": 1}, "chat_template_kwargs": {"x": 1}},
        tools=[{"type": "function", "function": {"name": "look"}}],
        tool_choice="required",
        format={"type": "json_object"},
        logprobs=3,
        n=2,
        think=False,
    )
    async with opened(Turn(), path="/v1", api_key="secret") as (engine, fake):
        await behaviour.read(engine.generate(MODEL, asked))
        seen = await fake.came("/v1/chat/completions")
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "가"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "my_field": {"a": 1},
        "tools": asked.tools,
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "logprobs": True,
        "top_logprobs": 3,
        "n": 2,
        "chat_template_kwargs": {"x": 1, "enable_thinking": False},
    }


def test_an_effort_of_thought_and_a_suffix_have_their_own_fields() -> None:
    assert body("m", Generation("chat", think="low"))["reasoning_effort"] == "low"
    gap = body("m", Generation("infill", prompt="a", suffix="b", logprobs=0))
    assert (gap["prompt"], gap["suffix"], gap["logprobs"]) == ("a", "b", 0)


async def test_a_whole_header_goes_out_as_it_stands() -> None:
    async with opened(auth_header="Basic abc") as (engine, fake):
        await engine.ping()
        seen = await fake.came("/v1/models")
    assert seen.headers["authorization"] == "Basic abc"


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_thoughts_words_and_calls_are_kept_apart(stream: bool) -> None:
    call = {"name": "look", "arguments": {"곳": "서울"}}
    turns = Turn(thinking=["음", "…"]), Turn(calls=[call, call])
    async with opened(*turns) as (engine, _):
        events = await behaviour.read(engine.generate(MODEL, Generation("chat", stream=stream)))
        called = await behaviour.read(engine.generate(MODEL, Generation("chat", stream=stream)))
    assert "".join(e.text for e in events if isinstance(e, Thought)) == "음…"
    assert behaviour.said(events) == "안녕하세요."
    assert behaviour.finished(called) == [Finished("tool_calls")]
    pieces = [e for e in called if isinstance(e, Called)]
    for number in (0, 1):
        mine = [piece for piece in pieces if piece.call == number]
        assert (mine[0].id, mine[0].name) == (f"call_{number}", "look")
        assert orjson.loads("".join(piece.arguments for piece in mine)) == {"곳": "서울"}


def test_what_is_not_modelled_is_said_once_and_timings_count() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    timings = {"prompt_ms": 10.0, "predicted_ms": 20.0}
    events = decoded(
        chunk({"content": "가"}, system_fingerprint="x"),
        chunk({"content": "나"}, system_fingerprint="x", prompt_progress={"total": 1}),
        chunk(finish="stop"),
        b"data: " + orjson.dumps({"choices": [], "usage": usage, "timings": timings}),
        b"data: [DONE]",
    )
    assert [e.fields for e in events if isinstance(e, Extra)] == [
        {"system_fingerprint": "x"},
        {"timings": timings},
    ]
    assert events[-1] == Usage(5, 2, 3, 0.01, 0.02)


def test_the_older_form_of_probabilities_becomes_the_newer_one() -> None:
    old = {"tokens": ["가"], "token_logprobs": [-1.5], "top_logprobs": [{"가": -1.5, "a": -2.0}]}
    choice = {"index": 0, "text": "가", "logprobs": old, "finish_reason": "stop"}
    said = decoded(b"data: " + orjson.dumps({"choices": [choice]}))[0]
    assert isinstance(said, Said) and said.logprobs is not None
    assert said.logprobs[0]["bytes"] == list("가".encode())
    assert [top["logprob"] for top in said.logprobs[0]["top_logprobs"]] == [-1.5, -2.0]


@pytest.mark.parametrize(
    "line",
    [
        chunk({"content": "x"}).replace(b'"index":0', b'"index":7'),
        chunk({"content": {"no": "text"}}),
        chunk({"tool_calls": [{"index": 10**9, "function": {"name": "f"}}]}),
        chunk({"tool_calls": [{"index": -1, "function": {"name": "f"}}]}),
        chunk(finish="stop", usage=5),
        chunk(finish="stop", usage={"prompt_tokens": "x"}),
        chunk(finish="stop", usage={"prompt_tokens_details": [1]}),
        chunk(finish="stop", usage={"prompt_tokens": 1}, timings={"prompt_ms": "x"}),
        chunk({"content": "x"}, "stop").replace(
            b'"index":0', b'"index":0,"logprobs":{"content":5}'
        ),
        b"data: [1, 2]",
        b"data: {}",
        b'data: {"choices": 5}',
        b"data: \xff\xfe",
        b"data: {",
    ],
)
def test_nonsense_is_garbage_and_never_a_crash(line: bytes) -> None:
    with pytest.raises(EngineFailed) as told:
        decoded(line)
    assert told.value.code == "engine_garbage"


def test_an_answer_is_whole_only_with_every_end() -> None:
    one = chunk({"content": "가"}, finish="stop")
    assert decoded(one)[-1] == Finished("stop")  # some servers say no [DONE]
    for lines, n in (([chunk({"content": "가"}), b"data: [DONE]"], 1), ([one], 2), ([], 1)):
        with pytest.raises(EngineFailed) as told:
            decoded(*lines, n=n)
        assert told.value.code == "engine_broke_off"
    with pytest.raises(EngineFailed, match="abort"):
        decoded(chunk(finish="abort"))


def test_an_error_in_the_middle_keeps_its_words_and_kind() -> None:
    with pytest.raises(EngineFailed, match="불이 났다"):
        decoded(chunk({"content": "가"}), 'data: {"error": {"message": "불이 났다"}}'.encode())
    with pytest.raises(EngineFailed, match="bare"):
        decoded(b'{"error": "bare"}')
    with pytest.raises(TooLong, match="99"):
        error = {
            "type": "exceed_context_size_error",
            "message": "no",
            "n_prompt_tokens": 99,
            "n_ctx": 9,
        }
        decoded(b"error: " + orjson.dumps(error))


@pytest.mark.parametrize(
    ("status", "problem"),
    [(400, BadRequest), (422, BadRequest), (404, NotFound), (501, NotSupported)],
)
async def test_a_refused_question_is_the_callers_matter(
    status: int, problem: type[BadRequest]
) -> None:
    async with opened(Turn(fault="status", status=status, error="까닭")) as (engine, _):
        with pytest.raises(problem, match="까닭") as told:
            await behaviour.read(engine.generate(MODEL, Generation("chat")))
    assert told.value.upstream == "box"


async def test_a_question_that_makes_no_json_is_the_callers_matter() -> None:
    deep: Json = {}
    for _ in range(600):
        deep = {"a": deep}
    async with opened() as (engine, _):
        with pytest.raises(BadRequest):
            await behaviour.read(engine.generate(MODEL, Generation("chat", options=deep)))


async def test_a_vector_with_a_number_that_is_none_is_garbage() -> None:
    async with opened() as (engine, _):
        with pytest.raises(EngineFailed) as told:
            engine.embedded({"data": [{"index": "abc", "embedding": [1.0]}]}, Embedding(["a"]))
    assert told.value.code == "engine_garbage"


async def test_vectors_scores_and_lists_come_in_our_order() -> None:
    async with opened() as (engine, _):
        embedded = await engine.embed(MODEL, Embedding(["a", "bbb"], dimensions=3))
        ranked = await engine.rerank(MODEL, Reranking("b", ["a", "b", "c"]))
        listed = await engine.listed()
        with pytest.raises(NotSupported):
            await engine.count(MODEL, Counting(content="x"))
    assert [vector[0] for vector in embedded.vectors] == [1.0, 3.0]
    assert {len(vector) for vector in embedded.vectors} == {3}
    assert ranked.scores == [0.0, 1.0, 0.0]
    assert [one.name for one in listed] == ["tiny"]


@pytest.mark.parametrize("kind", ["openai", "llama"])
@pytest.mark.parametrize("more", [b"", b"b\r\ndata: oops\n\r\n"], ids=["silence", "nonsense"])
async def test_an_answer_is_over_when_it_says_so(
    kind: Literal["openai", "llama"], more: bytes
) -> None:
    """llama.cpp is always asked for a stream, so a body that never ends concerns whole answers too."""
    said = chunk({"content": "가"}, finish="stop") + b"\n\ndata: [DONE]\n\n"
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\r\n%b" % (len(said), said, more))
        while await reader.read(2**16):
            pass
        left.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = EngineSettings(kind=kind, url=url)
    limits = TimeoutSettings(between_tokens_s=5)
    engine = (OpenAIEngine if kind == "openai" else LlamaServerEngine)("box", settings, limits)
    asked = Generation("chat", stream=kind == "openai")
    try:
        assert behaviour.said(await behaviour.read(engine.generate(MODEL, asked))) == "가"
        await asyncio.wait_for(left.wait(), 5)
    finally:
        await engine.aclose()
        server.close()
        await server.wait_closed()


class _Endless:
    """A face whose stream is one line without an end."""

    def asks(self, seen: object) -> bool:
        return True

    def refuse(self, status: int, text: str) -> Answer:
        return Answer(status, {"error": text})

    def answer(self, seen: object, turn: object) -> Answer:
        return Answer(pieces=[b"x" * 2**20] * (LINE_LIMIT // 2**20 + 2), type="text/event-stream")


async def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    async with FakeEngine("openai", face=_Endless()) as fake:
        settings = EngineSettings(kind="openai", url=fake.url)
        engine = OpenAIEngine("box", settings, TimeoutSettings())
        with pytest.raises(EngineFailed) as told:
            await behaviour.read(engine.generate(MODEL, Generation("chat", stream=True)))
        await engine.aclose()
    assert told.value.code == "engine_garbage"


async def test_a_connection_that_was_closed_while_idle_is_taken_up_anew() -> None:
    """The server answers one question a connection, and closes when a second one comes in on it."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data":[]}')
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    engine = OpenAIEngine("box", EngineSettings(kind="openai", url=url), TimeoutSettings())
    try:
        for _ in range(3):
            await engine.upstream.json("POST", "/", {})
    finally:
        await engine.aclose()
        server.close()
        await server.wait_closed()
    assert connections == 3


@pytest.mark.parametrize(
    "does",
    [
        behaviour.writes_the_same_streamed_or_whole,
        behaviour.stops_at_a_stop_text,
        behaviour.refuses_what_is_too_long,
    ],
    ids=lambda does: does.__name__,
)
async def test_a_real_server_through_the_plain_dialect(
    does: behaviour.Behaviour, tiny_chat: Path
) -> None:
    settings = ModelSettings(file=tiny_chat, context=4096, threads=1)
    model = Model("tiny", LLAMA, "tiny", settings, slots=2)
    inside = LlamaEngine(TimeoutSettings())
    try:
        await inside.load(model)
        url, key = inside.address(model)
        engine = OpenAIEngine(
            "box", EngineSettings(kind="openai", url=url, api_key=key), TimeoutSettings()
        )
        await does(engine, model)
        await engine.aclose()
    finally:
        await inside.aclose()


@pytest.mark.parametrize(
    ("told", "context"),
    [({"max_model_len": 16384}, 16384), ({}, 4096), ({"max_model_len": "?"}, 4096)],
)
async def test_the_context_is_what_the_server_lists(told: Json, context: int) -> None:
    class Lists(_Endless):
        def answer(self, seen: object, turn: object) -> Answer:
            return Answer(
                body={"data": [{"id": "other", "max_model_len": 1}, {"id": "tiny"} | told]}
            )

    async with FakeEngine("openai", face=Lists()) as fake:
        engine = OpenAIEngine("box", EngineSettings(kind="openai", url=fake.url), TimeoutSettings())
        assert await engine.context(MODEL) == context
        await engine.aclose()


async def test_the_settings_know_the_context_better_than_the_server() -> None:
    settings = ModelSettings(engine="box", name="tiny", context=2048)
    async with opened() as (engine, _):
        assert await engine.context(Model("mine", "box", "tiny", settings, slots=1)) == 2048
