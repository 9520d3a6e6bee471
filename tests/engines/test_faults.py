"""Whatever an engine or the network does wrong is one of our errors, soon, and the next request works."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from dunoe.engines.engine import Engine
from dunoe.engines.events import Event, Said
from dunoe.engines.ollama import OllamaEngine
from dunoe.engines.openai import OpenAIEngine
from dunoe.engines.request import Generation
from dunoe.errors import Busy, EngineFailed, EngineTimeout, Problem, Unavailable
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, ModelSettings, TimeoutSettings
from tests.fake_engine import FakeEngine, Kind, refused_url
from tests.fake_wire import Answer, Fault, Seen, Turn

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("kind", ["ollama", "openai"])]

MODEL = Model("tiny", "box", "tiny", ModelSettings(engine="box", name="tiny"), slots=1)
STREAM = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
QUICK = TimeoutSettings(connect_s=0.05, first_token_s=0.2, between_tokens_s=0.2, total_s=0.6)


def engine_at(kind: Kind, url: str, timeouts: TimeoutSettings | None = None) -> Engine:
    """An engine of that kind."""
    make = OllamaEngine if kind == "ollama" else OpenAIEngine
    return make("box", EngineSettings(kind=kind, url=url), timeouts or TimeoutSettings())


@asynccontextmanager
async def opened(
    kind: Kind, *turns: Turn, timeouts: TimeoutSettings | None = None
) -> AsyncIterator[tuple[Engine, FakeEngine]]:
    """An engine and the server it talks to."""
    async with FakeEngine(kind, turns) as fake:
        engine = engine_at(kind, fake.url, timeouts)
        try:
            yield engine, fake
        finally:
            await engine.aclose()


def chat(stream: bool) -> Generation:
    """A question."""
    return Generation("chat", messages=[{"role": "user", "content": "가"}], stream=stream)


async def text(answer: AsyncGenerator[list[Event], None], into: list[str] | None = None) -> str:
    """What is said; `into` keeps what was said before an error."""
    said = [] if into is None else into
    async with aclosing(answer) as batches:
        async for batch in batches:
            said += [event.text for event in batch if isinstance(event, Said)]
    return "".join(said)


@STREAM
@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("reset", {"engine_broke_off"}),
        ("closed", {"engine_broke_off"}),
        ("half_line", {"engine_broke_off", "engine_garbage"}),
        ("garbage", {"engine_garbage"}),
        ("unfinished", {"engine_broke_off", "engine_garbage"}),
        ("error", {"engine_failed"}),
    ],
)
async def test_a_broken_answer_is_an_error_and_the_next_one_works(
    kind: Kind, stream: bool, fault: Fault, codes: set[str]
) -> None:
    async with opened(kind, Turn(fault=fault, at=2, pause_s=0.02)) as (engine, _):
        heard: list[str] = []
        with pytest.raises(EngineFailed) as told:
            await text(engine.generate(MODEL, chat(stream)), heard)
        assert told.value.code in codes
        assert told.value.upstream == "box"
        assert told.value.hint.ko and told.value.hint.en
        assert heard[:1] == (["안녕"] if stream else [])
        assert await text(engine.generate(MODEL, chat(stream))) == "안녕하세요."


@STREAM
@pytest.mark.parametrize(
    ("status", "problem"),
    [(500, EngineFailed), (401, EngineFailed), (429, Busy), (503, Unavailable)],
)
async def test_a_refusal_keeps_its_meaning(
    kind: Kind, stream: bool, status: int, problem: type[Problem]
) -> None:
    headers = {"Retry-After": "7"} if status in (429, 503) else {}
    turn = Turn(fault="status", status=status, error="까닭", headers=headers)
    async with opened(kind, turn) as (engine, _):
        with pytest.raises(problem, match="까닭") as told:
            await text(engine.generate(MODEL, chat(stream)))
        assert getattr(told.value, "retry_after_s", None) == (7 if headers else None)
        assert await text(engine.generate(MODEL, chat(stream))) == "안녕하세요."


@STREAM
async def test_a_date_to_come_back_at_is_counted_from_now(kind: Kind, stream: bool) -> None:
    dates = {
        format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True): 7200,
        "Wed, 21 Oct 2015 07:28:00 GMT": 0,
        "9" * 400: 366 * 86_400,
    }
    for date, wait_s in dates.items():
        turn = Turn(fault="status", status=429, error="까닭", headers={"Retry-After": date})
        async with opened(kind, turn) as (engine, _):
            with pytest.raises(Busy) as told:
                await text(engine.generate(MODEL, chat(stream)))
        assert told.value.retry_after_s == pytest.approx(wait_s, abs=60)
    async with opened(kind, Turn(fault="status", status=429, headers={"Retry-After": "soon"})) as (
        engine,
        _,
    ):
        with pytest.raises(Busy) as told:
            await text(engine.generate(MODEL, chat(stream)))
    assert told.value.retry_after_s is None


@STREAM
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_server_that_has_moved_says_where_to(kind: Kind, stream: bool, status: int) -> None:
    path = "/api/chat" if kind == "ollama" else "/v1/chat/completions"
    places = {f"https://new.example/ai{path}": "https://new.example/ai", "/login": "/login"}
    for place, said in places.items():
        turn = Turn(fault="status", status=status, error="", headers={"Location": place})
        async with opened(kind, turn) as (engine, _):
            with pytest.raises(EngineFailed) as told:
                await text(engine.generate(MODEL, chat(stream)))
        assert told.value.code == "engine_moved"
        assert str(told.value).endswith(said) and "url" in told.value.hint.en


class _Page:
    """A face that answers 200 with something else."""

    def __init__(self, said: bytes) -> None:
        self.said = said

    def asks(self, seen: Seen) -> bool:
        return True

    def refuse(self, status: int, text: str) -> Answer:
        return Answer(status, text)

    def answer(self, seen: Seen, turn: Turn) -> Answer:
        return Answer(pieces=[self.said])


@STREAM
@pytest.mark.parametrize("said", [b"<html>\n<p>Hi</p>\n</html>\n", b"\x1f\x8b\x08\x00"])
async def test_a_page_is_no_answer_that_broke_off(kind: Kind, stream: bool, said: bytes) -> None:
    async with FakeEngine(kind, face=_Page(said)) as fake:
        engine = engine_at(kind, fake.url)
        with pytest.raises(EngineFailed) as told:
            await text(engine.generate(MODEL, chat(stream)))
        await engine.aclose()
    assert told.value.code == "engine_garbage"


@STREAM
async def test_a_server_that_is_not_there(kind: Kind, stream: bool) -> None:
    engine = engine_at(kind, refused_url())
    try:
        with pytest.raises(EngineFailed) as told:
            await text(engine.generate(MODEL, chat(stream)))
        assert told.value.code == "engine_unreachable"
        with pytest.raises(EngineFailed):
            await engine.ping()
    finally:
        await engine.aclose()


@STREAM
async def test_a_server_that_takes_no_connection(kind: Kind, stream: bool) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        engine = engine_at(kind, f"http://127.0.0.1:{address[1]}", QUICK)
        try:
            with pytest.raises(EngineTimeout) as told:
                await text(engine.generate(MODEL, chat(stream)))
            assert told.value.code == "connect_timeout"
        finally:
            await engine.aclose()
            for one in waiting:
                one.close()


@pytest.mark.parametrize(
    ("turn", "stream", "code"),
    [
        (Turn(fault="hang", at=0), True, "first_token_timeout"),
        (Turn(fault="slow"), True, "first_token_timeout"),
        (Turn(fault="hang", at=1), True, "between_tokens_timeout"),
        (Turn(text=["가"] * 200, pause_s=0.05), True, "total_timeout"),
    ],
    ids=["hang", "slow", "stop", "endless"],
)
async def test_every_limit_has_its_own_error(
    kind: Kind, turn: Turn, stream: bool, code: str
) -> None:
    async with opened(kind, turn, timeouts=QUICK) as (engine, fake):
        with pytest.raises(EngineTimeout) as told:
            await text(engine.generate(MODEL, chat(stream)))
        assert told.value.code == code
        await asyncio.wait_for(fake.seen[0].left.wait(), 5)


async def test_the_limit_between_tokens_holds_from_the_first_one_on(kind: Kind) -> None:
    limits = TimeoutSettings(first_token_s=5, between_tokens_s=0.1)
    async with opened(kind, Turn(text=["가"] * 4, pause_s=0.5), timeouts=limits) as (engine, _):
        with pytest.raises(EngineTimeout) as told:
            await text(engine.generate(MODEL, chat(stream=True)))
        assert told.value.code == "between_tokens_timeout"


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (Turn(fault="hang", at=0), "first_token_timeout"),
        (Turn(fault="hang", at=1), "between_tokens_timeout"),
    ],
    ids=["hang", "stop"],
)
async def test_a_whole_answer_has_every_limit_where_it_can_be_watched(
    kind: Kind, turn: Turn, code: str
) -> None:
    async with opened(kind, turn, timeouts=QUICK) as (engine, fake):
        with pytest.raises(EngineTimeout) as told:
            await text(engine.generate(MODEL, chat(stream=False)))
        assert told.value.code == (code if kind == "ollama" else "total_timeout")
        await asyncio.wait_for(fake.seen[0].left.wait(), 5)


async def test_a_slow_first_token_is_waited_for(kind: Kind) -> None:
    async with opened(kind, Turn(fault="slow")) as (engine, fake):
        asked = asyncio.ensure_future(text(engine.generate(MODEL, chat(stream=True))))
        (await fake.came("/api/chat" if kind == "ollama" else "/v1/chat/completions")).go.set()
        assert await asked == "안녕하세요."


async def test_a_letter_cut_between_two_reads_arrives_whole(kind: Kind) -> None:
    async with opened(kind, Turn(text=["한글", " 두뇌"], fault="cut")) as (engine, _):
        assert await text(engine.generate(MODEL, chat(stream=True))) == "한글 두뇌"


@STREAM
async def test_leaving_hangs_up(kind: Kind, stream: bool) -> None:
    async with opened(kind, Turn(fault="hang", at=0)) as (engine, fake):
        asked = asyncio.ensure_future(text(engine.generate(MODEL, chat(stream))))
        seen = await fake.came("/api/chat" if kind == "ollama" else "/v1/chat/completions")
        asked.cancel()
        await asyncio.wait_for(seen.left.wait(), 5)
