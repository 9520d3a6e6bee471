"""Methods and filters of numbers, booleans, None, and of what is not there."""

from dunoe.weights.jinja.builtins.arguments import Args, Builtin, constant
from dunoe.weights.jinja.builtins.general import default_method, string, tojson
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED, whole


def absolute(run: Run, args: Args) -> object:
    """`a|abs`, of numbers."""
    value = args[0]
    return abs(value) if isinstance(value, int | float) else UNDEFINED


def _to_int(run: Run, args: Args) -> object:
    value = args[0]
    if isinstance(value, int):
        return int(value)
    return whole(value) if isinstance(value, float) else UNDEFINED


def _to_float(run: Run, args: Args) -> object:
    value = args[0]
    return float(value) if isinstance(value, int | float) else UNDEFINED


NUMBER: dict[str, Builtin] = {
    "default": default_method,
    "int": _to_int,
    "float": _to_float,
    "safe": tojson,
    "string": tojson,
    "tojson": tojson,
}


BOOLEAN: dict[str, Builtin] = NUMBER | {"safe": string, "string": string}


NONE: dict[str, Builtin] = {
    "default": default_method,
    "safe": string,
    "string": string,
    "tojson": tojson,
} | dict.fromkeys(
    ("items", "map", "reject", "rejectattr", "select", "selectattr", "unique"), constant(list)
)


ABSENT: dict[str, Builtin] = {
    "default": default_method,
    **dict.fromkeys(
        (
            *("capitalize", "join", "lower", "replace", "safe", "string", "strip", "title"),
            *("truncate", "upper"),
        ),
        constant(bytes),
    ),
    **dict.fromkeys(
        (
            *("items", "list", "map", "reject", "rejectattr", "reverse", "select", "selectattr"),
            *("sort", "unique"),
        ),
        constant(list),
    ),
    **dict.fromkeys(("first", "last", "max", "min"), constant(lambda: UNDEFINED)),
    **dict.fromkeys(("length", "sum", "wordcount"), constant(int)),
}
