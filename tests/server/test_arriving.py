"""Models arrive while the server runs."""

from pathlib import Path

import aiohttp
import anyio
import pytest

from dunoe.engines.request import Json
from dunoe.errors import Unavailable
from dunoe.weights.download import fetch
from tests.fake_engine import FakeEngine
from tests.fake_ollama import Ollama, OnDisk
from tests.served import Served, served

pytestmark = pytest.mark.anyio

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
