"""The header of a GGUF file: what kind of model it is and where its tensors lie, without reading them.

The file may come from anywhere, so nothing in it is believed: `gguf_bytes` checks every count and length, and here
every number that others will count by or multiply.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from errno import ENOENT
from math import prod
from pathlib import Path
from types import MappingProxyType

from dunoe.errors import Text
from dunoe.foreign import reason
from dunoe.weights.gguf_bytes import (
    KEY_LIMIT,
    BadModelFile,
    GoesOn,
    HeaderBytes,
    Scalar,
    Skipped,
    Value,
)
from dunoe.weights.naming import parts_of
from dunoe.weights.quantisation import FILE_TYPES, TENSOR_TYPES, TensorType

__all__ = [
    "BadModelFile",
    "Header",
    "Scalar",
    "Skipped",
    "Tensor",
    "Value",
    "faults",
    "header_of",
    "joined",
    "read_header",
    "read_model",
    "read_whole",
    "tensor_of",
    "whole",
]

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LAYER_LIMIT = 4096  # llama.cpp has 512
NUMBERS = range(-(2**31), 2**32)  # what llama.cpp keeps a model's numbers in
LENGTHS = range(2**63)  # of a tensor's side


@dataclass(frozen=True)
class Tensor:
    """One line of the tensor table. `offset` counts from the start of the data; `size` is in bytes.

    size: 0 for a type newer than our table, whose size nobody told us.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    size: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a GGUF file says about itself.

    metadata: key -> value; long arrays are `Skipped` unless they were asked for.
    data_start, file_size: bytes; file_size 0: nobody told it.
    """

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_start: int
    file_size: int

    def number(self, key: str) -> int | None:
        """A whole number of this architecture, such as `block_count`; None when it is not there.

        None too for what is no number of 32 bits: nobody shall count to 2^64.
        """
        value = self.metadata.get(f"{self.architecture}.{key}")
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        return value if value in NUMBERS else None

    def text(self, key: str) -> str | None:
        """A string of the metadata, by its whole key; None when it is not there."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    @property
    def architecture(self) -> str:
        """The family, such as `qwen2`; empty only in a later part of a model in parts."""
        return self.text("general.architecture") or ""

    @property
    def kind(self) -> str:
        """`model`, or what else travels as GGUF: `adapter`, `mmproj`, `imatrix`."""
        if self.architecture == "clip":
            return "mmproj"
        return self.text("general.type") or "model"

    @property
    def context_length(self) -> int | None:
        """Tokens it was trained on at once."""
        return self.number("context_length")

    @property
    def embedding_length(self) -> int | None:
        """Numbers per token inside; the length of an embedding model's vectors."""
        return self.number("embedding_length")

    @property
    def block_count(self) -> int | None:
        """Layers."""
        return self.number("block_count")

    @property
    def parameter_count(self) -> int:
        """Numbers in all tensors of this file."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def quantisation(self) -> str:
        """Such as `Q4_K_M`: what the file says, else the type that most bytes have, else `unknown`."""
        said = self.metadata.get("general.file_type")
        if isinstance(said, int) and said in FILE_TYPES:
            return FILE_TYPES[said]
        sizes: dict[str, int] = {}
        for tensor in self.tensors:
            sizes[tensor.type] = sizes.get(tensor.type, 0) + tensor.size
        return max(sizes, key=sizes.__getitem__, default="unknown")

    @property
    def chat_template(self) -> str | None:
        """Jinja source of the default template."""
        return self.text("tokenizer.chat_template")

    @property
    def vocabulary(self) -> str | None:
        """The kind of tokenizer: `gpt2`, `llama`, `bert`, ..."""
        return self.text("tokenizer.ggml.model")

    @property
    def vocabulary_pre(self) -> str | None:
        """How text is cut before tokens are found: `qwen2`, `llama-bpe`, ..."""
        return self.text("tokenizer.ggml.pre")

    @property
    def vocabulary_size(self) -> int | None:
        """Tokens in the vocabulary."""
        tokens = self.metadata.get("tokenizer.ggml.tokens")
        if isinstance(tokens, Skipped):
            return tokens.count
        return len(tokens) if isinstance(tokens, tuple) else None

    @property
    def data_end(self) -> int:
        """Where the last tensor ends; a file shorter than this is cut off."""
        ends = (tensor.offset + tensor.size for tensor in self.tensors)
        return self.data_start + max(ends, default=0)


def read_header(path: Path, *, arrays: bool = False) -> Header:
    """Read a GGUF file's header; raise `BadModelFile`.

    arrays: True keeps the long ones too (the vocabulary: tens of MB of memory).
    The tensors may still be missing: compare `data_end` with `file_size`, or use `read_whole`.
    """
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            raise FileNotFoundError(ENOENT, "no such file")
        with path.open("rb", buffering=0) as file:
            size = file.seek(0, 2)
            file.seek(0)
            raw = HeaderBytes(file, size, path.name, arrays=arrays)
            try:
                return header_of(raw)
            except GoesOn as exc:  # someone shortened the file while we read
                raise raw.cut_off() from exc
    except OSError as exc:
        raise BadModelFile(
            Text(
                f"'{path.name}' 파일을 읽을 수 없습니다: {reason(exc).ko}",
                f"cannot read '{path.name}': {reason(exc).en}",
            ),
            Text("경로와 권한을 확인하세요.", "check the path and its permissions."),
        ) from exc


def read_whole(path: Path, *, arrays: bool = False) -> Header:
    """Like `read_header`, and raise `BadModelFile` too when the file ends before its last tensor."""
    return whole(read_header(path, arrays=arrays), path.name)


def read_model(path: Path, *, arrays: bool = False) -> Header:
    """The header of the model that a file is, or is a part of: the tensors of all parts, whole; or `BadModelFile`."""
    first, *others = parts_of(path)
    parts = [read_whole(first, arrays=arrays), *(read_whole(other) for other in others)]
    return joined(parts, path.name)


def whole(header: Header, label: str) -> Header:
    """The header again; raise `BadModelFile` when its file is known to end before its last tensor."""
    if header.file_size and header.data_end > header.file_size:
        raise BadModelFile(
            Text(
                f"'{label}' 파일이 잘렸습니다: {header.data_end:,}바이트 중 "
                f"{header.file_size:,}바이트만 있습니다",
                f"'{label}' is cut off: {header.file_size:,} of {header.data_end:,} bytes",
            ),
            Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
        )
    return header


def joined(parts: Sequence[Header], label: str) -> Header:
    """One header for a model in parts: what the first says, and the tensors of all as if their data stood in a row.

    Raises `BadModelFile` when these are not all the parts of one model, in order.
    """
    tensors: list[Tensor] = []
    shift = 0
    for number, part in enumerate(parts):
        said = (part.metadata.get("split.no", 0), part.metadata.get("split.count", 1) or 1)
        if said != (number, len(parts)):
            raise _no_set(label, f"{said[0]!r}/{said[1]!r} != {number}/{len(parts)}")
        tensors += (replace(tensor, offset=tensor.offset + shift) for tensor in part.tensors)
        shift += part.data_end - part.data_start
    total = parts[0].metadata.get("split.tensors.count", len(tensors))
    if len(parts) > 1 and total != len(tensors):
        raise _no_set(label, f"{len(tensors)} != {total!r} tensors")
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise _no_set(label, "one tensor stands in two parts")
    sizes = [part.file_size for part in parts]
    return replace(parts[0], tensors=tuple(tensors), file_size=sum(sizes) if all(sizes) else 0)


def _no_set(label: str, found: str) -> BadModelFile:
    return BadModelFile(
        Text(
            f"'{label}'의 조각들이 서로 맞지 않습니다 ({found})",
            f"the parts of '{label}' do not belong together ({found})",
        ),
        Text(
            "같은 모델의 조각을 모두, 원래 이름(…-00001-of-0000N.gguf) 그대로 받으세요.",
            "fetch all parts of one model, under their own names (…-00001-of-0000N.gguf).",
        ),
    )


def header_of(raw: HeaderBytes) -> Header:
    """Read one header; raises `BadModelFile`, and `GoesOn` when more of the file is needed."""
    if not raw.has(len(MAGIC)) or raw.take(len(MAGIC)) != MAGIC:
        raise raw.bad(
            Text("GGUF 파일이 아닙니다", "not a GGUF file"),
            Text(
                "GGUF 형식의 모델 파일(이름이 .gguf로 끝남)을 고르세요.",
                "choose a model file in GGUF format (its name ends in .gguf).",
            ),
        )
    version = raw.u32()
    if version not in VERSIONS:
        raise raw.bad(
            Text(
                f"읽을 수 없는 GGUF 판입니다: {version}",
                f"a GGUF version we cannot read: {version}",
            ),
            Text(
                "GGUF 2 또는 3(리틀 엔디언)으로 변환된 파일을 받으세요.",
                "get the file converted to GGUF 2 or 3, little endian.",
            ),
        )
    tensor_count = raw.count("tensors", at_least=24)
    metadata = _metadata(raw, raw.count("keys", at_least=13))
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 2**20 or alignment % 8:
        raise raw.broken(f"alignment {alignment!r:.40}")
    tensors = tuple(_tensor(raw, alignment) for _ in range(tensor_count))
    end = raw.position
    start = -(-end // alignment) * alignment if tensors else end
    header = Header(version, MappingProxyType(metadata), tensors, start, raw.size or 0)
    for fault in faults(header):
        raise raw.broken(fault)
    return header


def _metadata(raw: HeaderBytes, count: int) -> dict[str, Value]:
    metadata: dict[str, Value] = {}
    for _ in range(count):
        key = raw.string(KEY_LIMIT)
        if key in metadata:
            raise raw.broken(f"the key {key[:80]!r} stands twice")
        metadata[key] = raw.value()
    architecture, part = metadata.get("general.architecture"), metadata.get("split.no")
    is_later_part = isinstance(part, int) and part > 0  # only the first says what the model is
    if not (isinstance(architecture, str) and architecture) and not is_later_part:
        raise raw.broken("general.architecture is missing")
    return metadata


def _tensor(raw: HeaderBytes, alignment: int) -> Tensor:
    name = raw.string(KEY_LIMIT)
    dimensions = raw.u32()
    if dimensions > 4:
        raise raw.broken(f"tensor {name[:80]!r} has {dimensions} dimensions")
    shape = tuple(raw.u64() for _ in range(dimensions))
    number, offset = raw.u32(), raw.u64()
    tensor = tensor_of(name, shape, TENSOR_TYPES.get(number) or f"type{number}", offset)
    if offset % alignment or tensor is None:
        raise raw.broken(f"tensor {name[:80]!r} lies nowhere")
    return tensor


def tensor_of(
    name: str, shape: tuple[int, ...], packed: TensorType | str, offset: int
) -> Tensor | None:
    """A tensor that can be; None for one that cannot. packed: how its numbers are; only a name when that is all."""
    elements = prod(shape)
    if isinstance(packed, str):
        kind, size = packed, 0
    elif shape and shape[0] % packed.block:
        return None
    else:
        kind, size = packed.name, elements // packed.block * packed.size
    is_possible = (
        all(length in LENGTHS for length in shape)
        and elements in LENGTHS
        and offset + size in LENGTHS
    )
    return Tensor(name, shape, kind, offset, size) if is_possible else None


def faults(header: Header) -> Iterator[str]:
    """What cannot be: tensors that stand twice or lie over each other, layers that nobody could count."""
    if not 0 <= (header.block_count or 0) <= LAYER_LIMIT:
        yield f"{header.block_count:,} layers"
    if len({tensor.name for tensor in header.tensors}) < len(header.tensors):
        yield "a tensor stands twice"
    end = 0
    for tensor in sorted(header.tensors, key=lambda tensor: tensor.offset):
        if tensor.size and tensor.offset < end:
            yield f"tensor {tensor.name[:80]!r} lies over another"
        end = max(end, tensor.offset + tensor.size)
