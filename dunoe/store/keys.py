"""API keys: made, shown once, kept as a hash, revoked."""

import hashlib
import hmac
import secrets
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any, Literal, NamedTuple, TypedDict, Unpack, get_args

from sqlalchemy import insert, or_, select, update
from sqlalchemy.engine import RowMapping

from dunoe.errors import BadRequest, NotFound, Text
from dunoe.settings import Network
from dunoe.store.database import Database
from dunoe.store.tables import keys

Scope = Literal["infer", "library", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

_PREFIX, _ID_LENGTH, _SECRET_LENGTH = "dn-", 8, 43
_DASH = len(_PREFIX) + _ID_LENGTH  # where the dash between id and secret stands
_LENGTH = _DASH + 1 + _SECRET_LENGTH
_NO_DIGEST = bytes(32)  # what the secret of an unknown id is compared with
_NAME_LENGTH = 64
_UNREVOKED = keys.c.revoked_at.is_(None)


class Limits(TypedDict, total=False):
    """What a key may do beyond its scopes; what is left out is not limited.

    models: names it may ask; allow: client networks; expires_at: an aware datetime.
    """

    models: Iterable[str]
    requests_per_minute: int | None
    tokens_per_day: int | None
    expires_at: datetime | None
    allow: Iterable[Network]


@dataclass(frozen=True, slots=True)
class Key:
    """One API key, without its secret. Empty `models` and `allow` mean every model and every address."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    models: tuple[str, ...]
    requests_per_minute: int | None
    tokens_per_day: int | None
    expires_at: datetime | None
    allow: tuple[Network, ...]
    created_at: datetime
    revoked_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Presented(NamedTuple):
    """What a caller showed: the public id, and the digest of the secret."""

    id: str
    digest: bytes


class Kept(NamedTuple):
    """A key and the digest that opens it."""

    key: Key
    digest: bytes


def read(presented: str) -> Presented | None:
    """Take a presented key apart; None when it has not the form of one."""
    if len(presented) != _LENGTH or not (presented.isascii() and presented.isprintable()):
        return None
    if not presented.startswith(_PREFIX) or presented[_DASH] != "-":
        return None
    return Presented(presented[len(_PREFIX) : _DASH], _digest(presented[_DASH + 1 :]))


def unlock(kept: Kept | None, presented: Presented, now: datetime) -> Key | None:
    """The live key that this secret opens; an unknown id takes as long as a wrong secret."""
    is_same = hmac.compare_digest(_NO_DIGEST if kept is None else kept.digest, presented.digest)
    return kept.key if kept is not None and is_same and kept.key.is_live(now) else None


def _digest(secret: str) -> bytes:
    # 256 random bits leave nothing to guess, so a slow password hash would protect nothing more.
    return hashlib.sha256(secret.encode()).digest()


class Keys:
    """The keys in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, scopes: Iterable[Scope], **limits: Unpack[Limits]) -> tuple[Key, str]:
        """Make a key. The second value is the whole key in clear: show it, it cannot be had again.

        Raises `BadRequest` for a name in use and for limits that make no sense.
        """
        secret, wanted = secrets.token_urlsafe(32), frozenset(scopes)
        key = Key(
            id=b32encode(secrets.token_bytes(5)).decode().lower(),
            name=name,
            scopes=tuple(scope for scope in SCOPES if scope in wanted),
            models=tuple(limits.get("models", ())),
            requests_per_minute=limits.get("requests_per_minute"),
            tokens_per_day=limits.get("tokens_per_day"),
            expires_at=limits.get("expires_at"),
            allow=tuple(limits.get("allow", ())),
            created_at=datetime.now(UTC),
            revoked_at=None,
        )
        _check(key)
        with self._database.writing(alone=True) as connection:
            if connection.execute(select(keys.c.id).where(_UNREVOKED, keys.c.name == name)).first():
                raise BadRequest(
                    Text(
                        f"키 이름 '{name}'이(가) 이미 있습니다", f"there is a key '{name}' already"
                    ),
                    Text(
                        f"다른 이름을 쓰거나 먼저 `dunoe keys revoke {name}`로 폐기하세요.",
                        f"choose another name, or first run `dunoe keys revoke {name}`.",
                    ),
                    param="name",
                )
            connection.execute(insert(keys), _row(key, _digest(secret)))
        return key, f"{_PREFIX}{key.id}-{secret}"

    def authenticate(self, presented: str) -> Key | None:
        """The live key that was presented, or None. Asks the database; the server asks its `KeyRing`."""
        if (parts := read(presented)) is None:
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(keys).where(keys.c.id == parts.id)).mappings().first()
        return unlock(None if row is None else _kept(row), parts, datetime.now(UTC))

    def revoke(self, name_or_id: str) -> Key:
        """End a key for good and return it; raise `NotFound` when no unrevoked key is called that."""
        if not name_or_id.isprintable():  # a driver would stumble over a NUL or half a letter
            raise _no_key(repr(name_or_id))
        with self._database.writing() as connection:
            found = (
                select(keys.c.id)
                .where(or_(keys.c.id == name_or_id, keys.c.name == name_or_id))
                .where(_UNREVOKED)
                .order_by(keys.c.id != name_or_id)  # an id wins over another key's equal name
                .limit(1)
            )
            row = connection.execute(
                update(keys)
                .where(keys.c.id == found.scalar_subquery())
                .values(revoked_at=datetime.now(UTC))
                .returning(*keys.c)
            )
            revoked = row.mappings().first()
        if revoked is None:
            raise _no_key(name_or_id)
        return _kept(revoked).key

    def unrevoked(self) -> dict[str, Kept]:
        """Every key that is not revoked, by public id."""
        with self._database.reading() as connection:
            rows = connection.execute(select(keys).where(_UNREVOKED)).mappings()
            return {row["id"]: _kept(row) for row in rows}

    def list(self) -> tuple[Key, ...]:
        """Every key there ever was, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(keys).order_by(keys.c.created_at)).mappings()
            return tuple(_kept(row).key for row in rows)


def _no_key(name_or_id: str) -> NotFound:
    return NotFound(
        Text(f"키 '{name_or_id}'이(가) 없습니다", f"there is no key '{name_or_id}'"),
        Text("`dunoe keys list`로 이름을 확인하세요.", "see `dunoe keys list`."),
    )


def _check(key: Key) -> None:
    """Refuse what would make a key that nobody can use or name."""
    name = key.name
    if not 0 < len(name) <= _NAME_LENGTH or name != name.strip() or not name.isprintable():
        raise BadRequest(
            Text("키 이름으로 쓸 수 없습니다", "this cannot be the name of a key"),
            Text(
                f"앞뒤 공백 없이 1~{_NAME_LENGTH}자로 쓰세요.",
                f"write 1 to {_NAME_LENGTH} characters without spaces around them.",
            ),
            param="name",
        )
    if not key.scopes:
        raise BadRequest(
            Text("키에 쓸 수 있는 권한이 없습니다", "the key has no scope we know"),
            Text(f"하나 이상 고르세요: {', '.join(SCOPES)}", f"choose from: {', '.join(SCOPES)}"),
            param="scopes",
        )
    for param in ("requests_per_minute", "tokens_per_day"):
        limit: int | None = getattr(key, param)
        if limit is not None and not 0 < limit < 2**63:
            raise BadRequest(
                Text(f"{param} 값이 맞지 않습니다: {limit}", f"{param} cannot be {limit}"),
                Text("1 이상으로 쓰거나 생략하세요.", "write 1 or more, or leave it out."),
                param=param,
            )
    if key.expires_at is not None and key.expires_at <= key.created_at:
        raise BadRequest(
            Text("만료 시각이 이미 지났습니다", "the key would be expired already"),
            Text("앞으로 올 시각을 쓰세요.", "name a moment that is still to come."),
            param="expires_at",
        )


def _row(key: Key, digest: bytes) -> dict[str, Any]:  # Any: one value per column, JSON among them
    return {
        "id": key.id,
        "name": key.name,
        "digest": digest,
        "scopes": key.scopes,
        "models": key.models,
        "requests_per_minute": key.requests_per_minute,
        "tokens_per_day": key.tokens_per_day,
        "expires_at": key.expires_at,
        "allow": [str(network) for network in key.allow],
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
    }


def _kept(row: RowMapping) -> Kept:
    fields = {name: value for name, value in row.items() if name != "digest"}
    lists = {
        "scopes": tuple(row["scopes"]),
        "models": tuple(row["models"]),
        "allow": tuple(ip_network(network) for network in row["allow"]),
    }
    return Kept(Key(**fields | lists), row["digest"])
