"""What `+`, `==`, `in` and their like make of two values."""

import math

from dunoe.weights.jinja.builtins.tests import contains
from dunoe.weights.jinja.comparison import same
from dunoe.weights.jinja.meter import ELEMENT, Fault
from dunoe.weights.jinja.printing import plain
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED, kind, number, whole


def binary(run: Run, sign: str, left: object, right: object) -> object:
    """What an operator makes of two values."""
    if sign in ("==", "!="):
        return same(left, right, run.meter) == (sign == "==")
    if sign in ("in", "not in"):
        return _member(run, left, right) == (sign == "in")
    if _absent(left) or _absent(right):
        return _with_absent(run, sign, left, right)
    if _numeric(left) and _numeric(right):
        found = _arithmetic(sign, left, right)
        if found is not None:
            return found
    if sign == "*":
        return _repeat(run, left, right)
    if sign in ("+", "~"):
        return _concat(run, sign, left, right)
    raise _unknown(sign, left, right)


def _unknown(sign: str, left: object, right: object) -> Fault:
    return Fault(f'Unknown operator "{sign}" between {kind(left)} and {kind(right)}')


def _absent(value: object) -> bool:
    return value is None or value is UNDEFINED


def _numeric(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _member(run: Run, left: object, right: object) -> bool:
    if right is UNDEFINED:
        return False
    if left is UNDEFINED or right is None:
        raise Fault(f"Cannot perform operation in on {kind(left)} and {kind(right)}")
    if isinstance(right, bytes) and not isinstance(left, bytes):
        raise _unknown("in", left, right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        raise _unknown("in", left, right)
    return contains(run, [left, right])


def _with_absent(run: Run, sign: str, left: object, right: object) -> object:
    """Nothing is an empty text when it is joined with a text, and an error otherwise."""
    if sign in ("+", "~"):
        if isinstance(left, bytes):
            return left
        if isinstance(right, bytes):
            return right
    raise Fault(f"Cannot perform operation {sign} on {kind(left)} and {kind(right)}")


def _concat(run: Run, sign: str, left: object, right: object) -> object:
    if sign == "+" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
        run.meter.make((len(left) + len(right)) * ELEMENT)
        return [*left, *right]
    if not isinstance(left, bytes) and not isinstance(right, bytes):
        raise _unknown(sign, left, right)
    start, end = plain(left, run.meter), plain(right, run.meter)
    run.meter.make(len(start) + len(end))
    return start + end


def _repeat(run: Run, left: object, right: object) -> bytes:
    text, count = (left, right) if isinstance(left, bytes) else (right, left)
    if not isinstance(text, bytes) or isinstance(count, bool) or not isinstance(count, int):
        raise _unknown("*", left, right)
    run.meter.make(max(count, 0) * len(text))
    return text * count if text else b""


def _arithmetic(sign: str, left: object, right: object) -> object:
    """In floating point, as llama.cpp counts; None for an operator that is none for numbers."""
    assert isinstance(left, int | float) and isinstance(right, int | float)
    a, b = number(left), number(right)
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](a, b)
    if sign not in _SUMS:
        return None
    result = _SUMS[sign](a, b)
    is_whole = isinstance(left, int) and isinstance(right, int) and sign != "/"
    return whole(result) if is_whole else result


def _quotient(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def _remainder(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


_COMPARISONS = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


_SUMS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": _remainder,
}
