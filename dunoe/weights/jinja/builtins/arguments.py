"""What a built-in function is, and how it reads its arguments.

It gets what runs it, for the meter and the clock, and its arguments in their places, named ones too.
"""

from collections.abc import Callable
from typing import TypeVar

from dunoe.weights.jinja.meter import STRIDE, Fault
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import UNDEFINED, Function, Keyword, Undefined, kind

Args = list[object]
T = TypeVar("T")
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


def constant(make: Callable[[], object]) -> Builtin:
    """Gives the same for every value."""
    return lambda run, args: make()


def key(run: Run, value: object) -> object:
    """The value, if it can be a key."""
    if isinstance(value, bytes):
        run.meter.step(len(value) // STRIDE)
    if isinstance(value, list | dict | tuple | Undefined | Function):
        raise Fault(f"Object key of unhashable type: {kind(value)}")
    return value
