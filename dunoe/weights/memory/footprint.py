"""What a model takes while it is loaded, from its header alone: weights, cache, state, compute, adapters.

The truth is what llama.cpp logs for that file and those options; the tests load models and compare. Figures are
bytes. docs/design/weights.md says which of them are exact and which are a model of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from dunoe.errors import BadRequest, Text
from dunoe.weights.header import Header, Tensor
from dunoe.weights.memory.compute import F32, Batch, Model
from dunoe.weights.memory.compute_streams import Streamed
from dunoe.weights.memory.layers import (
    WITHOUT_OUTPUT,
    Layer,
    head_sizes,
    layer_count,
    layers,
    window,
)
from dunoe.weights.memory.scratch import scratch_size
from dunoe.weights.quantisation import TENSOR_TYPES

PAD = 256  # cells; llama.cpp makes a cache of whole pads
TURN = 64
CARD_OVERHEAD = 400 * 2**20  # CUDA's own, once for each process; not measured here
# What the wheel for x86-64 lays out anew when it runs on the processor, in memory of its own.
REPACKED = {"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}
INPUT = ("token_embd", "token_types", "position_embd", "per_layer_token_embd")

_BLOCKS = {packed.name.lower(): packed for packed in TENSOR_TYPES.values()}


@dataclass(frozen=True, slots=True)
class Load:
    """How a model is to be loaded. `context` is of one slot; `parallel` slots, each with its own.

    gpu_layers: -1 is all of them, the output too; 0 where there is no card.
    ubatch: tokens computed at once. outputs: how many of them become vectors; None in a chat.
    unified: one cache for all slots, of `context * parallel` cells.
    """

    context: int
    parallel: int = 1
    kv_type: str = "f16"
    gpu_layers: int = 0
    flash_attention: bool = True
    ubatch: int = 512
    outputs: int | None = None
    adapters: tuple[Header, ...] = ()
    unified: bool = False
    swa_full: bool = False

    @property
    def cells(self) -> int:
        """Tokens that one stream of the cache holds."""
        return padded(self.context * (self.parallel if self.unified else 1))

    @property
    def streams(self) -> int:
        """Caches side by side."""
        return 1 if self.unified else self.parallel


@dataclass(frozen=True, slots=True)
class Share:
    """Bytes on the card, and bytes in RAM."""

    card: int = 0
    host: int = 0

    @property
    def total(self) -> int:
        """Both."""
        return self.card + self.host

    def __add__(self, other: "Share") -> "Share":
        return Share(self.card + other.card, self.host + other.host)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes by what they are for. `overhead` is no buffer of llama.cpp: the driver's, for one process.

    weights: on the processor they are the file, mapped, and what is laid out anew beside it.
    """

    weights: Share
    kv: Share
    state: Share
    compute: Share
    output: Share
    adapter: Share
    overhead: Share

    @property
    def total(self) -> int:
        """All that llama.cpp logs: everything but the overhead."""
        return self._sum().total - self.overhead.total

    @property
    def card(self) -> int:
        """What the card must have free, the overhead too."""
        return self._sum().card

    @property
    def host(self) -> int:
        """What RAM must have free."""
        return self._sum().host

    def _sum(self) -> Share:
        shares: list[Share] = [getattr(self, field.name) for field in fields(self)]
        return sum(shares, Share())


def footprint(header: Header, load: Load) -> Footprint:
    """Bytes that this file takes when loaded so; `BadModelFile` when it is no model."""
    every = layers(header)
    split = Split(layer_count(header), load.gpu_layers)
    compute, output = _compute(header, every, load)
    widest = max(layer.values for layer in every)
    return Footprint(
        weights=_weights(header, split),
        kv=_on(split, [_kv(header, layer, load, widest) for layer in every]),
        state=_on(split, [4 * (one.shift + one.state) * load.parallel for one in every]),
        compute=Share(card=compute) if split.cards else Share(host=compute),
        output=Share(host=output),
        adapter=sum((_adapter(one, split) for one in load.adapters), Share()),
        overhead=Share(card=CARD_OVERHEAD) if split.cards else Share(),
    )


def check_cache(header: Header, load: Load) -> None:
    """Raise `BadRequest` for a cache that llama.cpp does not make: it packs whole blocks of one head only."""
    block = _BLOCKS[load.kv_type].block
    if block == 1:
        return
    hint = Text('KV 형식을 "f16"으로 하세요.', 'take "f16" for the cache.')
    if not load.flash_attention:
        raise BadRequest(
            Text(
                f"KV 형식 '{load.kv_type}'에는 플래시 어텐션이 필요합니다",
                f"a cache of {load.kv_type} needs flash attention",
            ),
            hint,
        )
    if odd := [size for size in sorted(head_sizes(header)) if size % block]:
        raise BadRequest(
            Text(
                f"KV 형식 '{load.kv_type}'은(는) {block}개씩 묶는데, 이 모델의 헤드 크기는 {odd[0]}입니다",
                f"a cache of {load.kv_type} packs {block} numbers at a time, and this model's heads have {odd[0]}",
            ),
            hint,
        )


@dataclass(frozen=True, slots=True)
class Split:
    """Which layers are on the card: the last ones, and the output when all of them are."""

    count: int
    asked: int

    @property
    def cards(self) -> int:
        """Layers on the card; the output counts as one more."""
        return self.count + 1 if self.asked < 0 else min(self.asked, self.count + 1)

    def is_on_card(self, index: int) -> bool:
        """Of a layer; the output is the one after the last."""
        return index >= self.count + 1 - self.cards


def padded(cells: int) -> int:
    """Whole pads."""
    return -(-cells // PAD) * PAD


def row(kv_type: str, count: int) -> int:
    """Bytes of that many numbers."""
    packed = _BLOCKS[kv_type]
    return -(-count // packed.block) * packed.size


def _kv(header: Header, layer: Layer, load: Load, widest: int) -> int:
    """widest: values of the widest layer; without flash attention all others are made as wide."""
    cells = _window_cells(header, load) if layer.is_windowed else load.cells
    values = layer.values if load.flash_attention or not layer.values else widest
    one = row(load.kv_type, layer.keys) + row(load.kv_type, values)
    return one * cells * load.streams


def _window_cells(header: Header, load: Load) -> int:
    if load.swa_full:
        return load.cells
    seen = window(header) * (load.parallel if load.unified else 1)
    return padded(min(load.cells, seen + load.ubatch))


def _on(split: Split, sizes: list[int]) -> Share:
    card = sum(size for index, size in enumerate(sizes) if split.is_on_card(index))
    return Share(card, sum(sizes) - card)


def _weights(header: Header, split: Split) -> Share:
    """On the card each tensor by itself; in RAM the stretch of the file that holds those which stay."""
    card, repacked, mapped = 0, 0, list[Tensor]()
    is_tied = header.architecture not in WITHOUT_OUTPUT and not any(
        tensor.name == "output.weight" for tensor in header.tensors
    )
    for tensor in header.tensors:
        index = _layer_of(tensor, split)
        if index > split.count + 1:
            continue
        is_input = tensor.name.startswith(INPUT)
        if not is_input and split.is_on_card(index):
            card += tensor.size
        elif not is_input and not split.cards and _is_repacked(tensor):
            repacked += tensor.size
        else:
            mapped.append(tensor)
        if is_tied and tensor.name == "token_embd.weight":  # it is the output, too
            if split.is_on_card(split.count):
                card += tensor.size
            elif not split.cards and _is_repacked(tensor):
                repacked += tensor.size
    return Share(card, repacked + _stretch(mapped))


def _stretch(tensors: Iterable[Tensor]) -> int:
    """From the first byte of them to the last."""
    ends = [(tensor.offset, tensor.offset + tensor.size) for tensor in tensors]
    return max(end for _, end in ends) - min(start for start, _ in ends) if ends else 0


def _layer_of(tensor: Tensor, split: Split) -> int:
    parts = tensor.name.split(".", 2)
    if tensor.name.startswith("per_layer_"):
        return 0  # what all layers share lies with the first
    if parts[0] != "blk" or len(parts) < 2 or not parts[1].isdecimal():
        return split.count  # beside the layers: with the output
    index = int(parts[1])
    return index if index < split.count else split.count + 2  # not run, so not loaded


def _is_repacked(tensor: Tensor) -> bool:
    return (
        tensor.type in REPACKED
        and len(tensor.shape) > 1
        and tensor.shape[1] % 8 == 0
        and tensor.name.endswith(".weight")
    )


def _adapter(header: Header, split: Split) -> Share:
    """Each matrix lies where the layer that it changes lies."""
    sizes = Share()
    for tensor in header.tensors:
        on_card = split.is_on_card(_layer_of(tensor, split))
        sizes += Share(card=tensor.size) if on_card else Share(host=tensor.size)
    return sizes


def _compute(header: Header, every: tuple[Layer, ...], load: Load) -> tuple[int, int]:
    """Scratch memory of the largest batch, and room for its results."""
    tokens = min(load.ubatch, load.context * load.parallel)
    batch = Batch(
        tokens=-(-tokens // load.parallel) * load.parallel,
        outputs=load.parallel if load.outputs is None else min(tokens, load.outputs),
        cells=load.cells,
        window_cells=_window_cells(header, load),
        flash_attention=load.flash_attention,
        texts=load.parallel,
        embedding=load.outputs is not None,
        key_turn=_turn(header, "key", load),
        value_turn=_turn(header, "value", load),
    )
    numbers = header.vocabulary_size if load.outputs is None else header.embedding_length
    is_streamed = any(tensor.name.startswith("altup_proj.") for tensor in header.tensors)
    model = Streamed if is_streamed else Model
    return scratch_size(model(header, every, batch).graph), F32 * (numbers or 0) * load.parallel


def _turn(header: Header, which: str, load: Load) -> int:
    """Where the cache is quantised, keys and values are turned by a matrix first: its side, 0 for none."""
    width = header.number(f"attention.{which}_length")
    if width is None:
        width = (header.embedding_length or 0) // (header.number("attention.head_count") or 1)
    if not load.kv_type.startswith("q") or not width or width % TURN:
        return 0
    return width & -width if which == "key" else TURN
