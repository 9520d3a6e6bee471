"""The few global functions."""

import time
from typing import NoReturn

from dunoe.weights.jinja.builtins.arguments import Args, counted, expect, key
from dunoe.weights.jinja.builtins.general import tojson
from dunoe.weights.jinja.meter import ELEMENT, Fault
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import Function, Keyword, kind


def _raise(run: Run, args: Args) -> NoReturn:
    raise Fault(expect(args, 0, bytes).decode("utf-8", "replace"))


def _namespace(run: Run, args: Args) -> object:
    made: dict[object, object] = {}
    for arg in args:
        if isinstance(arg, Keyword):
            made[arg.name.encode()] = arg.value
        elif isinstance(arg, dict):
            made |= arg
        elif isinstance(arg, list | tuple):
            for pair in arg:
                if not isinstance(pair, tuple | list) or len(pair) != 2:
                    raise Fault("dict() wants pairs")
                made[key(run, pair[0])] = pair[1]
        else:
            raise Fault(f"dict() cannot be made of {kind(arg)}")
        run.meter.make(len(made) * ELEMENT * 2)
    return made


def _strftime(run: Run, args: Args) -> object:
    wanted = expect(args, 0, bytes)
    text = b""
    if len(wanted) < 100 and b"\0" not in wanted:
        text = time.strftime(wanted.decode("utf-8", "surrogateescape"), run.now).encode(
            "utf-8", "surrogateescape"
        )
    if not 0 < len(text) < 100:
        raise Fault("strftime_now: failed to format time")
    return text


def _range(run: Run, args: Args) -> object:
    counted(args, 1, 3)
    bounds = [expect(args, place, int) for place in range(len(args))]
    if len(bounds) == 3 and bounds[2] == 0:
        raise Fault("range() step argument must not be zero")
    numbers = range(*bounds)
    try:
        count = len(numbers)
    except OverflowError:
        count = 2**63
    run.meter.step(count)
    run.meter.make(count * ELEMENT)
    return [*numbers]


GLOBALS: dict[str, Function] = {
    name: Function(name, call)
    for name, call in {
        "raise_exception": _raise,
        "namespace": _namespace,
        "dict": _namespace,
        "strftime_now": _strftime,
        "range": _range,
        "tojson": tojson,
    }.items()
}
