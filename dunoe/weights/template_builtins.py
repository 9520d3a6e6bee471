"""Everything a chat template can call: methods and filters of each type, tests, and the few global functions.

There is nothing else: a name that is not in these tables leads nowhere. A function gets what runs it, for the
meter and the clock, and its arguments in their places, named ones too.
"""

import functools
import re
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

from dunoe.weights.template_marks import Marks
from dunoe.weights.template_values import (
    ELEMENT,
    STRIDE,
    UNDEFINED,
    Fault,
    Function,
    JsonStyle,
    Keyword,
    Loop,
    Meter,
    Undefined,
    json_text,
    kind,
    ordered,
    plain,
    same,
    whole,
)

Args = list[object]
T = TypeVar("T")


class Run:
    """One rendering: what it has used up, when it is, and what a probe wants to know of it."""

    def __init__(self, meter: Meter, marks: Marks | None = None) -> None:
        self.meter = meter
        self.now = time.localtime()
        self.marks = marks


Builtin = Callable[[Run, Args], object]


def named(args: Args, name: str, place: int) -> object:
    """An argument by its name or else by its place; UNDEFINED when it was not given."""
    for arg in args:
        if isinstance(arg, Keyword) and arg.name == name:
            return arg.value
    if place < len(args) and not isinstance(args[place], Keyword):
        return args[place]
    return UNDEFINED


def expect(args: Args, place: int, wanted: type[T]) -> T:
    """The argument in a place, of that type and no other."""
    if place >= len(args):
        raise Fault(f"a function wants at least {place + 1} arguments, and got {len(args)}")
    value = args[place]
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise Fault(f"a function wants another type than {_kind(value)}")
    return value


def counted(args: Args, least: int, most: int) -> None:
    """So many arguments, the value itself among them."""
    if not least <= len(args) <= most:
        raise Fault(f"a function wants {least} to {most} arguments, and got {len(args)}")


def _kind(value: object) -> str:
    return "a named argument" if isinstance(value, Keyword) else kind(value)


def _truth(value: object) -> bool:
    return bool(value)


def _array(args: Args) -> list[object] | tuple[object, ...]:
    if args and isinstance(args[0], list | tuple):
        return args[0]
    raise Fault("a function wants an array")


def _like(array: list[object] | tuple[object, ...], items: list[object]) -> object:
    return tuple(items) if isinstance(array, tuple) else items


def _missing(what: str) -> Builtin:
    def refuse(run: Run, args: Args) -> NoReturn:
        raise Fault(f"llama.cpp has no {what}")

    return refuse


# For every type


def _default(run: Run, args: Args) -> object:
    counted(args, 2, 3)
    value = args[0]
    absent = value is UNDEFINED or value is None
    if _truth(named(args, "boolean", 2)):
        absent = not _truth(value)
    given = args[1]
    return (given.value if isinstance(given, Keyword) else given) if absent else value


def _tojson(run: Run, args: Args) -> object:
    counted(args, 1, 5)
    if run.marks is not None:
        run.marks.use_all(args[0])
    indent = named(args, "indent", 2)
    if _truth(named(args, "sort_keys", 4)):
        raise Fault("llama.cpp has no tojson with sort_keys")
    separators = named(args, "separators", 3)
    given = [plain(one, run.meter) for one in separators] if isinstance(separators, list) else []
    level = indent if isinstance(indent, int) and not isinstance(indent, bool) else None
    if level is not None and level < 0:
        level = None
    style = JsonStyle(
        indent=level,
        item_end=given[0] if given else (b", " if level is None else b","),
        key_end=given[1] if len(given) > 1 else b": ",
        ascii_only=_truth(named(args, "ensure_ascii", 1)),
    )
    return json_text(args[0], run.meter, style)


def _string(run: Run, args: Args) -> object:
    if run.marks is not None:
        run.marks.use_all(args[0])
    return plain(args[0], run.meter)


# Texts


def _strip(left: bool, right: bool) -> Builtin:
    def strip(run: Run, args: Args) -> object:
        text, chars = expect(args, 0, bytes), named(args, "chars", 1)
        some = None if chars is UNDEFINED else plain(chars, run.meter)
        if left:
            text = text.lstrip(some)
        return text.rstrip(some) if right else text

    return strip


def _letters(change: Callable[[bytes], bytes]) -> Builtin:
    def letters(run: Run, args: Args) -> object:
        text = expect(args, 0, bytes)
        run.meter.make(len(text))
        return change(text)

    return letters


_WORDS = re.compile(rb"[^ \t\n\r\x0b\x0c]+")


def _title(run: Run, args: Args) -> object:
    text = expect(args, 0, bytes)
    run.meter.step(len(text) // 4)  # a word is a call,
    run.meter.make(len(text) * 40)  # and an object for a while
    return _WORDS.sub(lambda word: word[0].capitalize(), text)


def _text_length(run: Run, args: Args) -> object:
    return len(expect(args, 0, bytes))


def _startswith(run: Run, args: Args) -> object:
    return expect(args, 0, bytes).startswith(expect(args, 1, bytes))


def _endswith(run: Run, args: Args) -> object:
    return expect(args, 0, bytes).endswith(expect(args, 1, bytes))


def _split(from_right: bool) -> Builtin:
    def split(run: Run, args: Args) -> object:
        counted(args, 1, 3)
        text = expect(args, 0, bytes)
        mark = plain(args[1], run.meter) if len(args) > 1 else b" "
        most = expect(args, 2, int) if len(args) > 2 else -1
        if not mark:
            raise Fault("empty separator")
        run.meter.step(len(text) // 16)
        run.meter.make(len(text) + ELEMENT * (text.count(mark) + 1))
        return [*(text.rsplit(mark, most) if from_right else text.split(mark, most))]

    return split


def _replace(run: Run, args: Args) -> object:
    text, old, new = (expect(args, place, bytes) for place in range(3))
    if len(args) > 3 and expect(args, 3, int) > 0:
        raise Fault("llama.cpp has no replace with a count")
    run.meter.step(len(text) // 16)
    run.meter.make(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _format(run: Run, args: Args) -> object:
    pieces = expect(args, 0, bytes).split(b"{}")
    if any(b"{" in piece for piece in pieces):
        raise Fault("llama.cpp's format() has {} only")
    if len(args) < len(pieces):
        raise Fault("format() wants more arguments")
    made = pieces[:1]
    for value, piece in zip(args[1:], pieces[1:], strict=False):
        text = plain(value, run.meter)
        run.meter.make(len(text) + len(piece))
        made += [text, piece]
    return b"".join(made)


_INTEGER = re.compile(rb"[ \t\n\r\x0b\x0c]*([+-]?)(0[xX](?=[0-9a-fA-F]))?([0-9a-zA-Z]+)")
_FLOAT = re.compile(
    rb"[ \t\n\r\x0b\x0c]*[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
)


def _text_to_int(run: Run, args: Args) -> object:
    text, base = expect(args, 0, bytes), named(args, "base", 2)
    default = named(args, "default", 1)
    radix = base if isinstance(base, int) else 10
    if radix != 0 and not 2 <= radix <= 36:
        raise Fault("int() base must be 0 or between 2 and 36")
    found = _INTEGER.match(text)
    if found:
        sign, prefix, digits = found.groups()
        if prefix and radix not in (0, 16):
            digits = b"0"
        elif radix == 0:
            radix = 16 if prefix else 8 if digits.startswith(b"0") else 10
        count = 0
        while count < min(len(digits), 40) and int(digits[count : count + 1], 36) < radix:
            count += 1
        if count:
            value = int(sign + digits[:count], radix)
            if -(2**31) <= value < 2**31:
                return value
    return default if isinstance(default, int) else 0


def _text_to_float(run: Run, args: Args) -> object:
    found = _FLOAT.match(expect(args, 0, bytes)[:400])
    default = named(args, "default", 1)
    if found:
        return float(found[0])
    return float(default) if isinstance(default, int | float) else 0.0


def _text_default(run: Run, args: Args) -> object:
    text, given = expect(args, 0, bytes), args[1] if len(args) > 1 else UNDEFINED
    if text or not _truth(named(args, "boolean", 2)):
        return text
    return b"" if given is UNDEFINED else given


def _indent(run: Run, args: Args) -> object:
    counted(args, 1, 4)
    text, width = expect(args, 0, bytes), named(args, "width", 1)
    first, blank = _truth(named(args, "first", 2)), _truth(named(args, "blank", 3))
    margin = b"    "
    if isinstance(width, bytes):
        margin = width
    elif isinstance(width, int):
        run.meter.make(max(width, 0))
        margin = b" " * width
    lines = text.split(b"\n")
    ended = len(lines) > 1 and not lines[-1]
    run.meter.make(len(text) + len(lines) * (len(margin) + ELEMENT))
    made = [
        margin + line if (first if place == 0 else (line or blank)) else line
        for place, line in enumerate(lines[:-1] if ended else lines)
    ]
    return b"\n".join(made) + (b"\n" + margin * blank if ended else b"")


# Arrays


def slice_of(run: Run, value: object, start: object, stop: object, step: object) -> object:
    """`value[start:stop:step]`; UNDEFINED for what is left out."""
    bounds: list[int | None] = []
    for bound in (start, stop, step):
        if bound is UNDEFINED:
            bounds.append(None)
        elif isinstance(bound, int) and not isinstance(bound, bool):
            bounds.append(bound)
        else:
            raise Fault(f"a slice wants whole numbers, not {kind(bound)}")
    if bounds[2] == 0:
        raise Fault("slice step cannot be zero")
    cut = slice(*bounds)
    if isinstance(value, bytes):
        run.meter.make(len(value))
        return value[cut]
    if isinstance(value, list | tuple):
        run.meter.make(len(value) * ELEMENT)
        return value[cut]
    raise Fault(f"{kind(value)} has no slices")


def _slice(run: Run, args: Args) -> object:
    counted(args, 2, 4)
    if len(args) == 2:
        return slice_of(run, args[0], 0, args[1], 1)
    return slice_of(run, args[0], args[1], args[2], args[3] if len(args) > 3 else 1)


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


def _attribute(item: object, name: object) -> object:
    """What `map`, `join` and `sort` take of an element: a key of a dict, a place of an array."""
    if isinstance(name, int):
        if isinstance(item, list | tuple) and -len(item) <= name < len(item):
            return item[name]
    elif isinstance(item, dict):
        return item.get(name, UNDEFINED)
    return UNDEFINED


def _select(keep: bool) -> Builtin:
    def select(run: Run, args: Args) -> object:
        counted(args, 2, 4)
        name, chosen = expect(args, 1, bytes), []
        array = _array(args)
        run.meter.step(len(array))
        run.meter.make(len(array) * ELEMENT)
        for item in array:
            if len(args) != 3 and not isinstance(item, dict):
                raise Fault("selectattr: item is not an object")
            if len(args) == 2:
                passed = _truth(_attribute(item, name))
            elif len(args) == 3:
                passed = test(run, name.decode("utf-8", "replace"), [item, args[2]])
            else:
                wanted = expect(args, 2, bytes).decode("utf-8", "replace")
                passed = test(run, wanted, [_attribute(item, name), args[3]])
            if passed == keep:
                chosen.append(item)
        return chosen

    return select


def _join(run: Run, args: Args) -> object:
    counted(args, 1, 3)
    between, name = named(args, "d", 1), named(args, "attribute", 2)
    mark = b"" if between is UNDEFINED else plain(between, run.meter)
    made = []
    for item in _array(args):
        if name is not UNDEFINED and isinstance(item, list | tuple | dict):
            item = _attribute(item, name)
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
    made = [_attribute(item, name) for item in array]
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
    array, name = _array(args), named(args, "attribute", 3)
    before = "gt" if _truth(named(args, "reverse", 1)) else "lt"
    run.meter.make(len(array) * ELEMENT)
    keys = array
    if name is not UNDEFINED:
        if not all(isinstance(item, dict | list | tuple) for item in array):
            raise Fault("sort: not every element has attributes")
        keys = [_attribute(item, name) for item in array]
    places = _sorted([*range(len(array))], lambda place: keys[place], before, run.meter)
    return _like(array, [array[place] for place in places])


def _sorted(items: list[T], key: Callable[[T], object], before: str, meter: Meter) -> list[T]:
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
        if named(args, "attribute", 2) is not UNDEFINED:
            raise Fault("llama.cpp's min and max have no attribute")
        run.meter.step(len(array))
        best: object = array[0] if array else UNDEFINED
        for item in array[1:]:
            if ordered(item, best, sign, run.meter):
                best = item
        return best

    return extreme


# Objects


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
    before = "gt" if _truth(named(args, "reverse", 3)) else "lt"
    run.meter.make(len(pairs) * ELEMENT * 3)
    return dict(_sorted(pairs, lambda pair: pair[place], before, run.meter))


# Numbers


def _abs(run: Run, args: Args) -> object:
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


def _constant(make: Callable[[], object]) -> Builtin:
    return lambda run, args: make()


_TEXT: dict[str, Builtin] = {
    "default": _text_default,
    "upper": _letters(bytes.upper),
    "lower": _letters(bytes.lower),
    "title": _title,
    "capitalize": _letters(bytes.capitalize),
    "strip": _strip(True, True),
    "lstrip": _strip(True, False),
    "rstrip": _strip(False, True),
    "length": _text_length,
    "startswith": _startswith,
    "endswith": _endswith,
    "split": _split(False),
    "rsplit": _split(True),
    "replace": _replace,
    "format": _format,
    "int": _text_to_int,
    "float": _text_to_float,
    "string": lambda run, args: expect(args, 0, bytes),
    "safe": lambda run, args: expect(args, 0, bytes),
    "slice": _slice,
    "indent": _indent,
    "join": _missing("join on texts"),
    "tojson": _tojson,
}

_ARRAY: dict[str, Builtin] = {
    "default": _default,
    "list": _list,
    "first": _end(0),
    "last": _end(-1),
    "length": _array_length,
    "slice": _slice,
    "select": _select(True),
    "selectattr": _select(True),
    "reject": _select(False),
    "rejectattr": _select(False),
    "join": _join,
    "string": _string,
    "map": _map,
    "append": _append,
    "pop": _pop,
    "sort": _sort,
    "reverse": _reverse,
    "min": _extreme("lt"),
    "max": _extreme("gt"),
    "unique": _missing("unique"),
    "tojson": _tojson,
}

_OBJECT: dict[str, Builtin] = {
    "get": _get,
    "keys": _keys,
    "values": _values,
    "items": _items,
    "length": _dict_length,
    "dictsort": _dictsort,
    "join": _missing("join on objects"),
    "string": _string,
    "tojson": _tojson,
}

_NUMBER: dict[str, Builtin] = {
    "default": _default,
    "int": _to_int,
    "float": _to_float,
    "safe": _tojson,
    "string": _tojson,
    "tojson": _tojson,
}

_BOOLEAN: dict[str, Builtin] = _NUMBER | {"safe": _string, "string": _string}

_NONE: dict[str, Builtin] = {
    "default": _default,
    "safe": _string,
    "string": _string,
    "tojson": _tojson,
} | dict.fromkeys(
    ("items", "map", "reject", "rejectattr", "select", "selectattr", "unique"), _constant(list)
)

_ABSENT: dict[str, Builtin] = {
    "default": _default,
    **dict.fromkeys(
        (
            *("capitalize", "join", "lower", "replace", "safe", "string", "strip", "title"),
            *("truncate", "upper"),
        ),
        _constant(bytes),
    ),
    **dict.fromkeys(
        (
            *("items", "list", "map", "reject", "rejectattr", "reverse", "select", "selectattr"),
            *("sort", "unique"),
        ),
        _constant(list),
    ),
    **dict.fromkeys(("first", "last", "max", "min"), _constant(lambda: UNDEFINED)),
    **dict.fromkeys(("length", "sum", "wordcount"), _constant(int)),
}

METHODS: dict[type, dict[str, Builtin]] = {
    bytes: _TEXT,
    list: _ARRAY,
    tuple: _ARRAY,
    dict: _OBJECT,
    Loop: {},
    int: _NUMBER | {"abs": _abs},
    float: _NUMBER | {"abs": _abs},
    bool: _BOOLEAN,
    type(None): _NONE,
    Undefined: _ABSENT,
}


def method(run: Run, value: object, name: str) -> Function | None:
    """A method or filter of a value, by its name."""
    if run.marks is not None:
        run.marks.use(value, name)
    if isinstance(value, bytes):
        run.meter.step(len(value) // STRIDE)
    methods = METHODS.get(type(value))
    if methods is None:
        raise Fault(f"a {kind(value)} has no methods")
    found = methods.get(name)
    return None if found is None else Function(name, found, (value,))


# Tests


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


def key(run: Run, value: object) -> object:
    """The value, if it can be a key."""
    if isinstance(value, bytes):
        run.meter.step(len(value) // STRIDE)
    if isinstance(value, list | dict | tuple | Undefined):
        raise Fault(f"Object key of unhashable type: {kind(value)}")
    return value


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
    "escaped": _missing("test 'escaped'"),
    "even": lambda run, args: expect(args, 0, int) % 2 == 0,
    "false": lambda run, args: args[0] is False,
    "filter": _missing("test 'filter'"),
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


def test(run: Run, name: str, args: Args) -> bool:
    """`value is name(...)`; the value is the first argument."""
    if name not in TESTS:
        raise Fault(f"unknown test '{name}'")
    if run.marks is not None:
        run.marks.use(args[0], f"test_is_{name}")
    return _truth(TESTS[name](run, args))


# Global functions


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
        "tojson": _tojson,
    }.items()
}
