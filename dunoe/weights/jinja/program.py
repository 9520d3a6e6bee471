"""One parsed template, run with some names: text out, or a `Fault`."""

from collections.abc import Mapping

from dunoe.weights.jinja.meter import DEPTH, ROOM, TRIAL_STEPS, Fault, Meter
from dunoe.weights.jinja.parser import parse
from dunoe.weights.jinja.runtime import Break, Continue, Run, Scope, written
from dunoe.weights.jinja.trace import Trace
from dunoe.weights.jinja.values import imported


class Program:
    """A template's source, parsed once."""

    def __init__(self, source: str) -> None:
        self.source, self._body = source, parse(source)
        self._trials = Meter(TRIAL_STEPS)

    def run(self, names: Mapping[str, object]) -> str:
        """The text it writes. The names stand for JSON values."""
        return self._run(Run(Meter()), {name: imported(value) for name, value in names.items()})

    def trial(self, names: Mapping[str, object], trace: Trace | None = None) -> str:
        """Run with values of templates, and see what becomes of them. All trials share what they may use up."""
        self._trials.room, self._trials.depth = ROOM, DEPTH
        return self._run(Run(self._trials, trace), dict(names))

    def _run(self, run: Run, names: dict[str, object]) -> str:
        try:
            text = written(self._body, Scope(run, names))
        except RecursionError:
            raise Fault("its values or its parts are nested too deep") from None
        except (Break, Continue):
            raise Fault("a break or continue stands outside of a loop") from None
        return text.decode("utf-8", "replace")
