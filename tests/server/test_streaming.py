"""Streams: every token goes out when it comes, whole, and whoever waits is told that we live."""

import re
from collections.abc import AsyncIterator

import anyio
import orjson
import pytest

from tests.fake_engine import FakeEngine
from tests.fake_wire import Seen, Turn
from tests.served import PATIENCE_S, Served, asking, served, some_of, until
from tests.server.dialects import DIALECTS, Dialect, ask, call, fake_models, opened

pytestmark = pytest.mark.anyio

PING_S = 0.05


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeEngine
) -> AsyncIterator[Served]:
    """The model has one slot."""
    config = fake_models(fake.url, parallel="1") + f"[server]\nping_s = {PING_S}\n"
    async with served(tmp_path_factory.mktemp("streaming"), config) as house:
        yield house


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


def asks(fake: FakeEngine) -> list[Seen]:
    """What came, without the questions for its models."""
    return [seen for seen in fake.seen if seen.method == "POST"]


async def test_a_token_is_there_before_the_next_one_is_written(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    fake.script[:] = [Turn(["하나", " 둘", " 셋"], fault="hang", at=2)]
    async with opened(house, "POST", dialect.path, dialect.body(stream=True), {}) as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
        assert "no-cache" in answer.headers["Cache-Control"]
        assert "Content-Length" not in answer.headers
        text = ""
        while "하나" not in text:
            text += (await answer.content.readany()).decode()
        assert " 셋" not in text
        assert not asks(fake)[-1].done.is_set()  # the engine has not said more either
        asks(fake)[-1].go.set()
        text += (await answer.read()).decode()
    assert dialect.said(text) == "하나 둘 셋"
    assert dialect.ends in text


async def test_letters_arrive_whole_however_the_network_cuts_them(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    words = ["안녕", "하세요", " 🙂", "뷁"]
    fake.script[:] = [Turn(words, fault="cut")]
    text = ""
    async with opened(house, "POST", dialect.path, dialect.body(stream=True), {}) as answer:
        async for line in answer.content:
            text += line.decode()  # every line by itself
    assert dialect.said(text) == "".join(words)


async def test_no_letter_of_a_text_ends_a_line(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    odd = "가\u2028나\u2029다\u0085라\x1c마\r바\n사"
    fake.script[:] = [Turn([odd])]
    got = await ask(house, dialect, dialect.body(stream=True))
    assert dialect.said(got.text) == odd
    assert got.text.splitlines() == got.text.split("\n")[:-1]


async def test_usage_is_what_the_engine_counted(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    asked = orjson.loads(dialect.body(stream=True))
    if dialect.path in ("/v1/chat/completions", "/v1/completions"):
        asked["stream_options"] = {"include_usage": True}
    fake.script[:] = [Turn(["하나"] * 5, prompt_tokens=123)]
    streamed = (await call(house, "POST", dialect.path, orjson.dumps(asked))).text
    fake.script[:] = [Turn(["하나"] * 5, prompt_tokens=123)]
    whole = (await ask(house, dialect)).text
    for name, count in (("(prompt_tokens|prompt_eval_count|input_tokens)", 123),
                        ("(completion_tokens|eval_count|output_tokens)", 5)):  # fmt: skip
        for text in (streamed, whole):
            assert f"{count}" in _values(text, name), text


def _values(text: str, names: str) -> set[str]:
    return {found[1] for found in re.findall(f'"{names}":(\\d+)', text)}


async def test_who_waits_for_a_slot_hears_that_we_live(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    fake.script[:] = [Turn(fault="hang", at=1), Turn(["하나"])]
    busy = DIALECTS["openai"]
    asked = len(asks(fake))
    async with asking(house.port, busy.path, busy.body(stream=True)):
        await until(lambda: len(asks(fake)) > asked)
        async with opened(house, "POST", dialect.path, dialect.body(stream=True), {}) as answer:
            assert await answer.content.readuntil(dialect.ping)
            assert house.brain.runner.waiting == 1
            asks(fake)[asked].go.set()
            text = (await answer.read()).decode()
    assert dialect.said(text) == "하나" and dialect.ends in text


async def test_who_waits_for_the_first_token_does_too(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    fake.script[:] = [Turn(["하나"], fault="slow")]
    asked = len(asks(fake))
    async with opened(house, "POST", dialect.path, dialect.body(stream=True), {}) as answer:
        await answer.content.readuntil(dialect.ping)
        await answer.content.readuntil(dialect.ping)
        asks(fake)[asked].go.set()
        text = (await answer.read()).decode()
    assert dialect.said(text) == "하나" and dialect.ends in text
    for line in text.split("\n"):  # a ping is nothing to a reader of events or lines
        assert not line.strip() or line.strip()[0] in ":de{", line


async def test_an_error_after_a_ping_is_an_event(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    fake.script[:] = [
        Turn(fault="slow")
    ] * 9  # an early break is taken for a stale connection, and asked again

    async def break_every_connection() -> None:
        while True:
            for one in list(fake._live):
                if not one.writer.transport.is_closing():
                    one.reset()
            await anyio.sleep(0.01)

    async with (
        opened(house, "POST", dialect.path, dialect.body(stream=True), {}) as answer,
        anyio.create_task_group() as group,
    ):
        await answer.content.readuntil(dialect.ping)
        group.start_soon(break_every_connection)
        text = (await answer.read()).decode()
        group.cancel_scope.cancel()
    assert "broke off" in dialect.broke(text)


async def test_a_reader_that_is_slow_slows_the_engine_and_fills_no_memory(
    house: Served, fake: FakeEngine, dialect: Dialect
) -> None:
    """What nobody reads stays with the engine: 32 MB do not fit the buffers between."""
    fake.script[:] = [Turn(["가" * 10_000] * 1_000)]
    body = dialect.body(stream=True, tokens=2_000)
    async with asking(house.port, dialect.path, body, "Connection: close") as answer:
        told = await some_of(answer, "가가".encode())
        connection = next(iter(fake._live))
        held, before = connection.writer.transport.get_write_buffer_size, -1
        while held() != before:  # until nothing moves any more
            before = held()
            await anyio.sleep(0.1)
        assert before > 2**20 and not asks(fake)[-1].done.is_set()
        size = len(told)
        with anyio.fail_after(PATIENCE_S):
            async for piece in answer:
                size += len(piece)
        assert size > 30_000_000
