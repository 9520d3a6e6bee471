"""Functions that are written in the template, and how anything is called."""

from dataclasses import dataclass, field

from dunoe.weights.jinja.meter import Fault
from dunoe.weights.jinja.runtime import Body, Expression, Run, Scope, written
from dunoe.weights.jinja.values import UNDEFINED, Function, Keyword, kind


def invoke(scope: Scope, callee: object, args: list[object]) -> object:
    """Call one of our own functions or one of the template's macros."""
    scope.run.meter.step()
    if not isinstance(callee, Function):
        raise Fault(f"Callee is not a function: got {kind(callee)}")
    if isinstance(callee, Macro):
        return callee.run_in(scope, args)
    return callee.call(scope.run, [*callee.this, *args])


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


def no_call(run: Run, args: list[object]) -> object:
    """For macros in the places of functions, which know no scope to run in."""
    raise Fault("a macro cannot be called from here")
