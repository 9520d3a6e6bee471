"""Methods and filters of dicts."""

from dunoe.weights.jinja.builtins.arguments import Args, Builtin, counted, expect, named
from dunoe.weights.jinja.builtins.arrays import in_order
from dunoe.weights.jinja.builtins.general import string, tojson
from dunoe.weights.jinja.meter import ELEMENT
from dunoe.weights.jinja.runtime import Run


def _dict(args: Args) -> dict[object, object]:
    return expect(args, 0, dict)


def _get(run: Run, args: Args) -> object:
    counted(args, 2, 3)
    return _dict(args).get(expect(args, 1, bytes), args[2] if len(args) > 2 else None)


def _keys(run: Run, args: Args) -> object:
    run.meter.make(len(_dict(args)) * ELEMENT)
    return [*_dict(args)]


def _values(run: Run, args: Args) -> object:
    run.meter.make(len(_dict(args)) * ELEMENT)
    return [*_dict(args).values()]


def _items(run: Run, args: Args) -> object:
    run.meter.make(len(_dict(args)) * ELEMENT * 2)
    return [*_dict(args).items()]


def _dict_length(run: Run, args: Args) -> object:
    return len(_dict(args))


def _dictsort(run: Run, args: Args) -> object:
    pairs = [*_dict(args).items()]
    place = int(named(args, "by", 2) == b"value")
    before = "gt" if named(args, "reverse", 3) else "lt"
    run.meter.make(len(pairs) * ELEMENT * 3)
    return dict(in_order(pairs, lambda pair: pair[place], before, run.meter))


OBJECT: dict[str, Builtin] = {
    "get": _get,
    "keys": _keys,
    "values": _values,
    "items": _items,
    "length": _dict_length,
    "dictsort": _dictsort,
    "string": string,
    "tojson": tojson,
}
