"""Models arrive while the server runs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import anyio
import pytest

from dunoe.engines.request import Json
from dunoe.errors import Unavailable
from dunoe.weights.download import fetch
from tests.fake_engine import FakeEngine
from tests.fake_ollama import Ollama, OnDisk
from tests.fake_wire import Turn
from tests.served import PATIENCE_S, Served, served
from tests.weights.file_server import FileServer, serving

pytestmark = pytest.mark.anyio

PINGS = "[server]\nping_s = 0.05\n"
ASK = {
    "messages": [{"role": "user", "content": "안녕"}],
    "max_tokens": 1,
    "options": {"num_predict": 1},
}


async def status(house: Served, path: str, body: Json, **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(house.url + path, json=body, headers=headers) as answer,
    ):
        return answer.status


def admin(house: Served) -> str:
    return f"Bearer {house.brain.door.local.token}"


async def test_the_first_model_answers_as_soon_as_it_is_pulled(
    tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, "") as house:
        assert await status(house, "/v1/chat/completions", ASK) == 503
        with pytest.raises(Unavailable):
            house.brain.catalogue.find(None)
        await fetch(str(tiny_chat), house.brain.settings.models_folder, name="first")
        assert await status(house, "/v1/chat/completions", ASK) == 200
        await fetch(str(tiny_chat), house.brain.settings.models_folder, name="second")
        copy = {"source": "second", "destination": "third"}
        assert await status(house, "/api/copy", copy, Authorization=admin(house)) == 200
        assert await status(house, "/api/chat", {"model": "third", "stream": False, **ASK}) == 200


async def test_a_model_that_an_ollama_got_by_itself_is_found_by_its_name(tmp_path: Path) -> None:
    there = Ollama({"tiny:latest": OnDisk()})
    async with FakeEngine("ollama", face=there) as fake:
        config = (
            f'[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\nvram = "9GiB"\ndiscover = true\n'
        )
        async with served(tmp_path, config) as house:
            await house.brain.look_again(after_s=0)
            there.models["new:latest"] = OnDisk()
            house.brain.listed_at = float("-inf")  # as if the last look were long ago
            ask = {"model": "new:latest", "stream": False, **ASK}
            assert await status(house, "/api/chat", ask) == 200


async def pulling(house: Served, model: str) -> AsyncGenerator[str]:
    """What a pull says of itself, line by line."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": admin(house)}) as session,
        session.post(f"{house.url}/api/pull", json={"model": model}) as answer,
    ):
        async for line in answer.content:
            yield line.decode()


async def thrice(lines: AsyncGenerator[str], status: str) -> None:
    """Wait until the same line, with this status, has come three times running."""
    last = ["", "", ""]
    with anyio.fail_after(PATIENCE_S):
        while len({*last}) > 1 or status not in last[0]:
            last = [*last[1:], await anext(lines)]


async def test_a_pull_that_stands_still_says_its_last_line_again(tmp_path: Path) -> None:
    site = FileServer({"/x.gguf": b"GGUF" + bytes(100_000)}, hold=asyncio.Event())
    async with (
        serving(site),
        served(tmp_path, PINGS) as house,
        aclosing(pulling(house, f"{site.url}/x.gguf")) as lines,
    ):
        await thrice(lines, "pulling ")


async def test_an_ollamas_pull_that_stands_still_says_its_last_line_again(tmp_path: Path) -> None:
    stop = Turn(path="/api/pull", fault="hang", at=5)
    async with (
        FakeEngine("ollama", [stop]) as fake,
        served(tmp_path, f'{PINGS}[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\n') as house,
        aclosing(pulling(house, "new")) as lines,
    ):
        await thrice(lines, "verifying")
        fake.at("/api/pull")[0].go.set()
        assert [line async for line in lines][-1] == '{"status":"success"}\n'


async def test_what_is_no_model_can_still_be_removed(tmp_path: Path) -> None:
    async with served(tmp_path, "") as house:
        broken = anyio.Path(house.brain.settings.models_folder / "broken.gguf")
        await broken.parent.mkdir(parents=True, exist_ok=True)
        await broken.write_text("half a model")
        async with (
            aiohttp.ClientSession(headers={"Authorization": admin(house)}) as session,
            session.delete(house.url + "/api/delete", json={"model": "broken"}) as answer,
        ):
            assert answer.status == 200
        assert not await broken.exists()
