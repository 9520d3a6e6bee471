"""The running server, as a command of this user speaks to it: over HTTP, with the local key."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from yarl import URL

from dunoe.cli.terminal import language
from dunoe.errors import (
    BadRequest,
    Forbidden,
    NotFound,
    Problem,
    Text,
    Unauthorized,
    Unavailable,
)
from dunoe.server.local import address_of, announced_url, local_key
from dunoe.settings import Settings

Json = dict[str, Any]  # Any: JSON
_CONNECT_S = 5
_KINDS: dict[int, type[Problem]] = {
    one.status: one for one in (BadRequest, Unauthorized, Forbidden, NotFound)
}


class NoServer(Unavailable):
    """Nobody listens where the server should be."""


def url_of(settings: Settings) -> str:
    """Where a server of these settings is reached from this machine."""
    return address_of(settings.server.host, settings.server.port)


def address(url: str) -> str:
    """An HTTP address without the slash at its end; raises `BadRequest` for anything else."""
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme in ("http", "https") and parsed.host:
        return url.rstrip("/")
    raise BadRequest(
        Text(f"주소가 아닙니다: {url}", f"not an address: {url}"),
        Text("http://127.0.0.1:11435 처럼 쓰세요.", "write it like http://127.0.0.1:11435."),
    )


class Client:
    """One connection pool. Every refusal, of the server or of the network, is raised as a Problem."""

    def __init__(self, settings: Settings, url: str | None = None, key: str | None = None) -> None:
        """url: default: the server that runs in this home, whatever its port.

        key: without one the local key is used, and only for that server, or one where the settings have it.
        """
        ours = url_of(settings)
        running = announced_url(settings.home) or ours
        self.url = address(url) if url else running
        if key is None and self.url in (running, ours):
            key = local_key(settings.home).token
        self._headers: dict[str, str] = {"Accept-Language": language()}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"

    async def __aenter__(self) -> Self:
        # An answer may take as long as it takes; the server has the limits.
        limits = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=limits)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def json(self, method: str, path: str, body: Json | None = None) -> Json:
        """The whole JSON answer; {} for an empty one."""
        found = await self._found(method, path, body)
        if isinstance(found, dict):
            return found
        raise _nonsense()

    async def rows(self, path: str) -> list[Json]:
        """The same of an answer that is a list."""
        found = await self._found("GET", path)
        if isinstance(found, list):
            return found
        raise _nonsense()

    async def _found(self, method: str, path: str, body: Json | None = None) -> object:
        async with self._asked(method, path, body) as answer:
            content = await answer.read()
        try:
            return orjson.loads(content or b"{}")
        except orjson.JSONDecodeError as exc:
            raise _nonsense() from exc

    async def lines(self, path: str, body: Json) -> AsyncGenerator[bytes, None]:
        """The lines of a streamed answer, as they come and whole. Left early, the connection is closed."""
        async with self._asked("POST", path, body) as answer:
            rest = b""
            async for chunk in answer.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
            if rest:
                yield rest

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, body: Json | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        try:
            answer = await self._session.request(method, self.url + path, json=body)
            try:
                if answer.status >= 400:
                    raise refusal(await answer.read(), answer.status)
                yield answer
            finally:
                answer.close()  # never back to the pool half read: the server must see that we left
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError) as exc:
            raise NoServer(
                Text(f"{self.url}에 실행 중인 dunoe가 없습니다", f"no dunoe runs at {self.url}"),
                Text(
                    "다른 터미널에서 `dunoe serve`로 시작하세요.",
                    "start it in another terminal: `dunoe serve`.",
                ),
            ) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Unavailable(
                Text("서버와의 연결이 끊어졌습니다", "the connection to the server broke"),
                Text(
                    "`dunoe serve`가 실행 중인지 확인하세요.",
                    "see whether `dunoe serve` still runs.",
                ),
            ) from exc


def refusal(content: bytes, status: int) -> Problem:
    """What the server refused with, in its own words; it has one shape for OpenAI and one for the others."""
    kind = _KINDS.get(status, Problem)
    try:
        error = orjson.loads(content)["error"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        error = f"HTTP {status}"
    if isinstance(error, dict):
        return kind(str(error.get("message", error)), str(error.get("hint") or ""))
    message, _, hint = str(error).partition("\n")
    return kind(message, hint.strip())


def _nonsense() -> Problem:
    return Problem(
        Text("서버의 답을 이해하지 못했습니다", "the server's answer makes no sense"),
        Text(
            "그 주소에 있는 것이 dunoe인지 확인하세요.",
            "see whether it is a dunoe at that address.",
        ),
    )
