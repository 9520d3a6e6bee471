"""Methods and filters of texts."""

import re
from collections.abc import Callable

from dunoe.weights.jinja.builtins.arguments import Args, Builtin, counted, expect, named
from dunoe.weights.jinja.builtins.general import tojson
from dunoe.weights.jinja.meter import ELEMENT, Fault
from dunoe.weights.jinja.printing import plain
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED


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
    if text or not bool(named(args, "boolean", 2)):
        return text
    return b"" if given is UNDEFINED else given


def _indent(run: Run, args: Args) -> object:
    counted(args, 1, 4)
    text, width = expect(args, 0, bytes), named(args, "width", 1)
    first, blank = bool(named(args, "first", 2)), bool(named(args, "blank", 3))
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


STRING: dict[str, Builtin] = {
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
    "indent": _indent,
    "tojson": tojson,
}
