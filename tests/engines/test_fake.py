"""The fake engine is itself worth a look: a fault that does not happen would prove nothing."""

import asyncio
import json
import sys

import aiohttp
import pytest

from tests.fake_engine import FakeEngine, Kind
from tests.fake_wire import Fault, Json, Turn

CHAT: dict[Kind, tuple[str, Json]] = {
    "ollama": (
        "/api/chat",
        {"model": "tiny", "messages": [{"role": "user", "content": "가 나"}], "stream": True},
    ),
    "openai": (
        "/v1/chat/completions",
        {"model": "tiny", "messages": [{"role": "user", "content": "가 나"}], "stream": True},
    ),
}
KINDS: list[Kind] = ["ollama", "openai"]

pytestmark = pytest.mark.anyio


async def read(fake: FakeEngine, kind: Kind) -> bytes:
    """The whole answer to one chat."""
    path, body = CHAT[kind]
    async with aiohttp.ClientSession(fake.url) as http, http.post(path, json=body) as reply:
        return await reply.read()


@pytest.mark.parametrize("kind", KINDS)
async def test_it_says_what_the_script_says(kind: Kind) -> None:
    async with FakeEngine(kind, [Turn(text=["하나", "둘"])]) as fake:
        whole = (await read(fake, kind)).decode()
        assert "하나" in whole and "둘" in whole
        assert ('"done": true' in whole) if kind == "ollama" else whole.endswith("[DONE]\n\n")
        assert fake.seen[0].body["messages"][0]["content"] == "가 나"
        await fake.seen[0].done.wait()
        assert not fake.seen[0].left.is_set()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset", aiohttp.ClientOSError),
        ("closed", aiohttp.ClientPayloadError),
        ("half_line", aiohttp.ClientPayloadError),
    ],
)
async def test_a_broken_connection_is_broken(
    kind: Kind, fault: Fault, error: type[Exception]
) -> None:
    async with FakeEngine(kind, [Turn(fault=fault)]) as fake:
        with pytest.raises((error, aiohttp.ClientPayloadError)):
            await read(fake, kind)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_letter_arrives_in_pieces(kind: Kind) -> None:
    async with FakeEngine(kind, [Turn(text=["한"], fault="cut")]) as fake:
        path, body = CHAT[kind]
        async with aiohttp.ClientSession(fake.url) as http, http.post(path, json=body) as reply:
            sizes = [len(piece) async for piece in reply.content.iter_any()]
    assert 1 in sizes
    assert max(sizes) < 50


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_leaves_is_seen(kind: Kind) -> None:
    async with FakeEngine(kind, [Turn(fault="hang", at=0)]) as fake, asyncio.TaskGroup() as group:
        client = group.create_task(read(fake, kind))
        seen = await fake.came(CHAT[kind][0])
        assert not seen.left.is_set()
        client.cancel()
        await asyncio.wait_for(seen.left.wait(), 5)
        assert seen.left_at is not None


async def test_it_runs_as_a_program_with_a_control_route() -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fake_engine", "--kind", "ollama"),
        *("--script", json.dumps([{"text": ["하나"]}])),
        stdout=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    try:
        port = json.loads(await program.stdout.readline())["port"]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as http:
            path, body = CHAT["ollama"]
            await http.post("/fake/script", json=[{"fault": "status", "status": 429}])
            async with http.post(path, json=body) as reply:
                assert "하나" in await reply.text()
            async with http.post(path, json=body) as reply:
                assert reply.status == 429
            async with http.get("/fake/seen") as reply:
                assert [one["path"] for one in (await reply.json())["seen"]] == [path, path]
    finally:
        program.terminate()
        await program.wait()
