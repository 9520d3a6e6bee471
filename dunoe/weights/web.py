"""The outside, asked for a file: redirects, the token that must not travel, and refusals put into words."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from dunoe.errors import EngineFailed, Text
from dunoe.settings import is_loopback
from dunoe.weights.header import MAGIC
from dunoe.weights.refusals import Later, lost, no_model, refusal, unreachable
from dunoe.weights.sources import HUB, address

REDIRECTS = 10
PAUSE_LIMIT_S = 60
_LFS = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Wire:
    """How the outside is reached. Sizes in bytes.

    token: goes to `hub` and nowhere else. connections: ranges at once. stall_s: without a byte, a connection counts as
    cut. attempts: failures in a row, without progress, before we give up; the pause doubles from `backoff_s`.
    spare: stays free on the disk.
    """

    hub: str = HUB
    token: str | None = field(default=None, repr=False)
    connections: int = 4
    range_bytes: int = 64 * 2**20
    journal_bytes: int = 16 * 2**20
    connect_s: float = 10
    stall_s: float = 30
    attempts: int = 6
    backoff_s: float = 0.5
    spare: int = 256 * 2**20


@dataclass(frozen=True)
class Found:
    """A file that is there. etag: changes when its content does; sha256: when the hub says it.

    url: where the bytes come from, after redirects. marker: that server's own etag.
    """

    url: URL
    etag: str | None
    marker: str | None
    size: int | None
    sha256: str | None
    has_ranges: bool


CUT = (aiohttp.ClientError, TimeoutError, Later)  # worth another try


class Web:
    """One session with the outside. `async with Web.open(wire) as web`."""

    def __init__(self, wire: Wire, session: aiohttp.ClientSession) -> None:
        self.wire, self.session = wire, session
        self._hub = URL(wire.hub).origin()

    @classmethod
    @asynccontextmanager
    async def open(cls, wire: Wire) -> AsyncIterator["Web"]:
        """The session lives as long as the block."""
        limits = aiohttp.ClientTimeout(sock_connect=wire.connect_s, sock_read=wire.stall_s)
        async with aiohttp.ClientSession(
            timeout=limits,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "identity", "User-Agent": "dunoe"},
        ) as session:
            yield cls(wire, session)

    @asynccontextmanager
    async def get(
        self, url: URL, span: tuple[int, int] | None
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, dict[str, str]]]:
        """The answer to a GET after redirects, and what the hub itself said about the file on the way.

        span: the first byte and the one after the last.
        """
        ranged = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        told: dict[str, str] = {}
        for _ in range(REDIRECTS):
            is_hub = url.origin() == self._hub
            is_private = url.scheme == "https" or is_loopback(url.host or "")
            token = self.wire.token if is_hub and is_private else None
            headers = ranged | ({"Authorization": f"Bearer {token}"} if token else {})
            async with self.session.get(url, headers=headers, allow_redirects=False) as response:
                if is_hub:
                    told |= {k: response.headers[k] for k in _TOLD if k in response.headers}
                location = response.headers.get("Location")
                if response.status not in (301, 302, 303, 307, 308) or location is None:
                    yield response, told
                    return
            url = _next(url, location)
        raise EngineFailed(
            Text(
                f"{url.host}이(가) 계속 다른 곳을 가리킵니다", f"{url.host} redirects without end"
            ),
            Text("주소를 확인하세요.", "check the address."),
        )

    async def find(self, url: URL, label: str) -> Found:
        """Ask for the first bytes of a file: is it there, is it GGUF, how big is it, does the server take ranges."""
        failures = 0
        while True:
            try:
                async with self.get(url, (0, len(MAGIC))) as (response, told):
                    return await self._found(response, told, label)
            except aiohttp.ClientConnectorError as exc:
                raise unreachable(exc) from exc
            except CUT as exc:
                failures += 1
                if failures >= self.wire.attempts:
                    raise lost(url, None, None) from exc
                await self.pause(failures, exc)

    async def _found(
        self, response: aiohttp.ClientResponse, told: dict[str, str], label: str
    ) -> Found:
        if response.status not in (200, 206, 416):
            raise refusal(response, label, had_token=self.wire.token is not None)
        head = b""
        while response.status != 416 and len(head) < len(MAGIC):
            data = await response.content.read(len(MAGIC) - len(head))
            if not data:
                break
            head += data
        if head != MAGIC:
            raise no_model(response, label)
        own = etag_of(response)
        linked = plain(told.get("X-Linked-Etag") or told.get("ETag"))
        ranged = content_range(response)
        return Found(
            response.url,
            linked or own or response.headers.get("Last-Modified"),
            own,
            ranged[1] if ranged else response.content_length,
            linked if linked and _LFS.fullmatch(linked) else None,
            ranged is not None and ranged[1] is not None,
        )

    async def pause(self, failures: int, cut: BaseException | None) -> None:
        """Wait before another try, longer each time, and as long as the server asks."""
        asked_s = cut.after_s if isinstance(cut, Later) else 0.0
        grown_s = self.wire.backoff_s * 2 ** max(failures - 1, 0)
        await asyncio.sleep(min(max(asked_s, grown_s), PAUSE_LIMIT_S))


_TOLD = ("X-Linked-Etag", "ETag")


def _next(url: URL, location: str) -> URL:
    try:
        target = url.join(address(location))
        is_safe = target.scheme == "https" or (
            target.scheme == "http" and url.scheme == "http" and is_loopback(target.host or "")
        )
    except ValueError:
        is_safe = False
    if not is_safe:
        raise EngineFailed(
            Text(
                f"{url.host}이(가) 안전하지 않은 주소를 가리킵니다",
                f"{url.host} points to an address that is not safe",
            ),
            Text("https 주소를 쓰세요.", "use an https address."),
        )
    return target


def plain(etag: str | None) -> str | None:
    """An etag without quotes and weakness."""
    return etag.removeprefix("W/").strip('"') or None if etag else None


def etag_of(response: aiohttp.ClientResponse) -> str | None:
    """The etag of the server that answers."""
    return plain(response.headers.get("ETag"))


def content_range(response: aiohttp.ClientResponse) -> tuple[int, int | None] | None:
    """(first byte, size of the whole) of a partial answer; None for another one."""
    text = response.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", text)
    if response.status != 206 or found is None:
        return None
    return int(found[1]), None if found[2] == "*" else int(found[2])
