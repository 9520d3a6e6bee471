"""The application: the table of all routes, and what answers where no route does."""

from collections.abc import Awaitable, Callable
from functools import lru_cache

from pydantic.json_schema import models_json_schema
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, NotFound, Problem, Text
from dunoe.server import (
    problems,
    routes_anthropic,
    routes_manage,
    routes_ollama,
    routes_openai,
    routes_ops,
)
from dunoe.server.brain import Brain
from dunoe.server.endpoint import Asked, Endpoint, Route
from dunoe.server.problems import Dialect
from dunoe.version import VERSION


async def openapi(asked: Asked) -> None:
    """GET /openapi.json."""
    await asked.wire.json(description())


ROUTES: list[Route] = [
    *routes_openai.ROUTES,
    *routes_anthropic.ROUTES,
    *routes_ollama.ROUTES,
    *routes_manage.ROUTES,
    *routes_ops.ROUTES,
    Route("GET", "/openapi.json", openapi, "openai", None, "이 문서 · this document"),
]


class App:
    """The ASGI application over an open brain.

    A plain path is looked up at once; Starlette's router takes the rest: paths with a name in them, 404, 405.
    """

    def __init__(self, brain: Brain) -> None:
        endpoints = [(route, Endpoint(brain, route)) for route in ROUTES]
        self._plain = {(route.method, route.path): endpoint for route, endpoint in endpoints}
        self._router = Starlette(
            routes=[
                StarletteRoute(route.path, endpoint, methods=[route.method])
                for route, endpoint in endpoints
            ],
            exception_handlers={HTTPException: _elsewhere(brain)},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._plain.get((scope["method"], scope["path"]))
        await (endpoint or self._router)(scope, receive, send)


def _elsewhere(brain: Brain) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def elsewhere(request: Request, exc: Exception) -> Response:
        """No such path, or not with this method."""
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        language = problems.spoken(
            request.headers.get("accept-language", ""), brain.settings.language
        )
        problem = _no_route(request, status)
        body = problems.body(problem, _dialect_of(request.url.path), language)
        headers = exc.headers if isinstance(exc, HTTPException) else None
        return JSONResponse(body, status, headers=headers)

    return elsewhere


def _no_route(request: Request, status: int) -> Problem:
    path, method = request.url.path, request.method
    if status == 405:
        return BadRequest(
            Text(f"{path}은(는) {method}을(를) 받지 않습니다", f"{path} does not take {method}"),
            Text("/openapi.json에서 메서드를 확인하세요.", "/openapi.json tells the method."),
            code="method_not_allowed",
        )
    return NotFound(
        Text(f"{path} 경로가 없습니다", f"there is no {path}"),
        Text("/openapi.json에 모든 경로가 있습니다.", "/openapi.json lists every path."),
        code="no_route",
    )


def _dialect_of(path: str) -> Dialect:
    if path.startswith("/api/"):
        return "ollama"
    return "anthropic" if path.startswith("/v1/messages") else "openai"


@lru_cache(maxsize=1)
def description() -> Json:
    """The OpenAPI 3.1 document of the table."""
    bodies = {route.body for route in ROUTES if route.body is not None}
    ordered = sorted(bodies, key=lambda body: f"{body.__module__}.{body.__name__}")
    refs, schemas = models_json_schema(
        [(body, "validation") for body in ordered], ref_template="#/components/schemas/{model}"
    )
    paths: Json = {}
    for route in ROUTES:
        operation: Json = {
            "summary": route.summary,
            "operationId": f"{route.method.lower()} {route.path}",
            "responses": {"200": {"description": "OK"}, "default": {"description": "오류 · error"}},
        }
        if route.body is not None:
            content = {"application/json": {"schema": refs[(route.body, "validation")]}}
            operation["requestBody"] = {"required": True, "content": content}
        if "{" in route.path:
            operation["parameters"] = [
                {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
            ]
        path = route.path.replace("{name:path}", "{name}")
        paths.setdefault(path, {})[route.method.lower()] = operation
    key = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "dunoe", "version": VERSION},
        "paths": paths,
        "components": {"schemas": schemas.get("$defs", {}), "securitySchemes": {"key": key}},
        "security": [{"key": []}, {}],
    }
