"""Questions to an engine over `connection`, and the one place where its errors become Problems."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any
from urllib.parse import urljoin

import orjson

from dunoe.engines.connection import (
    Answer,
    Connections,
    ConnectTooSlow,
    Failed,
    NotHttp,
    Unreachable,
)
from dunoe.engines.refusals import broke_off, garbage, moved, refusal
from dunoe.engines.request import Json
from dunoe.errors import BadRequest, EngineFailed, EngineTimeout, Text
from dunoe.settings import EngineSettings, TimeoutSettings

LINE_LIMIT = 16 * 2**20  # bytes; no honest line of a stream is longer
LINGER_S = 0.3  # for the end of a body that has said all
REFUSAL_LIMIT = 64 * 2**10  # bytes of an error page that we read
REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {
    "User-Agent": "dunoe",
    "Content-Type": "application/json",
    "Accept-Encoding": "identity",  # a compressed stream would wait for fuller blocks
}


def authorization(settings: EngineSettings) -> dict[str, str]:
    """The headers that let us in: `auth_header` as it stands, else `api_key` as a Bearer token."""
    if settings.auth_header:
        return {"Authorization": settings.auth_header}
    if settings.api_key:
        return {"Authorization": f"Bearer {settings.api_key}"}
    return {}


class Upstream:
    """One server and our connections to it.

    name: how people know it; every Problem raised here says it. url: without a slash at its end.
    """

    def __init__(
        self, name: str, url: str, headers: dict[str, str], timeouts: TimeoutSettings
    ) -> None:
        self.name, self.url, self.timeouts = name, url, timeouts
        self._connections = Connections(url, HEADERS | headers, timeouts.connect_s)

    async def json(
        self, method: str, path: str, body: Json | None = None, *, limit_s: float | None = None
    ) -> Any:  # Any: JSON
        """One question, one whole answer; limit_s: seconds for all of it, else the total limit."""
        return self.parsed(await self._whole(method, path, body, limit_s))

    async def tell(self, method: str, path: str, body: Json) -> None:
        """One order; what is answered beyond its status does not matter and may be nothing."""
        await self._whole(method, path, body, None)

    async def _whole(
        self, method: str, path: str, body: Json | None, limit_s: float | None
    ) -> bytes:
        limit = limit_s if limit_s is not None else self.timeouts.total_s
        try:
            async with asyncio.timeout(limit):
                answer = await self._ask(method, path, body)
                try:
                    return await answer.read()
                finally:
                    answer.close()  # hangs up, unless the answer was read to its end
        except Failed as exc:
            raise self._broken(exc) from exc
        except TimeoutError as exc:
            raise self._too_slow("total_timeout", limit) from exc

    async def stream_lines(
        self, path: str, body: Json, is_over: Callable[[], bool] = lambda: False
    ) -> AsyncGenerator[list[bytes], None]:
        """Complete lines, all that one read of the network completed, without empty lines and comments.

        Only whole lines leave here, so no letter is ever cut. Closing the generator hangs up at once.
        is_over: nothing that may still come matters; the server has `LINGER_S` to end its body, whose
        connection can then be kept, and nothing that goes wrong there is an error.
        """
        watch = _Watch(self.timeouts)
        answer = await self._begun(watch, path, body)
        try:
            watch.start(answer)
            lines = _Lines(self)
            while data := await answer.some():
                if found := lines.cut(data):
                    watch.pause()
                    yield found
                    watch.go_on()
                    if is_over():
                        await watch.linger(answer)
                        return
            if found := lines.end():
                watch.stop()
                yield found
        except Failed as exc:
            if not is_over():
                raise self._stopped(watch, exc) from exc
        finally:
            watch.stop()
            answer.close()

    async def _begun(self, watch: "_Watch", path: str, body: Json) -> Answer:
        try:
            async with asyncio.timeout_at(watch.deadline):
                return await self._ask("POST", path, body)
        except Failed as exc:
            raise self._broken(exc) from exc
        except TimeoutError as exc:
            raise self._too_slow(*watch.ran_out()) from exc

    def parsed(self, data: bytes) -> Any:  # Any: JSON
        """JSON, or EngineFailed."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise garbage(self.name, data) from exc

    async def aclose(self) -> None:
        """Close every connection."""
        await self._connections.aclose()

    async def _ask(self, method: str, path: str, body: Json | None) -> Answer:
        """Send, and return a good answer whose body is still to come."""
        data = None if body is None else self._packed(body)
        answer = await self._connections.ask(method, path, data)
        if answer.status < 300:
            return answer
        try:
            said = await answer.read(REFUSAL_LIMIT)
        finally:
            answer.close()
        if answer.status in REDIRECTS and (place := answer.header("Location")):
            raise moved(self.name, self._elsewhere(path, place))
        raise refusal(self.name, answer.status, answer.header("Retry-After"), said)

    def _elsewhere(self, path: str, place: str) -> str:
        """The url that a `Location` stands for, without what we asked of it and without a password."""
        asked = re.sub("//[^/]*@", "//", self.url) + path
        return urljoin(asked, place).removesuffix(path)

    def _packed(self, body: Json) -> bytes:
        try:
            return orjson.dumps(body)
        except orjson.JSONEncodeError as exc:
            raise BadRequest(
                Text(
                    f"요청을 JSON으로 보낼 수 없습니다: {exc}", f"the request makes no JSON: {exc}"
                ),
                Text("너무 깊이 겹친 값을 펴서 보내세요.", "send values that are not so deep."),
                code="unsendable",
            ) from exc

    def _too_slow(self, code: str, limit_s: float) -> EngineTimeout:
        said = _LIMITS[code]
        return EngineTimeout(
            Text(
                f"엔진 '{self.name}': {said.ko} ({limit_s:g}초)",
                f"engine '{self.name}': {said.en} ({limit_s:g} s)",
            ),
            Text(
                f"다시 시도하거나 [timeouts] {_SETTINGS[code]} 값을 늘리세요.",
                f"try again, or raise {_SETTINGS[code]} under [timeouts].",
            ),
            code=code,
            upstream=self.name,
        )

    def _stopped(self, watch: "_Watch", exc: Failed) -> EngineFailed | EngineTimeout:
        return self._too_slow(*watch.ran_out()) if watch.is_expired else self._broken(exc)

    def _broken(self, exc: Failed) -> EngineFailed | EngineTimeout:
        if isinstance(exc, ConnectTooSlow):
            return self._too_slow("connect_timeout", self.timeouts.connect_s)
        if isinstance(exc, NotHttp):
            return garbage(self.name, str(exc).encode())
        if not isinstance(exc, Unreachable):
            return broke_off(self.name)
        return EngineFailed(
            Text(
                f"엔진 '{self.name}'에 연결할 수 없습니다: {exc.said.ko}",
                f"cannot reach engine '{self.name}': {exc.said.en}",
            ),
            Text(
                "그 서버가 켜져 있는지, 설정의 url이 맞는지 확인하세요.",
                "check that it is running and that its url in the settings is right.",
            ),
            code="engine_unreachable",
            upstream=self.name,
        )


_LIMITS = {
    "connect_timeout": Text("연결 시간이 초과되었습니다", "no connection in time"),
    "first_token_timeout": Text("첫 응답이 제때 오지 않았습니다", "no first token in time"),
    "between_tokens_timeout": Text(
        "답변 도중 응답이 멈췄습니다", "the answer stood still for too long"
    ),
    "total_timeout": Text("답 전체의 시간 제한을 넘었습니다", "the whole answer took too long"),
}
_SETTINGS = {
    "connect_timeout": "connect_s",
    "first_token_timeout": "first_token_s",
    "between_tokens_timeout": "between_tokens_s",
    "total_timeout": "total_s",
}


class _Lines:
    """Cuts what the network brings into lines."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.rest: list[bytes] = []
        self.size = 0

    def cut(self, data: bytes) -> list[bytes]:
        if b"\n" not in data:
            self.rest.append(data)
            self.size += len(data)
            if self.size > LINE_LIMIT:
                raise garbage(self.upstream.name, self.rest[0])
            return []
        if self.rest:
            self.rest.append(data)
            data = b"".join(self.rest)
            self.rest.clear()
        lines = data.split(b"\n")
        last = lines.pop()
        self.size = len(last)
        if last:
            self.rest.append(last)
        return [line for line in lines if line and line[0] not in b":\r"]

    def end(self) -> list[bytes]:
        return self.cut(b"\n") if self.rest else []


class _Watch:
    """Hangs up on an answer whose limit ran out.

    One timer an answer, which looks at the deadline when it rings: moving the deadline with every read is an
    assignment, and a reader that is slow itself (`pause`) cannot run into a limit. Works from any task,
    since it cancels none.
    """

    def __init__(self, timeouts: TimeoutSettings) -> None:
        self.loop, self.timeouts = asyncio.get_running_loop(), timeouts
        now = self.loop.time()
        self.end = now + timeouts.total_s
        self.deadline = min(now + timeouts.first_token_s, self.end)
        self.code, self.limit_s = "first_token_timeout", timeouts.first_token_s
        self.is_expired = False
        self.answer: Answer | None = None
        self.timer: asyncio.TimerHandle | None = None

    def start(self, answer: Answer) -> None:
        self.answer = answer
        self.ring()

    def pause(self) -> None:
        self.deadline = float("inf")

    def go_on(self) -> None:
        self.code, self.limit_s = "between_tokens_timeout", self.timeouts.between_tokens_s
        self.deadline = min(self.loop.time() + self.limit_s, self.end)

    async def linger(self, answer: Answer) -> None:
        self.stop()
        self.deadline = min(self.loop.time() + LINGER_S, self.end)
        self.ring()
        while await answer.some():
            pass

    def ring(self) -> None:
        now = self.loop.time()
        if self.deadline <= now:
            self.is_expired = True
            if self.answer is not None:
                self.answer.close()
            return
        step = min(
            self.timeouts.between_tokens_s, self.timeouts.first_token_s
        )  # `go_on` may be now
        self.timer = self.loop.call_at(min(self.deadline, now + step), self.ring)

    def ran_out(self) -> tuple[str, float]:
        """The code and the length of the limit that was hit."""
        if self.deadline >= self.end:
            return "total_timeout", self.timeouts.total_s
        return self.code, self.limit_s

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
