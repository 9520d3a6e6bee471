"""One real dunoe with real tiny models, for every client of this folder."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI

from dunoe.store.store import open_store
from tests import tiny
from tests.program import Dunoe

# litellm asks the web for a price list when it is imported; this takes the one it carries.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LANGSMITH_TRACING"] = (
    "false"  # langchain tells its maker of every call where this is on
)

CALLERS = ("openai", "ollama", "anthropic", "litellm")

# A model that ends its answers, closes its strings, counts to three, and calls a tool when it has one.
# Bytes are spelled as GPT-2 has them: three make a letter.
NEAT = tiny.Habits(
    likes={"<|im_end|>": 4.0, '"': 6.0, "}": 5.0, "3": 4.0, "ä": 8.0, "ã": 8.0},
    follows={
        "Ċ": "<tool_call>",
        "<tool_call>": "Ċ",
        "}": "</tool_call>",
        "</tool_call>": "<|im_end|>",
        **{"ä": "½", "½": "ł"},  # 你
        **{"ã": "ģ", "ģ": "ĵ"},  # こ
    },
)

CONFIG = """
language = "en"
[models.tiny]
file = "{chat}"
context = 4096
parallel = 2
aliases = ["gpt-4o", "claude-sonnet-4-5"]
[models.neat]
file = "{neat}"
context = 4096
parallel = 2
[models.embedder]
file = "{embedding}"
mode = "embedding"
parallel = 2
[models.ranker]
file = "{rerank}"
mode = "rerank"
parallel = 2
[roles]
brain = "tiny"
router = "neat"
[server]
default = "tiny"
"""


@dataclass(frozen=True)
class House:
    """Where the server is. key: may infer; admin: may manage; once: keys good for one request a minute."""

    url: str
    key: str
    admin: str
    once: dict[str, str]

    @property
    def v1(self) -> str:
        """OpenAI's base URL."""
        return f"{self.url}/v1"


@pytest.fixture(scope="session")
def neat_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model that ends what it begins: strings, objects, answers."""
    file = tmp_path_factory.mktemp("neat") / "neat.gguf"
    return tiny.chat_model(file, tiny.Shape(merges=1000), NEAT)


@pytest.fixture(scope="session")
def house(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_chat: Path,
    neat_chat: Path,
    tiny_embedding: Path,
    tiny_rerank: Path,
) -> Iterator[House]:
    """The server, as a program."""
    home = tmp_path_factory.mktemp("clients")
    with open_store(f"sqlite:///{home / 'dunoe.db'}") as store:
        _, key = store.keys.add("clients", ["infer"])
        once = {
            name: store.keys.add(f"once-{name}", ["infer"], requests_per_minute=1)[1]
            for name in CALLERS
        }
    config = CONFIG.format(
        chat=tiny_chat, neat=neat_chat, embedding=tiny_embedding, rerank=tiny_rerank
    )
    with Dunoe(home, config) as dunoe:
        yield House(dunoe.url, key, dunoe.local_key, once)


@pytest.fixture
def client(house: House) -> Iterator[OpenAI]:
    """OpenAI's client; the tests of another maker's have a `client` of their own."""
    with OpenAI(base_url=house.v1, api_key=house.key, max_retries=0) as client:
        yield client


@pytest.fixture
async def aclient(house: House) -> AsyncIterator[AsyncOpenAI]:
    """The same, asynchronous."""
    async with AsyncOpenAI(base_url=house.v1, api_key=house.key, max_retries=0) as client:
        yield client
