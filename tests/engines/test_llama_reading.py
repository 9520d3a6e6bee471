"""Prompts are made one at a time for a model, however many ask: a template that takes its time takes one thread."""

import threading
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from dunoe.engines.llama_reading import Reader, Readers
from dunoe.engines.request import Counting, Generation
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, ModelSettings

pytestmark = pytest.mark.anyio
HI = [{"role": "user", "content": "안녕"}]


async def test_requests_of_one_model_are_counted_one_after_another(
    tiny_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model("tiny", LLAMA, "tiny", ModelSettings(file=tiny_chat), slots=1)
    readers, meet, met = Readers(None), threading.Barrier(2), list[str]()

    def slowly(reader: Reader, ask: Generation, model: Model) -> int:
        with suppress(threading.BrokenBarrierError):  # nobody came: the others wait for their turn
            meet.wait(timeout=0.5)
            met.append("two at once")
        return 1

    monkeypatch.setattr(Reader, "length", slowly)
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(readers.measure, model, Generation("chat", messages=HI))

    assert met == []
    assert await readers.count(model, Counting(content="안녕")), "and the turn was given back"
