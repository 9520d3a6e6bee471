"""/api/generate's own words, `context` and `template`: an Ollama behind us reads them, nobody else is asked."""

from pathlib import Path

import orjson
import pytest

from dunoe.engines.request import Json
from tests.fake_engine import FakeEngine
from tests.served import Served, served
from tests.server.dialects import Got, call

pytestmark = pytest.mark.anyio

CONFIG = """
language = "en"
[models.tiny]
engine = "box"
[models.here]
file = "{file}"
[engines.box]
kind = "ollama"
url = "{url}"
"""


async def generate(house: Served, **body: object) -> Got:
    """One turn, in one piece."""
    asked: Json = {"stream": False, **body}
    return await call(house, "POST", "/api/generate", orjson.dumps(asked))


async def test_turns_hang_together_by_their_tokens(tmp_path: Path, tiny_chat: Path) -> None:
    async with FakeEngine("ollama") as fake:
        config = CONFIG.format(file=tiny_chat, url=fake.url)
        async with served(tmp_path, config) as house:
            first = (await generate(house, model="tiny", prompt="가 나")).json
            assert first["context"] == [0, 1]
            more = await generate(
                house, model="tiny", prompt="다", context=first["context"], template="{{ .Prompt }}"
            )
            assert more.json["context"] == [0, 1, 0]
            assert fake.seen[-1].body["template"] == "{{ .Prompt }}"


@pytest.mark.parametrize(
    "words", [{"context": [1]}, {"template": "t"}], ids=["context", "template"]
)
async def test_no_model_is_loaded_for_words_that_it_cannot_read(
    words: Json, tmp_path: Path, tiny_chat: Path
) -> None:
    config = CONFIG.format(file=tiny_chat, url="http://127.0.0.1:9")
    async with served(tmp_path, config) as house:
        got = await generate(house, model="here", prompt="가", **words)
        assert got.status == 400 and next(iter(words)) in got.json["error"]
        assert not list(house.brain.runner.view())
