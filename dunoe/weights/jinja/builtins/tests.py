"""`value is name(...)`, and `a in b`."""

from dunoe.weights.jinja.builtins.arguments import Args, Builtin, counted, expect, key
from dunoe.weights.jinja.comparison import ordered, same
from dunoe.weights.jinja.meter import Fault
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED, Function, Loop, Undefined, kind


def _is(*types: type) -> Builtin:
    return lambda run, args: type(args[0]) in types


def _compare(sign: str) -> Builtin:
    def compare(run: Run, args: Args) -> object:
        counted(args, 2, 2)
        return ordered(args[0], args[1], sign, run.meter)

    return compare


def contains(run: Run, args: Args) -> bool:
    """`a in b`."""
    counted(args, 2, 2)
    needle, hay = args
    if isinstance(hay, list | tuple):
        run.meter.step(len(hay))
        return any(same(needle, item, run.meter) for item in hay)
    if isinstance(hay, bytes):
        if not isinstance(needle, bytes):
            raise Fault(f"{kind(needle)} is not in a text")
        run.meter.step(len(hay) // 256)
        return needle in hay
    if isinstance(hay, dict):
        return key(run, needle) in hay
    if hay is UNDEFINED:
        return False
    raise Fault(f"nothing is in {kind(hay)}")


def _sameas(run: Run, args: Args) -> object:
    counted(args, 2, 2)
    left, right = args
    if isinstance(left, bytes | list | tuple | dict):
        return left is right
    return type(left) is type(right) and same(left, right, run.meter)


def _divisible(run: Run, args: Args) -> object:
    by = expect(args, 1, int)
    if by == 0:
        raise Fault("nothing is divisible by 0")
    return expect(args, 0, int) % by == 0


_COLLECTION = (list, tuple, bytes, Undefined, dict, Loop)


TESTS: dict[str, Builtin] = {
    "boolean": _is(bool),
    "callable": _is(Function),
    "defined": lambda run, args: args[0] is not UNDEFINED,
    "divisibleby": _divisible,
    "eq": _compare("eq"),
    "equalto": _compare("eq"),
    "even": lambda run, args: expect(args, 0, int) % 2 == 0,
    "false": lambda run, args: args[0] is False,
    "float": _is(float),
    "ge": _compare("ge"),
    "greaterthan": _compare("gt"),
    "gt": _compare("gt"),
    "in": contains,
    "integer": _is(int),
    "iterable": _is(*_COLLECTION),
    "lessthan": _compare("lt"),
    "lower": lambda run, args: expect(args, 0, bytes) == expect(args, 0, bytes).lower(),
    "lt": _compare("lt"),
    "mapping": _is(dict, Loop),
    "ne": _compare("ne"),
    "none": _is(type(None)),
    "number": _is(int, float),
    "odd": lambda run, args: expect(args, 0, int) % 2 != 0,
    "sameas": _sameas,
    "sequence": _is(*_COLLECTION),
    "string": _is(bytes),
    "test": lambda run, args: expect(args, 0, bytes).decode("utf-8", "replace") in TESTS,
    "true": lambda run, args: args[0] is True,
    "undefined": lambda run, args: args[0] is UNDEFINED,
    "upper": lambda run, args: expect(args, 0, bytes) == expect(args, 0, bytes).upper(),
}


def find_test(name: bytes) -> Builtin:
    """The test of that name; the value is its first argument."""
    found = TESTS.get(name.decode("utf-8", "replace"))
    if found is None:
        raise Fault(f"unknown test '{name.decode('utf-8', 'replace')}'")
    return found
