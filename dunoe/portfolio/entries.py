"""The models we know: facts of one published file each, as data in `models.toml`."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dunoe.errors import NotFound, Text
from dunoe.settings import Mode, Size
from dunoe.toml_file import TomlFile
from dunoe.weights.header import Header, Skipped, Tensor, Value
from dunoe.weights.quantisation import FILE_TYPES, TENSOR_TYPES

Seating = Literal["brain", "search", "coder", "router", "embedding", "reranking"]

WORD_BYTES = 40  # of a header, for each token of the vocabulary: its text, type and merge
_SIZES = {packed.name: packed for packed in TENSOR_TYPES.values()}
_NUMBERS = {name: number for number, name in FILE_TYPES.items()}
_PACKED = {  # llama.cpp's recipes: how most of a file is packed, and how its output
    "Q4_K_M": ("Q4_K", "Q6_K"),
    "Q5_K_M": ("Q5_K", "Q6_K"),
    "MXFP4_MOE": ("MXFP4", "Q8_0"),
}
_TABLE = {"MXFP4_MOE": "Q8_0"}  # the token table, where it is packed otherwise than most
_INPUTS = "Q5_K"  # the token inputs of every layer, in the published 4-bit files of Gemma 4
_MAIN = 0.8  # of a layer is packed as most of the file is: counted in Qwen2.5-14B Q4_K_M, 81 %


class Table(BaseModel):
    """A table of our TOML files. Unknown keys are refused, so a typo is an error and not a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shape(BaseModel):
    """The shape of a model, under the keys of GGUF without the architecture before them.

    is_tied: the output is the token table again, or there is none.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, bool | int | float | tuple[bool, ...] | tuple[int, ...]]
    architecture: str
    vocab_size: int
    block_count: int
    embedding_length: int
    is_tied: bool = False

    def number(self, key: str) -> int | None:
        """One of the keys that not every model has."""
        value = (self.__pydantic_extra__ or {}).get(key)
        return value if isinstance(value, int) else None

    def metadata(self) -> dict[str, Value]:
        """The shape as a header says it; a list shorter than the layers is repeated over them."""
        said: dict[str, Value] = {}
        for key, value in self.model_dump(exclude={"architecture", "is_tied"}).items():
            if isinstance(value, tuple):
                value = tuple(value[layer % len(value)] for layer in range(self.block_count))
            said[f"{self.architecture}.{key}"] = value
        said["general.architecture"] = self.architecture
        said["tokenizer.ggml.tokens"] = Skipped(self.vocab_size)
        return said


class First(Table):
    """What a machine must have for this model to be its first: bytes.

    card: the graphics card it lies on whole, with a context of 8,192 tokens and a little room.
    ram: the memory it wants without a card, beside everything else that runs; None where a processor is too slow.
    """

    card: Size
    ram: Size | None = None


class Entry(Table):
    """One published file of one model.

    source: what `dunoe models pull` takes. ollama: its name in Ollama's library, where it is there.
    aliases: what people call it besides.
    size_bytes: the published file. context: tokens it was really trained on, whatever else is said of it.
    is_free: its licence allows commercial use. languages: the main ones, Korean only where its makers name it.
    """

    id: str
    title: str
    source: str
    ollama: str | None = None
    aliases: tuple[str, ...] = ()
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    licence: str = Field(min_length=1)
    is_free: bool = True
    quantisation: str
    size_bytes: int = Field(gt=0)
    context: int = Field(gt=0)
    roles: tuple[Seating, ...] = Field(min_length=1)
    languages: tuple[str, ...] = Field(min_length=1)
    mode: Mode = "chat"
    note: Text | None = None
    first: First | None = None
    shape: Shape

    @property
    def file(self) -> str:
        """The name of the published file."""
        return self.source.rpartition("/")[2]

    def header(self) -> Header:
        """A header as the file's own would be, as far as memory is concerned.

        Token table and output have their true size. The rest of the file is spread evenly over the layers, whose
        tensors have the names by which `layers` tells one that attends from one that carries a state.
        """
        shape = self.shape
        metadata = shape.metadata()
        metadata["general.name"] = self.title
        metadata[f"{shape.architecture}.context_length"] = self.context
        if self.quantisation in _NUMBERS:
            metadata["general.file_type"] = _NUMBERS[self.quantisation]
        start = WORD_BYTES * shape.vocab_size
        return Header(3, MappingProxyType(metadata), self._tensors(start), start, self.size_bytes)

    def _tensors(self, start: int) -> tuple[Tensor, ...]:
        layout = _Layout()
        packing, output = _PACKED.get(self.quantisation, (self.quantisation, self.quantisation))
        table = _TABLE.get(self.quantisation, packing)
        shape, count = self.shape, self.shape.block_count
        width, words = shape.embedding_length, shape.vocab_size
        layout.add("token_embd.weight", output if shape.is_tied else table, width, words)
        if not shape.is_tied:
            layout.add("output.weight", output, width, words)
        if inputs := shape.number("embedding_length_per_layer_input"):
            layout.add("per_layer_token_embd.weight", _INPUTS, inputs * count, words)
        left = self.size_bytes - start - layout.offset
        every = shape.number("full_attention_interval") or 1
        for layer in range(count):
            bytes_here = left // (count - layer)
            left -= bytes_here
            rows = int(bytes_here * _MAIN) // _bytes(packing, width) // 8 * 8
            layout.add(f"blk.{layer}.ffn_up.weight", packing, width, rows)
            mark = "attn_k.weight" if (layer + 1) % every == 0 else "ssm_conv1d.weight"
            rest = bytes_here - rows * _bytes(packing, width)
            layout.add(f"blk.{layer}.{mark}", "I8", rest, 1)
        return tuple(layout.tensors)


class _Layout:
    """Tensors laid one after the other."""

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.offset = 0

    def add(self, name: str, packing: str, width: int, rows: int) -> None:
        """One more tensor of `rows` rows."""
        size = rows * _bytes(packing, width)
        self.tensors.append(Tensor(name, (width, rows), packing, self.offset, size))
        self.offset += size


def _bytes(packing: str, count: int) -> int:
    packed = _SIZES[packing]
    return count // packed.block * packed.size


class _Models(Table):
    """The whole of `models.toml`."""

    model: tuple[Entry, ...]


@cache
def entries() -> Mapping[str, Entry]:
    """Every model we know, by its id."""
    with as_file(files("dunoe.portfolio").joinpath("models.toml")) as path:
        rows = TomlFile(path).checked(_Models).model
    return MappingProxyType({row.id: row for row in rows})


def entry(id: str) -> Entry:
    """One model by its id; raise NotFound."""
    found = entries().get(id)
    if found is None:
        raise NotFound(
            Text(f"'{id}' 모델을 모릅니다", f"there is no model '{id}' in the portfolio"),
            Text(f"아는 모델: {', '.join(entries())}", f"known: {', '.join(entries())}"),
        )
    return found


def known(*names: str, sha256: str | None = None) -> Entry | None:
    """The model that is meant by a digest, or by any of these names: of a file, in Ollama, in a header, our id.

    Names fit by their words, so `EEVE-Korean-Instruct-10.8B-v1.0-Q5_K_M.gguf` and `eeve-korean-instruct-10.8b`
    are one model; facts of the model hold then, `quantisation` and `size_bytes` perhaps not.
    """
    if sha256 is not None:
        for one in entries().values():
            if one.sha256 == sha256:
                return one
    asked = [_plain(name) for name in names if name]
    for one in entries().values():
        ours = (one.id, one.title, one.file, one.ollama or one.id, *one.aliases)
        if {_plain(name) for name in ours}.intersection(asked):
            return one
    return None


_PACKING = re.compile(r"[-.:](?:ud-)?(?:i?q\d\w*|[bf]?f(?:16|32)|mxfp4\w*)$")


def _plain(name: str) -> str:
    """A name in lower case, without folder, ending, publisher and packing, `-` between its words."""
    name = re.sub(r"[_\s]+", "_", name.lower().rpartition("/")[2])
    name = re.sub(r"[-.]gguf$", "", name)
    name = _PACKING.sub("", name).removesuffix(":latest")
    return re.sub(r"[-_\s:]+", "-", name)
