"""What a model takes is known from its header: figures that others measured."""

import tracemalloc
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest

from dunoe.portfolio.entries import entries
from dunoe.weights.header import BadModelFile, Tensor, read_header
from dunoe.weights.memory.footprint import Load, footprint
from dunoe.weights.memory.layers import COMPARED, ENCODERS
from tests.weights.families import FAMILIES
from tests.weights.shapes import known

GIB = 2**30
QWEN_14B = {"block_count": 48, "embedding_length": 5120, "attention.head_count": 40}
EEVE = {"block_count": 48, "embedding_length": 4096, "attention.head_count": 32}
LLAMA_3B = {"block_count": 28, "embedding_length": 3072, "attention.head_count": 24}


@pytest.mark.parametrize(
    ("arch", "numbers", "per_token"),
    [("qwen2", QWEN_14B, 196_608), ("llama", EEVE, 196_608), ("llama", LLAMA_3B, 114_688)],
    ids=["qwen2-14b", "eeve", "llama-3b"],
)
@pytest.mark.parametrize(("context", "parallel"), [(4096, 1), (8192, 2), (16384, 1)])
def test_a_token_of_the_plans_models_takes_what_is_published(
    arch: str, numbers: dict[str, int], per_token: int, context: int, parallel: int
) -> None:
    header = known(arch, {**numbers, "attention.head_count_kv": 8})
    taken = footprint(header, Load(context, parallel)).kv
    assert taken.host == per_token * context * parallel


def test_a_cache_of_eight_bits_takes_17_32nds() -> None:
    header = known("qwen2", {**QWEN_14B, "attention.head_count_kv": 8})
    assert footprint(header, Load(16384, kv_type="q8_0")).kv.host == 3 * GIB * 17 // 32


def test_the_context_is_made_of_whole_pads() -> None:
    header = known("llama", {**LLAMA_3B, "attention.head_count_kv": 8})
    assert footprint(header, Load(1000, 3)).kv.host == 114_688 * 1024 * 3


def test_layers_on_the_card_take_their_cache_along() -> None:
    header = known("llama", {**LLAMA_3B, "attention.head_count_kv": 8})
    kv = footprint(header, Load(4096, gpu_layers=8)).kv  # the output and the last seven layers
    assert (kv.card, kv.host) == (114_688 * 4096 * 7 // 28, 114_688 * 4096 * 21 // 28)


def test_the_input_embedding_stays_in_ram() -> None:
    tensors = (
        Tensor("token_embd.weight", (3072, 100), "F16", 0, 614_400),
        Tensor("blk.0.attn_k.weight", (3072, 10), "F16", 614_400, 61_440),
    )
    numbers = {**LLAMA_3B, "block_count": 1, "attention.head_count_kv": 8}
    weights = footprint(known("llama", numbers, tensors), Load(4096, gpu_layers=-1)).weights
    assert weights.host == 614_400
    assert weights.card == 61_440 + 614_400  # without an output of its own, the input is it, again


@pytest.mark.parametrize("count", [None, 0, 513, 2**40])
def test_a_file_that_does_not_say_its_layers_is_no_model(count: int | None) -> None:
    with pytest.raises(BadModelFile, match=r"층|layers"):
        footprint(known("llama", {} if count is None else {"block_count": count}), Load(4096))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("block_count", 2**32 - 1),
        ("expert_used_count", 2**32 - 1),
        ("ssm.conv_kernel", 0),
        ("attention.head_count_kv", (2**31,) * 3),
    ],
)
def test_a_number_that_cannot_be_costs_no_memory(key: str, value: int | tuple[int, ...]) -> None:
    tensors = (
        Tensor("blk.0.ffn_gate_exps.weight", (64, 64, 8), "F16", 0, 65_536),
        Tensor("blk.0.ssm_in.weight", (), "F16", 65_536, 2),
        Tensor("blk.1.attn_qkv.weight", (64,), "F16", 65_568, 128),
        Tensor("blk", (1,), "F32", 65_696, 4),
        Tensor("per_layer_token_embd.weight", (), "F32", 65_728, 4),
    )
    header = known("llama", {**LLAMA_3B, "block_count": 3, key: value}, tensors)  # type: ignore[dict-item]  # hostile
    tracemalloc.start()
    with suppress(BadModelFile):
        footprint(header, Load(4096))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**22


def test_every_family_that_is_loaded_here_or_in_the_portfolio_was_compared(tmp_path: Path) -> None:
    """One nobody had looked at was called reckoned, and was a third off."""
    grown = [make(tmp_path / f"{name}.gguf") for name, make in FAMILIES.items()]
    assert {read_header(file).architecture for file in grown} <= COMPARED
    assert {one.header().architecture for one in entries().values()} <= COMPARED
    assert not {"t5", "t5encoder", "rwkv7", "kimi-linear", "of-tomorrow"} & COMPARED


def test_every_family_is_one_that_llama_knows() -> None:
    (library,) = Path(str(files("xllamacpp"))).glob("*.so")
    words = library.read_bytes()
    assert not [name for name in COMPARED | ENCODERS if name.encode() + b"\0" not in words]
