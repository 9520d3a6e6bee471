"""Who is let in, from where, and how often."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from dunoe.errors import Busy, Forbidden, Unauthorized
from dunoe.server.door import Bucket, Door
from dunoe.server.local import local_key
from dunoe.settings import ServerSettings
from dunoe.store.store import Store, open_store

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that the test turns."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'door.db'}") as store:
        yield store


def door_of(store: Store, home: Path, clock: Clock, settings: ServerSettings | None = None) -> Door:
    return Door(settings or ServerSettings(), store.ring, store.usage, local_key(home), clock)


@pytest.fixture
async def door(store: Store, tmp_path: Path, clock: Clock) -> Door:
    await store.ring.refresh()
    return door_of(store, tmp_path, clock)


async def test_before_the_first_key_this_machine_needs_none_and_nobody_else_gets_in(
    door: Door,
) -> None:
    assert door.holder("", is_local=True) is None
    assert door.holder("what-the-openai-client-always-sends", is_local=True) is None
    with pytest.raises(Unauthorized):
        door.holder("", is_local=False)


async def test_the_first_key_closes_the_door(door: Door, store: Store) -> None:
    _, secret = store.keys.add("web", ["infer"])
    await store.ring.refresh()
    held = door.holder(secret, is_local=False)
    assert held is not None and held.name == "web"
    for presented in ("", "dn-wrong", secret[:-1] + ("a" if secret[-1] != "a" else "b")):
        with pytest.raises(Unauthorized):
            door.holder(presented, is_local=True)


async def test_the_local_key_may_do_everything(door: Door, tmp_path: Path) -> None:
    token = (tmp_path / "local.key").read_text("ascii")
    key = door.holder(token, is_local=False)
    assert key is not None
    door.check_scope(key, "admin")
    assert (tmp_path / "local.key").stat().st_mode & 0o077 == 0


async def test_management_needs_an_admin_key_even_here(door: Door, store: Store) -> None:
    with pytest.raises(Unauthorized):
        door.check_scope(None, "admin")
    door.check_scope(None, "infer")
    key, _ = store.keys.add("web", ["infer"])
    with pytest.raises(Forbidden):
        door.check_scope(key, "admin")


async def test_a_page_of_another_site_does_not_reach_us_through_a_visitors_browser(
    door: Door,
) -> None:
    door.check_origin("127.0.0.1:11435", "")
    door.check_origin("localhost:11435", "http://localhost:3000")
    door.check_origin("[::1]:11435", "")
    for host, origin in (
        ("rebound.example:11435", ""),
        ("127.0.0.1:11435", "https://evil.example"),
        ("127.0.0.1:11435", "null"),
    ):
        with pytest.raises(Forbidden):
            door.check_origin(host, origin)


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("10.0.0.2", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.2", "6.6.6.6, 203.0.113.9, 10.0.0.3", "203.0.113.9"),
        ("198.51.100.7", "127.0.0.1", "198.51.100.7"),  # nobody we trust says so
        ("10.0.0.2", "", "10.0.0.2"),
    ],
)
async def test_only_a_trusted_proxy_says_where_a_request_came_from(
    store: Store, tmp_path: Path, clock: Clock, peer: str, forwarded: str, seen: str
) -> None:
    trusting = ServerSettings(trusted_proxies=(ip_network("10.0.0.0/8"),))
    assert door_of(store, tmp_path, clock, trusting).address(peer, forwarded) == seen


async def test_the_list_of_addresses_holds_for_mapped_ipv6_too(
    store: Store, tmp_path: Path, clock: Clock
) -> None:
    settings = ServerSettings(allow=(ip_network("192.168.0.0/24"), ip_network("fd00::/8")))
    door = door_of(store, tmp_path, clock, settings)
    for address in ("192.168.0.7", "::ffff:192.168.0.7", "fd00::1"):
        door.check_address(address)
    for address in ("192.168.1.7", "fe80::1", "not an address", ""):
        with pytest.raises(Forbidden):
            door.check_address(address)


async def test_requests_a_minute_are_spread_and_come_back(
    door: Door, store: Store, clock: Clock
) -> None:
    key, _ = store.keys.add("web", ["infer"], requests_per_minute=3)
    for _ in range(3):
        door.check_limits(key, "127.0.0.1")
    with pytest.raises(Busy) as refused:
        door.check_limits(key, "127.0.0.1")
    assert refused.value.retry_after_s == pytest.approx(20)
    clock.now_s += 20
    door.check_limits(key, "127.0.0.1")
    with pytest.raises(Busy):
        door.check_limits(key, "127.0.0.1")


async def test_a_clock_that_stands_still_never_fills_a_bucket() -> None:
    bucket = Bucket(1, 0)
    assert bucket.take(0) == 0
    assert all(bucket.take(0) == 60 for _ in range(3))


async def test_tokens_a_day_are_counted_before_they_are_written_down(
    door: Door, store: Store
) -> None:
    key, _ = store.keys.add("web", ["infer"], tokens_per_day=100)
    store.usage.add(key.id, "tiny", 60, 39)
    door.check_limits(key, "127.0.0.1")
    store.usage.add(key.id, "tiny", 0, 1)
    with pytest.raises(Busy) as refused:
        door.check_limits(key, "127.0.0.1")
    assert 0 < (refused.value.retry_after_s or 0) <= 86400


async def test_a_key_knows_its_addresses_and_its_models(door: Door, store: Store) -> None:
    key, _ = store.keys.add(
        "web", ["infer"], models=["coder"], allow=[ip_network("192.168.0.0/24")]
    )
    door.check_limits(key, "192.168.0.9")
    with pytest.raises(Forbidden):
        door.check_limits(key, "192.168.9.9")
    door.check_model(key, ("qwen", "coder"))
    with pytest.raises(Forbidden):
        door.check_model(key, ("tiny",))


async def test_an_expired_key_opens_nothing(door: Door, store: Store) -> None:
    gone = datetime.now(UTC) + timedelta(seconds=1)
    _, secret = store.keys.add("web", ["infer"], expires_at=gone)
    await store.ring.refresh()
    store.ring._now = lambda: gone + timedelta(seconds=1)
    with pytest.raises(Unauthorized):
        door.holder(secret, is_local=True)
