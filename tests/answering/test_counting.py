"""Tokens are counted once, by the model itself, and estimated with caution where that is dear."""

import pytest

from dunoe.answering.counting import ENDLESS, Counter, Counts
from dunoe.engines.request import Counted, Counting
from dunoe.errors import NotSupported, TooLong
from dunoe.portfolio.model import Model
from dunoe.settings import ModelSettings
from tests.residency.cast import Scripted

pytestmark = pytest.mark.anyio
MODEL = Model("tiny", "box", "tiny", ModelSettings(engine="box"), slots=1)


class Letters(Scripted):
    """Counts letters, and how often it was asked."""

    def __init__(self, refuses: type[NotSupported | TooLong] | None = None) -> None:
        super().__init__()
        self.asked = 0
        self.refuses = refuses

    async def count(self, model: Model, ask: Counting) -> Counted:
        self.asked += 1
        if self.refuses is not None:
            raise self.refuses("no")
        text = ask.content or "".join(one["content"] for one in ask.messages)
        return Counted(len(text), None)


async def test_a_text_is_counted_once_for_each_model() -> None:
    engine, counts = Letters(), Counts()
    for _ in range(2):
        assert await Counter(engine, MODEL, counts).texts(["가나다", "라"]) == [3, 1]
    assert engine.asked == 2
    other = Model("other", "box", "other", ModelSettings(engine="box"), slots=1)
    await Counter(engine, other, counts).texts(["라"])
    assert engine.asked == 3


async def test_an_engine_that_cannot_count_is_replaced_by_a_cautious_estimate() -> None:
    counter = Counter(Letters(NotSupported), MODEL, Counts())
    (count,) = await counter.texts(["가나다라 마바사"])
    assert count >= 4
    assert counter.is_exact is False
    assert await counter.chat([{"role": "user", "content": "가나다라"}]) > 4


async def test_a_prompt_that_the_engine_refuses_never_fits() -> None:
    counter = Counter(Letters(TooLong), MODEL, Counts())
    assert await counter.prompt([{"role": "user", "content": "가"}]) == ENDLESS
