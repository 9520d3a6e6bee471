"""The models we know: facts of one published file each, as data in `models.toml`."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import as_file, files
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dunoe.errors import NotFound, Text
from dunoe.settings import Size
from dunoe.toml_file import TomlFile
from dunoe.weights.header import Header, Skipped, Tensor, Value
from dunoe.weights.quantisation import FILE_TYPES, TENSOR_TYPES

Seating = Literal["brain", "search", "coder", "router", "embedding", "reranking"]
Mode = Literal["chat", "embedding", "rerank"]

WORD_BYTES = 40  # of a header, for each token of the vocabulary: its text, type and merge
_SIZES = {packed.name: packed for packed in TENSOR_TYPES.values()}
_NUMBERS = {name: number for number, name in FILE_TYPES.items()}
_ENDS = {  # llama.cpp's recipes: how the token table and the output are packed
    "Q4_K_M": ("Q4_K", "Q6_K"),
    "Q5_K_M": ("Q5_K", "Q6_K"),
    "MXFP4_MOE": ("Q8_0", "Q8_0"),
}


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
    """What a machine must have for this model to be its first.

    card: bytes of a graphics card, with a context of 8,192 tokens. ram: bytes of memory where there is no card;
    None: too slow there.
    """

    card: Size
    ram: Size | None = None


class Entry(Table):
    """One published file of one model.

    source: what `dunoe models pull` takes. ollama: its name in Ollama's library, where it is there.
    size_bytes: the published file. context: tokens it was really trained on, whatever else is said of it.
    is_free: its licence allows commercial use. languages: the main ones, Korean only where its makers name it.
    """

    id: str
    title: str
    source: str
    ollama: str | None = None
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

        The token table and the output have their true size; the rest of the file is spread evenly over the layers.
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
        table, output = _ENDS.get(self.quantisation, (self.quantisation, self.quantisation))
        ends = {"token_embd.weight": output if self.shape.is_tied else table}
        if not self.shape.is_tied:
            ends["output.weight"] = output
        shape = (self.shape.embedding_length, self.shape.vocab_size)
        tensors, offset = [], 0
        for name, packing in ends.items():
            packed = _SIZES[packing]
            size = shape[0] * shape[1] // packed.block * packed.size
            tensors.append(Tensor(name, shape, packing, offset, size))
            offset += size
        each, over = divmod(self.size_bytes - start - offset, self.shape.block_count)
        for layer in range(self.shape.block_count):
            size = each + (over if layer == 0 else 0)
            tensors.append(Tensor(f"blk.{layer}.weight", (size,), "I8", offset, size))
            offset += size
        return tuple(tensors)


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
        ours = {_plain(name) for name in (one.id, one.title, one.file, one.ollama or "") if name}
        if ours.intersection(asked):
            return one
    return None


_PACKING = re.compile(r"[-.:](?:ud-)?(?:i?q\d\w*|[bf]?f(?:16|32)|mxfp4\w*)$")


def _plain(name: str) -> str:
    """A name in lower case, without folder, ending, publisher and packing, `-` between its words."""
    name = re.sub(r"[_\s]+", "_", name.lower().rpartition("/")[2])
    name = re.sub(r"[-.]gguf$", "", name)
    name = _PACKING.sub("", name).removesuffix(":latest")
    return re.sub(r"[-_\s:]+", "-", name)
