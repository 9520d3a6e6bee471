"""The door: which addresses, which keys, how often, how much."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address, ip_address

from dunoe.errors import Busy, Forbidden, Misconfigured, Text, Unauthorized
from dunoe.server.local import LocalKey
from dunoe.settings import Network, ServerSettings, is_loopback
from dunoe.store.keys import Key, Scope
from dunoe.store.ring import KeyRing
from dunoe.store.usage import UsageBook

Address = IPv4Address | IPv6Address

_FORWARDED_LIMIT = 16  # hops that we look through


class Door:
    """Decides who may come in. One per server; all state is in memory."""

    def __init__(
        self,
        settings: ServerSettings,
        ring: KeyRing,
        usage: UsageBook,
        local: LocalKey,
        clock: Callable[[], float],
    ) -> None:
        self.settings, self.ring, self.usage = settings, ring, usage
        self.local = local
        self.clock = clock
        self._buckets: dict[str, Bucket] = {}

    def address(self, peer: str, forwarded_for: str) -> str:
        """The client's address: the last one in X-Forwarded-For that no trusted proxy wrote."""
        trusted = self.settings.trusted_proxies
        if not forwarded_for or not _within(peer, trusted):
            return peer
        for hop in reversed(forwarded_for.split(",")[-_FORWARDED_LIMIT:]):
            peer = hop.strip()
            if not _within(peer, trusted):
                break
        return peer

    def check_address(self, address: str) -> None:
        """Raise Forbidden for an address that is not on the list."""
        if self.settings.allow and not _within(address, self.settings.allow):
            raise _not_from(address)

    def check_origin(self, host: str, origin: str) -> None:
        """Raise Forbidden for a web page of somebody else that talks to us through its visitor's browser.

        Without a key only the browser's own honesty tells such a page from the person at this machine:
        `Host` shows a name that was rebound to our address, `Origin` the page that asked.
        """
        name = _host_name(host)
        is_ours = not name or is_loopback(name) or name == self.settings.host
        if is_ours and (not origin or is_loopback(_host_name(origin.partition("://")[2]))):
            return
        raise Forbidden(
            Text(
                "다른 웹사이트에서 온 요청은 키 없이 받지 않습니다",
                "a request from another web site needs a key",
            ),
            Text(
                "`dunoe keys add NAME`으로 키를 만들어 Authorization 헤더로 보내세요.",
                "make a key with `dunoe keys add NAME` and send it in the Authorization header.",
            ),
            code="foreign_origin",
        )

    def holder(self, presented: str, *, is_local: bool) -> Key | None:
        """Whose key this is; None for a caller without one, where none is needed.

        is_local: the caller sits at this machine, with no proxy between. Such callers need no key until the
        first key is made. Raises Unauthorized.
        """
        if compare_digest(presented.encode(), self.local.token.encode()):
            return self.local.key
        key = self.ring.find(presented) if presented else None
        if key is not None or (is_local and self.ring.is_empty):
            return key
        raise _no_key() if not presented else _unknown_key()

    def check_scope(self, key: Key | None, scope: Scope) -> None:
        """Raise for a caller who may not do this. Without a key everything but `admin` is open."""
        if key is None:
            if scope != "admin":
                return
            raise Unauthorized(
                Text("관리 기능에는 admin 키가 필요합니다", "management needs an admin key"),
                Text(
                    "`dunoe keys add NAME --scope admin`으로 만들거나 이 컴퓨터에서 dunoe 명령을 쓰세요.",
                    "make one with `dunoe keys add NAME --scope admin`, or use the dunoe command here.",
                ),
                code="missing_api_key",
            )
        if scope not in key.scopes:
            raise Forbidden(
                Text(
                    f"키 '{key.name}'에는 '{scope}' 권한이 없습니다",
                    f"key '{key.name}' lacks the scope '{scope}'",
                ),
                Text(
                    f"`dunoe keys add NAME --scope {scope}`로 새 키를 만드세요.",
                    f"make a new key with `dunoe keys add NAME --scope {scope}`.",
                ),
                code="insufficient_scope",
            )

    def check_limits(self, key: Key, address: str) -> None:
        """Raise Forbidden or Busy when the key may not be used from there, or not now."""
        if key.allow and not _within(address, key.allow):
            raise _not_from(address)
        if key.requests_per_minute is not None:
            bucket = self._buckets.get(key.id)
            if bucket is None or bucket.per_minute != key.requests_per_minute:
                bucket = self._buckets[key.id] = Bucket(key.requests_per_minute, self.clock())
            wait_s = bucket.take(self.clock())
            if wait_s > 0:
                raise Busy(
                    Text(
                        f"키 '{key.name}'의 분당 요청 한도({key.requests_per_minute})를 넘었습니다",
                        f"key '{key.name}' is over its {key.requests_per_minute} requests a minute",
                    ),
                    Text(
                        f"{math.ceil(wait_s)}초 뒤에 다시 하세요.",
                        f"come back in {math.ceil(wait_s)} s.",
                    ),
                    retry_after_s=wait_s,
                    code="rate_limit_exceeded",
                )
        limit = key.tokens_per_day
        if limit is not None and self.usage.tokens_today(key.id) >= limit:
            raise Busy(
                Text(
                    f"키 '{key.name}'의 하루 토큰 한도({limit:,})를 다 썼습니다",
                    f"key '{key.name}' has used its {limit:,} tokens of today",
                ),
                Text("한도는 0시(UTC)에 다시 찹니다.", "the limit refills at midnight UTC."),
                retry_after_s=_seconds_to_midnight(datetime.now(UTC)),
                code="token_limit_exceeded",
            )

    @staticmethod
    def check_model(key: Key | None, names: Sequence[str]) -> None:
        """Raise Forbidden when the key is bound to other models; names: the model's and its roles."""
        if key is None or is_allowed(key, names):
            return
        raise Forbidden(
            Text(
                f"키 '{key.name}'은(는) 모델 '{names[0]}'을(를) 쓸 수 없습니다",
                f"key '{key.name}' may not use model '{names[0]}'",
            ),
            Text(
                f"쓸 수 있는 모델: {', '.join(key.models)}", f"its models: {', '.join(key.models)}"
            ),
            code="model_not_allowed",
            param="model",
        )


def is_allowed(key: Key | None, names: Sequence[str]) -> bool:
    """True when this key may use the model of these names."""
    return key is None or not key.models or any(name in key.models for name in names)


class Bucket:
    """A token bucket: a minute's worth at most, refilled evenly."""

    def __init__(self, per_minute: int, now_s: float) -> None:
        self.per_minute = per_minute
        self.left = float(per_minute)
        self.at_s = now_s

    def take(self, now_s: float) -> float:
        """Take one; return 0, or the seconds until there is one to take."""
        refill = (now_s - self.at_s) * self.per_minute / 60
        self.left, self.at_s = min(float(self.per_minute), self.left + refill), now_s
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) * 60 / self.per_minute


def check_host(host: str, ring: KeyRing) -> None:
    """Raise Misconfigured where listening on this address would let everybody in."""
    if is_loopback(host) or not ring.is_empty:
        return
    raise Misconfigured(
        Text(
            f"키 없이 {host}에서 열 수 없습니다 (다른 컴퓨터에서 누구나 쓸 수 있게 됩니다)",
            f"will not listen on {host} without a key (anybody could use it)",
        ),
        Text(
            "먼저 `dunoe keys add NAME`으로 키를 만드세요.",
            "make a key first: `dunoe keys add NAME`.",
        ),
    )


def _no_key() -> Unauthorized:
    return Unauthorized(
        Text("API 키가 필요합니다", "an API key is needed"),
        Text(
            "`dunoe keys add NAME`으로 만들어 'Authorization: Bearer …'로 보내세요.",
            "make one with `dunoe keys add NAME` and send 'Authorization: Bearer …'.",
        ),
        code="missing_api_key",
    )


def _unknown_key() -> Unauthorized:
    return Unauthorized(
        Text("키를 알 수 없거나 만료되었습니다", "the key is unknown or has expired"),
        Text(
            "`dunoe keys list`로 확인하고 `dunoe keys add NAME`으로 새로 만드세요.",
            "look with `dunoe keys list`, make a new one with `dunoe keys add NAME`.",
        ),
        code="invalid_api_key",
    )


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        found: Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def _not_from(address: str) -> Forbidden:
    return Forbidden(
        Text(
            f"이 주소({address})에서는 쓸 수 없습니다", f"not allowed from this address ({address})"
        ),
        Text(
            "설정의 server.allow 또는 키의 주소 목록에 추가하세요.",
            "add it to server.allow in the settings, or to the key's addresses.",
        ),
        code="address_not_allowed",
    )


def _host_name(host: str) -> str:
    host = host.partition("/")[0]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _seconds_to_midnight(now: datetime) -> float:
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()
