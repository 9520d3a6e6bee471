"""OllamaEngine against a server that keeps an Ollama's state and speaks its words."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.request import Counting, Embedding, Generation, Json, Reranking
from dunoe.errors import (
    BadRequest,
    EngineFailed,
    EngineTimeout,
    NotFound,
    NotSupported,
    Problem,
    TooLong,
    Unavailable,
)
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, ModelSettings, TimeoutSettings
from tests.engines import behaviour
from tests.fake_engine import FakeEngine
from tests.fake_ollama import Ollama, OnDisk
from tests.fake_wire import Turn

pytestmark = pytest.mark.anyio

QUESTION = [{"role": "user", "content": "가 나 다"}]
PIXEL = "iVBORw0KGgo="


def model(name: str = "tiny", **settings: Any) -> Model:  # Any: fields of ModelSettings
    """A model of the fake server."""
    return Model(name, "box", name, ModelSettings(engine="box", name=name, **settings), slots=1)


def chat(**fields: Any) -> Generation:  # Any: fields of Generation
    """A chat with a question."""
    return Generation("chat", messages=QUESTION, **fields)


@asynccontextmanager
async def ollama(
    *turns: Turn,
    models: dict[str, OnDisk] | None = None,
    auth: str | None = None,
    load_s: float = 10,
) -> AsyncIterator[tuple[OllamaEngine, FakeEngine]]:
    """The engine and the server it talks to."""
    async with FakeEngine("ollama", turns, face=Ollama(models)) as fake:
        settings = EngineSettings(kind="ollama", url=fake.url, auth_header=auth)
        engine = OllamaEngine("box", settings, TimeoutSettings(load_s=load_s))
        try:
            yield engine, fake
        finally:
            await engine.aclose()


async def everything(answer: AsyncGenerator[list[Event], None]) -> list[Event]:
    """All events of an answer."""
    async with aclosing(answer) as batches:
        return [event async for batch in batches for event in batch]


async def ask(engine: OllamaEngine, generation: Generation) -> list[Event]:
    """All events of what the model answers."""
    return await everything(engine.generate(model(), generation))


def said(events: list[Event], index: int = 0) -> str:
    """The text of one choice."""
    return "".join(e.text for e in events if isinstance(e, Said) and e.index == index)


# answers


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_thought_said_and_counted(stream: bool) -> None:
    async with ollama(Turn(thinking=["음", "…"], text=["안녕", "하세요"])) as (engine, _):
        events = await ask(engine, chat(stream=stream, think=True))
    assert "".join(e.text for e in events if isinstance(e, Thought)) == "음…"
    assert said(events) == "안녕하세요"
    assert [e for e in events if isinstance(e, Finished)] == [Finished("stop")]
    assert events[-1] == Usage(3, 4, prefill_s=1.5, decode_s=2.0)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_is_called_with_json_text(stream: bool) -> None:
    call = {"name": "날씨", "arguments": {"도시": "서울"}}
    async with ollama(Turn(calls=[call, call])) as (engine, _):
        events = await ask(engine, chat(stream=stream))
    calls = [e for e in events if isinstance(e, Called)]
    assert [(c.call, c.id, c.name) for c in calls] == [(0, "call_0", "날씨"), (1, "call_1", "날씨")]
    assert calls[0].arguments == '{"도시":"서울"}'
    assert Finished("tool_calls") in events


async def test_one_call_at_a_time_is_one_call() -> None:
    calls: list[Json] = [{"name": name, "arguments": {}} for name in ("a", "b")]
    async with ollama(Turn(calls=calls)) as (engine, _):
        events = await ask(engine, chat(tools=TOOLS, options={"parallel_tool_calls": False}))
    assert [e.name for e in events if isinstance(e, Called)] == ["a"]
    assert Finished("tool_calls") in events


async def test_a_limit_is_told_as_length() -> None:
    async with ollama() as (engine, _):
        events = await ask(engine, chat(stream=True, options={"max_tokens": 1}))
    assert said(events) == "안녕"
    assert Finished("length") in events


@pytest.mark.parametrize("stream", [True, False])
async def test_log_probabilities_have_openais_form(stream: bool) -> None:
    async with ollama(Turn(text=["한"])) as (engine, fake):
        events = await ask(engine, chat(stream=stream, logprobs=1))
    odd = {"token": "한", "logprob": -0.5, "bytes": list("한".encode())}
    logprobs = [e.logprobs for e in events if isinstance(e, Said)]
    assert logprobs == [[odd | {"top_logprobs": [odd]}]]
    assert fake.seen[0].body["top_logprobs"] == 1


async def test_a_letter_cut_in_the_middle_arrives_whole() -> None:
    async with ollama(Turn(text=["한글", "두뇌"], fault="cut")) as (engine, _):
        events = await ask(engine, chat(stream=True))
    assert [e.text for e in events if isinstance(e, Said)] == ["한글", "두뇌"]


@pytest.mark.parametrize("stream", [True, False])
async def test_three_choices_are_three_requests_and_one_usage(stream: bool) -> None:
    turns = [Turn(text=[text]) for text in ("하나", "둘", "셋")]
    async with ollama(*turns) as (engine, fake):
        events = await ask(engine, chat(stream=stream, n=3, options={"seed": 7}))
    assert {said(events, index) for index in range(3)} == {"하나", "둘", "셋"}
    assert sorted(e.index for e in events if isinstance(e, Finished)) == [0, 1, 2]
    usage = [e for e in events if isinstance(e, Usage)]
    assert [(u.prompt_tokens, u.completion_tokens) for u in usage] == [(3, 3)]
    assert events[-1] == usage[0]
    assert sorted(one.body["options"]["seed"] for one in fake.seen) == [7, 8, 9]


async def test_one_choice_that_fails_stops_the_others() -> None:
    async with ollama(Turn(fault="hang"), Turn(fault="status")) as (engine, fake):
        with pytest.raises(EngineFailed):
            await ask(engine, chat(stream=True, n=2))
        await asyncio.wait_for(fake.seen[0].left.wait(), 5)


@pytest.mark.parametrize("n", [1, 2])
async def test_closing_an_answer_hangs_up(n: int) -> None:
    async with ollama(*[Turn(fault="hang") for _ in range(n)]) as (engine, fake):
        answer = engine.generate(model(), chat(stream=True, n=n))
        assert said(await anext(answer)) or n == 2
        await fake.came("/api/chat", n)
        await answer.aclose()
        for seen in fake.seen:
            await asyncio.wait_for(seen.left.wait(), 5)


async def test_a_caller_that_leaves_a_whole_answer_hangs_up() -> None:
    async with ollama(Turn(fault="hang", at=0)) as (engine, fake):
        task = asyncio.ensure_future(ask(engine, chat()))
        seen = await fake.came("/api/chat")
        task.cancel()
        await asyncio.wait_for(seen.left.wait(), 5)


# questions


async def sent(generation: Generation, **settings: Any) -> Json:  # Any: fields of ModelSettings
    """What goes to the server for a question."""
    async with ollama() as (engine, fake):
        await everything(engine.generate(model(**settings), generation))
    return fake.seen[0].body


async def test_nothing_is_cut_and_no_keep_alive_travels() -> None:
    body = await sent(chat(options={"keep_alive": "1s", "num_ctx": 9, "num_gpu": 0}), context=8192)
    assert (body["truncate"], body["shift"]) == (False, False)
    assert body["options"] == {"num_ctx": 8192}
    assert "keep_alive" not in body


async def test_options_get_ollamas_names_and_absent_ones_stay_absent() -> None:
    given = {
        "max_tokens": 5,
        "stop": "끝",
        "min_p": 0.1,
        "user": "나",
        "logit_bias": {"1": 2},
        "top_k": None,
    }
    assert (await sent(chat(options=given)))["options"] == {
        "num_ctx": 4096, "num_predict": 5, "stop": ["끝"], "min_p": 0.1,
    }  # fmt: skip


async def test_no_tokens_at_all_is_not_no_limit() -> None:
    async with ollama(Turn(thinking=["음"])) as (engine, fake):
        events = await ask(engine, chat(options={"max_tokens": 0}))
    assert fake.seen[0].body["options"]["num_predict"] == 1
    assert events == [Finished("length"), Usage(3, 0, prefill_s=1.5, decode_s=2.0)]


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ({"type": "json_object"}, "json"),
        (
            {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}},
            {"type": "object"},
        ),
        ({"type": "text"}, None),
    ],
)
async def test_a_format_is_json_or_a_schema(form: Json, wanted: object) -> None:
    assert (await sent(chat(format=form))).get("format") == wanted


TOOLS = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (None, ["a", "b"]),
        ("auto", ["a", "b"]),
        ("none", []),
    ],
)
async def test_tool_choice_is_what_the_model_gets_to_see(choice: Any, names: list[str]) -> None:
    body = await sent(chat(tools=TOOLS, tool_choice=choice))
    assert [tool["function"]["name"] for tool in body.get("tools", [])] == names


NAMED = {"type": "function", "function": {"name": "b"}}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("choice", "names"), [("required", ["a", "b"]), (NAMED, ["b"])])
async def test_a_call_that_must_come_comes_or_the_answer_fails(
    stream: bool, choice: Any, names: list[str]
) -> None:
    asked = chat(stream=stream, tools=TOOLS, tool_choice=choice)
    called = Turn(calls=[{"name": "b", "arguments": {}}])
    ended, cut_off = Turn(text=["글"]), Turn(text=["글"], finish="length")
    async with ollama(called, ended, cut_off) as (engine, fake):
        assert [e.name for e in await ask(engine, asked) if isinstance(e, Called)] == ["b"]
        with pytest.raises(EngineFailed) as told:
            await ask(engine, asked)
        assert told.value.code == "no_tool_call"
        cut = await ask(engine, asked)
        assert said(cut) == "" and Finished("length") in cut
    assert [tool["function"]["name"] for tool in fake.seen[0].body["tools"]] == names


@pytest.mark.parametrize(
    "choice", ["always", {"type": "function", "function": {"name": "c"}}, {"type": "x"}]
)
async def test_a_choice_that_no_tool_meets_is_not_sent(choice: Any) -> None:
    async with ollama() as (engine, fake):
        with pytest.raises(BadRequest):
            await ask(engine, chat(tools=TOOLS, tool_choice=choice))
        assert not fake.seen


async def test_messages_are_ollamas() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    call = {"id": "c1", "type": "function", "function": {"name": "날씨", "arguments": '{"x": 1}'}}
    given: list[Json] = [
        {"role": "developer", "content": "규칙"},
        {"role": "user", "content": [{"type": "text", "text": "무엇?"}, image]},
        {"role": "assistant", "content": None, "reasoning_content": "음", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "맑음"},
    ]
    body = await sent(Generation("chat", messages=given))
    made = {"id": "c1", "function": {"name": "날씨", "arguments": {"x": 1}}}
    assert body["messages"] == [
        {"role": "system", "content": "규칙"},
        {"role": "user", "content": "무엇?", "images": [PIXEL]},
        {"role": "assistant", "content": "", "thinking": "음", "tool_calls": [made]},
        {"role": "tool", "content": "맑음", "tool_call_id": "c1", "tool_name": "날씨"},
    ]


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (
            {"content": [{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]},
            NotSupported,
        ),
        ({"content": [{"type": "input_audio"}]}, NotSupported),
        ({"tool_calls": [{"function": {"name": "x", "arguments": "{"}}]}, BadRequest),
        ({"tool_calls": [{}]}, BadRequest),
    ],
)
async def test_what_ollama_cannot_read_is_not_sent(message: Json, problem: type[Problem]) -> None:
    async with ollama() as (engine, fake):
        with pytest.raises(problem):
            await ask(engine, Generation("chat", messages=[{"role": "assistant"} | message]))
        assert not fake.seen


async def test_a_text_is_continued_raw_and_a_gap_is_filled() -> None:
    async with ollama() as (engine, fake):
        events = await ask(engine, Generation("complete", prompt="옛날", stream=True))
        assert said(events) == "안녕하세요."
        await ask(engine, Generation("infill", prompt="앞", suffix="뒤"))
    raw, gap = (seen.body for seen in fake.at("/api/generate"))
    assert (raw["raw"], raw["prompt"], raw["think"]) == (True, "옛날", False)
    assert (gap["suffix"], gap["prompt"]) == ("뒤", "앞") and "raw" not in gap


@pytest.mark.parametrize("stream", [True, False])
async def test_a_turn_is_asked_in_ollamas_own_words(stream: bool) -> None:
    words = {"prompt": "가 나", "system": "짧게", "template": "{{ .Prompt }}", "context": [7, 8]}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "가 나"}, image]}]
    turn = Generation("chat", messages=messages, stream=stream, turn=words)
    async with ollama() as (engine, fake):
        events = await ask(engine, turn)
        (seen,) = fake.at("/api/generate")
        gap = await ask(engine, Generation("infill", prompt="앞", suffix="뒤", stream=stream))
    assert {name: seen.body.get(name) for name in words} == words
    assert seen.body["images"] == [PIXEL]
    assert seen.body["truncate"] is False and "raw" not in seen.body
    assert said(events) == "안녕하세요."
    assert [e.fields for e in events if isinstance(e, Extra)] == [{"context": [7, 8, 0, 1]}]
    assert not [e for e in gap if isinstance(e, Extra)]


async def test_token_ids_are_no_prompt() -> None:
    async with ollama() as (engine, _):
        with pytest.raises(NotSupported):
            await ask(engine, Generation("complete", prompt=[1, 2]))


async def test_our_authorization_goes_along() -> None:
    async with ollama(auth="Basic abc") as (engine, fake):
        await ask(engine, chat())
    assert fake.seen[0].headers["authorization"] == "Basic abc"


# loading


async def test_one_load_serves_every_kind_of_question() -> None:
    async with ollama() as (engine, fake):
        tiny = model(context=2048)
        await engine.load(tiny)
        await everything(engine.generate(tiny, chat(options={"num_ctx": 512})))
        await everything(engine.generate(tiny, Generation("complete", prompt="글", stream=True)))
        await engine.count(tiny, Counting(content="가 나"))
        assert fake.ollama.loads == [("tiny:latest", {"num_ctx": 2048, "shift": False})]
        assert fake.ollama.loaded["tiny:latest"].keep_alive == -1


async def test_an_embedder_is_loaded_the_way_it_is_asked() -> None:
    models = {"e5": OnDisk(abilities=["embedding"])}
    async with ollama(models=models) as (engine, fake):
        e5 = model("e5", mode="embedding")
        await engine.load(e5)
        found = await engine.embed(e5, Embedding(["가 나", "다"]))
        assert len(fake.ollama.loads) == 1
        await engine.unload(e5)
        assert not fake.ollama.loaded
    assert (len(found.vectors), found.prompt_tokens) == (2, 3)


async def test_unloading_waits_until_the_memory_is_free() -> None:
    async with ollama() as (engine, fake):
        await engine.load(model())
        fake.ollama.linger = 3
        await engine.unload(model())
        assert not fake.ollama.loaded
        assert len(fake.at("/api/ps")) == 1 + 4
        await engine.unload(model())  # of nothing


async def test_a_load_given_up_leaves_nothing_behind() -> None:
    async with ollama(Turn(path="/api/generate", fault="hang")) as (engine, fake):
        task = asyncio.ensure_future(engine.load(model()))
        seen = await fake.came("/api/generate")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen.left.is_set()
        assert not fake.ollama.loaded


async def test_a_load_that_takes_too_long_is_its_own_error() -> None:
    async with ollama(Turn(path="/api/generate", fault="hang"), load_s=0.05) as (engine, fake):
        with pytest.raises(EngineTimeout) as told:
            await engine.load(model())
        assert told.value.code == "load_timeout"
        assert not fake.ollama.loaded


async def test_a_model_that_is_gone_right_after_its_load_is_not_loaded() -> None:
    async with ollama(Turn(path="/api/ps", fault="status", status=200, error="")) as (engine, _):
        with pytest.raises(EngineFailed):
            await engine.load(model())


async def test_a_missing_model_says_how_to_get_it() -> None:
    async with ollama() as (engine, _):
        other = model("other")
        for work in (
            engine.load(other),
            everything(engine.generate(other, chat())),
            engine.embed(other, Embedding(["가"])),
            engine.show(other),
            engine.delete("other"),
        ):
            with pytest.raises(NotFound) as told:
                await work
            assert "dunoe models pull other" in told.value.hint.en


async def test_a_model_half_on_the_processor_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    models = {"big": OnDisk(in_vram=0.5, context=1024)}
    async with ollama(models=models) as (engine, _):
        with caplog.at_level(logging.WARNING):
            await engine.load(model("big", context=4096))
    assert "500 of 1000 bytes" in caplog.text
    assert "context of 1024, not 4096" in caplog.text


# refusals


async def test_too_long_is_too_long() -> None:
    async with ollama(Turn(prompt_tokens=5000)) as (engine, _):
        with pytest.raises(TooLong) as told:
            await ask(engine, chat(stream=True))
    assert told.value.code == "context_length_exceeded"
    async with ollama() as (engine, _):
        with pytest.raises(TooLong):
            await engine.embed(model(context=16), Embedding(["가 " * 17]))
        assert (
            len(
                (
                    await engine.embed(model(context=16), Embedding(["가 " * 17], truncate=True))
                ).vectors
            )
            == 1
        )


async def test_a_wrong_option_is_the_callers_mistake() -> None:
    error = 'option "top_k" must be of type integer'
    async with ollama(Turn(fault="status", status=500, error=error)) as (engine, _):
        with pytest.raises(BadRequest):
            await ask(engine, chat())


async def test_an_ability_that_a_model_lacks_is_named() -> None:
    models = {"tiny": OnDisk(abilities=["completion"])}
    async with ollama(models=models) as (engine, _):
        with pytest.raises(NotSupported, match="does not support tools"):
            await ask(engine, chat(tools=TOOLS))
        with pytest.raises(NotSupported):
            await engine.rerank(model(), Reranking("가", ["나"]))


async def test_a_full_queue_comes_back_later() -> None:
    busy = "server busy, please try again.  maximum pending requests exceeded"
    async with ollama(Turn(fault="status", status=503, error=busy)) as (engine, _):
        with pytest.raises(Unavailable):
            await ask(engine, chat())


# vectors, counts and files


async def test_raw_vectors_come_from_the_older_route() -> None:
    async with ollama() as (engine, _):
        found = await engine.embed(model(), Embedding(["가나", "다"], is_normalised=False))
        assert found.vectors == [[2.0, 2.0], [1.0, 2.0]]
        assert (await engine.embed(model(), Embedding([]))).vectors == []
        with pytest.raises(NotSupported):
            await engine.embed(model(), Embedding([[1, 2]]))


async def test_tokens_are_counted_by_the_model_itself() -> None:
    async with ollama() as (engine, fake):
        assert (await engine.count(model(), Counting(messages=QUESTION))).count == 3
        assert (await engine.count(model(), Counting(content="가 나"))).tokens is None
        assert (await engine.count(model(), Counting(content=""))).count == 0
        embedder = model(mode="embedding")
        assert (await engine.count(embedder, Counting(content="가 나"))).count == 2
    read = [seen for seen in fake.seen if seen.path != "/api/show"]
    assert {s.body["options"].get("num_predict") for s in read[:2]} == {1}
    assert len(read) == 3


async def test_it_lists_shows_copies_and_deletes() -> None:
    async with ollama() as (engine, _):
        await engine.copy("tiny", "other")
        assert [(m.name, m.size) for m in await engine.listed()] == [
            ("tiny:latest", 1000),
            ("other:latest", 1000),
        ]
        await engine.delete("other")
        assert len(await engine.listed()) == 1
        short, whole = await engine.show(model()), await engine.show(model(), verbose=True)
        assert short["model_info"]["tokenizer.ggml.tokens"] is None
        assert whole["model_info"]["tokenizer.ggml.tokens"] == ["안", "녕"]


async def test_a_pull_tells_its_progress() -> None:
    async with ollama() as (engine, fake):
        told = [line async for line in engine.pull("new")]
        assert told[-1] == {"status": "success"}
        assert [line.get("completed") for line in told[1:4]] == [None, 500, 1000]
        with pytest.raises(NotFound):
            [line async for line in engine.pull("missing")]
        fake.plan(Turn(path="/api/pull", fault="unfinished"))
        with pytest.raises(EngineFailed) as broken:
            [line async for line in engine.pull("new")]
    assert broken.value.code == "engine_broke_off"


async def test_an_old_server_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    async with ollama() as (engine, fake):
        fake.ollama.version = "0.12.11"
        with caplog.at_level(logging.WARNING):
            await engine.ping()
            await engine.ping()
    assert len([r for r in caplog.records if "0.12.11" in r.getMessage()]) == 1


async def test_an_answer_is_over_when_it_is_done() -> None:
    """A server that keeps the body open behind it keeps nobody waiting."""
    said = orjson.dumps(
        {"message": {"content": "가"}, "done": True, "done_reason": "stop", "eval_count": 1}
    )
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"%x\r\n%b\n\r\n" % (len(said) + 1, said))
        while await reader.read(2**16):
            pass
        left.set()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        engine = OllamaEngine("box", EngineSettings(kind="ollama", url=url), TimeoutSettings())
        model = Model("tiny", "box", "tiny", ModelSettings(engine="box", name="tiny"), slots=1)
        try:
            answer = engine.generate(model, Generation("chat", messages=[]))
            assert behaviour.said(await behaviour.read(answer)) == "가"
            await asyncio.wait_for(left.wait(), 30)
        finally:
            await engine.aclose()
