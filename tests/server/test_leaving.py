"""A client that leaves: in every phase, in every dialect, the work stops and the slot is free."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import anyio
import orjson
import pytest

from dunoe.engines.llama import LlamaEngine
from dunoe.engines.request import Json
from dunoe.settings import LLAMA
from tests.fake_engine import FakeEngine
from tests.fake_wire import Turn
from tests.served import Served, asking, served, some_of, until

pytestmark = pytest.mark.anyio

LONG = "두뇌는 문서를 읽고 답합니다. " * 300  # a few thousand tokens: prefill takes a while
MANY = 4000  # tokens; no test waits for them


@dataclass(frozen=True)
class Way:
    """One way of asking for text. is_streamed: the body says so; first: what the first piece looks like."""

    path: str
    fields: Json
    first: bytes

    def body(self, *, stream: bool, prompt: str = "1") -> bytes:
        """A request for many tokens."""
        fields = {
            name: prompt if value == "PROMPT" else value for name, value in self.fields.items()
        }
        if "messages" in fields:
            fields["messages"] = [{"role": "user", "content": prompt}]
        return orjson.dumps({"model": "tiny", "stream": stream, **fields})


WAYS = {
    "openai-chat": Way(
        "/v1/chat/completions", {"messages": [], "max_tokens": MANY}, b'"content":"[^"]'
    ),
    "openai-completion": Way(
        "/v1/completions", {"prompt": "PROMPT", "max_tokens": MANY}, b'"text":"[^"]'
    ),
    "openai-responses": Way(
        "/v1/responses", {"input": "PROMPT", "max_output_tokens": MANY}, b"output_text.delta"
    ),
    "ollama-chat": Way(
        "/api/chat", {"messages": [], "options": {"num_predict": MANY}}, b'"content":"[^"]'
    ),
    "ollama-generate": Way(
        "/api/generate", {"prompt": "PROMPT", "options": {"num_predict": MANY}}, b'"response":"[^"]'
    ),
    "anthropic": Way("/v1/messages", {"messages": [], "max_tokens": MANY}, b"text_delta"),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> AsyncIterator[Served]:
    """A server with one model that has one slot."""
    config = f'[models.tiny]\nfile = "{tiny_chat}"\ncontext = 8192\nparallel = 1\n'
    async with served(tmp_path_factory.mktemp("leaving"), config) as house:
        yield house


class Slots:
    """The engine's own word for what its slots do."""

    def __init__(self, house: Served) -> None:
        engine = house.brain.engines[LLAMA]
        assert isinstance(engine, LlamaEngine)
        url, key = engine.address(house.brain.catalogue.find("tiny"))
        self.url, self.headers = f"{url}/slots", {"Authorization": f"Bearer {key}"}

    async def busy(self) -> bool:
        async with (
            aiohttp.ClientSession(headers=self.headers) as session,
            session.get(self.url) as answer,
        ):
            return any(slot["is_processing"] for slot in await answer.json())

    async def free(self) -> bool:
        return not await self.busy()


async def loaded(house: Served) -> Slots:
    await house.brain.runner.preload(house.brain.catalogue.find("tiny"))
    return Slots(house)


def in_flight(house: Served) -> int:
    return sum(one.in_flight for one in house.brain.runner.view())


async def nothing_is_held(house: Served, slots: Slots) -> None:
    await until(lambda: in_flight(house) == 0 and house.brain.runner.waiting == 0)
    await until(slots.free)


async def test_while_streaming(house: Served, way: Way) -> None:
    slots = await loaded(house)
    async with asking(house.port, way.path, way.body(stream=True)) as answer:
        await some_of(answer, way.first)
        assert await slots.busy()
    await nothing_is_held(house, slots)


async def test_while_an_answer_in_one_piece_is_being_written(house: Served, way: Way) -> None:
    slots = await loaded(house)
    async with asking(house.port, way.path, way.body(stream=False)):
        await until(slots.busy)
    await nothing_is_held(house, slots)


@pytest.mark.parametrize("stream", [True, False])
async def test_while_the_prompt_is_being_read(house: Served, way: Way, stream: bool) -> None:
    slots = await loaded(house)
    async with asking(house.port, way.path, way.body(stream=stream, prompt=LONG)):
        await until(lambda: in_flight(house) == 1)
        await until(slots.busy)
    await nothing_is_held(house, slots)


@pytest.mark.parametrize("stream", [True, False])
async def test_while_waiting_for_a_slot(house: Served, way: Way, stream: bool) -> None:
    slots = await loaded(house)
    first = WAYS["openai-chat"]
    async with asking(house.port, first.path, first.body(stream=True)) as answer:
        await some_of(answer, first.first)
        async with asking(house.port, way.path, way.body(stream=stream)):
            await until(lambda: house.brain.runner.waiting == 1)
        await until(lambda: house.brain.runner.waiting == 0)
        assert in_flight(house) == 1  # whoever was served still is
    await nothing_is_held(house, slots)


@pytest.mark.parametrize("stream", [True, False])
async def test_while_the_model_is_being_loaded(tmp_path: Path, way: Way, stream: bool) -> None:
    async with FakeEngine("ollama", [Turn(fault="hang", at=0, path="/api/generate")]) as fake:
        config = (
            '[models.tiny]\nengine = "box"\nname = "tiny"\nfootprint = "1GiB"\n'
            f'[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\nvram = "2GiB"\n'
        )
        async with served(tmp_path, config) as house:
            async with asking(house.port, way.path, way.body(stream=stream)):
                load = await fake.came("/api/generate")
                assert house.brain.runner.view()[0].state == "loading"
            await until(lambda: house.brain.runner.view()[0].state in ("unloading", "absent"))
            with anyio.fail_after(10):
                await load.left.wait()
            assert house.brain.runner.waiting == 0


async def test_before_the_body_has_arrived(house: Served) -> None:
    async with await anyio.connect_tcp("127.0.0.1", house.port) as stream:
        await stream.send(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{"
        )
    slots = await loaded(house)
    await nothing_is_held(house, slots)


async def test_the_next_one_is_served_at_once(house: Served, way: Way) -> None:
    slots = await loaded(house)
    for _ in range(3):
        async with asking(house.port, way.path, way.body(stream=True)) as answer:
            await some_of(answer, way.first)
    await nothing_is_held(house, slots)
    async with asking(house.port, way.path, way.body(stream=True)) as answer:
        await some_of(answer, way.first)
