"""What one batch leaves in memory on its way through a model: its computation, step by step, in sizes only.

The steps are those of a decoder with gated or plain feed-forward layers, experts, windows, norms and biases,
told from the tensor table; families that compute something else between them come out near, not exactly.
"""

from dataclasses import dataclass

from dunoe.weights.header import Header
from dunoe.weights.memory.compute_state import (
    Reading,
    begin,
    convolved,
    corrected,
    end,
    is_convolved,
    is_delta,
    is_scanned,
)
from dunoe.weights.memory.layers import AT_ONCE, Layer
from dunoe.weights.memory.scratch import Graph, Result

F32 = 4
EXPERT_LIMIT = 512  # llama.cpp takes no more


@dataclass(frozen=True, slots=True)
class Batch:
    """The largest batch. cells, window_cells: of one slot's caches. *_turn: side of the matrix that turns them.

    texts: read at once.
    """

    tokens: int
    outputs: int
    cells: int
    window_cells: int
    flash_attention: bool
    texts: int = 1
    embedding: bool = False
    key_turn: int = 0
    value_turn: int = 0


class Model:
    """Builds the graph of one batch."""

    def __init__(self, header: Header, every: tuple[Layer, ...], batch: Batch) -> None:
        self.header, self.batch = header, batch
        self.graph = Graph()
        self.shapes = {tensor.name: tensor.shape for tensor in header.tensors}
        self.width = F32 * (header.embedding_length or 0) * batch.tokens
        self.is_cached = header.architecture not in AT_ONCE
        self.turns = "position_embd.weight" not in self.shapes  # by position
        self._given(every)
        self.embedded = self._embedded()
        self.inputs = self._inputs()
        flow = self._spread(self.embedded)
        for index, layer in enumerate(every):
            flow = self._layer(flow, index, layer, is_last=index == len(every) - 1)
        self._result(flow)

    def _given(self, every: tuple[Layer, ...]) -> None:
        give, batch, tokens = self.graph.give, self.batch, self.batch.tokens
        self.tokens = give(4 * tokens)
        give(self.width)  # vectors instead of tokens; nobody asks for them
        self.mixed_tokens = give(4 * tokens)
        self.slots = give(8 * tokens)
        self.mixed = give(self.width)
        self.positions = give(4 * tokens)
        self.key_turn = give(F32 * batch.key_turn**2) if batch.key_turn else None
        self.value_turn = give(F32 * batch.value_turn**2) if batch.value_turn else None
        self.masks: dict[bool, tuple[Result, Result, Result]] = {}
        number = 2 if batch.flash_attention else F32
        attending = [one for one in every if one.keys or not self.is_cached]
        widest = max((one.values for one in every), default=0)
        for is_windowed in sorted({one.is_windowed for one in attending}):
            cells = batch.window_cells if is_windowed else batch.cells
            if not self.is_cached:
                cells = tokens
            places = 8 * tokens
            values = places if batch.flash_attention else places * widest
            keep = (give(places), give(values)) if self.is_cached else (give(0), give(0))
            self.masks[is_windowed] = (*keep, give(number * cells * tokens))
        self.mean = give(4 * tokens)
        self.chosen = give(4 * batch.outputs)

    def _embedded(self) -> Result:
        """The tokens' vectors. Two other ways in are laid out too, and not used."""
        graph = self.graph
        flow = graph.step(self.width, self.tokens)
        looked_up = graph.step(self.width, self.mixed_tokens)
        copied = graph.step(self.width, self.mixed)
        graph.view(copied, looked_up, self.slots)
        if self.header.architecture.startswith("gemma"):
            flow = graph.over(flow)
        if "token_types.weight" in self.shapes:
            flow = graph.over(flow)
        if "position_embd.weight" in self.shapes:
            flow = graph.over(graph.step(self.width, self.positions), flow)
        if "token_embd_norm.weight" in self.shapes:
            flow = self._normed(flow)
        return flow

    def _spread(self, flow: Result) -> Result:
        """The streams that the layers carry: this one."""
        return flow

    def _inputs(self) -> Result | None:
        """What Gemma gives each layer of the tokens besides, for all layers at once."""
        table = self.shapes.get("per_layer_token_embd.weight")
        if not table:
            return None
        return self.graph.over(self.graph.step(F32 * table[0] * self.batch.tokens, self.tokens))

    def _added(self, flow: Result, index: int, tokens: int) -> Result:
        """The layer's own input, laid over what comes out of it."""
        if self.inputs is None:
            return flow
        graph = self.graph
        gated = graph.over(graph.step(F32 * self._rows(index, "inp_gate") * tokens, flow))
        if index == 0:  # only now are they made
            size = self.inputs.size
            projected = self._normed(graph.over(graph.step(size, self.embedded)))
            mixed = graph.over(graph.over(projected, self.inputs))
            self.inputs = graph.step(size, graph.view(mixed))
        own = graph.view(self.inputs, size=F32 * self._rows(index, "inp_gate") * self.batch.tokens)
        if tokens < self.batch.tokens:
            own = graph.step(gated.size, own, self.chosen)
        out = graph.step(self.width // self.batch.tokens * tokens, graph.over(gated, own))
        return graph.over(self._normed(out), flow)

    def _has(self, index: int, part: str) -> bool:
        return not self.shapes.keys().isdisjoint(
            (f"blk.{index}.{part}.weight", f"blk.{index}.{part}")
        )

    def _rows(self, index: int, part: str) -> int:
        shape = self.shapes.get(f"blk.{index}.{part}.weight", (0, 0))
        return shape[1] if len(shape) > 1 else 0

    def _input(self, index: int, part: str) -> int:
        return (self.shapes.get(f"blk.{index}.{part}.weight") or (0,))[0]

    def _normed(self, flow: Result) -> Result:
        return self.graph.over(self.graph.over(flow))

    def _product(self, source: Result, index: int, part: str, tokens: int) -> Result:
        result = self.graph.step(F32 * self._rows(index, part) * tokens, source)
        if f"blk.{index}.{part}.bias" in self.shapes:
            result = self.graph.over(result)
        return result

    def _layer(self, flow: Result, index: int, layer: Layer, *, is_last: bool) -> Result:
        graph, tokens = self.graph, self.batch.tokens
        before = self._normed(flow) if self._has(index, "attn_norm") else flow
        attends = layer.is_windowed in self.masks and (layer.keys or not self.is_cached)
        if layer.state and attends:  # side by side
            seen = self._attention(before, index, layer)
            begun = begin(self._reading(index, layer), self._normed(flow))
            out = self._product(seen, index, "attn_output", tokens)
            out = graph.over(out, end(begun))
        elif attends:
            seen = self._attention(before, index, layer)
            if self._is_beside(index):
                flow = self._beside(before, seen, flow, index)
                rows = flow.size // tokens * self.batch.outputs
                return graph.step(rows, flow, self.chosen) if is_last else flow
            out = self._product(seen, index, "attn_output", tokens)
        else:
            out = self._remembered(before, index, layer)
        if is_last:
            tokens = self.batch.outputs
            out = graph.step(out.size // self.batch.tokens * tokens, out, self.chosen)
            flow = graph.step(flow.size // self.batch.tokens * tokens, flow, self.chosen)
        if self._has(index, "post_attention_norm"):
            out = self._normed(out)
        flow = graph.over(out, flow)
        if self._has(index, "attn_output_norm"):
            flow = self._normed(flow)
        ahead = self._normed(flow) if self._has(index, "ffn_norm") else flow
        out = self._thought(ahead, index, tokens)
        if self._has(index, "post_ffw_norm"):
            out = self._normed(out)
        flow = self._added(graph.over(out, flow), index, tokens)
        return self._normed(flow) if self._has(index, "layer_output_norm") else flow

    def _is_beside(self, index: int) -> bool:
        """Whether attention and feed-forward read the same."""
        norms = ("ffn_norm", "post_attention_norm", "attn_output_norm")
        return (
            self._has(index, "ffn_up")
            and self._has(index, "attn_norm")
            and not any(self._has(index, norm) for norm in norms)
        )

    def _beside(self, before: Result, seen: Result, flow: Result, index: int) -> Result:
        """That the order is another one with a gate is found by measuring."""
        over, tokens = self.graph.over, self.batch.tokens
        if self._has(index, "ffn_gate"):
            out = self._product(seen, index, "attn_output", tokens)
            return over(over(self._thought(before, index, tokens), out), flow)
        thought = over(self._thought(before, index, tokens), flow)
        return over(thought, self._product(seen, index, "attn_output", tokens))

    def _thought(self, source: Result, index: int, tokens: int) -> Result:
        """Feed-forward, experts, or experts and one that every token asks."""
        if not self._has(index, "ffn_down_exps"):
            return self._feed_forward(source, index, tokens)
        out = self._experts(source, index, tokens)
        if self._has(index, "ffn_up_shexp"):
            out = self.graph.over(out, self._feed_forward(source, index, tokens, "_shexp"))
        return out

    def _attention(self, source: Result, index: int, layer: Layer) -> Result:
        whole, (query, value, key) = self._asked_all(source, index, layer)
        places, value_places, mask = self.masks[layer.is_windowed]
        if self.is_cached:  # they go there, and are read from there
            self.graph.step(0, key, places)
            self.graph.step(0, value, value_places)
        if self.batch.flash_attention:
            out = self._flash(query, () if self.is_cached else (key, value), mask)
        else:
            out = self._scored(layer, query, (key, value), mask)
        if self.value_turn is not None:
            out = self.graph.step(out.size, self.graph.view(out), self.value_turn)
        out = self.graph.view(out)
        if whole.size == 2 * query.size and not self._has(
            index, "attn_qkv"
        ):  # the other half is a gate
            gate = self.graph.step(query.size, self.graph.view(whole, size=query.size))
            out = self.graph.over(out, self.graph.over(gate))
        return out

    def _reading(self, index: int, layer: Layer) -> Reading:
        def rows(part: str) -> int:
            return self._rows(index, part)

        return Reading(self.graph, self.header, layer, rows, self.batch.tokens, self.batch.texts)

    def _remembered(self, source: Result, index: int, layer: Layer) -> Result:
        """A layer with a state; others roughly: its widest product twice, and what it says."""
        if is_scanned(reading := self._reading(index, layer)):
            return end(begin(reading, source))
        if is_delta(reading):
            return corrected(reading, source)
        if is_convolved(reading):
            return convolved(reading, source)
        parts = ("attn_qkv", "time_mix_receptance")
        rows = max(self._rows(index, part) for part in parts)
        inner = self.graph.step(F32 * rows * self.batch.tokens, source)
        return self.graph.step(self.width, self.graph.step(inner.size, inner))

    def _asked_all(
        self, source: Result, index: int, layer: Layer
    ) -> tuple[Result, tuple[Result, ...]]:
        """The product that holds the queries; queries, values and keys, by a matrix each or one for all."""
        parts = {"attn_q": self.key_turn, "attn_v": self.value_turn, "attn_k": self.key_turn}
        if self._has(index, "attn_qkv"):
            whole = self._product(source, index, "attn_qkv", self.batch.tokens)
            products = dict.fromkeys(parts, whole)
            rows = {"attn_v": layer.values, "attn_k": layer.keys}
            if not self.is_cached:
                rows = dict.fromkeys(rows, self._rows(index, "attn_qkv") // 3)
            rows["attn_q"] = self._rows(index, "attn_qkv") - sum(rows.values())
        else:
            made = parts if self.is_cached else ()  # without a cache each comes when its turn does
            products = {
                part: self._product(source, index, part, self.batch.tokens) for part in made
            }
            rows = {part: self._rows(index, part) for part in parts}
            if rows["attn_q"] == 2 * self._input(index, "attn_output"):
                rows["attn_q"] //= 2
        asked = []
        for part, turn in parts.items():
            if part not in products:
                products[part] = self._product(source, index, part, self.batch.tokens)
            seen = self.graph.view(products[part], size=F32 * rows[part] * self.batch.tokens)
            asked.append(self._asked(seen, index, part, turn))
        return products["attn_q"], tuple(asked)

    def _asked(self, product: Result, index: int, part: str, turn: Result | None) -> Result:
        """Queries, keys or values: normed where the model does, turned by position and for the cache."""
        result = self._normed(product) if self._has(index, f"{part}_norm") else product
        if self.turns and part != "attn_v":
            result = self.graph.over(result, self.positions)
        if part == "attn_q" and self.header.architecture == "gemma-embedding":
            result = self.graph.step(result.size, result)  # scaled, in a place of its own
        if turn is not None:
            result = self.graph.view(self.graph.step(result.size, self.graph.view(result), turn))
        return result

    def _flash(self, query: Result, own: tuple[Result, ...], mask: Result) -> Result:
        """Values by the attention they get. own: keys and values, where there is no cache, at half length."""
        halves = [self.graph.step(one.size // 2, one) for one in own]
        return self.graph.step(query.size, query, *halves, mask)

    def _scored(
        self, layer: Layer, query: Result, own: tuple[Result, Result], mask: Result
    ) -> Result:
        """The same by way of all scores. That queries, keys and values stay so long is found by measuring."""
        graph, tokens = self.graph, self.batch.tokens
        cells = self.batch.window_cells if layer.is_windowed else self.batch.cells
        asked, held = [query], [query, *own]
        if not self.is_cached:  # values are turned over before, and nothing else stays
            key, value = own
            cells, asked, held = tokens, [key, query], [graph.step(value.size, value)]
        scores = graph.over(graph.step(F32 * cells * tokens * layer.heads, *asked), mask)
        mixed = graph.step(query.size, scores, *held)
        return graph.step(query.size, mixed)

    def _feed_forward(self, source: Result, index: int, tokens: int, kind: str = "") -> Result:
        graph = self.graph
        up = self._product(source, index, f"ffn_up{kind}", tokens)
        if self._has(index, f"ffn_gate{kind}"):
            gate = self._product(source, index, f"ffn_gate{kind}", tokens)
            inner = self._gated(gate, up, index)
        elif up.size > (inner_size := self._input(index, f"ffn_down{kind}") * tokens * F32):
            inner = graph.step(inner_size, up)  # both halves in one
        else:
            inner = graph.over(up)
        return self._product(inner, index, f"ffn_down{kind}", tokens)

    def _gated(self, gate: Result, up: Result, index: int) -> Result:
        return self.graph.step(up.size, gate, up)

    def _experts(self, source: Result, index: int, tokens: int) -> Result:
        graph, number = self.graph, self.header.number
        count = min(max(number("expert_count") or 0, 1), EXPERT_LIMIT)
        used = min(max(number("expert_used_count") or 0, 1), count)
        chances = graph.over(graph.step(F32 * count * tokens, source))
        order = graph.step(F32 * count * tokens, chances)
        best = graph.view(order)
        weights = graph.step(F32 * used * tokens, graph.view(chances), best)
        weights = graph.view(weights)
        total = graph.over(graph.step(F32 * tokens, weights))
        weights = graph.view(graph.over(weights, total))
        each = graph.view(source)
        parts = ("ffn_gate_up_exps", "ffn_up_exps", "ffn_gate_exps")
        sizes = [F32 * self._rows(index, part) * used * tokens for part in parts]
        ways = [graph.step(size, each, best) for size in sizes if size]
        inner_size = F32 * self._input(index, "ffn_down_exps") * used * tokens
        is_alone = len(ways) == 1 and ways[0].size == inner_size
        inner = graph.step(inner_size, *ways, is_over=is_alone)
        down = graph.step(F32 * self._rows(index, "ffn_down_exps") * used * tokens, inner, best)
        down = graph.over(down, weights)
        shares = [graph.view(down) for _ in range(used)]
        out = shares[0]
        for part in shares[1:]:
            out = graph.step(down.size // used, out, part, is_over=True)
        return out

    def _result(self, flow: Result) -> None:
        if "output_norm.weight" in self.shapes:
            flow = self._normed(flow)
        if self.batch.embedding:
            turned = self.graph.step(flow.size, flow)
            self.graph.step(self.width // self.batch.tokens, turned, self.mean, is_kept=True)
        else:
            size = F32 * (self.header.vocabulary_size or 0) * self.batch.outputs
            self.graph.step(size, flow, is_kept=True)
