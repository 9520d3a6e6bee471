"""The embedded engine with real, tiny models: everything an engine must do, and stopping at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from dunoe.engines.events import Called, Extra, Finished
from dunoe.engines.http import Upstream
from dunoe.engines.llama import LlamaEngine
from dunoe.engines.llama_server import LlamaServerEngine
from dunoe.engines.request import Embedding, Generation
from dunoe.errors import BadRequest, EngineFailed, Unavailable
from dunoe.portfolio.memory import footprint
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, EngineSettings, ModelSettings, TimeoutSettings
from dunoe.weights.memory.measured import Measured
from tests import tiny
from tests.engines import behaviour

pytestmark = pytest.mark.anyio

Mode = Literal["chat", "embedding", "rerank"]


def embedded(file: Path, mode: Mode = "chat", context: int = 4096) -> Model:
    """A model of the embedded engine with two slots."""
    settings = ModelSettings(file=file, mode=mode, context=context, threads=1)
    return Model(file.stem, LLAMA, file.stem, settings, slots=2)


@asynccontextmanager
async def loaded(*models: Model) -> AsyncIterator[LlamaEngine]:
    """The embedded engine with these models in it."""
    engine = LlamaEngine(TimeoutSettings())
    try:
        for model in models:
            await engine.load(model)
        yield engine
    finally:
        await engine.aclose()


def inside(engine: LlamaEngine, model: Model) -> Upstream:
    """The model's own server, to look into."""
    url, key = engine.address(model)
    return Upstream("inside", url, {"Authorization": f"Bearer {key}"}, TimeoutSettings())


async def slots(server: Upstream) -> list[dict[str, Any]]:  # Any: JSON
    """What each slot is doing."""
    found: list[dict[str, Any]] = await server.json("GET", "/slots")
    return found


async def until(
    server: Upstream, seen: Callable[[list[dict[str, Any]]], bool], limit_s: float
) -> None:
    """Look until the slots are so; fail after limit_s seconds."""
    async with asyncio.timeout(limit_s):
        while not seen(await slots(server)):  # noqa: ASYNC110 - another process cannot set an event
            await asyncio.sleep(0.01)


def is_free(found: list[dict[str, Any]]) -> bool:
    return not any(slot["is_processing"] for slot in found)


def is_reading(found: list[dict[str, Any]]) -> bool:
    return any(s["is_processing"] and s.get("n_prompt_tokens_processed", 0) > 0 for s in found)


def is_writing(found: list[dict[str, Any]]) -> bool:
    return any(
        s["is_processing"] and (s.get("next_token") or [{}])[0].get("n_decoded", 0) > 2
        for s in found
    )


@pytest.mark.parametrize("does", behaviour.CHAT, ids=lambda does: does.__name__)
async def test_a_chat_model(does: behaviour.Behaviour, tiny_chat: Path) -> None:
    model = embedded(tiny_chat)
    async with loaded(model) as engine:
        await does(engine, model)


@pytest.mark.parametrize("does", behaviour.EMBEDDING, ids=lambda does: does.__name__)
async def test_an_embedding_model(does: behaviour.Behaviour, tiny_embedding: Path) -> None:
    model = embedded(tiny_embedding, "embedding", 512)
    async with loaded(model) as engine:
        await does(engine, model)


@pytest.mark.parametrize("does", behaviour.RERANK, ids=lambda does: does.__name__)
async def test_a_rerank_model(does: behaviour.Behaviour, tiny_rerank: Path) -> None:
    model = embedded(tiny_rerank, "rerank", 512)
    async with loaded(model) as engine:
        await does(engine, model)


async def test_what_a_load_took_is_kept_and_close_to_what_was_reckoned(
    tmp_path: Path, tiny_chat: Path
) -> None:
    settings = ModelSettings(file=tiny_chat, context=4096, threads=1)
    model = Model("tiny", LLAMA, "tiny", settings, slots=1)
    engine = LlamaEngine(TimeoutSettings(), tmp_path)
    try:
        await engine.load(model)
    finally:
        await engine.aclose()
    took = footprint(settings, measured=Measured(tmp_path))
    assert took != footprint(settings) == pytest.approx(took, rel=0.03)


async def test_it_tells_the_context_of_a_slot(tiny_chat: Path) -> None:
    model = embedded(tiny_chat, "chat", 512)
    async with loaded(model) as engine:
        assert await engine.context(model) == 512


async def test_a_server_that_somebody_else_started_is_the_same(tiny_chat: Path) -> None:
    model = embedded(tiny_chat)
    async with loaded(model) as engine:
        url, key = engine.address(model)
        settings = EngineSettings(kind="llama", url=f"{url}/v1", api_key=key)
        outside = LlamaServerEngine("box", settings, TimeoutSettings())
        try:
            await outside.load(model)
            await behaviour.writes_the_same_streamed_or_whole(outside, model)
            await outside.ping()
            assert [one.name for one in await outside.listed()] == [model.name]
            await outside.unload(model)
            await outside.ping()
        finally:
            await outside.aclose()


async def test_every_slot_has_the_whole_context(tiny_chat: Path) -> None:
    model = embedded(tiny_chat, context=1024)
    async with loaded(model) as engine:
        server = inside(engine, model)
        found = await slots(server)
        await server.aclose()
    assert [slot["n_ctx"] for slot in found] == [1024, 1024]


async def test_nobody_without_the_key_is_answered(tiny_chat: Path) -> None:
    model = embedded(tiny_chat)
    async with loaded(model) as engine:
        stranger = Upstream("stranger", engine.address(model)[0], {}, TimeoutSettings())
        with pytest.raises(EngineFailed) as refused:
            await stranger.json("POST", "/tokenize", {"content": "x"})
        await stranger.aclose()
    assert refused.value.code == "engine_refused_key"


async def test_a_model_that_is_not_loaded_says_so(tiny_chat: Path) -> None:
    model = embedded(tiny_chat)
    async with loaded() as engine:
        with pytest.raises(Unavailable):
            await engine.embed(model, Embedding(["x"]))
        assert await engine.show(model) == {}
        assert await engine.gone(model) == "not loaded"
        await engine.unload(model)


@pytest.mark.parametrize("task", ["chat", "complete"])
async def test_the_stop_text_that_ended_an_answer_is_told(task: str, tiny_chat: Path) -> None:
    model = embedded(tiny_chat)
    async with loaded(model) as engine:
        for _ in range(
            2
        ):  # the first reads the prompt, the second has it cached, as the third will
            free = await behaviour.read(
                engine.generate(model, behaviour.ask(False, task=task, prompt="가"))
            )
        assert behaviour.finished(free)[0].stop is None
        stop = behaviour.said(free)[3:5]
        options = {"stop": ["never said", stop]}
        asked = behaviour.ask(True, task=task, prompt="가", options=options)
        events = await behaviour.read(engine.generate(model, asked))
        assert behaviour.finished(events) == [Finished("stop", stop=stop)]
        assert not any("__verbose" in e.fields for e in events if isinstance(e, Extra))


CHATTY = tiny.Habits(  # says an a before it calls a tool
    likes={"<|im_end|>": 4.0, '"': 6.0, "}": 5.0},
    follows={
        "Ċ": "a",
        "a": "<tool_call>",
        "<tool_call>": "Ċ",
        "}": "</tool_call>",
        "</tool_call>": "<|im_end|>",
    },
)


@pytest.fixture(scope="session")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that speaks before it calls."""
    file = tmp_path_factory.mktemp("chatty") / "chatty.gguf"
    return tiny.chat_model(file, tiny.Shape(merges=1000), CHATTY)


def tool(name: str) -> dict[str, Any]:  # Any: JSON
    """A tool with one argument of two values."""
    city = {"type": "string", "enum": ["x", "y"]}
    schema = {"type": "object", "properties": {"city": city}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_a_call_that_must_come_comes_alone(stream: bool, chatty: Path) -> None:
    named = {"type": "function", "function": {"name": "time"}}
    model, both = embedded(chatty), {"weather", "time"}
    tools = [tool(name) for name in sorted(both)]
    async with loaded(model) as engine:
        for choice, names in (("auto", both), ("required", both), (named, {"time"})):
            asked = behaviour.ask(
                stream, tools=tools, tool_choice=choice, options={"max_tokens": 100}
            )
            events = await behaviour.read(engine.generate(model, asked))
            assert {e.name for e in events if isinstance(e, Called) and e.name} <= names
            assert [end.reason for end in behaviour.finished(events)] == ["tool_calls"]
            assert (behaviour.said(events) == "") == (choice != "auto")


async def test_an_answer_that_ends_without_the_call_is_none(chatty: Path) -> None:
    model = embedded(chatty)
    asked = behaviour.ask(True, tools=[tool("time")], tool_choice="required")
    async with loaded(model) as engine:
        stopped = replace(asked, options={"stop": ["a"]})
        with pytest.raises(EngineFailed) as told:
            await behaviour.read(engine.generate(model, stopped))
        assert told.value.code == "no_tool_call"
        cut = replace(asked, options={"max_tokens": 1})
        events = await behaviour.read(engine.generate(model, cut))
        assert behaviour.said(events) == ""
        assert behaviour.finished(events) == [Finished("length")]


@pytest.mark.parametrize(
    ("tools", "choice"),
    [([], "required"), ([tool("time")], "always"), ([tool("time")], {"type": "custom"})],
)
async def test_a_choice_that_cannot_be_met_is_refused(
    tools: list[Any], choice: Any, chatty: Path
) -> None:  # Any: JSON
    model = embedded(chatty)
    async with loaded(model) as engine:
        with pytest.raises(BadRequest) as told:
            asked = behaviour.ask(True, tools=tools, tool_choice=choice)
            await behaviour.read(engine.generate(model, asked))
    assert told.value.param == "tool_choice"


@pytest.fixture(scope="session")
def slow_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model big enough to be caught at work."""
    shape = tiny.Shape(layers=12, width=256, hidden=1024, context=16384)
    return tiny.chat_model(tmp_path_factory.mktemp("slow") / "slow.gguf", shape)


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("phase", ["reading", "writing"])
async def test_a_caller_who_leaves_frees_the_slot(
    stream: bool, phase: str, slow_chat: Path
) -> None:
    """Within half a second, says the plan; the limit here leaves room for a busy machine."""
    model = embedded(slow_chat, context=16384)
    words = 5_000 if phase == "reading" else 1
    messages = [{"role": "user", "content": "단어 " * words}]
    asked = Generation("chat", messages=messages, stream=stream, options={"max_tokens": 10_000})
    async with loaded(model) as engine:
        server, busy = inside(engine, model), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(behaviour.leaves_after(engine.generate(model, asked), busy))
            await until(server, is_reading if phase == "reading" else is_writing, 30)
            busy.set()
        await until(server, is_free, 3)
        assert behaviour.said(await behaviour.read(engine.generate(model, behaviour.ask(True))))
        await server.aclose()
