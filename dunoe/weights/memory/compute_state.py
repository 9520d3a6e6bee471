"""What a layer with a state leaves in memory while it reads one batch: Mamba in its two forms.

Such layers stand alone, or with attention beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dunoe.weights.header import Header
from dunoe.weights.memory.layers import Layer
from dunoe.weights.memory.scratch import Graph, Result

F32 = 4


@dataclass(frozen=True, slots=True)
class Reading:
    """One batch in one layer. texts: read at once, one for each slot.

    rows: how many rows a matrix of the layer has, 0 where there is none.
    """

    graph: Graph
    header: Header
    layer: Layer
    rows: Callable[[str], int]
    tokens: int
    texts: int

    @property
    def inner(self) -> int:
        """Numbers for each token, inside."""
        return self.header.number("ssm.inner_size") or 0

    @property
    def reach(self) -> int:
        """Earlier inputs that are looked at."""
        return max((self.header.number("ssm.conv_kernel") or 0) - 1, 1)


@dataclass(frozen=True, slots=True)
class Begun:
    """What is left of the first step: all that goes in, what was looked at, what came of it with the new state."""

    reading: Reading
    whole: Result
    mixed: Result
    scanned: Result


def is_scanned(reading: Reading) -> bool:
    """Whether it is a Mamba; other layers with a state are reckoned roughly."""
    return bool(reading.rows("ssm_in"))


def begin(reading: Reading, source: Result) -> Begun:
    """The old state in, the new one out."""
    graph, tokens, texts = reading.graph, reading.tokens, reading.texts
    old = graph.step(F32 * reading.layer.shift * texts)
    whole = graph.step(F32 * reading.rows("ssm_in") * tokens, source)
    wide = reading.layer.shift // reading.reach
    joined = graph.step(F32 * wide * (reading.reach * texts + tokens), old, graph.view(whole))
    graph.step(0, graph.view(joined))
    mixed = graph.step(F32 * wide * tokens, joined)
    mixed = graph.over(graph.over(mixed))
    delta, more = _delta(reading, whole, mixed)
    size = F32 * (reading.inner * tokens + reading.layer.state * texts)
    scanned = graph.step(size, graph.view(mixed), delta, *more)
    others = graph.step(F32 * reading.layer.state * (texts - 1))  # states of texts not in the batch
    graph.step(0, graph.view(others))
    graph.step(0, graph.view(scanned))
    return Begun(reading, whole, mixed, scanned)


def end(begun: Begun) -> Result:
    """What the layer says."""
    reading, graph = begun.reading, begun.reading.graph
    size = F32 * reading.inner * reading.tokens
    gate = graph.step(size, graph.view(begun.whole))
    whole = begun.mixed if reading.rows("ssm_x") else graph.view(begun.mixed)
    passed = graph.step(size, whole, is_over=True)
    out = graph.step(size, graph.view(begun.scanned), passed, is_over=True)
    out = graph.step(size, gate, out)
    if reading.rows("ssm_norm"):
        out = graph.over(graph.over(out))
    return graph.step(F32 * reading.rows("ssm_out") * reading.tokens, out)


def _delta(reading: Reading, whole: Result, mixed: Result) -> tuple[Result, list[Result]]:
    """How far each token moves the state, and what else the scan reads."""
    graph, tokens = reading.graph, reading.tokens
    if not reading.rows("ssm_x"):  # the second form: it stands beside the rest
        heads = reading.header.number("ssm.time_step_rank") or 0
        return graph.over(graph.step(F32 * heads * tokens, graph.view(whole))), []
    found = graph.step(F32 * reading.rows("ssm_x") * tokens, mixed)
    delta = graph.step(F32 * reading.rows("ssm_dt") * tokens, graph.view(found))
    return graph.over(delta), [graph.view(found), graph.view(found)]
