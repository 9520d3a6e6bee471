"""What a template computes with.

A text is `bytes`, as it is there: its length, its slices and its letters are those of UTF-8 bytes. The others are
int (64 bits), float, bool, None, list, tuple, dict, `Function`, and `UNDEFINED` for what is not there.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from dunoe.weights.jinja.meter import Fault

LEAST_INT = -(2**63)


class Undefined:
    """What is not there."""

    def __bool__(self) -> bool:
        return False


UNDEFINED = Undefined()


class Loop(dict[object, object]):
    """`loop` within a loop: a dict without methods."""


@dataclass(frozen=True)
class Keyword:
    """A named argument of a call; it keeps its place among the others."""

    name: str
    value: object


@dataclass(frozen=True, eq=False)
class Function:
    """Something a template can call."""

    name: str
    call: Callable[..., object]
    this: tuple[object, ...] = ()

    def __bool__(self) -> bool:
        raise Fault("a function is neither true nor false")


_NAMES = {
    bytes: "String",
    int: "Integer",
    float: "Float",
    bool: "Boolean",
    list: "Array",
    tuple: "Tuple",
    dict: "Object",
    Loop: "Object",
    type(None): "None",
    Undefined: "Undefined",
    Function: "Function",
}


def kind(value: object) -> str:
    """What llama.cpp calls this type of value."""
    return _NAMES[type(value)]


def imported(value: object) -> object:
    """A value of JSON, as a template has it. Texts are new objects: `Trace` know them by identity."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, list | tuple):
        return [imported(item) for item in value]
    if isinstance(value, dict):
        return {imported(key): imported(item) for key, item in value.items()}
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value


def number(value: int | float) -> float:
    """As floating point: whole numbers that do not fit one are infinite there."""
    as_float = float(value)
    return as_float if as_float == value or value != value else math.copysign(math.inf, value)


def whole(value: float) -> int:
    """Cut to 64 bits, as the processor does it."""
    return int(value) if -(2.0**63) <= value < 2.0**63 else LEAST_INT
