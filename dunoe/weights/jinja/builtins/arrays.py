"""Methods and filters of lists and tuples."""

import functools
import re
from collections.abc import Callable

from dunoe.weights.jinja.builtins.arguments import (
    Args,
    Builtin,
    T,
    counted,
    expect,
    key,
    named,
)
from dunoe.weights.jinja.builtins.general import default_method, string, tojson
from dunoe.weights.jinja.builtins.tests import find_test
from dunoe.weights.jinja.comparison import ordered
from dunoe.weights.jinja.meter import ELEMENT, Fault, Meter
from dunoe.weights.jinja.printing import plain
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED, Keyword

Array = list[object] | tuple[object, ...]


def _array(args: Args) -> Array:
    if args and isinstance(args[0], list | tuple):
        return args[0]
    raise Fault("a function wants an array")


def _like(array: Array, items: list[object]) -> object:
    return tuple(items) if isinstance(array, tuple) else items


def _list(run: Run, args: Args) -> object:
    array = _array(args)
    run.meter.make(len(array) * ELEMENT)
    return [*array]


def _end(place: int) -> Builtin:
    def end(run: Run, args: Args) -> object:
        array = _array(args)
        return array[place] if array else UNDEFINED

    return end


def _array_length(run: Run, args: Args) -> object:
    return len(_array(args))


_PLACE = re.compile(rb"[0-9]{1,9}")


def _attribute(run: Run, item: object, name: object) -> object:
    """What `map`, `join` and `sort` take of an element: a key of a dict, a place of an array."""
    if isinstance(item, list | tuple):
        place = int(name) if isinstance(name, bytes) and _PLACE.fullmatch(name) else name
        if isinstance(place, int) and -len(item) <= place < len(item):
            return item[place]
    elif isinstance(item, dict) and name is not UNDEFINED:
        return item.get(key(run, name), UNDEFINED)
    return UNDEFINED


def _keys(run: Run, array: Array, name: object) -> Array:
    """What the elements are compared by: themselves, or an attribute of that name."""
    return array if name is UNDEFINED else [_attribute(run, item, name) for item in array]


def _select(keep: bool) -> Builtin:
    def select(run: Run, args: Args) -> object:
        counted(args, 2, 4)
        name, chosen = expect(args, 1, bytes), []
        array = _array(args)
        run.meter.step(len(array))
        run.meter.make(len(array) * ELEMENT)
        test = find_test(expect(args, len(args) - 2, bytes)) if len(args) > 2 else None
        for item in array:
            value = item if len(args) == 3 else _attribute(run, item, name)
            passed = test(run, [value, args[-1]]) if test else value
            if bool(passed) == keep:
                chosen.append(item)
        return chosen

    return select


def _join(run: Run, args: Args) -> object:
    counted(args, 1, 3)
    between, name = named(args, "d", 1), named(args, "attribute", 2)
    mark = b"" if between is UNDEFINED else plain(between, run.meter)
    made = []
    for item in _array(args):
        if name is not UNDEFINED:
            item = _attribute(run, item, name)
        if isinstance(item, bool) or not isinstance(item, bytes | int | float):
            raise Fault("join() can only join arrays of strings or numerics")
        made.append(plain(item, run.meter))
        run.meter.make(len(made[-1]) + len(mark) + ELEMENT)
    return mark.join(made)


def _map(run: Run, args: Args) -> object:
    array = _array(args)
    if len(args) < 2 or not isinstance(args[1], Keyword):
        raise Fault("llama.cpp's map() takes an attribute only")
    name, default = named(args, "attribute", 1), named(args, "default", 99)
    run.meter.step(len(array))
    run.meter.make(len(array) * ELEMENT)
    made = [_attribute(run, item, name) for item in array]
    return _like(array, [default if item is UNDEFINED else item for item in made])


def _append(run: Run, args: Args) -> object:
    counted(args, 2, 2)
    run.meter.make(ELEMENT)
    array = expect(args, 0, list)
    array.append(args[1])
    return array


def _pop(run: Run, args: Args) -> object:
    array, place = expect(args, 0, list), expect(args, 1, int) if len(args) > 1 else -1
    if not -len(array) <= place < len(array):
        raise Fault(f"Index {place} out of bounds for array of size {len(array)}")
    run.meter.step(len(array) // 64)
    return array.pop(place)


def _sort(run: Run, args: Args) -> object:
    counted(args, 1, 4)
    array = _array(args)
    before = "gt" if named(args, "reverse", 1) else "lt"
    run.meter.make(len(array) * ELEMENT)
    keys = _keys(run, array, named(args, "attribute", 3))
    places = in_order([*range(len(array))], lambda place: keys[place], before, run.meter)
    return _like(array, [array[place] for place in places])


def in_order(items: list[T], key: Callable[[T], object], before: str, meter: Meter) -> list[T]:
    """Sorted by their keys. before: `lt` or `gt`."""

    def compare(left: T, right: T) -> int:
        if ordered(key(left), key(right), before, meter):
            return -1
        return 1 if ordered(key(right), key(left), before, meter) else 0

    meter.step(len(items) * max(len(items).bit_length(), 1))
    return sorted(items, key=functools.cmp_to_key(compare))


def _reverse(run: Run, args: Args) -> object:
    array = _array(args)
    run.meter.make(len(array) * ELEMENT)
    return array[::-1]


def _extreme(sign: str) -> Builtin:
    def extreme(run: Run, args: Args) -> object:
        counted(args, 1, 4)
        array = _array(args)
        run.meter.step(len(array))
        keys = _keys(run, array, named(args, "attribute", 2))
        best = 0
        for place, one in enumerate(keys):
            if ordered(one, keys[best], sign, run.meter):
                best = place
        return array[best] if array else UNDEFINED

    return extreme


ARRAY: dict[str, Builtin] = {
    "default": default_method,
    "list": _list,
    "first": _end(0),
    "last": _end(-1),
    "length": _array_length,
    "select": _select(True),
    "selectattr": _select(True),
    "reject": _select(False),
    "rejectattr": _select(False),
    "join": _join,
    "string": string,
    "map": _map,
    "append": _append,
    "pop": _pop,
    "sort": _sort,
    "reverse": _reverse,
    "min": _extreme("lt"),
    "max": _extreme("gt"),
    "tojson": tojson,
}
