"""The application: the table of all routes, and what answers where no route does."""

from functools import lru_cache
from typing import get_args

from pydantic.json_schema import models_json_schema
from starlette.routing import Route as StarletteRoute
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from dunoe.engines.request import Json
from dunoe.errors import NotFound, Text, WrongMethod
from dunoe.server import (
    routes_anthropic,
    routes_ask,
    routes_conversations,
    routes_fit,
    routes_library,
    routes_manage,
    routes_ollama,
    routes_openai,
    routes_ops,
    routes_search,
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
    *routes_fit.ROUTES,
    *routes_ask.ROUTES,
    *routes_search.ROUTES,
    *routes_library.ROUTES,
    *routes_conversations.ROUTES,
    *routes_ops.ROUTES,
    Route("GET", "/openapi.json", openapi, "openai", None, "이 문서 · this document"),
]


class App:
    """The ASGI application over an open brain.

    A plain path is looked up at once; Starlette's router takes the rest: paths with a name in them, 404, 405.
    """

    def __init__(self, brain: Brain) -> None:
        endpoints = [(route, Endpoint(brain, route)) for route in ROUTES]
        self._plain = {
            (route.method, route.path): endpoint
            for route, endpoint in endpoints
            if "{" not in route.path
        }
        right = [
            StarletteRoute(route.path, endpoint, methods=[route.method])
            for route, endpoint in endpoints
        ]
        wrong = [
            StarletteRoute(path, Endpoint(brain, _wrong_method(path)))
            for path in dict.fromkeys(route.path for route in ROUTES)
        ]
        nowhere = {dialect: Endpoint(brain, _nowhere(dialect)) for dialect in get_args(Dialect)}

        async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
            await nowhere[_dialect_of(scope["path"])](scope, receive, send)

        self._router = Router([*right, *wrong], redirect_slashes=False, default=elsewhere)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._plain.get((scope["method"], scope["path"]))
        await (endpoint or self._router)(scope, receive, send)


def _wrong_method(path: str) -> Route:
    allowed = [route.method for route in ROUTES if route.path == path]

    async def refuse(asked: Asked) -> None:
        """The path is there, but not with this method."""
        here, method = asked.scope["path"], asked.scope["method"]
        raise WrongMethod(
            Text(f"{here}은(는) {method}을(를) 받지 않습니다", f"{here} does not take {method}"),
            Text(f"{', '.join(allowed)}(으)로 보내세요.", f"use {', '.join(allowed)}."),
            allowed=", ".join(allowed),
        )

    return Route("", path, refuse, _dialect_of(path), None, "")


def _nowhere(dialect: Dialect) -> Route:
    async def refuse(asked: Asked) -> None:
        """No such path."""
        raise NotFound(
            Text(f"{asked.scope['path']} 경로가 없습니다", f"there is no {asked.scope['path']}"),
            Text("/openapi.json에 모든 경로가 있습니다.", "/openapi.json lists every path."),
            code="no_route",
        )

    return Route("", "", refuse, dialect, None, "")


_ASK = ("/api/ask", "/api/search", "/api/documents", "/api/library", "/api/conversations")


def _dialect_of(path: str) -> Dialect:
    if path.startswith(_ASK):
        return "ask"
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
        if parameters := [*_in_path(route), *_in_query(route)]:
            operation["parameters"] = parameters
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


def _in_path(route: Route) -> list[Json]:
    if "{" not in route.path:
        return []
    return [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]


def _in_query(route: Route) -> list[Json]:
    """A parameter for each field of the query's model."""
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    required = schema.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": one}
        for name, one in schema["properties"].items()
    ]
