"""dunoe behind dunoe: its Ollama face and its OpenAI face as engines, and they do what an engine does."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiohttp
import pytest

from dunoe.engines.build import KINDS
from dunoe.engines.engine import Engine
from dunoe.errors import NotFound
from dunoe.portfolio.model import Model
from dunoe.settings import EngineSettings, ModelSettings, TimeoutSettings
from tests.engines import behaviour
from tests.program import Dunoe
from tests.served import served

pytestmark = pytest.mark.anyio

Behaviour = Callable[[Engine, Model], Awaitable[None]]
Face = Literal["ollama", "openai"]
Mode = Literal["chat", "embedding", "rerank"]

CONFIG = """
language = "en"
[models.tiny]
file = "{chat}"
context = 4096
parallel = 2
[models.embedder]
file = "{embedding}"
mode = "embedding"
context = 512
parallel = 2
[models.ranker]
file = "{rerank}"
mode = "rerank"
context = 512
parallel = 2
"""


@pytest.fixture(scope="module")
def inner(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_chat: Path,
    tiny_embedding: Path,
    tiny_rerank: Path,
) -> Iterator[Dunoe]:
    """The dunoe that runs the models."""
    config = CONFIG.format(chat=tiny_chat, embedding=tiny_embedding, rerank=tiny_rerank)
    with Dunoe(tmp_path_factory.mktemp("inner"), config) as dunoe:
        yield dunoe


def model_of(name: str, mode: Mode = "chat") -> Model:
    context = 4096 if mode == "chat" else 512
    settings = ModelSettings(engine="inner", name=name, mode=mode, context=context)
    return Model(name, "inner", name, settings, slots=2)


@asynccontextmanager
async def through(face: Face, inner: Dunoe) -> AsyncIterator[Engine]:
    """An engine that speaks to that face."""
    settings = EngineSettings(kind=face, url=inner.url, api_key=inner.local_key)
    engine = KINDS[face]("inner", settings, TimeoutSettings())
    try:
        yield engine
    finally:
        await engine.aclose()


ALL: list[tuple[Behaviour, str, Mode]] = [
    *((does, "tiny", "chat") for does in behaviour.CHAT),
    *((does, "embedder", "embedding") for does in behaviour.EMBEDDING),
    *((does, "ranker", "rerank") for does in behaviour.RERANK),
]
# Ollama's dialect has no words for these; that its engine says so, tests/engines/test_ollama.py holds.
UNSAID = (behaviour.continues_text_and_tokens_alike, behaviour.ranks_in_the_order_given)
CASES = [("openai", *one) for one in ALL] + [
    ("ollama", *one) for one in ALL if one[0] not in UNSAID
]


@pytest.mark.parametrize(
    ("face", "does", "name", "mode"), CASES, ids=[f"{c[0]}-{c[1].__name__}" for c in CASES]
)
async def test_a_face_is_an_engine(
    face: Face, does: Behaviour, name: str, mode: Mode, inner: Dunoe
) -> None:
    async with through(face, inner) as engine:
        model = model_of(name, mode)
        await engine.load(model)
        await does(engine, model)


@pytest.mark.parametrize("face", ["ollama", "openai"])
async def test_a_face_lists_what_it_has(face: Face, inner: Dunoe) -> None:
    async with through(face, inner) as engine:
        await engine.ping()
        assert {"tiny", "embedder", "ranker"} <= {one.name for one in await engine.listed()}
        with pytest.raises(NotFound):
            await behaviour.read(engine.generate(model_of("nobody"), behaviour.ask(stream=True)))


async def test_the_ollama_face_loads_and_lets_go(inner: Dunoe) -> None:
    async with through("ollama", inner) as engine:
        for model in (model_of("tiny"), model_of("embedder", "embedding")):
            await engine.load(model)
            await engine.unload(model)
            await engine.unload(model)  # of nothing
            await engine.load(model)
        shown = await engine.show(model_of("tiny"))
        assert shown["model_info"]["general.architecture"] == "qwen2"


OUTER = """
[engines.native]
kind = "ollama"
url = "{url}"
api_key = "{key}"
[engines.cluster]
kind = "openai"
url = "{url}/v1"
api_key = "{key}"
[models.a]
engine = "native"
name = "tiny"
context = 4096
[models.b]
engine = "cluster"
name = "tiny"
"""


async def test_a_question_goes_through_two_houses(inner: Dunoe, tmp_path: Path) -> None:
    config = OUTER.format(url=inner.url, key=inner.local_key)
    said: list[str] = []
    async with served(tmp_path, config) as outer, aiohttp.ClientSession(outer.url) as client:
        for _ in range(2):  # the first reads the prompt, the second has it cached
            said = []
            for name in ("a", "b"):
                asked = {
                    "model": name,
                    "messages": behaviour.ASKED,
                    "max_tokens": 6,
                    "temperature": 0,
                }
                async with client.post("/v1/chat/completions", json=asked) as reply:
                    answer = await reply.json()
                assert reply.status == 200, answer
                said.append(answer["choices"][0]["message"]["content"])
                assert answer["usage"]["completion_tokens"] == 6
    assert said[0] == said[1] != ""
