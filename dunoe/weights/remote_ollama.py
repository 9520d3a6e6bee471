"""The header of a model that an Ollama has, from what its /api/show tells (`verbose`, for the vocabulary)."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from dunoe.errors import EngineFailed, Text
from dunoe.weights.gguf_bytes import ENTRY_LIMIT
from dunoe.weights.header import Header, Tensor, Value, faults, tensor_of
from dunoe.weights.quantisation import TENSOR_TYPES

ALIGNMENT = 32
_TYPES = {packed.name: packed for packed in TENSOR_TYPES.values()}
_JINJA = re.compile(r"\{%|\{\{-?\s*messages\b")  # Ollama's own templates say {{ .Messages }}


def shown_header(shown: Mapping[str, Any], label: str) -> Header:  # Any: JSON
    """A header like the file's own, from the JSON of /api/show; raises `EngineFailed`.

    What Ollama does not tell: offsets (the tensors are laid end to end), sizes of tensor types that it calls
    `unknown` (0), the file's size (0), long arrays without `verbose` (left out), and whether 10000 was written as a
    whole number. Its template is kept when it is Jinja, the model's own; models in its cloud have no tensors.
    """
    info, rows = shown.get("model_info"), shown.get("tensors") or []
    architecture = info.get("general.architecture") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(architecture, str) or not architecture:
        raise _unclear(label, "general.architecture")
    if not isinstance(rows, list) or max(len(info), len(rows)) > ENTRY_LIMIT:
        raise _unclear(label, "tensors")
    metadata = {
        key: _value(value, key, label)
        for key, value in info.items()
        if value is not None and value != []
    }
    template = shown.get("template")
    if isinstance(template, str) and _JINJA.search(template):
        metadata["tokenizer.chat_template"] = template
    tensors: list[Tensor] = []
    offset = 0
    for row in rows:
        tensors.append(_tensor(row, offset, label))
        offset = -(-(offset + tensors[-1].size) // ALIGNMENT) * ALIGNMENT
    header = Header(3, MappingProxyType(metadata), tuple(tensors), 0, 0)
    for fault in faults(header):
        raise _unclear(label, fault)
    return header


def _value(value: object, key: str, label: str) -> Value:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list) and all(isinstance(one, bool | int | float | str) for one in value):
        return tuple(value)
    raise _unclear(label, key)


def _tensor(row: object, offset: int, label: str) -> Tensor:
    match row:
        case {"name": str(name), "type": str(kind), "shape": list(shape)}:
            is_shape = len(shape) <= 4 and all(type(side) is int for side in shape)
            packed = _TYPES.get(kind) or kind
            tensor = tensor_of(name, tuple(shape), packed, offset) if is_shape else None
            if tensor is not None:
                return tensor
    raise _unclear(label, f"tensors: {row!r:.80}")


def _unclear(label: str, what: str) -> EngineFailed:
    return EngineFailed(
        Text(
            f"Ollama가 '{label}'에 대해 알 수 없는 말을 합니다: {what[:200]}",
            f"Ollama says something unclear about '{label}': {what[:200]}",
        ),
        Text(
            "Ollama를 0.30 이상으로 올리거나 모델을 다시 받으세요.",
            "update Ollama to 0.30 or newer, or pull the model again.",
        ),
    )
