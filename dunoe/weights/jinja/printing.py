"""How values become text: as `{{ }}` writes them, as `~` and `|string` join them, and as JSON."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring, encode_basestring_ascii

from dunoe.weights.jinja.meter import ELEMENT, Fault, Meter
from dunoe.weights.jinja.values import Function, Undefined, kind


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
    writer = _JsonWriter(meter, style)
    writer.write(value, 0)
    return b"".join(writer.parts)


class _JsonWriter:
    def __init__(self, meter: Meter, style: JsonStyle) -> None:
        self.parts: list[bytes] = []
        self.meter, self.style = meter, style

    def write(self, value: object, level: int) -> None:
        self.meter.step()
        if isinstance(value, bytes):
            self._string(value)
        elif isinstance(value, bool):
            self.parts.append(b"true" if value else b"false")
        elif isinstance(value, int):
            self.parts.append(b"%d" % value)
        elif isinstance(value, float):
            self.parts.append(b"%g" % value)
        elif isinstance(value, list | tuple):
            self._items(b"[]", [(None, item) for item in value], level)
        elif isinstance(value, dict):
            self._items(b"{}", list(value.items()), level)
        else:
            self.parts.append(b"null")

    def _items(self, brackets: bytes, items: list[tuple[object, object]], level: int) -> None:
        if not items:
            self.parts.append(brackets)
            return
        margin = inner = end = b""
        if self.style.indent is not None:
            width = self.style.indent
            self.meter.make((level + 1) * width * (len(items) + 1))
            margin, inner, end = b" " * (level * width), b" " * (level + 1) * width, b"\n"
        self.parts += [brackets[:1], end]
        for count, (key, item) in enumerate(items, 1):
            self.parts.append(inner)
            if brackets == b"{}":
                self._string(plain(key, self.meter))
                self.parts.append(self.style.key_end)
            self.write(item, level + 1)
            if count < len(items):
                self.meter.make(len(self.style.item_end) + ELEMENT)
                self.parts.append(self.style.item_end)
            self.parts.append(end)
        self.parts += [margin, brackets[1:]]

    def _string(self, value: bytes) -> None:
        text = value.decode("utf-8", "surrogateescape")
        if self.style.ascii_only:
            made = encode_basestring_ascii(_SURROGATES.sub("\ufffd", text)).encode()
        else:
            made = encode_basestring(text).encode("utf-8", "surrogateescape")
        self.meter.make(len(made) + ELEMENT)
        self.parts.append(made)
