"""The parts of a template that have a value."""

from dataclasses import dataclass

from dunoe.weights.jinja.builtins.arguments import key
from dunoe.weights.jinja.builtins.functions import GLOBALS
from dunoe.weights.jinja.builtins.general import slice_of
from dunoe.weights.jinja.builtins.methods import method
from dunoe.weights.jinja.builtins.tests import find_test
from dunoe.weights.jinja.macros import invoke
from dunoe.weights.jinja.meter import ELEMENT, Fault
from dunoe.weights.jinja.operators import binary
from dunoe.weights.jinja.printing import plain
from dunoe.weights.jinja.runtime import Expression, Run, Scope
from dunoe.weights.jinja.values import UNDEFINED, Keyword, kind, whole


@dataclass(slots=True)
class Literal:
    """`'text'`, `1`, `1.5`."""

    constant: object

    def value(self, scope: Scope) -> object:
        return self.constant


@dataclass(slots=True)
class Name:
    """A variable; else a global function; else nothing."""

    name: str

    def value(self, scope: Scope) -> object:
        found = scope.names.get(self.name, UNDEFINED)
        if found is UNDEFINED:
            return GLOBALS.get(self.name, UNDEFINED)
        if scope.run.trace is not None:
            scope.run.trace.use(found)
        return found


@dataclass(slots=True)
class ArrayOf:
    """`[a, b]`, or `(a, b)` as a tuple."""

    items: list[Expression]
    is_tuple: bool = False

    def value(self, scope: Scope) -> object:
        scope.run.meter.make(len(self.items) * ELEMENT)
        made = [item.value(scope) for item in self.items]
        return tuple(made) if self.is_tuple else made


@dataclass(slots=True)
class ObjectOf:
    """`{a: b}`."""

    pairs: list[tuple[Expression, Expression]]

    def value(self, scope: Scope) -> object:
        scope.run.meter.make(len(self.pairs) * ELEMENT * 2)
        return {key(scope.run, name.value(scope)): item.value(scope) for name, item in self.pairs}


@dataclass(slots=True)
class Choice:
    """`a if test else b`; without an else, nothing."""

    test: Expression
    yes: Expression
    no: Expression | None

    def value(self, scope: Scope) -> object:
        if self.test.value(scope):
            return self.yes.value(scope)
        return UNDEFINED if self.no is None else self.no.value(scope)


@dataclass(slots=True)
class Logic:
    """`a and b`, `a or b`: one of the two values."""

    is_and: bool
    left: Expression
    right: Expression

    def value(self, scope: Scope) -> object:
        left = self.left.value(scope)
        return self.right.value(scope) if bool(left) == self.is_and else left


@dataclass(slots=True)
class Not:
    """`not a`."""

    operand: Expression

    def value(self, scope: Scope) -> object:
        return not self.operand.value(scope)


@dataclass(slots=True)
class Signed:
    """`-a`, `+a`."""

    sign: str
    operand: Expression

    def value(self, scope: Scope) -> object:
        value = self.operand.value(scope)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Fault(f"Unary {self.sign} operator requires numeric operand")
        if self.sign == "+":
            return value
        return -value if isinstance(value, float) else whole(-value)


@dataclass(slots=True)
class Binary:
    """`a + b`, `a == b`, `a in b` and their like."""

    sign: str
    left: Expression
    right: Expression

    def value(self, scope: Scope) -> object:
        return binary(scope.run, self.sign, self.left.value(scope), self.right.value(scope))


@dataclass(slots=True)
class Member:
    """`a.name`, `a[key]`: never anything but an element, or one of our own methods."""

    owner: Expression
    place: Expression
    name: str | None = None  # of `a.name`

    def value(self, scope: Scope) -> object:
        owner, run = self.owner.value(scope), scope.run
        if self.name is not None and (found := method(run, owner, self.name)) is not None:
            return found
        place = self.place.value(scope)
        value = _element(run, owner, place)
        if run.trace is not None:
            run.trace.use(value)
            run.trace.use(place)
            ways = {int: "array_access", bytes: "object_access"}
            run.trace.use(owner, ways.get(type(place)))
        return value


def _element(run: Run, owner: object, place: object) -> object:
    """An element; a method where llama.cpp looks for one; else UNDEFINED."""
    if place is UNDEFINED or owner is UNDEFINED:
        return UNDEFINED
    if isinstance(owner, dict):
        found = owner.get(key(run, place), UNDEFINED)
        return _method_named(run, owner, place) if found is UNDEFINED else found
    if isinstance(owner, bytes | list | tuple):
        if isinstance(place, int):
            least = 0 if isinstance(owner, bytes) else -len(owner)
            if not least <= place < len(owner):
                return UNDEFINED
            return owner[place : place + 1] if isinstance(owner, bytes) else owner[place]
        key(run, place)
        return _method_named(run, owner, place)
    if not isinstance(place, bytes):
        raise Fault(f"Cannot access property with non-string: got {kind(place)}")
    return _method_named(run, owner, place)


def _method_named(run: Run, owner: object, place: object) -> object:
    found = (
        method(run, owner, place.decode("utf-8", "replace")) if isinstance(place, bytes) else None
    )
    return UNDEFINED if found is None else found


@dataclass(slots=True)
class Slice:
    """`a[start:stop:step]`."""

    owner: Expression
    bounds: list[Expression | None]

    def value(self, scope: Scope) -> object:
        owner = self.owner.value(scope)
        bounds = [UNDEFINED if one is None else one.value(scope) for one in self.bounds]
        if scope.run.trace is not None:
            scope.run.trace.use(owner, "slice")
        return slice_of(scope.run, owner, *bounds)


@dataclass(slots=True)
class Named:
    """`name=value` among the arguments of a call."""

    name: str
    given: Expression

    def value(self, scope: Scope) -> object:
        return Keyword(self.name, self.given.value(scope))


@dataclass(slots=True)
class Unsupported:
    """What llama.cpp reads, but cannot run."""

    what: str

    def value(self, scope: Scope) -> object:
        raise Fault(f"llama.cpp has no {self.what}")


@dataclass(slots=True)
class Call:
    """`f(a, b=c)`."""

    callee: Expression
    args: list[Expression]

    def value(self, scope: Scope) -> object:
        args = [arg.value(scope) for arg in self.args]
        return invoke(scope, self.callee.value(scope), args)


_ALIASES = {"count": "length", "d": "default", "e": "escape", "trim": "strip"}
_MADE_TEXT = ("capitalize", "lower", "replace", "strip", "title", "upper", "wordcount")


@dataclass(slots=True)
class Filter:
    """`a|name(b)`."""

    operand: Expression
    name: str
    args: list[Expression] | None

    def value(self, scope: Scope) -> object:
        value, run = self.operand.value(scope), scope.run
        run.meter.step()
        if self.args is None and self.name in _MADE_TEXT and value is not UNDEFINED:
            value = plain(value, run.meter)
        args = [arg.value(scope) for arg in self.args or ()]
        found = method(run, value, self.name)
        if found is None:
            raise Fault(f"Unknown (built-in) filter '{self.name}' for type {kind(value)}")
        return found.call(run, [value, *args])


def filtered(operand: Expression, name: str, args: list[Expression] | None) -> Filter:
    """A filter by any of its names."""
    return Filter(operand, _ALIASES.get(name, name), args)


@dataclass(slots=True)
class Test:
    """`a is name(b)`."""

    __test__ = False

    operand: Expression
    name: str
    args: list[Expression]
    is_negated: bool

    def value(self, scope: Scope) -> object:
        args = [self.operand.value(scope), *(arg.value(scope) for arg in self.args)]
        run = scope.run
        run.meter.step()
        found = find_test(self.name.encode())
        if run.trace is not None:
            run.trace.use(args[0], f"test_is_{self.name}")
        return bool(found(run, args)) != self.is_negated
