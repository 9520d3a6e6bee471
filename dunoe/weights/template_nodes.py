"""The parts of a chat template, each able to give its value or to write its text.

A scope is a dict of names, copied wherever a new one begins (a loop, a macro), as llama.cpp does: what is set
inside does not come out, and what a loop's body sets is there in its next turn.
"""

import math
from dataclasses import dataclass, field
from typing import Protocol

from dunoe.weights.template_builtins import (
    GLOBALS,
    Run,
    contains,
    key,
    method,
    slice_of,
    test,
)
from dunoe.weights.template_values import (
    ELEMENT,
    UNDEFINED,
    Fault,
    Function,
    Keyword,
    Loop,
    kind,
    number,
    output,
    plain,
    same,
    whole,
)


class Scope:
    """Names and what they stand for, in one rendering."""

    __slots__ = ("names", "run")

    def __init__(self, run: Run, names: dict[str, object]) -> None:
        self.run, self.names = run, names

    def inner(self) -> "Scope":
        """A copy to go on with."""
        self.run.meter.step(1 + len(self.names) // 8)
        return Scope(self.run, dict(self.names))


class Expression(Protocol):
    """Has a value."""

    def value(self, scope: Scope) -> object: ...


class Statement(Protocol):
    """Writes text."""

    def write(self, scope: Scope, out: list[bytes]) -> None: ...


Body = list[Statement]


class Break(Exception):
    """`{% break %}`, on its way to its loop."""


class Continue(Exception):
    """`{% continue %}`, on its way to its loop."""


def written(body: Body, scope: Scope) -> bytes:
    """The text of some statements."""
    out: list[bytes] = []
    for statement in body:
        statement.write(scope, out)
    scope.run.meter.make(sum(map(len, out)))
    return b"".join(out)


# Expressions


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
        if scope.run.marks is not None:
            scope.run.marks.use(found)
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


def binary(run: Run, sign: str, left: object, right: object) -> object:
    """What an operator makes of two values."""
    if sign in ("==", "!="):
        return same(left, right, run.meter) == (sign == "==")
    if sign in ("in", "not in"):
        return _member(run, left, right) == (sign == "in")
    if _absent(left) or _absent(right):
        return _with_absent(run, sign, left, right)
    if _numeric(left) and _numeric(right):
        found = _arithmetic(sign, left, right)
        if found is not None:
            return found
    if sign == "*":
        return _repeat(run, left, right)
    if sign in ("+", "~"):
        return _concat(run, sign, left, right)
    raise _unknown(sign, left, right)


def _unknown(sign: str, left: object, right: object) -> Fault:
    return Fault(f'Unknown operator "{sign}" between {kind(left)} and {kind(right)}')


def _absent(value: object) -> bool:
    return value is None or value is UNDEFINED


def _numeric(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _member(run: Run, left: object, right: object) -> bool:
    if right is UNDEFINED:
        return False
    if left is UNDEFINED or right is None:
        raise Fault(f"Cannot perform operation in on {kind(left)} and {kind(right)}")
    if isinstance(right, bytes) and not isinstance(left, bytes):
        raise _unknown("in", left, right)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        raise _unknown("in", left, right)
    return contains(run, [left, right])


def _with_absent(run: Run, sign: str, left: object, right: object) -> object:
    """Nothing is an empty text when it is joined with a text, and an error otherwise."""
    if sign in ("+", "~"):
        if isinstance(left, bytes):
            return left
        if isinstance(right, bytes):
            return right
    raise Fault(f"Cannot perform operation {sign} on {kind(left)} and {kind(right)}")


def _concat(run: Run, sign: str, left: object, right: object) -> object:
    if sign == "+" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
        run.meter.make((len(left) + len(right)) * ELEMENT)
        return [*left, *right]
    if not isinstance(left, bytes) and not isinstance(right, bytes):
        raise _unknown(sign, left, right)
    start, end = plain(left, run.meter), plain(right, run.meter)
    run.meter.make(len(start) + len(end))
    return start + end


def _repeat(run: Run, left: object, right: object) -> bytes:
    text, count = (left, right) if isinstance(left, bytes) else (right, left)
    if not isinstance(text, bytes) or isinstance(count, bool) or not isinstance(count, int):
        raise _unknown("*", left, right)
    run.meter.make(max(count, 0) * len(text))
    return text * count if text else b""


def _arithmetic(sign: str, left: object, right: object) -> object:
    """In floating point, as llama.cpp counts; None for an operator that is none for numbers."""
    assert isinstance(left, int | float) and isinstance(right, int | float)
    a, b = number(left), number(right)
    if sign in _COMPARISONS:
        return _COMPARISONS[sign](a, b)
    if sign not in _SUMS:
        return None
    result = _SUMS[sign](a, b)
    is_whole = isinstance(left, int) and isinstance(right, int) and sign != "/"
    return whole(result) if is_whole else result


def _quotient(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or a != a else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def _remainder(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


_COMPARISONS = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_SUMS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "%": _remainder,
}


@dataclass(slots=True)
class Member:
    """`a.name`, `a[key]`: never anything but an element, or one of our own methods."""

    owner: Expression
    name: str | None
    place: Expression | None = None

    def value(self, scope: Scope) -> object:
        owner, run = self.owner.value(scope), scope.run
        if self.place is not None:
            place = self.place.value(scope)
        else:
            assert self.name is not None
            place = self.name.encode()
            found = method(run, owner, self.name)
            if found is not None:
                return found
        value = _element(run, owner, place)
        if run.marks is not None:
            run.marks.use(value)
            run.marks.use(place)
            ways = {int: "array_access", bytes: "object_access"}
            run.marks.use(owner, ways.get(type(place)))
        return value


def _element(run: Run, owner: object, place: object) -> object:
    """An element; a method where llama.cpp looks for one; else UNDEFINED."""
    if place is UNDEFINED or owner is UNDEFINED:
        return UNDEFINED
    if isinstance(owner, dict):
        found = owner.get(key(run, place), UNDEFINED)
        return _method_named(run, owner, place) if found is UNDEFINED else found
    if isinstance(owner, bytes | list | tuple):
        if isinstance(place, int) and not isinstance(place, bool):
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
    if not isinstance(place, bytes):
        return UNDEFINED
    return method(run, owner, place.decode("utf-8", "replace")) or UNDEFINED


@dataclass(slots=True)
class Slice:
    """`a[start:stop:step]`."""

    owner: Expression
    bounds: list[Expression | None]

    def value(self, scope: Scope) -> object:
        owner = self.owner.value(scope)
        bounds = [UNDEFINED if one is None else one.value(scope) for one in self.bounds]
        if scope.run.marks is not None:
            scope.run.marks.use(owner, "slice")
        return slice_of(scope.run, owner, *bounds)


@dataclass(slots=True)
class Named:
    """`name=value` among the arguments of a call."""

    name: str
    given: Expression

    def value(self, scope: Scope) -> object:
        return Keyword(self.name, self.given.value(scope))


@dataclass(slots=True)
class Call:
    """`f(a, b=c)`."""

    callee: Expression
    args: list[Expression]

    def value(self, scope: Scope) -> object:
        args = [arg.value(scope) for arg in self.args]
        return invoke(scope, self.callee.value(scope), args)


def invoke(scope: Scope, callee: object, args: list[object]) -> object:
    """Call one of our own functions or one of the template's macros."""
    scope.run.meter.step()
    if not isinstance(callee, Function):
        raise Fault(f"Callee is not a function: got {kind(callee)}")
    if isinstance(callee, Macro):
        return callee.run_in(scope, args)
    return callee.call(scope.run, [*callee.this, *args])


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
        scope.run.meter.step()
        return test(scope.run, self.name, args) != self.is_negated


# Statements


@dataclass(slots=True)
class Words:
    """Text between the tags."""

    text: bytes

    def write(self, scope: Scope, out: list[bytes]) -> None:
        output(self.text, out, scope.run.meter)


@dataclass(slots=True)
class Write:
    """`{{ value }}`."""

    expression: Expression

    def write(self, scope: Scope, out: list[bytes]) -> None:
        scope.run.meter.step()
        output(self.expression.value(scope), out, scope.run.meter)


@dataclass(slots=True)
class If:
    """`{% if %}`; an elif is an If in `no`."""

    test: Expression
    yes: Body
    no: Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        scope.run.meter.step()
        for statement in self.yes if self.test.value(scope) else self.no:
            statement.write(scope, out)


def _bind(names: dict[str, object], targets: list[str], is_tuple: bool, value: object) -> None:
    """Give a value to one name, or its elements to several."""
    if not is_tuple:
        names[targets[0]] = value
        return
    if not isinstance(value, list | tuple):
        raise Fault(f"Cannot unpack non-iterable type: {kind(value)}")
    if len(value) != len(targets):
        raise Fault(f"Too {'few' if len(value) < len(targets) else 'many'} items to unpack")
    names.update(zip(targets, value, strict=True))


@dataclass(slots=True)
class For:
    """`{% for a, b in items if test %} ... {% else %} ... {% endfor %}`."""

    targets: list[str]
    is_tuple: bool
    iterable: Expression
    test: Expression | None
    body: Body
    no: Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        inner = scope.inner()
        items = self.chosen(inner, self.items(inner))
        ran = False
        for place, item in enumerate(items):
            scope.run.meter.step()
            inner.names["loop"] = _loop(items, place)
            _bind(inner.names, self.targets, self.is_tuple, item)
            try:
                _turn(self.body, inner, out)
            except Continue:
                continue
            except Break:
                break
            ran = True
        if not ran:
            for statement in self.no:
                statement.write(scope, out)

    def items(self, scope: Scope) -> list[object]:
        """What to loop over: an object's keys, or its pairs for two names."""
        value = self.iterable.value(scope)
        if scope.run.marks is not None:
            scope.run.marks.use(value, "array_access")
        if value is UNDEFINED:
            return []
        if not isinstance(value, list | tuple | dict):
            raise Fault(f"Expected iterable or object type in for loop: got {kind(value)}")
        scope.run.meter.make(len(value) * ELEMENT)
        if isinstance(value, dict) and self.is_tuple:
            return [*value.items()]
        return [*value]

    def chosen(self, scope: Scope, items: list[object]) -> list[object]:
        """The items for which the loop's own test holds."""
        if self.test is None:
            return items
        trial, kept = scope.inner(), []
        for item in items:
            scope.run.meter.step()
            _bind(trial.names, self.targets, self.is_tuple, item)
            if self.test.value(trial):
                kept.append(item)
        return kept


def _turn(body: Body, scope: Scope, out: list[bytes]) -> None:
    """One turn. A statement that is left by a break or a continue loses its text, as llama.cpp has it."""
    for statement in body:
        before = len(out)
        try:
            statement.write(scope, out)
        except (Break, Continue):
            del out[before:]
            raise


def _loop(items: list[object], place: int) -> Loop:
    count = len(items)
    return Loop(
        {
            b"index": place + 1,
            b"index0": place,
            b"revindex": count - place,
            b"revindex0": count - place - 1,
            b"first": place == 0,
            b"last": place == count - 1,
            b"length": count,
            b"previtem": items[place - 1] if place else UNDEFINED,
            b"nextitem": items[place + 1] if place + 1 < count else UNDEFINED,
        }
    )


@dataclass(slots=True)
class Jump:
    """`{% break %}` and `{% continue %}`."""

    is_break: bool

    def write(self, scope: Scope, out: list[bytes]) -> None:
        raise Break if self.is_break else Continue


@dataclass(slots=True)
class Set:
    """`{% set a = value %}`, `{% set a, b = value %}`, `{% set a.b = value %}`, `{% set a %}...{% endset %}`."""

    targets: list[str]
    is_tuple: bool
    owner: Expression | None  # of `a.b`
    given: Expression | Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        scope.run.meter.step()
        given = self.given
        value = written(given, scope) if isinstance(given, list) else given.value(scope)
        if self.owner is None:
            _bind(scope.names, self.targets, self.is_tuple, value)
            return
        owner = self.owner.value(scope)
        if not isinstance(owner, dict):
            raise Fault("Cannot assign to member of non-object")
        scope.run.meter.make(ELEMENT)
        owner[self.targets[0].encode()] = value


@dataclass(slots=True)
class Filtered:
    """`{% filter name %}...{% endfilter %}`."""

    name: str
    args: list[Expression] | None
    body: Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        text = Literal(written(self.body, scope))
        output(filtered(text, self.name, self.args).value(scope), out, scope.run.meter)


@dataclass(slots=True)
class Parameter:
    """Of a macro; without a default it must be given."""

    name: str
    default: Expression | None = None


@dataclass(frozen=True, eq=False)
class Macro(Function):
    """A function written in the template. It sees the names of its caller, or of `home` where it has one."""

    parameters: list[Parameter] = field(default_factory=list)
    body: Body = field(default_factory=list)
    home: Scope | None = None

    def run_in(self, scope: Scope, args: list[object]) -> object:
        """The text it writes, called from that scope."""
        inner = (self.home or scope).inner()
        for place, parameter in enumerate(self.parameters):
            inner.names[parameter.name] = self.argument(place, args, scope)
        meter = scope.run.meter
        meter.depth -= 1
        if meter.depth < 0:
            raise Fault("its macros call one another without an end")
        text = written(self.body, inner)
        meter.depth += 1
        return text

    def argument(self, place: int, args: list[object], scope: Scope) -> object:
        """What one parameter gets: llama.cpp takes the default only when fewer arguments were given at all."""
        parameter = self.parameters[place]
        if place >= len(args):
            if parameter.default is None:
                raise Fault(f"Not enough arguments provided to '{self.name}'")
            return parameter.default.value(scope)
        for arg in args:
            if isinstance(arg, Keyword) and arg.name == parameter.name:
                return arg.value
        return UNDEFINED if isinstance(args[place], Keyword) else args[place]


def _no_call(run: Run, args: list[object]) -> object:
    raise Fault("a macro cannot be called from here")


@dataclass(slots=True)
class MacroOf:
    """`{% macro name(a, b=1) %}...{% endmacro %}`."""

    name: str
    parameters: list[Parameter]
    body: Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        scope.names[self.name] = Macro(
            self.name, _no_call, parameters=self.parameters, body=self.body
        )


@dataclass(slots=True)
class CallWith:
    """`{% call(a) name(b) %}...{% endcall %}`: the macro may call its `caller`."""

    callee: Name
    args: list[Expression]
    parameters: list[Parameter]
    body: Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        callee, home = self.callee.value(scope), scope.inner()
        caller = Macro("caller", _no_call, parameters=self.parameters, body=self.body, home=home)
        outer = scope.inner()
        outer.names["caller"] = caller
        args = [arg.value(scope) for arg in self.args]
        output(invoke(outer, callee, args), out, scope.run.meter)
