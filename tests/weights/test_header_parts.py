"""A model in several files is one model to whoever reads its header."""

import os
from pathlib import Path

import pytest

from dunoe.weights.header import BadModelFile, read_model, read_whole
from dunoe.weights.shelf import Shelf
from tests.weights.parts import written_in_parts


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, ...]:
    return written_in_parts(tmp_path)


def named(name: str) -> bytes:
    """A tensor's name as it stands in the file."""
    return len(name).to_bytes(8, "little") + name.encode()


def test_any_part_stands_for_the_model(parts: tuple[Path, ...]) -> None:
    assert [path.name for path in parts] == [f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    model = read_model(parts[0])
    assert read_model(parts[2]) == model
    assert (model.architecture, model.block_count, model.vocabulary_size) == ("llama", 2, 2000)
    assert [tensor.size for tensor in model.tensors] == [768, 800, 832]
    assert model.file_size == sum(path.stat().st_size for path in parts)
    assert model.parameter_count == 8 * (24 + 25 + 26)


def test_a_later_part_need_not_say_what_the_model_is(parts: tuple[Path, ...]) -> None:
    assert "general.architecture" not in read_whole(parts[1]).metadata
    (model,) = Shelf(parts[0].parent).models()
    assert (model.name, model.parameter_count) == ("big", 600)


def test_the_data_of_the_parts_stands_in_a_row(parts: tuple[Path, ...]) -> None:
    model = read_model(parts[0])
    ends = [tensor.offset + tensor.size for tensor in model.tensors]
    assert [tensor.offset for tensor in model.tensors] == [0, *ends[:-1]]
    assert model.data_end == model.data_start + ends[-1]


def test_the_vocabulary_comes_when_it_is_asked_for(parts: tuple[Path, ...]) -> None:
    tokens = read_model(parts[1], arrays=True).metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, tuple)
    assert tokens[-1] == "토큰1999"


def test_the_first_part_alone_is_no_model(parts: tuple[Path, ...]) -> None:
    with pytest.raises(BadModelFile, match="do not belong together"):
        read_model(parts[0].rename(parts[0].with_name("first.gguf")))


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 0, 2), (0, 2, 1)])
def test_parts_in_the_wrong_places_are_refused(
    parts: tuple[Path, ...], order: tuple[int, ...]
) -> None:
    raw = [path.read_bytes() for path in parts]
    for path, number in zip(parts, order, strict=True):
        path.write_bytes(raw[number])
    with pytest.raises(BadModelFile, match="do not belong together"):
        read_model(parts[0])


@pytest.mark.parametrize("other", ["token_embd.weight", "blk.0.ffn_up.weight"])
def test_one_tensor_in_two_parts_is_refused(parts: tuple[Path, ...], other: str) -> None:
    raw = parts[2].read_bytes()
    renamed = raw.replace(named("output_norm.weight"), named(other))
    parts[2].write_bytes(renamed + bytes(32))  # the data moved, its end with it
    with pytest.raises(BadModelFile, match="two parts"):
        read_model(parts[0])


def test_a_part_that_is_missing_or_cut_is_noticed(parts: tuple[Path, ...]) -> None:
    os.truncate(parts[2], parts[2].stat().st_size - 1)
    with pytest.raises(BadModelFile, match="cut off"):
        read_model(parts[0])
    parts[2].unlink()
    with pytest.raises(BadModelFile, match="No such file"):
        read_model(parts[0])
