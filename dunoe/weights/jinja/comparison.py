"""When two values are equal, and which comes first."""

from dunoe.weights.jinja.meter import STRIDE, Fault, Meter
from dunoe.weights.jinja.printing import plain
from dunoe.weights.jinja.values import Function, Undefined, number


def _is_key(value: object) -> bool:
    return not isinstance(value, list | dict | tuple | Undefined)


def same(left: object, right: object, meter: Meter) -> bool:
    """`==`: lists and dicts are equal when they are flat, as long as one another, and equal in order."""
    meter.step()
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right
    if isinstance(left, bytes) and isinstance(right, bytes):
        meter.step(len(left) // STRIDE)
        return left == right
    if type(left) is not type(right) or isinstance(left, Function):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        meter.step(len(left))
        return (
            len(left) == len(right)
            and all(map(_is_key, left))
            and all(map(_is_key, right))
            and all(same(a, b, meter) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return same([*left], [*right], meter) and same([*left.values()], [*right.values()], meter)
    return left == right


def ordered(left: object, right: object, sign: str, meter: Meter) -> bool:
    """`is eq`, `is lt` and their like, and what `sort` goes by: numbers and texts only."""
    if isinstance(left, bool) or isinstance(right, bool):
        if not (isinstance(left, bool) and isinstance(right, bool)):
            return False
        if sign not in ("eq", "ne"):
            raise Fault("Unsupported comparison operator for bool type")
        return (left == right) == (sign == "eq")
    if isinstance(left, int | float) and isinstance(right, int | float):
        x, y = number(left), number(right)
        return _signed(x == y, x < y, x > y, sign)
    if isinstance(left, bytes | int | float) and isinstance(right, bytes | int | float):
        a, b = plain(left, meter), plain(right, meter)
        meter.step(len(a) // STRIDE)
        return _signed(a == b, a < b, a > b, sign)
    return False


def _signed(equal: bool, less: bool, greater: bool, sign: str) -> bool:
    return {"eq": equal, "ne": not equal, "lt": less, "gt": greater, "ge": equal or greater}[sign]
