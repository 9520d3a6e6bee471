"""One parsed template, run with some names: text out, or a `Fault`."""

from collections.abc import Mapping

from dunoe.weights.template_builtins import Run
from dunoe.weights.template_marks import Marks
from dunoe.weights.template_nodes import Break, Continue, Scope, written
from dunoe.weights.template_syntax import parse
from dunoe.weights.template_values import DEPTH, ROOM, TRIAL_STEPS, Fault, Meter, imported


class Program:
    """A template's source, parsed once."""

    def __init__(self, source: str) -> None:
        self.source, self._body = source, parse(source)
        self._trials = Meter(TRIAL_STEPS)

    def run(self, names: Mapping[str, object]) -> str:
        """The text it writes. The names stand for JSON values."""
        return self._run(Run(Meter()), {name: imported(value) for name, value in names.items()})

    def trial(self, names: Mapping[str, object], marks: Marks | None = None) -> str:
        """Run with values of templates, and see what becomes of them. All trials share what they may use up."""
        self._trials.room, self._trials.depth = ROOM, DEPTH
        return self._run(Run(self._trials, marks), dict(names))

    def _run(self, run: Run, names: dict[str, object]) -> str:
        try:
            text = written(self._body, Scope(run, names))
        except RecursionError:
            raise Fault("its values or its parts are nested too deep") from None
        except (Break, Continue):
            raise Fault("a break or continue stands outside of a loop") from None
        return text.decode("utf-8", "replace")
