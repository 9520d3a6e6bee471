"""Tiny GGUF models with random weights and real vocabularies: whole models, that say nonsense quickly.

python tests/tiny.py DIR        # writes tiny.gguf, tiny-embedding.gguf and tiny-rerank.gguf there
"""

import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGUFValueType, GGUFWriter, PoolingType, TokenType

SHARED = Path(os.environ.get("DUNOE_SHARED", Path(__file__).parents[2] / "shared"))
VOCAB = SHARED / "data" / "vocab"
TEMPLATE = VOCAB / "chat-templates" / "Qwen-Qwen2.5-7B-Instruct.jinja"

FORMS = {
    GGUFValueType.UINT32: "I",
    GGUFValueType.INT32: "i",
    GGUFValueType.FLOAT32: "f",
    GGUFValueType.UINT64: "Q",
    GGUFValueType.BOOL: "?",
}

Matrix = np.ndarray[Any, np.dtype[np.floating[Any]]]
LOUD = 30  # times the usual size of an embedding

EYE = {  # of a projector, in the words of its file
    "image_size": 56,
    "patch_size": 14,
    "embedding_length": 32,
    "feed_forward_length": 64,
    "block_count": 1,
    "attention.head_count": 2,
}

LETTERS = 256  # the first tokens: one a byte; then one a merge
MARKS = slice(151643, 151665)  # <|endoftext|>, <|im_start|>, ...

# Tokens that Qwen2.5 added to the vocabulary; the file has placeholders in their places.
QWEN25_TOKENS = {
    151657: "<tool_call>",
    151658: "</tool_call>",
    151659: "<|fim_prefix|>",
    151660: "<|fim_middle|>",
    151661: "<|fim_suffix|>",
    151662: "<|fim_pad|>",
    151663: "<|repo_name|>",
    151664: "<|file_sep|>",
}
QWEN25_IDS = {
    "eos_token_id": 151645,
    "eot_token_id": 151645,
    "fim_pre_token_id": 151659,
    "fim_mid_token_id": 151660,
    "fim_suf_token_id": 151661,
    "fim_pad_token_id": 151662,
    "fim_rep_token_id": 151663,
    "fim_sep_token_id": 151664,
}


@dataclass(frozen=True)
class Shape:
    """How big: more layers and width make a slower model, for tests that must catch it at work."""

    layers: int = 2
    width: int = 64
    hidden: int = 128
    heads: int = 4
    context: int = 8192
    seed: int = 1
    merges: int | None = (
        None  # words kept beside letters and marks; grammars are slow with all of them
    )


@dataclass(frozen=True)
class Habits:
    """What a model does more often than chance has it. Tokens are spelled as the vocabulary spells them.

    likes: added to a token's logit everywhere; the others' logits are about 0, with a deviation of 1.
    follows: a token, and the one that comes after it: nearly always, where the grammar lets it.
    """

    likes: Mapping[str, float]
    follows: Mapping[str, str]


def chat_model(path: Path, shape: Shape = Shape(), habits: Habits | None = None) -> Path:
    """A qwen2 model with its real vocabulary, fill-in-the-middle tokens and a chat template with tools."""
    writer = _vocabulary(path, "qwen2", "qwen2", shape.merges)
    for key, number in QWEN25_IDS.items():
        if f"tokenizer.ggml.{key}" not in writer.kv_data[0]:
            writer.add_uint32(f"tokenizer.ggml.{key}", _cut(key, number, shape.merges))
    _header(writer, shape)
    writer.add_head_count_kv(shape.heads // 2)
    writer.add_rope_freq_base(1_000_000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_chat_template(TEMPLATE.read_text("utf-8"))
    weights = _Weights(writer, shape.seed)
    names: list[str] = writer.kv_data[0]["tokenizer.ggml.tokens"].value
    width, hidden, kv = shape.width, shape.hidden, shape.width // 2
    embedding, output = weights.drawn(width, len(names)), weights.drawn(width, len(names))
    if habits is not None:
        _form(writer, habits, names, embedding, output)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    weights.norm("output_norm", width)
    for n in range(shape.layers):
        weights.norm(f"blk.{n}.attn_norm", width)
        weights.norm(f"blk.{n}.ffn_norm", width)
        for part, rows in (("q", width), ("k", kv), ("v", kv)):
            weights.matrix(f"blk.{n}.attn_{part}", width, rows)
            weights.bias(f"blk.{n}.attn_{part}", rows)
        weights.matrix(f"blk.{n}.attn_output", width, width)
        weights.matrix(f"blk.{n}.ffn_gate", width, hidden)
        weights.matrix(f"blk.{n}.ffn_up", width, hidden)
        weights.matrix(f"blk.{n}.ffn_down", hidden, width)
    return _written(writer, path)


def _form(
    writer: GGUFWriter, habits: Habits, names: list[str], embedding: Matrix, output: Matrix
) -> None:
    """Put habits into a model: biases, and rows of the output that look for one embedding.

    The embeddings outweigh what the layers add to them, so that the last token is known from the end's state.
    """
    embedding *= LOUD
    liked = np.zeros(len(names), np.float32)
    for name, more in habits.likes.items():
        liked[names.index(name)] = more
    writer.add_tensor("output.bias", liked)
    for last, following in habits.follows.items():
        seen = embedding[names.index(last)].astype(np.float32)
        output[names.index(following)] += 3 * seen / np.linalg.norm(seen)


def embedding_model(path: Path, shape: Shape = Shape(context=512)) -> Path:
    """A bert model with mean pooling; its vectors have `shape.width` numbers."""
    writer = _bert(path, shape, PoolingType.MEAN)
    return _written(writer, path)


def rerank_model(
    path: Path, shape: Shape = Shape(context=512), says: Mapping[str, bool | str] | None = None
) -> Path:
    """A bert model with rank pooling and a classifier of one output: a cross-encoder.

    says: more of the metadata, by keys behind `tokenizer.`: flags and texts.
    """
    writer = _bert(path, shape, PoolingType.RANK)
    for key, value in (says or {}).items():
        add = writer.add_bool if isinstance(value, bool) else writer.add_string
        add(f"tokenizer.{key}", value)  # type: ignore[arg-type]  # as its type says
    weights = _Weights(writer, shape.seed + 1)
    weights.matrix("cls", shape.width, shape.width)
    weights.bias("cls", shape.width)
    weights.matrix("cls.output", shape.width, 1)
    weights.bias("cls.output", 1)
    return _written(writer, path)


def projector(
    path: Path, kind: str, says: Mapping[str, int] | None = None, tiles: Sequence[int] = ()
) -> Path:
    """What makes pictures of 56 by 56, in patches of 14, readable to `chat_model`, of one of mtmd's kinds.

    says: more of the metadata, by keys behind `clip.vision.`. tiles: widths and heights, for LLaVA 1.6.
    """
    writer = GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", kind)
    writer.add_bool("clip.use_gelu", True)
    for key, number in {**EYE, "projection_dim": Shape.width, **(says or {})}.items():
        add = writer.add_uint32 if number >= 0 else writer.add_int32
        add(f"clip.vision.{key}", number)
    if tiles:
        writer.add_array("clip.vision.image_grid_pinpoints", tiles)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    for key in ("image_mean", "image_std"):
        writer.add_array(f"clip.vision.{key}", [0.5] * 3)
    weights, is_qwen = _Weights(writer, 5), kind.startswith("qwen")
    width, inner = EYE["embedding_length"], Shape.width
    _add_patches(weights, kind)
    if kind == "gemma3":
        weights.matrix("mm.input_projection", inner, width)
        weights.norm("mm.soft_emb_norm", width)
    else:
        merged = 4 * width if is_qwen else width
        weights.full("mm.0", merged, merged if is_qwen else inner)
        weights.full("mm.2", merged if is_qwen else inner, inner)
    for part, rows in (("q", 1), ("k", 1), ("v", 1), ("out", 1), ("qkv", 3)):
        weights.full(f"v.blk.0.attn_{part}", width, rows * width)
    weights.full("v.blk.0.ffn_up", width, EYE["feed_forward_length"])
    if kind == "qwen2.5vl_merger":
        weights.full("v.blk.0.ffn_gate", width, EYE["feed_forward_length"])
    weights.full("v.blk.0.ffn_down", EYE["feed_forward_length"], width)
    weights.layer_norm("v.blk.0.ln1", width)
    weights.layer_norm("v.blk.0.ln2", width)
    return _written(writer, path)


def _add_patches(weights: "_Weights", kind: str) -> None:
    """What turns pixels into a row of numbers a patch, and says where each was."""
    width, side, places = EYE["embedding_length"], EYE["patch_size"], 16
    for name in ("weight", "weight.1") if kind.startswith("qwen") else ("weight",):
        patches = weights.drawn(side * side * 3, width, np.float32)
        weights.writer.add_tensor(f"v.patch_embd.{name}", patches.reshape(width, 3, side, side))
    if kind in ("gemma3", "qwen3vl_merger"):
        weights.bias("v.patch_embd", width)
    weights.matrix("v.position_embd", width, places + (kind == "mlp"), np.float32)
    weights.layer_norm("v.post_ln", width)
    if kind == "mlp":
        weights.writer.add_tensor("v.class_embd", np.ones(width, np.float32))
        weights.layer_norm("v.pre_ln", width)


def _bert(path: Path, shape: Shape, pooling: PoolingType) -> GGUFWriter:
    writer = _vocabulary(path, "bert-bge", "bert")
    writer.add_bos_token_id(101)  # [CLS]
    writer.add_eos_token_id(102)  # [SEP]
    _header(writer, shape)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(pooling)
    weights = _Weights(writer, shape.seed)
    tokens = len(writer.kv_data[0]["tokenizer.ggml.tokens"].value)
    width, hidden = shape.width, shape.hidden
    weights.matrix("token_embd", width, tokens)
    weights.matrix("position_embd", width, shape.context, np.float32)
    weights.matrix("token_types", width, 2, np.float32)  # llama.cpp adds these and takes no f16
    weights.layer_norm("token_embd_norm", width)
    for n in range(shape.layers):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weights.matrix(f"blk.{n}.{part}", width, width)
            weights.bias(f"blk.{n}.{part}", width)
        weights.matrix(f"blk.{n}.ffn_up", width, hidden)
        weights.bias(f"blk.{n}.ffn_up", hidden)
        weights.matrix(f"blk.{n}.ffn_down", hidden, width)
        weights.bias(f"blk.{n}.ffn_down", width)
        weights.layer_norm(f"blk.{n}.attn_output_norm", width)
        weights.layer_norm(f"blk.{n}.layer_output_norm", width)
    return writer


def _header(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_block_count(shape.layers)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)


def _vocabulary(path: Path, family: str, arch: str, merges: int | None = None) -> GGUFWriter:
    """A writer that holds one family's tokenizer, whole or with fewer merges."""
    writer = GGUFWriter(path, arch)
    writer.add_name(path.stem)
    for key, kind, inner, value in _read(VOCAB / f"ggml-vocab-{family}.gguf"):
        if not key.startswith("tokenizer.ggml."):
            continue
        if arch == "qwen2":
            key_here = key.removeprefix("tokenizer.ggml.")
            value = _cut(key_here, _as_qwen25(key_here, value), merges)
        writer.add_key_value(key, value, kind, inner)
    return writer


def _as_qwen25(key: str, value: Any) -> Any:  # Any: a GGUF value
    if key == "tokens":
        return [QWEN25_TOKENS.get(n, token) for n, token in enumerate(value)]
    if key == "token_type":
        kinds = list(value)
        for n, token in QWEN25_TOKENS.items():
            kinds[n] = TokenType.USER_DEFINED if "tool" in token else TokenType.CONTROL
        return kinds
    return QWEN25_IDS.get(key, value)


def _cut(key: str, value: Any, merges: int | None) -> Any:  # Any: a GGUF value
    """The value in a vocabulary that keeps the letters, some merges, and the marks."""
    if merges is None:
        return value
    words = LETTERS + merges
    if key in ("tokens", "token_type"):
        return [*value[:words], *value[MARKS]]
    if key == "merges":
        return value[:merges]
    return value - MARKS.start + words if key.endswith("_token_id") else value


def _read(path: Path) -> Iterator[tuple[str, GGUFValueType, GGUFValueType | None, Any]]:
    """Key, type, type of an array's elements, value. GGUFReader takes seconds for 150,000 tokens."""
    with path.open("rb") as file:

        def number(form: str) -> Any:  # Any: what the form says
            return struct.unpack(f"<{form}", file.read(struct.calcsize(form)))[0]

        def value(kind: GGUFValueType) -> Any:
            if kind is GGUFValueType.STRING:
                return file.read(number("Q")).decode("utf-8")
            return number(FORMS[kind])

        file.seek(16)
        for _ in range(number("Q")):
            key: str = value(GGUFValueType.STRING)
            kind, inner = GGUFValueType(number("I")), None
            if kind is GGUFValueType.ARRAY:
                inner = GGUFValueType(number("I"))
                yield key, kind, inner, [value(inner) for _ in range(number("Q"))]
            else:
                yield key, kind, inner, value(kind)


class _Weights:
    """Random tensors of one model, the same at every run."""

    def __init__(self, writer: GGUFWriter, seed: int) -> None:
        self.writer, self.random = writer, np.random.default_rng(seed)

    def matrix(
        self, name: str, columns: int, rows: int, kind: type[np.floating[Any]] = np.float16
    ) -> None:
        self.writer.add_tensor(f"{name}.weight", self.drawn(columns, rows, kind))

    def drawn(self, columns: int, rows: int, kind: type[np.floating[Any]] = np.float16) -> Matrix:
        """Values that keep activations near 1 through every layer."""
        scale = 1.7 / columns**0.5
        values = (self.random.random((rows, columns), dtype=np.float32) * 2 - 1) * scale
        drawn: Matrix = values.astype(kind)
        return drawn

    def norm(self, name: str, size: int) -> None:
        self.writer.add_tensor(f"{name}.weight", np.ones(size, np.float32))

    def bias(self, name: str, size: int) -> None:
        values = self.random.standard_normal(size, dtype=np.float32) * np.float32(0.02)
        self.writer.add_tensor(f"{name}.bias", values)

    def full(self, name: str, columns: int, rows: int) -> None:
        self.matrix(name, columns, rows)
        self.bias(name, rows)

    def layer_norm(self, name: str, size: int) -> None:
        self.norm(name, size)
        self.bias(name, size)


def _written(writer: GGUFWriter, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for made in (
        chat_model(folder / "tiny.gguf"),
        embedding_model(folder / "tiny-embedding.gguf"),
        rerank_model(folder / "tiny-rerank.gguf"),
    ):
        sys.stdout.write(f"{made} {made.stat().st_size:,} bytes\n")
