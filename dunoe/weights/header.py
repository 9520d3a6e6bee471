"""The header of a GGUF file: what kind of model it is and where its tensors lie, without reading them.

The file may come from anywhere, so nothing in it is believed: every count and length is checked against the bytes
that are really there before anything is read or made.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from errno import ENOENT
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from dunoe.errors import BadRequest, Text
from dunoe.weights.quantisation import FILE_TYPES, TENSOR_TYPES

MAGIC = b"GGUF"
VERSIONS = (2, 3)

HEADER_LIMIT = 256 * 2**20  # bytes; the largest header seen is 16 MB
TEXT_LIMIT = 64 * 2**20  # bytes of strings kept, all together
STRING_LIMIT = 16 * 2**20  # bytes of one kept string
KEY_LIMIT = 65535  # bytes, from the format
ELEMENT_LIMIT = 4 * 2**20  # strings passed over, or elements kept, all together
ENTRY_LIMIT = 2**17  # metadata keys; tensors
SMALL_ARRAY = 1024  # arrays up to here are always kept: per-layer numbers, languages, end tokens
WINDOW = 256 * 2**10  # bytes read at once

_SCALARS = {
    number: struct.Struct("<" + code)
    for number, code in enumerate(["B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"])
    if code
}
_STRING, _ARRAY = 8, 9
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


class BadModelFile(BadRequest):
    """The file is no GGUF, is cut off, or contradicts itself."""


@dataclass(frozen=True)
class Skipped:
    """Stands in the metadata for a long array that was not asked for."""

    count: int


Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...] | Skipped


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
        count = 1
        for length in self.shape:
            count *= length
        return count


@dataclass(frozen=True)
class Header:
    """What a GGUF file says about itself.

    metadata: key -> value; long arrays are `Skipped` unless they were asked for.
    data_start, file_size: bytes.
    """

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_start: int
    file_size: int

    def number(self, key: str) -> int | None:
        """A whole number of this architecture, such as `block_count`; None when it is not there."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def text(self, key: str) -> str | None:
        """A string of the metadata, by its whole key; None when it is not there."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    @property
    def architecture(self) -> str:
        """The family, such as `qwen2`; every header has one."""
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
            return _Reading(file, size, path.name, arrays).header()
    except OSError as exc:
        raise BadModelFile(
            Text(
                f"'{path.name}' 파일을 읽을 수 없습니다: {exc.strerror}",
                f"cannot read '{path.name}': {exc.strerror}",
            ),
            Text("경로와 권한을 확인하세요.", "check the path and its permissions."),
        ) from exc


def read_whole(path: Path) -> Header:
    """Like `read_header`, and raise `BadModelFile` too when the file ends before its last tensor."""
    header = read_header(path)
    if header.data_end > header.file_size:
        raise BadModelFile(
            Text(
                f"'{path.name}' 파일이 잘렸습니다: {header.data_end:,}바이트 중 "
                f"{header.file_size:,}바이트만 있습니다",
                f"'{path.name}' is cut off: {header.file_size:,} of {header.data_end:,} bytes",
            ),
            Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
        )
    return header


class _Reading:
    """One pass over one header, through a small window, never past the bytes that are there."""

    def __init__(self, file: BinaryIO, size: int, label: str, arrays: bool) -> None:
        self.file, self.size, self.label, self.arrays = file, size, label, arrays
        self.window, self.at, self.start = b"", 0, 0  # `start`: where in the file the window begins
        self.kept_bytes = self.passed = 0

    def header(self) -> Header:
        if self.size < len(MAGIC) or self.take(len(MAGIC)) != MAGIC:
            raise self.bad(
                Text("GGUF 파일이 아닙니다", "not a GGUF file"),
                Text(
                    "GGUF 형식의 모델 파일(이름이 .gguf로 끝남)을 고르세요.",
                    "choose a model file in GGUF format (its name ends in .gguf).",
                ),
            )
        version = self.u32()
        if version not in VERSIONS:
            raise self.bad(
                Text(
                    f"읽을 수 없는 GGUF 판입니다: {version}",
                    f"a GGUF version we cannot read: {version}",
                ),
                Text(
                    "GGUF 2 또는 3(리틀 엔디언)으로 변환된 파일을 받으세요.",
                    "get the file converted to GGUF 2 or 3, little endian.",
                ),
            )
        tensor_count = self.count("tensors", at_least=24)
        key_count = self.count("keys", at_least=13)
        metadata: dict[str, Value] = {}
        for _ in range(key_count):
            key = self.string(KEY_LIMIT)
            if key in metadata:
                raise self.broken(f"the key {key[:80]!r} stands twice")
            metadata[key] = self.value(self.u32())
        if not isinstance(metadata.get("general.architecture"), str):
            raise self.broken("general.architecture is missing")
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= 2**20 or alignment % 8:
            raise self.broken(f"alignment {alignment!r}")
        tensors = tuple(self.tensor(alignment) for _ in range(tensor_count))
        end = self.start + self.at
        start = -(-end // alignment) * alignment if tensors else end
        return Header(version, MappingProxyType(metadata), tensors, start, self.size)

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.string(STRING_LIMIT)
        if kind == _ARRAY:
            return self.array(self.u32(), self.u64())
        return self.scalar(kind)

    def scalar(self, kind: int) -> Scalar:
        if kind not in _SCALARS:
            raise self.broken(f"value type {kind}")
        number: bool | int | float = _SCALARS[kind].unpack(self.take(_SCALARS[kind].size))[0]
        return number

    def array(self, kind: int, count: int) -> Value:
        if kind != _STRING and kind not in _SCALARS:  # arrays of arrays too: llama.cpp has none
            raise self.broken(f"array of type {kind}")
        keep = self.arrays or count <= SMALL_ARRAY
        if keep or kind == _STRING:
            self.passed += count
            if self.passed > ELEMENT_LIMIT:
                raise self.broken(f"an array of {count:,} elements")
        if kind == _STRING:
            if keep:
                return tuple(self.string(STRING_LIMIT) for _ in range(count))
            self.pass_strings(count)
            return Skipped(count)
        width = _SCALARS[kind].size * count
        if keep:
            return struct.unpack(f"<{count}{_SCALARS[kind].format[1:]}", self.take(width))
        self.skip(width)
        return Skipped(count)

    def tensor(self, alignment: int) -> Tensor:
        name = self.string(KEY_LIMIT)
        dimensions = self.u32()
        if dimensions > 4:
            raise self.broken(f"tensor {name[:80]!r} has {dimensions} dimensions")
        shape = tuple(self.u64() for _ in range(dimensions))
        number, offset = self.u32(), self.u64()
        packed = TENSOR_TYPES.get(number)
        tensor = Tensor(name, shape, packed.name if packed else f"type{number}", offset, 0)
        if packed is not None:
            if shape and shape[0] % packed.block:
                raise self.broken(f"tensor {name[:80]!r} is no whole number of blocks")
            size = tensor.elements // packed.block * packed.size
            tensor = Tensor(name, shape, packed.name, offset, size)
        if offset % alignment or offset + tensor.size >= 2**63 or tensor.elements >= 2**63:
            raise self.broken(f"tensor {name[:80]!r} lies nowhere")
        return tensor

    def count(self, what: str, at_least: int) -> int:
        """How many entries follow, each of `at_least` bytes: so many must fit."""
        count = self.u64()
        if count > ENTRY_LIMIT or count * at_least > self.size:
            raise self.broken(f"{count:,} {what}")
        return count

    def u32(self) -> int:
        number: int = _U32.unpack(self.take(4))[0]
        return number

    def u64(self) -> int:
        number: int = _U64.unpack(self.take(8))[0]
        return number

    def string(self, limit: int) -> str:
        length = self.u64()
        self.kept_bytes += length
        if length > limit or self.kept_bytes > TEXT_LIMIT:
            raise self.broken(f"a string of {length:,} bytes")
        return self.take(length).decode("utf-8", "replace")

    def pass_strings(self, count: int) -> None:
        """Step over strings; a vocabulary has a million, so the loop stays inside the window."""
        unpack = _U64.unpack_from
        for _ in range(count):
            if self.at + 8 > len(self.window):
                self.fill(8)
            (length,) = unpack(self.window, self.at)
            self.at += 8
            if self.at + length > len(self.window):
                self.skip(length)
            else:
                self.at += length

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.window):
            self.fill(count)
        taken = self.window[self.at : self.at + count]
        self.at += count
        return taken

    def skip(self, count: int) -> None:
        if self.at + count > len(self.window):
            self.expect(count)
            self.start += self.at + count
            self.window, self.at = b"", 0
            self.file.seek(self.start)
        else:
            self.at += count

    def fill(self, count: int) -> None:
        """Bring at least `count` bytes from here on into the window."""
        self.expect(count)
        pieces, have = [self.window[self.at :]], len(self.window) - self.at
        while have < count:
            piece = self.file.read(max(count - have, WINDOW))
            if not piece:
                raise self.cut_off()  # someone shortened the file while we read
            pieces.append(piece)
            have += len(piece)
        self.start += self.at
        self.window, self.at = b"".join(pieces), 0

    def expect(self, count: int) -> None:
        end = self.start + self.at + count
        if end > self.size:
            raise self.cut_off()
        if end > HEADER_LIMIT:
            raise self.broken(f"a header of {end:,} bytes")

    def cut_off(self) -> BadModelFile:
        return self.bad(
            Text("파일이 머리말 안에서 끝납니다", "the file ends inside its header"),
            Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
        )

    def broken(self, found: str) -> BadModelFile:
        return self.bad(
            Text(f"GGUF 머리말이 망가졌습니다 ({found})", f"the GGUF header is broken ({found})"),
            Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
        )

    def bad(self, message: Text, hint: Text) -> BadModelFile:
        return BadModelFile(
            Text(f"'{self.label}': {message.ko}", f"'{self.label}': {message.en}"), hint
        )
