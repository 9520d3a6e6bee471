"""Keys: shown once, kept hashed, limited, revoked."""

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from dunoe.errors import BadRequest, NotFound
from dunoe.store.keys import Key
from dunoe.store.store import Store, open_store


def test_a_key_has_its_form_and_opens_the_door(store: Store) -> None:
    key, secret = store.keys.add("노트북", ["infer"])
    assert re.fullmatch(rf"dn-{key.id}-[A-Za-z0-9_-]{{43}}", secret)
    assert re.fullmatch(r"[a-z2-7]{8}", key.id)
    assert store.keys.authenticate(secret) == key


def test_a_key_comes_back_as_it_was_made(store: Store) -> None:
    key, _ = store.keys.add(
        "everything",
        (scope for scope in ("library", "infer", "infer")),  # read once, like any iterator
        models=["tiny", "한국어 모델"],
        requests_per_minute=60,
        tokens_per_day=5_000_000_000,
        expires_at=datetime.now(timezone(timedelta(hours=9))) + timedelta(days=1),
        allow=[ip_network("10.0.0.0/8"), ip_network("fe80::/10")],
    )
    assert key.scopes == ("infer", "library")
    assert store.keys.list() == (key,)


def test_the_secret_is_nowhere_in_the_file(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'dunoe.db'}") as store:
        _, secret = store.keys.add("laptop", ["infer"])
        files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"laptop" in files
    assert secret[12:].encode() not in files


def test_the_digest_is_of_the_secret_alone(tmp_path: Path) -> None:
    # What another program must compute to check a key; a change here locks everybody out.
    with open_store(f"sqlite:///{tmp_path / 'dunoe.db'}") as store:
        key, secret = store.keys.add("laptop", ["infer"])
        connection = sqlite3.connect(tmp_path / "dunoe.db")
        (digest,) = connection.execute("SELECT digest FROM dunoe_keys").fetchone()
        connection.close()
    assert digest == sha256(secret.removeprefix(f"dn-{key.id}-").encode()).digest()


def test_what_is_not_the_key_does_not_open(store: Store) -> None:
    _, secret = store.keys.add("laptop", ["infer"])
    _, other = store.keys.add("phone", ["infer"])
    wrong = [
        "",
        "dn-",
        secret[:-1],
        secret + "A",
        secret.upper(),
        f" {secret}",
        secret[:11] + "x" + secret[12:],
        secret[:12] + other[12:],
        "dn-aaaaaaaa" + secret[11:],
        secret[:-1] + "\ud800",
        "dn-\0\0\0\0\0\0\0\0" + secret[11:],
        secret[:-1] + "가",
    ]
    assert [store.keys.authenticate(presented) for presented in wrong] == [None] * len(wrong)


def test_a_revoked_key_is_remembered_and_opens_nothing(store: Store) -> None:
    key, secret = store.keys.add("laptop", ["infer"])
    before = datetime.now(UTC)
    revoked = store.keys.revoke("laptop")
    assert revoked.revoked_at is not None
    assert before <= revoked.revoked_at <= datetime.now(UTC)
    assert store.keys.list() == (revoked,)
    assert revoked.id == key.id
    assert store.keys.authenticate(secret) is None


def test_an_expired_key_opens_nothing(store: Store) -> None:
    soon = datetime.now(UTC) + timedelta(microseconds=300_000)
    key, secret = store.keys.add("visitor", ["infer"], expires_at=soon)
    assert key.is_live(soon - timedelta(microseconds=1))
    assert not key.is_live(soon)
    while datetime.now(UTC) < soon:
        assert store.keys.list() == (key,)
    assert store.keys.authenticate(secret) is None


def test_a_name_is_given_once_and_free_again_when_revoked(store: Store) -> None:
    first, _ = store.keys.add("laptop", ["infer"])
    with pytest.raises(BadRequest, match="there is a key 'laptop' already"):
        store.keys.add("laptop", ["admin"])
    store.keys.revoke("laptop")
    second, secret = store.keys.add("laptop", ["infer"])
    assert store.keys.authenticate(secret) == second
    assert store.keys.revoke("laptop").id == second.id != first.id


def test_of_many_that_want_one_name_one_gets_it(store: Store) -> None:
    together = Barrier(4)

    def add(name: str) -> bool:
        store.keys.list()  # connected, before the race
        together.wait(10)
        try:
            store.keys.add(name, ["infer"])
        except BadRequest:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        for name in ("laptop", "phone", "tablet", "watch", "tv"):
            assert sorted(threads.map(add, [name] * 4)) == [False, False, False, True]


def test_revoking_by_id_wins_over_a_key_of_that_name(store: Store) -> None:
    laptop, _ = store.keys.add("laptop", ["infer"])
    odd, _ = store.keys.add(laptop.id, ["infer"])
    assert store.keys.revoke(laptop.id).id == laptop.id
    assert store.keys.revoke(laptop.id).id == odd.id  # the only one called so now


@pytest.mark.parametrize("unknown", ["nobody", "", "a\0b", "\ud800", "' OR 1=1 --", "가" * 999])
def test_revoking_what_is_not_there_is_not_found(store: Store, unknown: str) -> None:
    store.keys.add("laptop", ["infer"])
    with pytest.raises(NotFound, match="there is no key"):
        store.keys.revoke(unknown)
    assert store.keys.list()[0].revoked_at is None


def test_a_key_is_revoked_once(store: Store) -> None:
    key, _ = store.keys.add("laptop", ["infer"])
    store.keys.revoke(key.id)
    with pytest.raises(NotFound):
        store.keys.revoke(key.id)


@pytest.mark.parametrize(
    ("param", "given"),
    [
        ("name", {"name": ""}),
        ("name", {"name": " laptop"}),
        ("name", {"name": "two\nlines"}),
        ("name", {"name": "x" * 65}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["everything"]}),
        ("requests_per_minute", {"requests_per_minute": 0}),
        ("tokens_per_day", {"tokens_per_day": -1}),
        ("tokens_per_day", {"tokens_per_day": 2**63}),
        ("expires_at", {"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    store: Store,
    param: str,
    given: dict[str, Any],  # Any: one wrong value of each kind
) -> None:
    with pytest.raises(BadRequest) as refused:
        store.keys.add(**{"name": "laptop", "scopes": ["infer"]} | given)
    assert refused.value.param == param
    assert refused.value.hint.ko and refused.value.hint.en
    assert store.keys.list() == ()


def test_keys_are_listed_oldest_first(store: Store) -> None:
    made: list[Key] = [store.keys.add(name, ["infer"])[0] for name in ("c", "a", "b")]
    assert store.keys.list() == tuple(made)
