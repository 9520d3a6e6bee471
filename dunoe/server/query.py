"""The query string of a GET, checked like a body."""

from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl

from starlette.types import Scope

from dunoe.engines.request import Json
from dunoe.server.body import Body, check

Query = TypeVar("Query", bound=Body)


def read(scope: Scope, model: type[Query]) -> Query:
    """The fields of the query string; a name that comes twice is a list. Raises BadRequest for the first wrong one."""
    said: Json = {}
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), encoding="utf-8", errors="replace")
    for name, value in pairs:
        before: Any = said.get(name)  # Any: a text, or a list of them
        if before is None:
            said[name] = value
        else:
            said[name] = [*(before if isinstance(before, list) else [before]), value]
    return cast(Query, check(model, said))  # `check` makes an instance of what it is given


def segment(scope: Scope) -> str:
    """What stands in the path where the route says {name}."""
    return str(scope["path_params"]["name"])
