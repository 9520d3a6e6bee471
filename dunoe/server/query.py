"""What a request says in its path and its query string."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Scope

from dunoe.engines.request import Json


def read(scope: Scope) -> Json:
    """The fields of the query string; a name that comes twice is a list."""
    said: Json = {}
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), encoding="utf-8", errors="replace")
    for name, value in pairs:
        before: Any = said.get(name)  # Any: a text, or a list of them
        if before is None:
            said[name] = value
        else:
            said[name] = [*(before if isinstance(before, list) else [before]), value]
    return said


def segment(scope: Scope) -> str:
    """What stands in the path where the route says {name}."""
    return str(scope["path_params"]["name"])
