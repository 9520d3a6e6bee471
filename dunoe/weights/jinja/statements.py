"""The parts of a template that write text or set names."""

from dataclasses import dataclass

from dunoe.weights.jinja.expressions import Literal, Name, filtered
from dunoe.weights.jinja.macros import Macro, Parameter, invoke, no_call
from dunoe.weights.jinja.meter import ELEMENT, Fault
from dunoe.weights.jinja.printing import output
from dunoe.weights.jinja.runtime import Body, Break, Continue, Expression, Scope, written
from dunoe.weights.jinja.values import UNDEFINED, Loop, kind


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
        if scope.run.trace is not None:
            scope.run.trace.use(value, "array_access")
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
class MacroOf:
    """`{% macro name(a, b=1) %}...{% endmacro %}`."""

    name: str
    parameters: list[Parameter]
    body: Body

    def write(self, scope: Scope, out: list[bytes]) -> None:
        scope.names[self.name] = Macro(
            self.name, no_call, parameters=self.parameters, body=self.body
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
        caller = Macro("caller", no_call, parameters=self.parameters, body=self.body, home=home)
        outer = scope.inner()
        outer.names["caller"] = caller
        args = [arg.value(scope) for arg in self.args]
        output(invoke(outer, callee, args), out, scope.run.meter)
