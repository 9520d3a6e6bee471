"""What one batch leaves in memory where a model carries several streams side by side (Gemma 3n)."""

from dunoe.weights.memory.compute import F32, Model
from dunoe.weights.memory.layers import Layer
from dunoe.weights.memory.scratch import Result

SPARSE_LAYERS = 10  # the first ones let go of what is small, in a copy of the gate


class Streamed(Model):
    """Each layer foretells all streams, computes one of them and corrects the others by it."""

    @property
    def count(self) -> int:
        """Streams."""
        return min(max(self._rows(0, "altup_router"), 2), 64)

    def _spread(self, flow: Result) -> Result:
        """What they are made from leaves no gap behind: found by measuring."""
        return self.graph.step(self.count * self.width, flow)

    def _shares(self, source: Result) -> Result:
        """How much of each stream goes into each."""
        routed = self.graph.over(self._normed(source))
        return self.graph.step(F32 * self.count**2 * self.batch.tokens, routed)

    def _layer(self, flow: Result, index: int, layer: Layer, *, is_last: bool) -> Result:
        graph, tokens, width = self.graph, self.batch.tokens, self.width
        turned = graph.step(flow.size, graph.view(flow))
        shares = self._shares(graph.view(flow, size=width))
        foretold = graph.step(flow.size, graph.view(graph.step(flow.size, turned, shares)))
        foretold = graph.over(foretold, flow)
        active = graph.view(foretold, size=width)
        before = self._normed(active)
        out = self._product(self._attention(before, index, layer), index, "attn_output", tokens)
        out = graph.over(self._normed(out), active)
        beside = self._product(before, index, "laurel_l", tokens)
        beside = self._normed(self._product(beside, index, "laurel_r", tokens))
        out = graph.over(graph.over(out, graph.over(beside, before)))
        thought = self._feed_forward(self._normed(out), index, tokens)
        out = graph.over(self._normed(thought), out)
        wrong = graph.over(out, graph.view(foretold, size=width))
        spread = graph.step(flow.size, wrong)
        spread = graph.over(spread, self._shares(out))
        right = graph.over(spread, foretold)
        first = self._added(graph.over(graph.view(right, size=width)), index, tokens)
        others = graph.over(graph.view(right, size=flow.size - width), first)
        flow = graph.step(flow.size, graph.view(right, size=width), others)
        return self._joined(flow) if is_last else flow

    def _gated(self, gate: Result, up: Result, index: int) -> Result:
        if index < SPARSE_LAYERS:
            mean = self.graph.step(F32 * self.batch.tokens, gate)
            spread = self.graph.step(F32 * self.batch.tokens, self.graph.over(gate, mean))
            gate = self.graph.over(gate, self.graph.over(mean, spread))
        return self.graph.over(up, gate)

    def _joined(self, flow: Result) -> Result:
        graph, others = self.graph, flow.size - self.width
        made = graph.step(others, graph.view(flow, size=others))
        out = graph.over(graph.view(flow, size=self.width), made)
        return graph.step(self.width // self.batch.tokens * self.batch.outputs, out, self.chosen)
