"""`dunoe keys`: who may use this server, and how much."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Any

import typer

from dunoe.cli.terminal import AsJson, ConfigFile, print_json, print_table, said, say, settings_from
from dunoe.errors import BadRequest, Text
from dunoe.settings import Network
from dunoe.store.keys import SCOPES, Key, Limits
from dunoe.store.store import open_store

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="API 키를 만들고 폐기합니다 · make and revoke API keys",
)

_SPAN = re.compile(r"(\d+)\s*([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as exc:
        raise BadRequest(
            Text(f"네트워크 주소가 아닙니다: {text}", f"not a network: {text}"),
            Text("예: --from 192.168.0.0/24", "for example: --from 192.168.0.0/24"),
        ) from exc


def _moment(text: str) -> datetime:
    """`30d` from now, or the end of that day; raises BadRequest."""
    try:
        if found := _SPAN.fullmatch(text.strip()):
            return datetime.now(UTC) + timedelta(hours=int(found[1]) * _HOURS[found[2]])
        moment = datetime.fromisoformat(text)
        if "T" not in text and " " not in text:
            moment += timedelta(days=1)  # valid on that day, too
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise BadRequest(
            Text(f"만료 시각을 읽을 수 없습니다: {text}", f"cannot read this expiry: {text}"),
            Text("예: 12h, 30d, 2026-12-31", "for example: 12h, 30d, 2026-12-31"),
        ) from exc


class ScopeName(StrEnum):
    """`store.keys.SCOPES`, as typer wants a list of choices."""

    INFER = "infer"
    LIBRARY = "library"
    ADMIN = "admin"


ScopeOption = Annotated[
    list[ScopeName] | None,
    typer.Option("--scope", help="할 수 있는 일 (여러 번; 기본 infer) · what it may do"),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="쓸 수 있는 모델 (여러 번) · models it may use"),
]
RpmOption = Annotated[
    int | None, typer.Option("--rpm", min=1, help="분당 요청 수 · requests per minute")
]
TokensOption = Annotated[
    int | None, typer.Option("--tokens-per-day", min=1, help="하루 토큰 수 · tokens per day")
]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires", metavar="30d|DATE", help="만료 · until when")
]
FromOption = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="CIDR", help="접속할 수 있는 주소 (여러 번) · from where"),
]


@app.command()
def add(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    name: Annotated[str, typer.Argument(metavar="NAME", help="키의 이름 · a name for the key")],
    scope: ScopeOption = None,
    model: ModelOption = None,
    rpm: RpmOption = None,
    tokens_per_day: TokensOption = None,
    expires: ExpiresOption = None,
    allow: FromOption = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """키를 만들어 한 번만 보여 줍니다 · make a key and show it once"""
    scopes = [one for one in SCOPES if one in (scope or [ScopeName.INFER])]
    limits = Limits(
        models=model or (),
        requests_per_minute=rpm,
        tokens_per_day=tokens_per_day,
        expires_at=_moment(expires) if expires else None,
        allow=[_network(text) for text in allow or ()],
    )
    with open_store(settings_from(config).database_url) as store:
        key, secret = store.keys.add(name, scopes, **limits)
    if as_json:
        print_json({"key": secret, **_shown(key)})
        return
    say(Text(secret, secret))
    say(
        Text(
            f"'{key.name}' 키입니다. 다시 볼 수 없으니 지금 보관하세요. "
            "요청에 `Authorization: Bearer <키>`로 붙입니다.",
            f"The key '{key.name}'. It cannot be shown again, so keep it now. "
            "Send it as `Authorization: Bearer <key>`.",
        )
    )


@app.command(name="list")
def list_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """모든 키를 보여 줍니다 (비밀은 빼고) · every key, without its secret"""
    with open_store(settings_from(config).database_url) as store:
        keys = store.keys.list()
    if as_json:
        print_json([_shown(key) for key in keys])
        return
    if not keys:
        say(
            Text(
                "키가 없습니다. `dunoe keys add 이름`으로 만듭니다.",
                "No keys. Make one: `dunoe keys add NAME`.",
            )
        )
        return
    print_table(
        [
            Text("이름", "name"), Text("권한", "scopes"), Text("모델", "models"),
            Text("제한", "limits"), Text("주소", "from"), Text("상태", "state"),
        ],
        [_row(key) for key in keys],
    )  # fmt: skip


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME", help="키의 이름 또는 id · its name or id")],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """키를 폐기합니다 · end a key for good"""
    with open_store(settings_from(config).database_url) as store:
        key = store.keys.revoke(name)
    if as_json:
        print_json(_shown(key))
        return
    say(Text(f"'{key.name}' 키를 폐기했습니다.", f"The key '{key.name}' is revoked."))


def _shown(key: Key) -> dict[str, Any]:  # Any: JSON
    return asdict(key) | {"allow": [str(network) for network in key.allow], "state": _state(key).en}


def _row(key: Key) -> list[str]:
    limits = []
    if key.requests_per_minute:
        limits.append(f"{key.requests_per_minute}/min")
    if key.tokens_per_day:
        limits.append(f"{key.tokens_per_day:,} tok/day")
    state = _state(key)
    until = f" (~{key.expires_at.astimezone():%Y-%m-%d %H:%M})" if key.expires_at else ""
    return [
        key.name,
        " ".join(key.scopes),
        " ".join(key.models) or "*",
        ", ".join(limits) or "-",
        " ".join(map(str, key.allow)) or "*",
        f"{said(state)}{until}",
    ]


def _state(key: Key) -> Text:
    if key.revoked_at is not None:
        return Text("폐기됨", "revoked")
    return Text("유효", "valid") if key.is_live(datetime.now(UTC)) else Text("만료됨", "expired")
