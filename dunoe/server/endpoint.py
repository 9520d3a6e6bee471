"""One endpoint: lets the caller in, reads the body, watches the client, answers, and keeps the books.

The work runs inside a scope that ends the moment the client leaves, in whatever phase it is: whatever it holds
is held by `async with` on its own stack, so leaving gives everything back. See docs/design/server.md.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from dunoe.engines.request import Json
from dunoe.errors import Language, Problem, Text, Unauthorized
from dunoe.server import problems, query
from dunoe.server.beside import Beside
from dunoe.server.body import check, parse, too_large, too_slow, whole_body
from dunoe.server.brain import Brain
from dunoe.server.call import Call, Left
from dunoe.server.problems import Dialect
from dunoe.server.wire import Wire
from dunoe.settings import is_loopback
from dunoe.store.keys import Scope

log = logging.getLogger("dunoe.server")
is_here = lru_cache(maxsize=1024)(is_loopback)
CLIENT_LEFT = 499
WATCH_AFTER_S = 0.02  # most calls that need no model are answered before; nobody leaves sooner


@dataclass(slots=True)
class Asked:
    """What a handler gets: the house, the call, where to write, and the checked body.

    body: an instance of the route's body or query model; raw: the same as it was sent. Both empty without one.
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
    """One line of the table of routes. scope None: open to everyone.

    body: of a request that has one. query: of one that has none, read from its query string.
    """

    method: str
    path: str
    handler: Handler
    dialect: Dialect
    scope: Scope | None
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None


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
            raw = parse(
                await self._read(call, receive, beside), next(iter(route.body.model_fields))
            )
            body = check(route.body, raw)
        elif route.query is not None:
            raw = query.read(scope)
            body = check(route.query, raw)
        beside.later(WATCH_AFTER_S, lambda: watch(receive))
        self.brain.curfew.begin(beside)
        try:
            await route.handler(Asked(self.brain, call, wire, body, raw, scope, beside))
        finally:
            self.brain.curfew.end(beside)

    async def _let_in(self, call: Call) -> None:
        door, forwarded = self.brain.door, call.header(b"x-forwarded-for")
        call.address = door.address(call.peer, forwarded)
        is_local = not forwarded and is_here(call.peer)
        door.check_address(call.address)
        if self.route.scope is None:
            return
        await self.brain.ring.fresh()
        secret = presented(call)
        try:
            call.key = door.holder(secret, is_local=is_local)
        except Unauthorized:
            if not await self.brain.ring.seek(secret):  # made a moment ago, by another process
                raise
            call.key = door.holder(secret, is_local=is_local)
        if call.key is None:
            door.check_origin(call.header(b"host"), call.header(b"origin"))
        else:
            door.check_limits(call.key, call.address)
        door.check_scope(call.key, self.route.scope)

    async def _read(self, call: Call, receive: Receive, beside: Beside) -> bytes:
        limit, limit_s = self.brain.settings.server.body_limit, self.brain.settings.timeouts.body_s
        declared = call.header(b"content-length")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large(limit)
        bell = beside.later(limit_s, lambda: _give_up(too_slow(limit_s)))
        body = await whole_body(receive, limit)
        bell.cancel()
        return body

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


def one_of(group: ExceptionGroup[Problem]) -> Problem:
    """The first of them; more than one ends a call only by chance."""
    first = group.exceptions[0]
    return one_of(first) if isinstance(first, ExceptionGroup) else first


async def watch(receive: Receive) -> None:
    """Wait until the client is gone, then end the work."""
    while (await receive())["type"] != "http.disconnect":
        continue
    raise Left


async def _give_up(why: Problem) -> None:
    raise why


def language_of(brain: Brain, call: Call) -> Language:
    """The language this caller reads: `Accept-Language`, else the setting."""
    return problems.spoken(call.header(b"accept-language"), brain.settings.language)


def presented(call: Call) -> str:
    """The key as the caller sent it: a Bearer token, or Anthropic's and LiteLLM's own header."""
    scheme, _, token = call.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return call.header(b"x-api-key")


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
