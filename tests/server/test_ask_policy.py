"""A question is asked as the model's policy says; what the person says goes before it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dunoe.engines.request import Json
from tests.fake_engine import FakeEngine
from tests.served import Served, served
from tests.server.noted import asked

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Served]:
    """A server in front of an EEVE, which repeats itself when nobody minds."""
    config = f"""
[models."eeve-korean-10.8b"]
engine = "box"
name = "tiny"
context = 4096
[engines.box]
kind = "openai"
url = "{fake.url}"
"""
    async with served(tmp_path, config) as house:
        yield house


def options(fake: FakeEngine) -> Json:
    """What the engine was asked last."""
    body: Json = fake.at("/v1/chat/completions")[-1].body
    return body


async def test_eeve_gets_its_guard_against_repetition(house: Served, fake: FakeEngine) -> None:
    await asked(house, question="안녕하세요?", context_enabled=False, max_tokens=2000)
    told = options(fake)
    assert (told["repeat_penalty"], told["repeat_last_n"]) == (1.15, 256)
    assert "\nHuman:" in told["stop"]
    assert told["max_tokens"] == 768
    assert told["temperature"] == 0.7


async def test_a_temperature_that_was_asked_for_stays(house: Served, fake: FakeEngine) -> None:
    await asked(house, question="안녕하세요?", context_enabled=False, temperature=0.2)
    assert options(fake)["temperature"] == 0.2
