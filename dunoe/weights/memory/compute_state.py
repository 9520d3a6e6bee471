"""What a layer with a state leaves in memory while it reads one batch: Mamba, delta nets, short convolutions.

Mamba, in its two forms, stands alone, or with attention beside it.
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
        number = self.header.number
        return max((number("shortconv.l_cache") or number("ssm.conv_kernel") or 0) - 1, 1)


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
    joined = _joined(reading, old, graph.view(whole))
    mixed = graph.over(graph.over(_mixed(reading, joined)))
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


def is_convolved(reading: Reading) -> bool:
    """Whether it is a short convolution, as in LFM2."""
    return bool(reading.rows("shortconv.in_proj"))


def convolved(reading: Reading, source: Result) -> Result:
    """A short convolution: the last inputs, gated before and after."""
    graph, tokens = reading.graph, reading.tokens
    wide = F32 * reading.rows("shortconv.in_proj") // 3 * tokens
    old = graph.step(F32 * reading.layer.shift * reading.texts)
    whole = graph.step(3 * wide, source)
    gated = graph.step(wide, graph.view(whole), graph.view(whole))
    joined = _joined(reading, old, graph.view(gated))
    out = graph.over(_mixed(reading, joined), graph.view(whole))
    return graph.step(F32 * reading.rows("shortconv.out_proj") * tokens, out)


def is_delta(reading: Reading) -> bool:
    """Whether it is a delta net, as in Qwen3-Next and Qwen3.5."""
    return bool(reading.rows("attn_gate") and reading.rows("ssm_out"))


def corrected(reading: Reading, source: Result) -> Result:
    """A delta net: queries, keys and values of the last inputs, and a memory corrected by them."""
    graph, tokens, texts = reading.graph, reading.tokens, reading.texts
    old = graph.step(F32 * reading.layer.shift * texts)
    joined = _joined(reading, old, graph.step(F32 * reading.rows("attn_qkv") * tokens, source))
    memory = graph.step(F32 * reading.layer.state * texts)
    mixed = graph.over(_mixed(reading, joined))
    inner = F32 * reading.inner * tokens
    keyed = max(F32 * reading.rows("attn_qkv") * tokens - inner, 0) // 2
    asked = [graph.over(graph.step(keyed, graph.view(mixed))) for _ in "qk"]
    both = reading.rows("ssm_ba") // 2 * tokens * F32
    gates = [
        graph.over(graph.over(graph.step(F32 * reading.rows(part) * tokens or both, source)))
        for part in ("ssm_alpha", "ssm_beta")
    ]
    out = graph.step(
        inner + F32 * reading.layer.state * texts, *asked, graph.view(mixed), *gates, memory
    )
    graph.step(0, graph.view(out))
    said = graph.over(graph.over(graph.view(out, size=inner)))
    gate = graph.over(graph.step(inner, source))
    return graph.step(F32 * reading.rows("ssm_out") * tokens, graph.over(said, gate))


def _joined(reading: Reading, old: Result, new: Result) -> Result:
    """The last inputs and the new ones; the last of them are kept."""
    graph, wide = reading.graph, reading.layer.shift // reading.reach
    size = F32 * wide * (reading.reach * reading.texts + reading.tokens)
    joined = graph.step(size, old, new)
    graph.step(0, graph.view(joined))
    return joined


def _mixed(reading: Reading, joined: Result) -> Result:
    """What was looked at of them."""
    wide = reading.layer.shift // reading.reach
    return reading.graph.step(F32 * wide * reading.tokens, joined)


def _delta(reading: Reading, whole: Result, mixed: Result) -> tuple[Result, list[Result]]:
    """How far each token moves the state, and what else the scan reads."""
    graph, tokens = reading.graph, reading.tokens
    if not reading.rows("ssm_x"):  # the second form: it stands beside the rest
        heads = reading.header.number("ssm.time_step_rank") or 0
        return graph.over(graph.step(F32 * heads * tokens, graph.view(whole))), []
    found = graph.step(F32 * reading.rows("ssm_x") * tokens, mixed)
    delta = graph.step(F32 * reading.rows("ssm_dt") * tokens, graph.view(found))
    return graph.over(delta), [graph.view(found), graph.view(found)]
