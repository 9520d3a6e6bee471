"""Bodies that are too large, too slow or no JSON, and queues that are full: each has an answer."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import orjson
import pytest
from anyio.abc import SocketStream

from dunoe.engines.request import Json
from dunoe.server.app import ROUTES
from dunoe.server.endpoint import Route
from dunoe.server.head import HEAD_LIMIT
from tests.fake_engine import FakeEngine
from tests.fake_wire import Turn
from tests.served import PATIENCE_S, Served, asking, served, some_of, until
from tests.server.dialects import CHAT, DIALECTS, THREE, Dialect, ask, call, fake_models

pytestmark = pytest.mark.anyio

LIMIT = 64 * 1024  # bytes
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POSTS = [route for route in ROUTES if route.body is not None]

# The least that each route takes; admin routes are asked about a model that is not there.
LEAST: dict[str, Json] = {
    "/v1/chat/completions": {"messages": CHAT},
    "/v1/completions": {"prompt": "하나"},
    "/v1/responses": {"input": "하나"},
    "/v1/embeddings": {"input": "하나", "model": "vectors"},
    "/v1/rerank": {"query": "하나", "documents": ["둘"], "model": "tiny"},
    "/v1/tokenize": {"content": "하나"},
    "/v1/messages": {"messages": CHAT, "max_tokens": 8, "model": "tiny"},
    "/v1/messages/count_tokens": {"messages": CHAT, "model": "tiny"},
    "/api/chat": {"messages": CHAT, "stream": False},
    "/api/generate": {"prompt": "하나", "stream": False},
    "/api/embed": {"input": "하나", "model": "vectors"},
    "/api/embeddings": {"prompt": "하나", "model": "vectors"},
    "/api/show": {"model": "tiny"},
    "/api/pull": {"model": "nothing-to-pull-from"},
    "/api/delete": {"model": "nobody"},
    "/api/copy": {"source": "nobody", "destination": "x"},
    "/api/load": {"model": "nobody"},
    "/api/unload": {"model": "nobody"},
    "/api/ask": {"question": "하나"},
    "/api/ask/stream": {"question": "하나"},
    "/api/search/advanced": {"query": "하나"},
    "/api/documents/{name}/labels": {"label": "하나"},
    "/api/conversations": {"question": "하나", "answer": "둘"},
    "/api/conversations/{name}/verdict": {"verdict": 1},
    "/api/library/folders": {"path": "/nowhere"},
    "/api/library/sync": {"stream": False},
}


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeEngine
) -> AsyncIterator[Served]:
    config = fake_models(fake.url) + f"[server]\nbody_limit = {LIMIT}\n[timeouts]\nbody_s = 0.2\n"
    async with served(tmp_path_factory.mktemp("limits"), config) as house:
        yield house


@pytest.fixture(params=THREE)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


def admin(house: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.brain.door.local.token}"}


async def test_a_body_over_the_limit_is_refused_before_it_is_read(
    house: Served, dialect: Dialect
) -> None:
    body = b" " * (LIMIT + 1)
    async with asking(house.port, dialect.path, body) as stream:
        told = await some_of(stream, b"65,536 bytes")
        assert told.startswith(b"HTTP/1.1 413")
        await stream.send(ALIVE)  # the same connection is of use still
        await some_of(stream, b'HTTP/1.1 200(?s:.)*"status":"ok"')


async def test_so_is_one_that_does_not_say_how_long_it_is(house: Served, dialect: Dialect) -> None:
    head = f"POST {dialect.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with await anyio.connect_tcp("127.0.0.1", house.port) as stream:
        await stream.send(head.encode())
        for _ in range(5):
            await stream.send(b"4000\r\n" + b" " * 0x4000 + b"\r\n")
        assert (await some_of(stream, b"65,536 bytes")).startswith(b"HTTP/1.1 413")
        await stream.send(b"0\r\n\r\n" + ALIVE)
        await some_of(stream, b'HTTP/1.1 200(?s:.)*"status":"ok"')


async def test_a_body_that_does_not_come_is_not_waited_for(house: Served, dialect: Dialect) -> None:
    head = f"POST {dialect.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{{"
    async with await anyio.connect_tcp("127.0.0.1", house.port) as stream:
        await stream.send(head.encode())
        told = await some_of(stream, rb"within 0\.2 s")
        assert told.startswith(b"HTTP/1.1 408") and b"connection: close" in told
        with anyio.fail_after(10), pytest.raises(anyio.EndOfStream):
            while True:
                await stream.receive()


async def closed(stream: SocketStream) -> bytes:
    """All that comes before the other side hangs up."""
    told = b""
    with anyio.fail_after(PATIENCE_S), suppress(anyio.BrokenResourceError):
        async for piece in stream:
            told += piece
    return told


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nX-Slow: "])
async def test_a_head_that_does_not_come_is_not_waited_for(house: Served, said: bytes) -> None:
    async with await anyio.connect_tcp("127.0.0.1", house.port) as stream:
        await stream.send(said)
        assert await closed(stream) == b""
    async with await anyio.connect_tcp("127.0.0.1", house.port) as stream:
        await stream.send(ALIVE)  # neither is the second one, on a connection that was honest
        await some_of(stream, b'"status":"ok"')
        await stream.send(b"GET /he")
        assert await closed(stream) == b""


@pytest.mark.parametrize("piece", [b"x" * 0x10000, b"X: y\r\n" * 0x2000])
async def test_headers_without_end_are_not_gathered(tmp_path: Path, piece: bytes) -> None:
    async with (
        served(tmp_path, "") as house,  # it would wait a minute for the rest
        await anyio.connect_tcp("127.0.0.1", house.port) as stream,
    ):
        with suppress(anyio.BrokenResourceError):
            await stream.send(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Bomb: ")
            for _ in range(HEAD_LIMIT // len(piece) + 2):
                await stream.send(piece)
        assert b"200 OK" not in await closed(stream)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "missing request body"),
        (b'{"model": "tiny",\n "messages": [}', "line 2 column 15"),
        (b'{"a": NaN}', "line 1 column 7"),
        (b'{"a": "\xff"}', "not UTF-8: byte 8"),
        (b'{"a": "\\ud800"}', "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b'"text"', "must be a JSON object"),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "deeper than 100 levels"),
        (b'{"a":' * 50_00 + b"1" + b"}" * 50_00, "not JSON"),
    ],
)
async def test_what_is_no_request_is_refused_with_the_place(
    house: Served, dialect: Dialect, body: bytes, said: str
) -> None:
    got = await call(house, "POST", dialect.path, body)
    assert got.status == 400 and said in dialect.message(got.json)


def path_of(route: Route) -> str:
    return route.path


@pytest.mark.parametrize("route", POSTS, ids=path_of)
async def test_every_route_names_the_field_that_is_wrong(house: Served, route: Route) -> None:
    assert route.body is not None
    for name, field in route.body.model_fields.items():
        body = LEAST[route.path] | {field.alias or name: {"no": ["such", {"type": 1}]}}
        got = await call(house, route.method, route.path, orjson.dumps(body), admin(house))
        assert got.status in (200, 400, 404), got.text  # some fields take any object
        if field.annotation in (str, int, bool, str | None, int | None, bool | None):
            assert got.status == 400 and name in got.text, got.text


@pytest.mark.parametrize("route", POSTS, ids=path_of)
async def test_every_route_takes_fields_that_we_do_not_know(house: Served, route: Route) -> None:
    plain = LEAST[route.path]
    more = plain | {"x_unknown": {"a": [1]}, "user": "u", "metadata": {}, "store": None}
    sent = [
        await call(house, route.method, route.path, orjson.dumps(body), admin(house))
        for body in (plain, more)
    ]
    assert sent[0].status == sent[1].status, sent[1].text
    assert sent[0].status in (200, 400, 404)
    if route.path not in ("/v1/tokenize", "/v1/messages/count_tokens") and route.scope == "infer":
        assert sent[0].status == 200, sent[0].text


def queued(url: str, queue: str) -> str:
    return fake_models(url, parallel="1") + f"[queue]\n{queue}\n"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_full_queue_says_when_to_come_back(
    tmp_path: Path, dialect: Dialect, stream: bool
) -> None:
    async with (
        FakeEngine("openai", [Turn(fault="hang", at=1)]) as fake,
        served(tmp_path, queued(fake.url, "length = 0")) as house,
        asking(house.port, dialect.path, dialect.body(stream=True)),
    ):
        await fake.came("/v1/chat/completions")
        got = await ask(house, dialect, dialect.body(stream=stream))
        assert got.status == 429 and int(got.headers["Retry-After"]) >= 1
        assert "too many requests are waiting" in dialect.message(got.json)


@pytest.mark.parametrize("stream", [True, False])
async def test_who_waits_too_long_is_told(tmp_path: Path, dialect: Dialect, stream: bool) -> None:
    async with (
        FakeEngine("openai", [Turn(fault="hang", at=1)]) as fake,
        served(tmp_path, queued(fake.url, "wait_s = 0.1")) as house,
        asking(house.port, dialect.path, dialect.body(stream=True)),
    ):
        await fake.came("/v1/chat/completions")
        got = await ask(house, dialect, dialect.body(stream=stream))
        assert got.status == 503 and int(got.headers["Retry-After"]) >= 1
        assert "did not become free in time" in dialect.message(got.json)
        await until(lambda: house.brain.runner.waiting == 0)


async def test_no_option_asks_an_engine_for_more_answers_than_we_count(
    house: Served, fake: FakeEngine
) -> None:
    body = LEAST["/api/chat"] | {"options": {"n": 2**31, "stream": True, "model": "other"}}
    got = await call(house, "POST", "/api/chat", orjson.dumps(body))
    assert got.status == 200
    asked = fake.at("/v1/chat/completions")[-1].body
    assert "n" not in asked and not asked["stream"] and asked["model"] == "tiny"
