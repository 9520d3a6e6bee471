"""Looking after it: alive, ready, counted, one log line a request, and never a word of what was asked."""

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest

from dunoe.engines.request import Json
from tests.fake_engine import FakeEngine, refused_url
from tests.fake_wire import Turn
from tests.served import Served, asking, served, some_of, until
from tests.server.dialects import DIALECTS, THREE, Dialect, ask, call, fake_models

pytestmark = pytest.mark.anyio

SECRET = "아무도보면안되는말"
CHAT = DIALECTS["openai"]
CHAT_FIELDS = {"messages": [{"role": "user", "content": "안녕"}]}


@pytest.fixture
async def fake() -> AsyncIterator[FakeEngine]:
    async with FakeEngine("openai") as fake:
        yield fake


@pytest.fixture
async def house(tmp_path: Path, fake: FakeEngine) -> AsyncIterator[Served]:
    async with served(tmp_path, fake_models(fake.url)) as house:
        yield house


@asynccontextmanager
async def loading(folder: Path, fake: FakeEngine) -> AsyncIterator[Served]:
    """A house whose model is loaded by us, into an Ollama, and has one slot."""
    config = f"""
language = "en"
[roles]
router = "tiny"
[models.tiny]
engine = "box"
footprint = "1GiB"
[engines.box]
kind = "ollama"
url = "{fake.url}"
vram = "2GiB"
[timeouts]
total_s = 1
"""
    async with served(folder, config) as house:
        await house.brain.runner.preload(house.brain.catalogue.find("tiny"))
        yield house


async def test_a_caller_may_ask_who_they_are(house: Served) -> None:
    nobody = (await call(house, "GET", "/api/key")).json
    assert (nobody["name"], nobody["is_local"]) == (None, False)
    assert "admin" not in nobody["scopes"]
    headers = {"Authorization": f"Bearer {house.brain.door.local.token}"}
    local = (await call(house, "GET", "/api/key", headers=headers)).json
    assert (local["name"], local["is_local"]) == ("local", True)
    assert "admin" in local["scopes"]


async def test_alive(house: Served) -> None:
    got = await call(house, "GET", "/healthz")
    assert got.status == 200 and got.json["status"] == "ok"


async def test_ready_is_a_row_written_and_a_token_generated(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as fake, loading(tmp_path, fake) as house:
        got = await call(house, "GET", "/readyz")
        assert got.status == 200
        assert set(got.json["checks"].items()) >= {("database", "ok"), ("model tiny", "ok")}
        assert fake.at("/api/generate")[-1].body["options"]["num_predict"] == 1


@pytest.mark.parametrize("fault", ["hang", "status"])
async def test_an_engine_that_hangs_or_fails_is_not_ready(tmp_path: Path, fault: str) -> None:
    turn = Turn(fault="hang" if fault == "hang" else "status", at=0)
    async with FakeEngine("ollama") as fake, loading(tmp_path, fake) as house:
        fake.plan(turn)
        got = await call(house, "GET", "/readyz")
        assert got.status == 503 and got.json["checks"]["model tiny"] != "ok"
        assert got.json["checks"]["database"] == "ok"
        assert (await call(house, "GET", "/readyz")).status == 200  # and is ready again


async def test_a_busy_model_is_ready(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as fake, loading(tmp_path, fake) as house:
        fake.plan(Turn(["하나", " 둘"], fault="hang", at=1))
        async with asking(house.port, CHAT.path, CHAT.body(stream=True)) as answer:
            await some_of(answer, "하나".encode())
            assert (await call(house, "GET", "/readyz")).json["checks"]["model tiny"] == "ok"


async def test_an_engine_that_is_gone_is_named(tmp_path: Path) -> None:
    async with served(tmp_path, fake_models(refused_url())) as house:
        got = await call(house, "GET", "/readyz")
        assert got.status == 503 and "cannot reach" in got.json["checks"]["engine box"]


async def test_a_database_that_takes_nothing_is_named(house: Served, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "home" / "dunoe.db") as other:
        other.execute("ALTER TABLE dunoe_heartbeat RENAME TO away")
    other.close()
    got = await call(house, "GET", "/readyz")
    assert got.status == 503 and got.json["checks"]["database"] != "ok"
    assert (await call(house, "GET", "/healthz")).status == 200


def sample(metrics: str, name: str, **labels: str) -> float:
    """One sample's value; the labels that are given must be among its own."""
    found = [
        float(line.rpartition(" ")[2])
        for line in metrics.split("\n")
        if line.startswith(name + "{") and all(f'{k}="{v}"' in line for k, v in labels.items())
    ]
    assert len(found) == 1, (name, labels, metrics)
    return found[0]


async def test_metrics_count_what_happened(house: Served, fake: FakeEngine) -> None:
    for stream in (True, True, False):
        fake.plan(Turn(["하나", " 둘", " 셋"], prompt_tokens=10, pause_s=0.002))
        assert (await ask(house, CHAT, CHAT.body(stream=stream, model="brain"))).status == 200
    assert (await ask(house, CHAT, CHAT.body(model="nobody"))).status == 404
    assert (await call(house, "GET", "/nowhere")).status == 404
    metrics = (await call(house, "GET", "/metrics")).text
    mine = {"model": "tiny", "role": "brain"}
    assert sample(metrics, "dunoe_requests_total", path=CHAT.path, status="200", **mine) == 3
    assert sample(metrics, "dunoe_requests_total", path=CHAT.path, status="404") == 1
    assert sample(metrics, "dunoe_requests_total", path="", status="404") == 1
    assert sample(metrics, "dunoe_tokens_total", direction="in", **mine) == 30
    assert sample(metrics, "dunoe_tokens_total", direction="out", **mine) == 9
    assert (
        sample(metrics, "dunoe_ttft_seconds_count", **mine) == 2
    )  # nobody saw the third's first token
    assert sample(metrics, "dunoe_queue_seconds_count", **mine) == 3
    assert sample(metrics, "dunoe_load_wait_seconds_count", **mine) == 0
    assert sample(metrics, "dunoe_inter_token_seconds_count", **mine) > 0
    assert sample(metrics, "dunoe_in_flight", model="tiny") == 0
    assert sample(metrics, "dunoe_queue_waiting", model="tiny") == 0


async def test_metrics_tell_of_loads_and_of_who_waits(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as fake, loading(tmp_path, fake) as house:
        fake.plan(Turn(["하나", " 둘"], fault="hang", at=1))
        async with asking(house.port, CHAT.path, CHAT.body(stream=True)) as answer:
            await some_of(answer, "하나".encode())
            metrics = (await call(house, "GET", "/metrics")).text
        assert sample(metrics, "dunoe_loads_total", model="tiny") == 1
        assert sample(metrics, "dunoe_loaded", model="tiny") == 1
        assert sample(metrics, "dunoe_in_flight", model="tiny") == 1


async def test_a_wait_for_a_load_belongs_to_the_role_that_was_asked_for(tmp_path: Path) -> None:
    async with FakeEngine("ollama") as fake, loading(tmp_path, fake) as house:
        await house.brain.runner.unload(house.brain.catalogue.find("tiny"))
        for model in ("router", "router", "tiny"):
            assert (await ask(house, CHAT, CHAT.body(model=model))).status == 200
        metrics = (await call(house, "GET", "/metrics")).text
    waits, mine = "dunoe_load_wait_seconds_count", {"model": "tiny", "role": "router"}
    assert sample(metrics, waits, **mine) == 1  # the second found it loaded
    assert sample(metrics, waits, model="tiny", role="") == 0
    assert sample(metrics, "dunoe_queue_seconds_count", **mine) == 2


class Told:
    """What stderr was told, from the start of the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._text = capsys, ""

    @property
    def text(self) -> str:
        """All of it."""
        self._text += self._capsys.readouterr().err
        return self._text

    @property
    def lines(self) -> list[Json]:
        """The log lines of requests."""
        return [orjson.loads(line) for line in self.text.split("\n") if line.startswith("{")]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys)


@pytest.mark.parametrize("name", THREE)
async def test_a_request_is_one_line_without_its_content(
    house: Served, fake: FakeEngine, told: Told, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    dialect: Dialect = DIALECTS[name]
    _, secret = house.brain.store.keys.add("web", ["infer"])
    await house.brain.ring.refresh()
    fake.plan(Turn([SECRET], prompt_tokens=7))
    body = dialect.body(stream=True, model="brain").replace("안녕".encode(), SECRET.encode())
    headers = {"Authorization": f"Bearer {secret}", "X-Request-Id": "mine-1"}
    got = await ask(house, dialect, body, headers)
    assert SECRET in dialect.said(got.text) and got.headers["X-Request-Id"] == "mine-1"
    (line,) = told.lines
    assert line.items() >= {
        "id": "mine-1", "path": dialect.path, "status": 200, "key": "web", "model": "tiny",
        "role": "brain", "from": "127.0.0.1", "tokens_in": 7, "tokens_out": 1,
    }.items()  # fmt: skip
    assert set(line) >= {"time", "queue_ms", "load_ms", "prefill_ms", "ttft_ms", "total_ms"}
    for text in (told.text, caplog.text):
        assert SECRET not in text and secret not in text


async def test_what_was_refused_is_a_line_too(
    house: Served, fake: FakeEngine, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    fake.plan(Turn(fault="status"))
    await ask(house, CHAT)
    await ask(house, CHAT, b"{" + SECRET.encode())
    await call(house, "GET", "/nowhere")
    await call(house, "PUT", "/v1/models")
    refused = [(line["path"], line["status"], line["problem"]) for line in told.lines]
    assert [status for _, status, _ in refused] == [502, 400, 404, 405]
    assert refused[1:] == [
        (CHAT.path, 400, "invalid_json"), ("/nowhere", 404, "no_route"), ("/v1/models", 405, "method_not_allowed"),
    ]  # fmt: skip
    assert SECRET not in told.text + caplog.text


async def test_the_same_times_stand_in_a_header(house: Served) -> None:
    """A stream has no total when its headers go; of an answer in one piece nobody saw the first token."""
    for stream, names in (
        (True, ["queue", "load", "prefill", "ttft"]),
        (False, ["queue", "load", "total"]),
    ):
        got = await ask(house, CHAT, CHAT.body(stream=stream))
        named = [part.partition(";dur=") for part in got.headers["Server-Timing"].split(", ")]
        assert [name for name, _, _ in named] == names
        assert all(float(value) >= 0 for _, _, value in named)


async def test_the_engines_own_times_tell_when_a_whole_answer_began(
    tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, f'[models.tiny]\nfile = "{tiny_chat}"\n') as house:
        got = await ask(house, CHAT, CHAT.body())
        times = dict(part.split(";dur=") for part in got.headers["Server-Timing"].split(", "))
        assert 0 < float(times["ttft"]) < float(times["total"])


async def test_a_call_that_is_cut_has_still_read_its_prompt(
    tmp_path: Path, tiny_chat: Path, told: Told
) -> None:
    many = orjson.dumps({"model": "tiny", "stream": True, "max_tokens": 4000, **CHAT_FIELDS})
    async with served(tmp_path, f'[models.tiny]\nfile = "{tiny_chat}"\n') as house:
        async with asking(house.port, CHAT.path, many) as answer:
            await some_of(answer, b'"content":"[^"]')
        await until(lambda: any(line["status"] in (200, 499) for line in told.lines))
    (line,) = told.lines
    assert line["tokens_in"] > 0 and line["tokens_out"] > 0


async def test_a_request_gets_a_number_of_ours_when_its_own_is_none(house: Served) -> None:
    for sent in ({}, {"X-Request-Id": "a b"}, {"X-Request-Id": "<script>"}):
        got = await call(house, "GET", "/healthz", headers=sent)
        assert got.headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("", "there is no /nowhere"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "/nowhere 경로가 없습니다"),
        ("en;q=0.3, ko;q=0.7", "/nowhere 경로가 없습니다"),
        ("fr, de", "there is no /nowhere"),
        ("ko;q=x", "there is no /nowhere"),
    ],
)
async def test_problems_speak_the_callers_language(house: Served, asked: str, said: str) -> None:
    got = await call(house, "GET", "/nowhere", headers={"Accept-Language": asked})
    assert got.json["error"]["message"] == said


async def test_the_setting_decides_where_the_caller_does_not(tmp_path: Path) -> None:
    async with served(tmp_path, 'language = "ko"\n') as house:
        got = await call(house, "GET", "/nowhere")
        assert got.json["error"]["message"] == "/nowhere 경로가 없습니다"


async def test_a_wrong_method_is_told_the_right_one(house: Served) -> None:
    got = await call(house, "PUT", "/api/chat")
    assert got.status == 405 and got.headers["Allow"] == "POST"
    assert got.json == {"error": "/api/chat does not take PUT\nuse POST."}
