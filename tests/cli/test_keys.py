"""`dunoe keys`: made, shown once, listed without the secret, revoked."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dunoe.cli.keys import ScopeName
from dunoe.store.keys import SCOPES
from dunoe.store.store import open_store
from tests.cli.conftest import Said


def test_a_key_is_shown_once_and_opens_the_store(typed: Callable[..., Said], home: Path) -> None:
    made = typed("keys", "add", "노트북")
    secret = made.out.splitlines()[0]
    with open_store(f"sqlite:///{home}/dunoe.db") as store:
        key = store.keys.authenticate(secret)
    assert key is not None
    assert (key.name, key.scopes) == ("노트북", ("infer",))
    assert secret not in typed("keys", "list").out + typed("keys", "list", "--json").out


def test_every_limit_reaches_the_key(typed: Callable[..., Said]) -> None:
    words = (
        "keys add ci --scope infer --scope admin --model tiny --model big --rpm 60"
        " --tokens-per-day 1000000 --expires 30d --from 10.0.0.0/8 --from ::1 --json"
    )
    made = json.loads(typed(*words.split()).out)
    assert made["key"].startswith("dn-")
    assert made["scopes"] == ["infer", "admin"]
    assert made["models"] == ["tiny", "big"]
    assert (made["requests_per_minute"], made["tokens_per_day"]) == (60, 1_000_000)
    assert made["allow"] == ["10.0.0.0/8", "::1/128"]
    expires = datetime.fromisoformat(made["expires_at"])
    assert timedelta(days=29) < expires - datetime.now(UTC) <= timedelta(days=30)


def test_a_date_is_good_until_its_end(typed: Callable[..., Said]) -> None:
    today = f"{datetime.now():%Y-%m-%d}"
    assert typed("keys", "add", "today", "--expires", today).code == 0


def test_a_revoked_key_is_listed_as_such(typed: Callable[..., Said]) -> None:
    typed("keys", "add", "old")
    assert "폐기했습니다" in typed("keys", "revoke", "old").out
    (one,) = json.loads(typed("keys", "list", "--json").out)
    assert (one["name"], one["state"]) == ("old", "revoked")
    assert "폐기됨" in typed("keys", "list").out


def test_a_name_is_printed_as_it_is_and_never_as_markup(typed: Callable[..., Said]) -> None:
    for name in ("[/x]", "[red]", ":smile:"):
        typed("keys", "add", name)
    table = typed("keys", "list")
    assert (table.code, table.err) == (0, "")
    assert [line.split()[0] for line in table.out.splitlines()[1:]] == ["[/x]", "[red]", ":smile:"]


def test_no_keys_is_said_with_the_way_to_one(typed: Callable[..., Said]) -> None:
    assert "dunoe keys add" in typed("keys", "list").out


@pytest.mark.parametrize(
    "words",
    [
        ("--expires", "soon"),
        ("--expires", "2020-01-01"),
        ("--expires", "99999999999d"),
        ("--from", "home"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(
    typed: Callable[..., Said], words: tuple[str, str]
) -> None:
    done = typed("keys", "add", "a", *words)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 2


def test_the_scopes_of_the_command_line_are_those_of_the_store() -> None:
    assert tuple(ScopeName) == SCOPES
