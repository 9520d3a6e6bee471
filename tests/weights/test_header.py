"""A model file's header is read exactly, and a hostile one is refused quickly and in words."""

import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, LlamaFileType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunoe.weights.header import BadModelFile, Skipped, read_header, read_whole
from dunoe.weights.quantisation import FILE_TYPES, TENSOR_TYPES

MakeModel = Callable[..., Path]


def key(name: str, kind: int, value: bytes) -> bytes:
    return string(name) + struct.pack("<I", kind) + value


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def gguf_bytes(
    *entries: bytes, tensors: bytes = b"", tensor_count: int = 0, keys: int | None = None
) -> bytes:
    """A header by hand; `keys` may lie about the number of entries."""
    first = key("general.architecture", 8, string("llama"))
    count = 1 + len(entries) if keys is None else keys
    return (
        b"GGUF" + struct.pack("<IQQ", 3, tensor_count, count) + first + b"".join(entries) + tensors
    )


def tensor(name: str, shape: tuple[int, ...], kind: int = 0, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return string(name) + dimensions + struct.pack("<IQ", kind, offset)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(raw: bytes) -> Path:
        path = tmp_path / "hostile.gguf"
        path.write_bytes(raw)
        return path

    return write


def test_a_model_says_what_it_is(make_model: MakeModel) -> None:
    header = read_whole(make_model(size=8192))
    assert header.architecture == "llama"
    assert header.text("general.name") == "Tiny 모델"
    assert (header.context_length, header.embedding_length, header.block_count) == (2048, 64, 2)
    assert header.parameter_count == 32 * 64 + 64
    assert header.quantisation == "F16"
    assert header.chat_template == "{{ messages[0].content }}"
    assert (header.vocabulary, header.vocabulary_pre) == ("gpt2", "qwen2")
    assert header.vocabulary_size == 2000
    assert header.kind == "model"


def test_tensors_lie_where_the_gguf_package_put_them(make_model: MakeModel) -> None:
    path = make_model(size=8192)
    header = read_header(path)
    reader = gguf.GGUFReader(path)
    assert [
        (t.name, list(t.shape), t.type, header.data_start + t.offset, t.size)
        for t in header.tensors
    ] == [
        (t.name, t.shape.tolist(), t.tensor_type.name, t.data_offset, t.n_bytes)
        for t in reader.tensors
    ]


@pytest.mark.parametrize("name", ["bert-bge", "gpt-2", "llama-spm"])
def test_real_files_read_like_the_gguf_package_reads_them(shared: Path, name: str) -> None:
    path = shared / "data" / "vocab" / f"ggml-vocab-{name}.gguf"
    header, short = read_header(path, arrays=True), read_header(path)
    reader = gguf.GGUFReader(path)
    fields = {k: f for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    assert set(header.metadata) == set(short.metadata) == set(fields)
    for field_name, field in fields.items():
        ours, brief = header.metadata[field_name], short.metadata[field_name]
        assert (list(ours) if isinstance(ours, tuple) else ours) == field.contents()
        assert brief == (Skipped(len(field.data)) if isinstance(brief, Skipped) else ours)


VOCABULARIES = {
    "bert-bge": ("bert", "bert", 30522),
    "deepseek-coder": ("llama", "gpt2", 32256),
    "gemma-4": ("gemma4", "gemma4", 262144),
    "gpt-2": ("gpt2", "gpt2", 50257),
    "llama-bpe": ("llama", "gpt2", 128256),
    "llama-spm": ("llama", "llama", 32000),
    "nomic-bert-moe": ("nomic-bert-moe", "t5", 250048),
    "qwen2": ("qwen2", "gpt2", 151936),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_file_of_metadata_alone_is_read_to_its_last_byte(shared: Path, name: str) -> None:
    header = read_whole(shared / "data" / "vocab" / f"ggml-vocab-{name}.gguf")
    assert (header.architecture, header.vocabulary, header.vocabulary_size) == VOCABULARIES[name]
    assert header.data_end == header.file_size


def test_long_arrays_come_when_they_are_asked_for(shared: Path) -> None:
    path = shared / "data" / "vocab" / "ggml-vocab-qwen2.gguf"
    assert read_header(path).metadata["tokenizer.ggml.tokens"] == Skipped(151936)
    tokens = read_header(path, arrays=True).metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, tuple)
    assert tokens[:3] == ("!", '"', "#")
    assert len(tokens) == 151936


def test_our_tables_are_those_of_the_gguf_package() -> None:
    theirs = {
        kind.value: (kind.name, *GGML_QUANT_SIZES[kind])
        for kind in GGMLQuantizationType
        if kind in GGML_QUANT_SIZES
    }
    assert {number: tuple(kind) for number, kind in TENSOR_TYPES.items()} == theirs
    names = {
        kind.value: kind.name.removeprefix("MOSTLY_").removeprefix("ALL_")
        for kind in LlamaFileType
        if kind is not LlamaFileType.GUESSED
    }
    assert names == FILE_TYPES


def test_the_type_of_most_bytes_names_a_file_that_does_not_say(
    written: Callable[[bytes], Path],
) -> None:
    tensors = tensor("a", (32,), kind=0) + tensor("b", (1024,), kind=12, offset=128)
    raw = gguf_bytes(tensors=tensors, tensor_count=2)
    assert read_header(written(raw)).quantisation == "Q4_K"


def test_a_tensor_type_of_tomorrow_does_not_hide_the_model(
    written: Callable[[bytes], Path],
) -> None:
    header = read_header(written(gguf_bytes(tensors=tensor("a", (64,), kind=99), tensor_count=1)))
    assert header.tensors[0].type == "type99"
    assert header.parameter_count == 64


def test_a_file_that_lost_its_end_is_noticed(make_model: MakeModel) -> None:
    path = make_model(size=8192)
    os.truncate(path, path.stat().st_size - 1)
    read_header(path)
    with pytest.raises(BadModelFile, match="cut off") as caught:
        read_whole(path)
    assert caught.value.hint.ko


def test_every_shorter_header_is_refused(make_model: MakeModel, tmp_path: Path) -> None:
    path = make_model()
    raw = path.read_bytes()
    start = read_header(path).data_start
    short = tmp_path / "short.gguf"
    for length in [*range(400), *range(400, start - 32, 997), start - 32]:
        short.write_bytes(raw[:length])
        with pytest.raises(BadModelFile):
            read_header(short)


HOSTILE = {
    "nothing": b"",
    "a web page": b"<!DOCTYPE html><html>",
    "a zip": b"PK\x03\x04" + bytes(60),
    "version 1": b"GGUF" + struct.pack("<I", 1) + bytes(64),
    "big endian": b"GGUF" + struct.pack(">I", 3) + bytes(64),
    "2^60 keys": gguf_bytes(keys=2**60),
    "2^60 tensors": gguf_bytes(tensor_count=2**60),
    "more keys than bytes": gguf_bytes(keys=100_000),
    "no architecture": b"GGUF" + struct.pack("<IQQ", 3, 0, 0),
    "a number as architecture": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 1)
    + key("general.architecture", 4, struct.pack("<I", 7)),
    "an empty architecture": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 1)
    + key("general.architecture", 8, string("")),
    "a later part in words": b"GGUF"
    + struct.pack("<IQQ", 3, 0, 1)
    + key("split.no", 8, string("two")),
    "a key of 2^63 bytes": gguf_bytes(struct.pack("<Q", 2**63), keys=2),
    "a string of 2^64-1 bytes": gguf_bytes(key("a", 8, struct.pack("<Q", 2**64 - 1))),
    "a string longer than the file": gguf_bytes(key("a", 8, struct.pack("<Q", 2**20))),
    "2^62 numbers": gguf_bytes(key("a", 9, struct.pack("<IQ", 10, 2**62))),
    "2^60 strings": gguf_bytes(key("a", 9, struct.pack("<IQ", 8, 2**60))),
    "strings that are not there": gguf_bytes(key("a", 9, struct.pack("<IQ", 8, 2**21))),
    "an array of arrays": gguf_bytes(key("a", 9, struct.pack("<IQ", 9, 2))),
    "an unknown type": gguf_bytes(key("a", 77, b"\0" * 8)),
    "one key twice": gguf_bytes(key("a", 0, b"\1"), key("a", 0, b"\2")),
    "alignment 0": gguf_bytes(key("general.alignment", 4, struct.pack("<I", 0))),
    "alignment 2^31": gguf_bytes(key("general.alignment", 4, struct.pack("<I", 2**31))),
    "alignment of words": gguf_bytes(key("general.alignment", 8, string("wide"))),
    "nine dimensions": gguf_bytes(tensors=tensor("a", (1,) * 9), tensor_count=1),
    "a tensor of 2^72 numbers": gguf_bytes(tensors=tensor("a", (2**24,) * 3), tensor_count=1),
    "a tensor past the end of the world": gguf_bytes(
        tensors=tensor("a", (1,), offset=2**63), tensor_count=1
    ),
    "a crooked offset": gguf_bytes(tensors=tensor("a", (1,), offset=7), tensor_count=1),
    "a side of -1": gguf_bytes(tensors=tensor("a", (2**64 - 1, 0)), tensor_count=1),
    "one tensor twice": gguf_bytes(
        tensors=tensor("a", (8,)) + tensor("a", (8,), offset=32), tensor_count=2
    ),
    "a tensor over another": gguf_bytes(
        tensors=tensor("a", (8,), offset=64) + tensor("b", (17,), offset=0), tensor_count=2
    ),
    "2^32-1 layers": gguf_bytes(key("llama.block_count", 4, struct.pack("<I", 2**32 - 1))),
    "-1 layers": gguf_bytes(key("llama.block_count", 5, struct.pack("<i", -1))),
    "half a block": gguf_bytes(tensors=tensor("a", (33,), kind=2), tensor_count=1),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("arrays", [False, True])
def test_a_hostile_header_is_refused_in_two_lines(
    written: Callable[[bytes], Path], what: str, arrays: bool
) -> None:
    path = written(HOSTILE[what])
    tracemalloc.start()
    try:
        with pytest.raises(BadModelFile) as caught:
            read_header(path, arrays=arrays)
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()
    for line in (*caught.value.message, *caught.value.hint):
        assert line
        assert "\n" not in line


GIANTS = {
    "strings": gguf_bytes(key("a", 9, struct.pack("<IQ", 8, 2**40))),
    "bytes": gguf_bytes(key("a", 9, struct.pack("<IQ", 0, 2**40))),
    "one string": gguf_bytes(key("a", 8, struct.pack("<Q", 200 * 2**20))),
    "one key": gguf_bytes(struct.pack("<Q", 200 * 2**20), keys=2),
    "tensors": gguf_bytes(tensor_count=2**30),
}


@pytest.mark.parametrize("what", GIANTS)
@pytest.mark.parametrize("arrays", [False, True])
def test_a_sparse_giant_is_refused_without_reading_it(
    tmp_path: Path, what: str, arrays: bool
) -> None:
    path = tmp_path / "sparse.gguf"
    path.write_bytes(GIANTS[what])
    os.truncate(path, 2**42)
    tracemalloc.start()
    try:
        with pytest.raises(BadModelFile):
            read_header(path, arrays=arrays)
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()


def test_text_that_is_no_utf8_is_still_text(written: Callable[[bytes], Path]) -> None:
    raw = gguf_bytes(key("general.name", 8, string(b"\xff\xfe\xea\xb0")))
    name = read_header(written(raw)).text("general.name")
    assert name is not None
    assert name.encode("utf-8")


def test_a_number_of_the_wrong_type_is_no_number(written: Callable[[bytes], Path]) -> None:
    raw = gguf_bytes(
        key("llama.context_length", 8, string("many")),
        key("llama.block_count", 7, b"\1"),
        key("llama.embedding_length", 10, struct.pack("<Q", 2**32)),
    )
    header = read_header(written(raw))
    assert (header.context_length, header.block_count) == (None, None)
    assert header.embedding_length is None


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    for name in ("pipe.gguf", "nothing.gguf", "."):
        with pytest.raises(BadModelFile):
            read_header(tmp_path / name)


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(tail=st.binary(max_size=300), counts=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_noise_after_the_magic_is_refused_or_read(
    written: Callable[[bytes], Path], tail: bytes, counts: tuple[int, int]
) -> None:
    path = written(b"GGUF" + struct.pack("<IQQ", 3, *counts) + tail)
    try:
        read_header(path)
    except BadModelFile as refusal:
        assert refusal.hint.en
