"""All methods and filters, by the type of their value: a name that is not in these tables leads nowhere."""

from dunoe.weights.jinja.builtins.arguments import Builtin
from dunoe.weights.jinja.builtins.arrays import ARRAY
from dunoe.weights.jinja.builtins.numbers import ABSENT, BOOLEAN, NONE, NUMBER, absolute
from dunoe.weights.jinja.builtins.objects import OBJECT
from dunoe.weights.jinja.builtins.strings import STRING
from dunoe.weights.jinja.meter import STRIDE, Fault
from dunoe.weights.jinja.runtime import Run
from dunoe.weights.jinja.values import Function, Loop, Undefined, kind

METHODS: dict[type, dict[str, Builtin]] = {
    bytes: STRING,
    list: ARRAY,
    tuple: ARRAY,
    dict: OBJECT,
    Loop: {},
    int: NUMBER | {"abs": absolute},
    float: NUMBER | {"abs": absolute},
    bool: BOOLEAN,
    type(None): NONE,
    Undefined: ABSENT,
}


def method(run: Run, value: object, name: str) -> Function | None:
    """A method or filter of a value, by its name."""
    if run.trace is not None:
        run.trace.use(value, name)
    if isinstance(value, bytes):
        run.meter.step(len(value) // STRIDE)
    methods = METHODS.get(type(value))
    if methods is None:
        raise Fault(f"a {kind(value)} has no methods")
    found = methods.get(name)
    return None if found is None else Function(name, found, (value,))
