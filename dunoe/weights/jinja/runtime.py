"""What runs: one rendering, its scopes, and what an expression and a statement are.

A scope is a dict of names, copied wherever a new one begins (a loop, a macro), as llama.cpp does: what is set
inside does not come out, and what a loop's body sets is there in its next turn.
"""

import time
from typing import Protocol

from dunoe.weights.jinja.meter import Meter
from dunoe.weights.jinja.trace import Trace


class Run:
    """One rendering: what it has used up, when it is, and what a probe wants to know of it."""

    def __init__(self, meter: Meter, trace: Trace | None = None) -> None:
        self.meter = meter
        self.now = time.localtime()
        self.trace = trace


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
