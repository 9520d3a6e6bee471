"""Models of many shapes as GGUF files: whole headers over holes, so that a large one takes no disk.

llama.cpp loads them like any other; every weight is zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, TokenType

from dunoe.weights.header import Header, Tensor, read_header
from dunoe.weights.quantisation import TENSOR_TYPES

Number = int | float | bool | str | list[int] | list[bool]
BYTES = 256


@dataclass(frozen=True)
class Shape:
    """A family and its numbers. `extra` are metadata of the family; `parts` are tensors of each layer, by name."""

    arch: str = "llama"
    layers: int = 2
    width: int = 128
    hidden: int = 256
    heads: int = 4
    kv_heads: int = 2
    head: int = 32
    vocabulary: int = 512
    context: int = 8192
    type: str = "F16"
    outer: str = "F16"
    is_tied: bool = False
    norms: tuple[str, ...] = ()
    has_bias: bool = False
    has_head_norms: bool = False
    experts: int = 0
    extra: Mapping[str, Number] = field(default_factory=dict)
    window: tuple[bool, ...] | None = None


def write(path: Path, shape: Shape) -> Path:
    """A model of that shape, which llama.cpp loads."""
    pen = _Pen(path, shape)
    if shape.arch == "bert":
        _bert(pen, shape)
    else:
        _decoder(pen, shape)
    return pen.done()


def known(arch: str, numbers: Mapping[str, int], tensors: tuple[Tensor, ...] = ()) -> Header:
    """A header by hand, for a model that is too large to have here."""
    metadata = {f"{arch}.{key}": value for key, value in numbers.items()}
    return Header(3, {"general.architecture": arch, **metadata}, tensors, 0, 0)


def packed(type: str, count: int) -> int:
    """Bytes of that many numbers."""
    one = next(one for one in TENSOR_TYPES.values() if one.name == type)
    return count // one.block * one.size


class _Pen:
    """Writes metadata and the tensor table, and leaves a hole for the tensors."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self.path, self.shape = path, shape
        self.writer = GGUFWriter(path, shape.arch)
        self.hole = 0

    def number(self, key: str, value: Number) -> None:
        key = f"{self.shape.arch}.{key}"
        if isinstance(value, bool):
            self.writer.add_bool(key, value)
        elif isinstance(value, int):
            self.writer.add_uint32(key, value)
        elif isinstance(value, float):
            self.writer.add_float32(key, value)
        elif isinstance(value, str):
            self.writer.add_string(key, value)
        else:
            self.writer.add_array(key, value)

    def tensor(self, name: str, *shape: int, type: str | None = None) -> None:
        """shape: in the order of ggml, the length of a row first."""
        kind = GGMLQuantizationType[type or self.shape.type]
        block, size = GGML_QUANT_SIZES[kind]
        length = int(np.prod(shape)) // block * size
        form = [*reversed(shape)]
        plain: np.dtype[Any] = np.dtype(np.float32)  # Any: of which numbers, no matter
        if block > 1:
            form[-1], plain = form[-1] // block * size, np.dtype(np.uint8)
        self.writer.add_tensor_info(name, form, plain, length, raw_dtype=kind)
        self.hole += -(-length // 32) * 32

    def done(self) -> Path:
        self.writer.write_header_to_file()
        self.writer.write_kv_data_to_file()
        self.writer.write_ti_data_to_file()
        assert self.writer.fout is not None
        file = self.writer.fout[0]
        start = -(-file.tell() // 32) * 32
        file.truncate(start + self.hole)
        self.writer.close()
        assert read_header(self.path).data_end <= start + self.hole
        return self.path


def _numbers(pen: _Pen, shape: Shape, more: Mapping[str, Number] | None = None) -> None:
    numbers: dict[str, Number] = {
        "block_count": shape.layers,
        "context_length": shape.context,
        "embedding_length": shape.width,
        "feed_forward_length": shape.hidden,
        "attention.head_count": shape.heads,
    }
    for key, value in (numbers | dict(shape.extra) | dict(more or {})).items():
        pen.number(key, value)


def _vocabulary(pen: _Pen, size: int) -> None:
    writer = pen.writer
    writer.add_tokenizer_model("llama")
    bytes_ = [f"<0x{byte:02X}>" for byte in range(BYTES)]
    words = [f"w{number}" for number in range(size - BYTES - 3)]
    writer.add_token_list(["<unk>", "<s>", "</s>", *bytes_, *words])
    writer.add_token_scores([0.0] * size)
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    kinds += [TokenType.BYTE] * BYTES + [TokenType.NORMAL] * len(words)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def _decoder(pen: _Pen, shape: Shape) -> None:
    size = shape.vocabulary
    _vocabulary(pen, size)
    _numbers(pen, shape)
    pen.number("attention.head_count_kv", shape.kv_heads)
    pen.number("attention.layer_norm_rms_epsilon", 1e-6)
    pen.number("attention.key_length", shape.head)
    pen.number("attention.value_length", shape.head)
    pen.number("rope.dimension_count", shape.head)
    pen.tensor("token_embd.weight", shape.width, size, type=shape.outer)
    pen.tensor("output_norm.weight", shape.width, type="F32")
    if not shape.is_tied:
        pen.tensor("output.weight", shape.width, size, type=shape.outer)
    for index in range(shape.layers):
        if shape.arch == "mamba":
            _state(pen, shape, f"blk.{index}.")
            continue
        _attention(pen, shape, f"blk.{index}.")
        _feed_forward(pen, shape, f"blk.{index}.")


def _attention(pen: _Pen, shape: Shape, layer: str) -> None:
    rows = {"q": shape.heads * shape.head, "k": shape.kv_heads * shape.head}
    rows["v"] = rows["k"]
    for norm in ("attn_norm", "ffn_norm", *shape.norms):
        pen.tensor(f"{layer}{norm}.weight", shape.width, type="F32")
    for part, count in rows.items():
        pen.tensor(f"{layer}attn_{part}.weight", shape.width, count)
        if shape.has_bias:
            pen.tensor(f"{layer}attn_{part}.bias", count, type="F32")
    pen.tensor(f"{layer}attn_output.weight", rows["q"], shape.width)
    if shape.has_head_norms:
        pen.tensor(f"{layer}attn_q_norm.weight", shape.head, type="F32")
        pen.tensor(f"{layer}attn_k_norm.weight", shape.head, type="F32")


def _state(pen: _Pen, shape: Shape, layer: str) -> None:
    """A layer that attends to nothing: what it remembers is as long as ever. Twice as wide inside."""
    width, inner, state, rank = shape.width, 2 * shape.width, 16, 4
    pen.tensor(f"{layer}attn_norm.weight", width, type="F32")
    pen.tensor(f"{layer}ssm_in.weight", width, 2 * inner)
    pen.tensor(f"{layer}ssm_conv1d.weight", 4, inner, type="F32")
    pen.tensor(f"{layer}ssm_x.weight", inner, rank + 2 * state)
    pen.tensor(f"{layer}ssm_dt.weight", rank, inner, type="F32")
    for name in ("ssm_conv1d.bias", "ssm_dt.bias", "ssm_d"):
        pen.tensor(f"{layer}{name}", inner, type="F32")
    pen.tensor(f"{layer}ssm_a", state, inner, type="F32")
    pen.tensor(f"{layer}ssm_out.weight", inner, width)


def _feed_forward(pen: _Pen, shape: Shape, layer: str) -> None:
    width, hidden, experts = shape.width, shape.hidden, shape.experts
    if experts:
        pen.tensor(f"{layer}ffn_gate_inp.weight", width, experts, type="F32")
        pen.tensor(f"{layer}ffn_gate_exps.weight", width, hidden, experts)
        pen.tensor(f"{layer}ffn_up_exps.weight", width, hidden, experts)
        pen.tensor(f"{layer}ffn_down_exps.weight", hidden, width, experts)
        return
    pen.tensor(f"{layer}ffn_gate.weight", width, hidden)
    pen.tensor(f"{layer}ffn_up.weight", width, hidden)
    pen.tensor(f"{layer}ffn_down.weight", hidden, width)


def _bert(pen: _Pen, shape: Shape) -> None:
    writer, size, width, hidden = pen.writer, shape.vocabulary, shape.width, shape.hidden
    writer.add_tokenizer_model("bert")
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    writer.add_token_list([*marks, *(f"w{number}" for number in range(size - len(marks)))])
    writer.add_token_types([TokenType.CONTROL] * 5 + [TokenType.NORMAL] * (size - 5))
    writer.add_token_type_count(2)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(3)
    _numbers(pen, shape)
    pen.number("attention.layer_norm_epsilon", 1e-12)
    pen.number("attention.causal", False)
    pen.number("pooling_type", 1)
    pen.tensor("token_embd.weight", width, size, type=shape.outer)
    pen.tensor("position_embd.weight", width, shape.context, type="F32")
    pen.tensor("token_types.weight", width, 2, type="F32")
    _layer_norm(pen, "token_embd_norm", width)
    for index in range(shape.layers):
        layer = f"blk.{index}."
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            pen.tensor(f"{layer}{part}.weight", width, width)
            pen.tensor(f"{layer}{part}.bias", width, type="F32")
        pen.tensor(f"{layer}ffn_up.weight", width, hidden)
        pen.tensor(f"{layer}ffn_up.bias", hidden, type="F32")
        pen.tensor(f"{layer}ffn_down.weight", hidden, width)
        pen.tensor(f"{layer}ffn_down.bias", width, type="F32")
        _layer_norm(pen, f"{layer}attn_output_norm", width)
        _layer_norm(pen, f"{layer}layer_output_norm", width)


def _layer_norm(pen: _Pen, name: str, width: int) -> None:
    pen.tensor(f"{name}.weight", width, type="F32")
    pen.tensor(f"{name}.bias", width, type="F32")
