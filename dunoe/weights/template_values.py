"""What a chat template computes with, and how llama.cpp compares, prints and serialises it.

A text is `bytes`, as it is there: its length, its slices and its letters are those of UTF-8 bytes. The others are
int (64 bits), float, bool, None, list, tuple, dict, `Function`, and `UNDEFINED` for what is not there.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring, encode_basestring_ascii

STEPS = 3_000_000  # of one rendering: statements, turns of loops, calls, elements looked at
TRIAL_STEPS = 300_000  # of all the renderings together that find out what a template can
STRIDE = 4096  # bytes that are passed over in a step
ROOM = 128 * 2**20  # bytes of text and of elements that one rendering makes, all together
ELEMENT = 64  # bytes that an element of a list or a dict takes, about
DEPTH = 50  # macros within macros

LEAST_INT = -(2**63)


class Fault(Exception):
    """The template cannot go on, in words for a person who writes templates."""


class Spent(Fault):
    """It has used up what one rendering may use."""


class Meter:
    """Counts what one rendering does, so that it ends."""

    def __init__(self, steps: int = STEPS) -> None:
        self.most = self.steps = steps
        self.room, self.depth = ROOM, DEPTH

    def step(self, count: int = 1) -> None:
        """Count work, before it is done."""
        self.steps -= count
        if self.steps < 0:
            raise Spent(f"it takes more than {self.most:,} steps")

    def make(self, size: int) -> None:
        """Count bytes, before they are made."""
        self.room -= size
        if self.room < 0:
            raise Spent(f"it makes more than {ROOM // 2**20} MiB")


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
    """A value of JSON, as a template has it. Texts are new objects: `Marks` know them by identity."""
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


def float_text(value: float) -> bytes:
    """Six digits after the point, without the zeros at the end."""
    if math.isnan(value):
        return b"-nan"
    text = f"{value:.6f}"
    if math.isfinite(value):
        text = text.rstrip("0")
        text += "0" * text.endswith(".")
    return text.encode()


def plain(value: object, meter: Meter) -> bytes:
    """The text of any value, as `~` and `|string` have it."""
    if isinstance(value, bytes):
        return value
    meter.step()
    if value is None or isinstance(value, bool):
        return str(value).encode()
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, float):
        return float_text(value)
    return _collection(value, meter)


def _collection(value: object, meter: Meter) -> bytes:
    if isinstance(value, list):
        return b"[" + _joined((_quoted(item, meter) for item in value), meter) + b"]"
    if isinstance(value, tuple):
        inner = _joined((_quoted(item, meter) for item in value), meter)
        return b"(" + inner + b"," * (len(value) == 1) + b")"
    if isinstance(value, dict):
        pairs = (_quoted(k, meter) + b": " + _quoted(v, meter) for k, v in value.items())
        return b"{" + _joined(pairs, meter) + b"}"
    raise Fault(f"{kind(value)} is not a string value")


def _joined(parts: Iterator[bytes], meter: Meter) -> bytes:
    made = []
    for part in parts:
        meter.make(len(part) + ELEMENT)
        made.append(part)
    return b", ".join(made)


def _quoted(value: object, meter: Meter) -> bytes:
    if isinstance(value, bytes):
        meter.step()
        return json_text(value, meter) if b"'" in value else b"'" + value + b"'"
    if isinstance(value, Undefined | Function):
        return kind(value).encode()
    return plain(value, meter)


def output(value: object, out: list[bytes], meter: Meter) -> None:
    """What `{{ value }}` writes: nothing for objects and for what is not there, elements without separators."""
    if isinstance(value, bytes):
        meter.make(len(value) + ELEMENT)
        out.append(value)
    elif isinstance(value, int | float):
        out.append(plain(value, meter))
    elif isinstance(value, list | tuple):
        meter.step(len(value) + 1)
        for item in value:
            output(item, out, meter)


@dataclass(frozen=True)
class JsonStyle:
    """How `tojson` writes. indent: None for all on one line."""

    indent: int | None = None
    item_end: bytes = b", "
    key_end: bytes = b": "
    ascii_only: bool = False


_SURROGATES = re.compile("[\udc80-\udcff]")


def json_text(value: object, meter: Meter, style: JsonStyle = JsonStyle()) -> bytes:
    """JSON, with the spaces llama.cpp puts; floats have six digits."""
    parts: list[bytes] = []
    _json(value, parts, meter, style, 0)
    return b"".join(parts)


def _json(value: object, parts: list[bytes], meter: Meter, style: JsonStyle, level: int) -> None:
    meter.step()
    if isinstance(value, bytes):
        parts.append(_json_string(value, style.ascii_only))
        meter.make(len(parts[-1]) + ELEMENT)
    elif isinstance(value, bool):
        parts.append(b"true" if value else b"false")
    elif isinstance(value, int):
        parts.append(b"%d" % value)
    elif isinstance(value, float):
        parts.append(b"%g" % value)
    elif isinstance(value, list | tuple):
        _json_items(b"[]", [(None, item) for item in value], parts, meter, style, level)
    elif isinstance(value, dict):
        _json_items(b"{}", list(value.items()), parts, meter, style, level)
    else:
        parts.append(b"null")


def _json_items(
    brackets: bytes,
    items: list[tuple[object, object]],
    parts: list[bytes],
    meter: Meter,
    style: JsonStyle,
    level: int,
) -> None:
    parts.append(brackets[:1])
    if items:
        margin = inner = end = b""
        if style.indent is not None:
            width = max(style.indent, 0)
            meter.make((level + 1) * width * (len(items) + 1))
            margin, end = b" " * (level * width), b"\n"
            inner = margin + b" " * width
        parts.append(end)
        for count, (key, item) in enumerate(items, 1):
            parts.append(inner)
            if brackets == b"{}":
                parts += [_json_string(plain(key, meter), style.ascii_only), style.key_end]
                meter.make(len(parts[-2]) + ELEMENT)
            _json(item, parts, meter, style, level + 1)
            if count < len(items):
                meter.make(len(style.item_end) + ELEMENT)
                parts.append(style.item_end)
            parts.append(end)
        parts.append(margin)
    parts.append(brackets[1:])


def _json_string(value: bytes, ascii_only: bool) -> bytes:
    text = value.decode("utf-8", "surrogateescape")
    if ascii_only:
        return encode_basestring_ascii(_SURROGATES.sub("\ufffd", text)).encode()
    return encode_basestring(text).encode("utf-8", "surrogateescape")


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
