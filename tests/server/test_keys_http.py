"""Keys over HTTP: who gets in, for what, how often, and what a refusal says in each dialect."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import count
from pathlib import Path
from typing import Unpack

import orjson
import pytest

from dunoe.server.app import ROUTES
from dunoe.server.endpoint import Route
from dunoe.store.keys import Limits, Scope
from dunoe.store.ring import STALE_S
from dunoe.store.store import open_store
from tests.fake_engine import FakeEngine
from tests.fake_wire import Turn
from tests.served import Served, served
from tests.server.dialects import DIALECTS, THREE, Dialect, ask, call, fake_models

pytestmark = pytest.mark.anyio

ADMIN = [route for route in ROUTES if route.scope == "admin"]
INFER = [route for route in ROUTES if route.scope == "infer"]
NUMBERS = count(1)


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeEngine
) -> AsyncIterator[Served]:
    """Its door is closed by a first key; a proxy on this machine is trusted."""
    config = fake_models(fake.url) + '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n'
    async with served(tmp_path_factory.mktemp("keys"), config) as house:
        await key(house)
        yield house


@pytest.fixture(scope="module")
async def open_house(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeEngine
) -> AsyncIterator[Served]:
    """Nobody made a key yet."""
    async with served(tmp_path_factory.mktemp("open"), fake_models(fake.url)) as house:
        yield house


@pytest.fixture(params=THREE)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


async def key(house: Served, *scopes: Scope, **limits: Unpack[Limits]) -> str:
    """A new key, in clear."""
    _, secret = house.brain.store.keys.add(f"key-{next(NUMBERS)}", scopes or ["infer"], **limits)
    await house.brain.ring.refresh()
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_without_a_key_nobody_gets_in_and_is_told_how(
    house: Served, dialect: Dialect
) -> None:
    got = await ask(house, dialect)
    assert got.status == 401
    assert got.headers["WWW-Authenticate"] == 'Bearer realm="dunoe"'
    assert "an API key is needed" in dialect.message(got.json)
    assert "dunoe keys add" in got.text


async def test_a_wrong_key_is_no_key(house: Served, dialect: Dialect) -> None:
    got = await ask(house, dialect, headers=bearer("dn-wrong"))
    assert got.status == 401 and "unknown or has expired" in dialect.message(got.json)


async def test_a_key_of_another_process_works_at_once(house: Served, dialect: Dialect) -> None:
    await house.brain.ring.refresh()
    with open_store(house.brain.settings.database_url) as other:
        _, secret = other.keys.add(f"new-{next(NUMBERS)}", ["infer"])
    house.brain.ring._sought_at = float("-inf")  # whatever the other tests guessed
    assert (await ask(house, dialect, headers=bearer(secret))).status == 200


@pytest.mark.parametrize("header", ["Authorization", "x-api-key"])
async def test_a_key_is_taken_from_either_header(
    house: Served, dialect: Dialect, header: str
) -> None:
    secret = await key(house)
    shown = bearer(secret) if header == "Authorization" else {header: secret}
    assert (await ask(house, dialect, headers=shown)).status == 200


async def test_an_empty_bearer_does_not_hide_the_other_header(house: Served) -> None:
    got = await call(
        house, "GET", "/v1/models", headers=bearer("") | {"x-api-key": await key(house)}
    )
    assert got.status == 200


def shown(route: Route) -> str:
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", [*ADMIN, *INFER], ids=shown)
async def test_every_route_wants_its_scope(house: Served, route: Route) -> None:
    path = route.path.replace("{name:path}", "tiny")
    assert (await call(house, route.method, path, b"{}")).status == 401
    wrong = await key(house, "library" if route.scope == "infer" else "infer")
    refused = await call(house, route.method, path, b"{}", headers=bearer(wrong))
    assert refused.status == 403
    assert f"lacks the scope '{route.scope}'" in refused.text


@pytest.mark.parametrize("route", ADMIN, ids=shown)
async def test_management_needs_an_admin_key_before_there_is_any(
    open_house: Served, route: Route
) -> None:
    refused = await call(open_house, route.method, route.path, b"{}")
    assert refused.status == 401 and "--scope admin" in refused.text


async def test_an_ollama_unload_by_keep_alive_is_management_too(house: Served) -> None:
    body = b'{"model": "tiny", "keep_alive": 0}'
    got = await call(house, "POST", "/api/generate", body, headers=bearer(await key(house)))
    assert got.status == 403 and "keep_alive 0 without a prompt unloads" in got.text


async def test_an_unload_by_keep_alive_says_why_it_needs_a_key_when_nothing_else_does(
    open_house: Served,
) -> None:
    got = await call(open_house, "POST", "/api/chat", b'{"model": "tiny", "keep_alive": 0}')
    first, hint = got.json["error"].split("\n")
    assert got.status == 401 and "unloads the model" in first and "--scope admin" in hint


@pytest.mark.parametrize("bound_to", ["tiny", "brain", "gpt"])
async def test_a_key_bound_to_a_model_by_any_name_may_use_all_its_names(
    house: Served, dialect: Dialect, bound_to: str
) -> None:
    secret = await key(house, models=[bound_to])
    for name in ("tiny", "brain", "gpt"):
        got = await ask(house, dialect, dialect.body(model=name), headers=bearer(secret))
        assert got.status == 200, got.text


@pytest.mark.parametrize("name", ["other", "coder", "no-such-model"])
async def test_a_bound_key_learns_nothing_of_other_models(
    house: Served, dialect: Dialect, name: str
) -> None:
    """The same refusal for a model of others and for one that does not exist."""
    secret = bearer(await key(house, models=["tiny"]))
    got = await ask(house, dialect, dialect.body(model=name), headers=secret)
    assert got.status == 403
    assert "may not use model" in dialect.message(got.json) and "vectors" not in got.text


async def test_lists_show_a_bound_key_its_own_models_only(house: Served) -> None:
    mine = bearer(await key(house, models=["brain"]))
    every = bearer(await key(house))

    async def names(headers: dict[str, str]) -> list[set[str]]:
        models = (await call(house, "GET", "/v1/models", headers=headers)).json["data"]
        tags = (await call(house, "GET", "/api/tags", headers=headers)).json["models"]
        state = (await call(house, "GET", "/api/brain", headers=headers)).json["models"]
        return [{m["id"] for m in models}, {m["name"] for m in tags}, {m["name"] for m in state}]

    all_of_them = {"tiny", "other", "vectors"}
    assert await names(every) == [all_of_them | {"brain", "coder"}, all_of_them, all_of_them]
    assert await names(mine) == [{"tiny", "brain"}, {"tiny"}, {"tiny"}]
    for name, status in (("tiny", 200), ("other", 403), ("nobody", 403)):
        assert (await call(house, "GET", f"/v1/models/{name}", headers=mine)).status == status
        body = orjson.dumps({"model": name})
        assert (await call(house, "POST", "/api/show", body, headers=mine)).status == status


class Clock:
    """A clock that the test turns."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


async def test_requests_a_minute(
    house: Served, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(house.brain.door, "clock", clock)
    secret = bearer(await key(house, requests_per_minute=2))
    for _ in range(2):
        assert (await ask(house, dialect, headers=secret)).status == 200
    refused = await ask(house, dialect, headers=secret)
    assert refused.status == 429 and refused.headers["Retry-After"] == "30"
    assert "over its 2 requests a minute" in dialect.message(refused.json)
    clock.now_s += 30
    assert (await ask(house, dialect, headers=secret)).status == 200


@pytest.mark.parametrize("stream", [True, False])
async def test_tokens_a_day_are_what_the_engine_counted(
    house: Served, fake: FakeEngine, dialect: Dialect, stream: bool
) -> None:
    secret = bearer(await key(house, tokens_per_day=100))
    for prompt_tokens in (60, 38):  # and one token of answer each
        fake.plan(Turn(["예"], prompt_tokens=prompt_tokens))
        got = await ask(house, dialect, dialect.body(stream=stream), headers=secret)
        assert got.status == 200
    refused = await ask(house, dialect, headers=secret)
    assert refused.status == 429 and 0 < int(refused.headers["Retry-After"]) <= 86400
    assert "used its 100 tokens of today" in dialect.message(refused.json)


async def test_an_expired_key_opens_nothing(
    house: Served, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    secret = bearer(await key(house, expires_at=soon))
    assert (await ask(house, dialect, headers=secret)).status == 200
    monkeypatch.setattr(house.brain.ring, "_now", lambda: soon)
    assert (await ask(house, dialect, headers=secret)).status == 401


async def test_a_key_bound_to_models_reads_no_metrics_of_the_others(house: Served) -> None:
    everything = bearer(await key(house))
    bound = bearer(await key(house, models=["tiny"]))
    operator = bearer(await key(house, "infer", "admin", models=["tiny"]))
    for secret, status in ((everything, 200), (bound, 403), (operator, 200)):
        got = await call(house, "GET", "/metrics", headers=secret)
        assert (got.status, "dunoe_requests" in got.text) == (status, status == 200)


async def test_a_key_revoked_by_another_process_is_dead_once_the_ring_is_stale(
    house: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(house.brain.ring, "_clock", clock)
    secret = await key(house)
    house.brain.store.keys.revoke(f"key-{next(NUMBERS) - 1}")  # as `dunoe keys revoke` does
    clock.now_s += STALE_S
    got = await call(house, "GET", "/v1/models", headers=bearer(secret))
    assert got.status == 401


async def test_a_keys_addresses_are_read_behind_a_trusted_proxy(
    house: Served, dialect: Dialect
) -> None:
    secret = bearer(await key(house, allow=[ip_network("203.0.113.0/24")]))
    for forwarded, status in (
        ("203.0.113.9", 200),
        ("198.51.100.7", 403),
        ("203.0.113.9, 198.51.100.7", 403),  # the caller made the first one up
        ("", 403),
    ):
        got = await ask(house, dialect, headers=secret | {"X-Forwarded-For": forwarded})
        assert got.status == status, forwarded
        if status == 403:
            assert "not allowed from this address" in dialect.message(got.json)


async def test_the_servers_own_list_of_addresses_holds_for_every_route(
    tmp_path: Path, fake: FakeEngine
) -> None:
    config = fake_models(fake.url)
    config += '[server]\nallow = ["10.0.0.0/8"]\ntrusted_proxies = ["127.0.0.1/32"]\n'
    async with served(tmp_path, config) as house:
        for method, path in (("GET", "/healthz"), ("GET", "/"), ("GET", "/nowhere"), ("PUT", "/")):
            assert (await call(house, method, path)).status == 403
        assert (
            await call(house, "GET", "/healthz", headers={"X-Forwarded-For": "10.1.2.3"})
        ).status == 200
        # behind a proxy nobody is at this machine, so a key is needed even before the first
        got = await call(house, "GET", "/v1/models", headers={"X-Forwarded-For": "10.1.2.3"})
        assert got.status == 401


async def test_a_forwarded_address_from_nobody_we_trust_is_not_believed(open_house: Served) -> None:
    got = await call(open_house, "GET", "/v1/models", headers={"X-Forwarded-For": "127.0.0.1"})
    assert got.status == 401  # there was a proxy between, so this is not somebody at this machine


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example:11435"}, {"Origin": "https://evil.example"}]
)
async def test_a_web_page_of_somebody_else_gets_nowhere_without_a_key(
    open_house: Served, house: Served, dialect: Dialect, headers: dict[str, str]
) -> None:
    refused = await ask(open_house, dialect, headers=headers)
    assert refused.status == 403 and "another web site" in dialect.message(refused.json)
    secret = bearer(await key(house))
    assert (await ask(house, dialect, headers=secret | headers)).status == 200


async def test_before_the_first_key_this_machine_needs_none(
    open_house: Served, dialect: Dialect
) -> None:
    assert (await ask(open_house, dialect)).status == 200
