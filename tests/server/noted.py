"""A server that has read some notes, in front of one model, and questions to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import orjson

from dunoe.engines.request import Json
from tests.served import Served, served
from tests.server.dialects import call


def config(url: str) -> str:
    """The notes as library, the model of the server at this address."""
    return f"""
[models.tiny]
engine = "box"
name = "tiny"
context = 4096
[engines.box]
kind = "openai"
url = "{url}"
[library]
folders = ["notes"]
watch = false
workers = 1
"""


@asynccontextmanager
async def noted(folder: Path, url: str, notes: Mapping[str, str]) -> AsyncIterator[Served]:
    """The server. notes: name -> text."""
    (folder / "notes").mkdir()
    for name, text in notes.items():
        (folder / "notes" / name).write_text(text, "utf-8")
    async with served(folder, config(url)) as house:
        await house.brain.library.sync()
        yield house


async def asked(house: Served, **body: object) -> Json:
    """The whole answer to a question."""
    got = await call(house, "POST", "/api/ask", orjson.dumps(body))
    assert got.status == 200, got.body
    found: Json = orjson.loads(got.body)
    return found
