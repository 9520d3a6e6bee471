"""One endpoint: lets the caller in, reads the body, watches the client, answers, and keeps the books.

The work runs inside a scope that ends the moment the client leaves, in whatever phase it is: whatever it holds
is held by `async with` on its own stack, so leaving gives everything back. See docs/design/server.md.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Language, Problem, Text, TooLarge, TooSlow
from dunoe.server import problems
from dunoe.server.beside import Beside
from dunoe.server.brain import Brain
from dunoe.server.call import Call
from dunoe.server.problems import Dialect
from dunoe.server.wire import Wire
from dunoe.settings import is_loopback
from dunoe.store.keys import Scope

log = logging.getLogger("dunoe.server")
Value = Any  # Any: JSON
CLIENT_LEFT = 499
_DEPTH = 100  # levels of JSON that we take


@dataclass(slots=True)
class Asked:
    """What a handler gets: the house, the call, where to write, and the checked body.

    body: an instance of the route's body model; raw: the same as it was sent. Both empty without a body.
    beside: what runs beside the work and ends with it.
    """

    brain: Brain
    call: Call
    wire: Wire
    body: Any  # Any: the route's own body model; each handler names it
    raw: Json
    scope: AsgiScope
    beside: Beside


Handler = Callable[[Asked], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """One line of the table of routes. scope None: open to everyone. body None: none is read."""

    method: str
    path: str
    handler: Handler
    dialect: Dialect
    scope: Scope | None
    summary: str
    body: type[BaseModel] | None = None


class Endpoint:
    """A route as an ASGI application."""

    def __init__(self, brain: Brain, route: Route) -> None:
        self.brain = brain
        self.route = route

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        call = Call.of(scope, self.route.path)
        wire = Wire(send, call)
        try:
            async with Beside() as beside:
                try:
                    await self._work(scope, receive, wire, beside)
                except Problem as problem:
                    await self.tell(wire, problem)
        except* Problem as ended:  # from beside the work
            await self.tell(wire, one_of(ended))
        except* Left:
            if not wire.has_ended:
                call.status = CLIENT_LEFT
        except* Exception:  # outermost edge: our own fault, logged once
            log.exception("request %s failed", call.id)
            await self.tell(wire, our_fault(call.id))
        finally:
            self.brain.books.close(call)

    async def _work(self, scope: AsgiScope, receive: Receive, wire: Wire, beside: Beside) -> None:
        call, route = wire.call, self.route
        await self._let_in(call)
        body: BaseModel | None = None
        raw: Json = {}
        if route.body is not None:
            raw = parse(await self._read(call, receive))
            body = check(route.body, raw)
        beside.start(watch(receive))
        self.brain.curfew.begin(beside)
        try:
            await route.handler(Asked(self.brain, call, wire, body, raw, scope, beside))
        finally:
            self.brain.curfew.end(beside)

    async def _let_in(self, call: Call) -> None:
        door, forwarded = self.brain.door, call.header(b"x-forwarded-for")
        call.address = door.address(call.peer, forwarded)
        door.check_address(call.address)
        if self.route.scope is None:
            return
        await self.brain.ring.fresh()
        is_local = is_loopback(call.address) and (not forwarded or call.address != call.peer)
        call.key = door.holder(presented(call), is_local=is_local)
        if call.key is None:
            door.check_origin(call.header(b"host"), call.header(b"origin"))
        else:
            door.check_limits(call.key, call.address)
        door.check_scope(call.key, self.route.scope)

    async def _read(self, call: Call, receive: Receive) -> bytes:
        limit, limit_s = self.brain.settings.server.body_limit, self.brain.settings.timeouts.body_s
        declared = call.header(b"content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large(limit)
        try:
            async with asyncio.timeout(limit_s):
                return await whole_body(receive, limit)
        except TimeoutError as exc:
            raise too_slow(limit_s) from exc

    async def tell(self, wire: Wire, problem: Problem) -> None:
        """Say what is wrong: as the whole answer, or as the last piece of one that has begun."""
        wire.call.problem = problem.code or problem.kind
        if wire.has_ended:
            return
        language = language_of(self.brain, wire.call)
        if wire.broken is not None:
            await wire.end(wire.broken(problem, language))
            return
        await wire.json(
            problems.body(problem, self.route.dialect, language),
            problem.status,
            problems.headers(problem),
        )


class Left(Exception):
    """The client has gone."""


def one_of(group: ExceptionGroup[Problem]) -> Problem:
    """The first of them; more than one ends a call only by chance."""
    first = group.exceptions[0]
    return one_of(first) if isinstance(first, ExceptionGroup) else first


async def whole_body(receive: Receive, limit: int) -> bytes:
    """The body; raise TooLarge when it is over the limit (bytes), Left when the client is gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def watch(receive: Receive) -> None:
    """Wait until the client is gone, then end the work."""
    while (await receive())["type"] != "http.disconnect":
        continue
    raise Left


def language_of(brain: Brain, call: Call) -> Language:
    """The language this caller reads: `Accept-Language`, else the setting."""
    return problems.spoken(call.header(b"accept-language"), brain.settings.language)


def presented(call: Call) -> str:
    """The key as the caller sent it: a Bearer token, or Anthropic's and LiteLLM's own header."""
    scheme, _, token = call.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return call.header(b"x-api-key")


def parse(body: bytes) -> Json:
    """The JSON object of a body; raise BadRequest with the place where it breaks."""
    if not body:
        raise BadRequest(
            Text("요청 본문이 비어 있습니다", "missing request body"),
            Text("JSON 객체를 보내세요.", "send a JSON object."),
            code="missing_body",
        )
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise BadRequest(
            Text(
                f"JSON이 아닙니다: {exc.lineno}번째 줄 {exc.colno}번째 글자 ({exc.msg})",
                f"not JSON: line {exc.lineno} column {exc.colno} ({exc.msg})",
            ),
            Text("그 자리의 따옴표와 쉼표를 확인하세요.", "look at the quotes and commas there."),
            code="invalid_json",
        ) from exc
    if not isinstance(found, dict):
        raise BadRequest(
            Text("JSON 객체여야 합니다", "the body must be a JSON object"),
            Text('{"model": …} 꼴로 보내세요.', 'send {"model": …}.'),
            code="invalid_json",
        )
    if body.count(b"[") + body.count(b"{") > _DEPTH and _is_deep(found):
        raise BadRequest(
            Text(
                f"JSON이 {_DEPTH}단계보다 깊습니다",
                f"the JSON is nested deeper than {_DEPTH} levels",
            ),
            Text("중첩을 줄여서 보내세요.", "send it with less nesting."),
            code="invalid_json",
        )
    return found


def _is_deep(found: Value) -> bool:
    """True for what could be read but not written again: orjson writes 254 levels, engines take less."""
    level = [found]
    for _ in range(_DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for ones in inner for one in ones if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def check(model: type[BaseModel], raw: Json) -> BaseModel:
    """The checked body; raise BadRequest naming the first field that is wrong."""
    try:
        return model.model_validate(raw)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
        name = ".".join(str(step) for step in first["loc"][:4]) or "body"
        raise BadRequest(
            Text(f"'{name}' 값이 맞지 않습니다: {first['msg']}", f"'{name}': {first['msg']}"),
            Text("이 필드의 형식을 확인하세요.", "check the type of this field."),
            code="invalid_field",
            param=name,
        ) from exc


def too_large(limit: int) -> TooLarge:
    """The body is over the limit (bytes)."""
    return TooLarge(
        Text(f"요청이 너무 큽니다 (한도 {limit:,}바이트)", f"the request is over {limit:,} bytes"),
        Text(
            "설정의 server.body_limit을 올리거나 나누어 보내세요.",
            "raise server.body_limit or send less.",
        ),
        code="body_too_large",
    )


def too_slow(limit_s: float) -> TooSlow:
    """The body did not arrive in time."""
    return TooSlow(
        Text(
            f"요청 본문이 {limit_s:g}초 안에 다 오지 않았습니다",
            f"the request body did not arrive within {limit_s:g} s",
        ),
        Text(
            "다시 보내거나 설정의 timeouts.body_s를 늘리세요.",
            "send it again, or raise timeouts.body_s in the settings.",
        ),
        code="body_timeout",
    )


def our_fault(request_id: str) -> Problem:
    """What a caller hears of a bug of ours."""
    return Problem(
        Text(f"dunoe 내부 오류입니다 (요청 {request_id})", f"dunoe broke (request {request_id})"),
        Text(
            "서버 로그에서 이 요청 번호를 찾아 알려 주세요.",
            "look this request up in the server's log and tell us.",
        ),
        code="internal_error",
    )
