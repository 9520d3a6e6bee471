"""An engine that is slow or breaks: each fault has its own error, before and after the first byte."""

import re
from collections.abc import AsyncIterator

import pytest

from dunoe.errors import Language
from tests.fake_engine import FakeEngine, refused_url
from tests.fake_wire import Turn
from tests.served import Served, served
from tests.server.dialects import DIALECTS, Dialect, ask, fake_models

pytestmark = pytest.mark.anyio

LIMITS = """
[timeouts]
connect_s = 0.2
first_token_s = 0.2
between_tokens_s = 0.2
total_s = 0.5
"""
PAUSE_S = 0.01  # so that the words come in a read of their own, and not with the fault
WORDS = ["하나", " 둘", " 셋", " 넷"] * 3

# What goes wrong, and what is said of it.
BEFORE = {
    "first_token": (Turn(fault="slow"), 504, "no first token in time"),
    "hang": (Turn(fault="hang", at=0), 504, "no first token in time"),
    "reset": (Turn(fault="reset", at=0), 502, "broke off"),
    "closed": (Turn(fault="closed", at=0), 502, "broke off"),
    "garbage": (Turn(fault="garbage", at=0), 502, "that we cannot read"),
    "error": (Turn(fault="error", at=0), 502, "runner process has terminated"),
    "status": (Turn(fault="status"), 502, "runner process has terminated"),
}
AFTER = {
    "between_tokens": (Turn(WORDS, fault="hang", at=3), "stood still for too long"),
    "total": (Turn(WORDS, pause_s=0.1), "the whole answer took too long"),
    "reset": (Turn(WORDS, fault="reset", at=3), "broke off"),
    "closed": (Turn(WORDS, fault="closed", at=3), "broke off"),
    "half_line": (Turn(WORDS, fault="half_line", at=3), "(?:broke off|cannot read)"),
    "garbage": (Turn(WORDS, fault="garbage", at=3, pause_s=PAUSE_S), "that we cannot read"),
    "error": (Turn(WORDS, fault="error", at=3, pause_s=PAUSE_S), "runner process has terminated"),
    "unfinished": (Turn(WORDS, fault="unfinished"), "broke off"),
}
WHOLE = {
    "total": (Turn(fault="slow"), 504, "the whole answer took too long"),
    "hang": (Turn(fault="hang"), 504, "the whole answer took too long"),
    "reset": (Turn(fault="reset"), 502, "broke off"),
    "closed": (Turn(fault="closed"), 502, "broke off"),
    "garbage": (Turn(fault="garbage"), 502, "that we cannot read"),
    "unfinished": (Turn(fault="unfinished"), 502, "that we cannot read"),
    "status": (Turn(fault="status"), 502, "runner process has terminated"),
}


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeEngine
) -> AsyncIterator[Served]:
    config = f"""{fake_models(fake.url)}
[models.far]
engine = "far"
[models.closed]
engine = "closed"
[engines.far]
kind = "openai"
url = "http://192.0.2.1:9"   # nobody is there, ever (RFC 5737)
[engines.closed]
kind = "openai"
url = "{refused_url()}"
{LIMITS}"""
    async with served(tmp_path_factory.mktemp("timeouts"), config) as house:
        yield house


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


@pytest.mark.parametrize("fault", BEFORE)
async def test_before_the_first_byte_it_is_a_status(
    house: Served, fake: FakeEngine, dialect: Dialect, fault: str
) -> None:
    turn, status, said = BEFORE[fault]
    fake.script[:] = [
        turn,
        turn,
    ]  # a connection that was reset at once may have been stale: asked again
    got = await ask(house, dialect, dialect.body(stream=True, tokens=99))
    assert got.status == status, got.text
    assert re.search(said, dialect.message(got.json)), got.text


@pytest.mark.parametrize("fault", AFTER)
async def test_after_it_the_stream_ends_with_an_error_and_no_end_mark(
    house: Served, fake: FakeEngine, dialect: Dialect, fault: str
) -> None:
    turn, said = AFTER[fault]
    fake.script[:] = [turn]
    got = await ask(house, dialect, dialect.body(stream=True, tokens=99))
    assert got.status == 200
    assert dialect.said(got.text).startswith("하나")
    assert re.search(said, dialect.broke(got.text)), got.text


@pytest.mark.parametrize("fault", WHOLE)
async def test_an_answer_in_one_piece_is_a_status_always(
    house: Served, fake: FakeEngine, dialect: Dialect, fault: str
) -> None:
    turn, status, said = WHOLE[fault]
    fake.script[:] = [turn]
    got = await ask(house, dialect)
    assert got.status == status, got.text
    assert re.search(said, dialect.message(got.json)), got.text


@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_is_not_there(house: Served, dialect: Dialect, stream: bool) -> None:
    got = await ask(house, dialect, dialect.body(stream=stream, model="closed"))
    assert got.status == 502 and "cannot reach engine 'closed'" in dialect.message(got.json)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_nobody_answers_for(
    house: Served, dialect: Dialect, stream: bool
) -> None:
    got = await ask(house, dialect, dialect.body(stream=stream, model="far"))
    assert got.status in (502, 504)  # some networks say at once that there is no way
    assert re.search("no connection in time|cannot reach", dialect.message(got.json))


@pytest.mark.parametrize(
    ("turn", "code"),
    [
        (Turn(fault="slow"), "first_token_timeout"),
        (Turn(WORDS, fault="hang", at=3), "between_tokens_timeout"),
        (Turn(WORDS, pause_s=0.1), "total_timeout"),
    ],
)
async def test_each_limit_has_its_own_code(
    house: Served, fake: FakeEngine, turn: Turn, code: str
) -> None:
    fake.script[:] = [turn]
    dialect = DIALECTS["openai"]
    got = await ask(house, dialect, dialect.body(stream=True, tokens=99))
    assert f'"code":"{code}"' in got.text and '"upstream":"box"' in got.text


@pytest.mark.parametrize(
    ("language", "said"), [("ko", "답변 도중 응답이 멈췄습니다"), ("en", "stood still")]
)
async def test_a_broken_stream_speaks_the_callers_language(
    house: Served, fake: FakeEngine, dialect: Dialect, language: Language, said: str
) -> None:
    fake.script[:] = [Turn(WORDS, fault="hang", at=3)]
    got = await ask(house, dialect, dialect.body(stream=True), {"Accept-Language": language})
    assert said in dialect.broke(got.text)
