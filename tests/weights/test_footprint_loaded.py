"""What a model takes is what llama.cpp logs when it loads it: shapes, contexts, slots and caches."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dunoe.errors import BadRequest
from dunoe.weights.header import read_header
from dunoe.weights.memory.footprint import Load, check_cache, footprint
from tests.weights.families import FAMILIES, eurobert, t5encoder
from tests.weights.loading import logged
from tests.weights.shapes import Shape, write

MIB = 2**20
SAID = re.compile(r" (model|KV|RS|compute|output|LoRA) buffer size = +([\d.]+) MiB")
HALF = 0.005 * MIB + 1  # llama.cpp says two digits of a MiB
GEMMA_NORMS = ("post_attention_norm", "post_ffw_norm")
EXPERTS = {"expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 256}

SHAPES = {
    "qwen2": Shape("qwen2", has_bias=True),
    "qwen3": Shape("qwen3", has_head_norms=True, head=64),
    "llama": Shape("llama", layers=3),
    "llama-embed": Shape("llama-embed", kv_heads=4),
    "llama-q4": Shape("llama", width=256, hidden=512, heads=8, type="Q4_K", outer="Q6_K"),
    "llama-tied": Shape("llama", width=256, hidden=512, type="Q4_0", outer="Q4_0", is_tied=True),
    "gemma2": Shape(
        "gemma2", 4, is_tied=True, norms=GEMMA_NORMS, extra={"attention.sliding_window": 512}
    ),
    "gemma3": Shape(
        "gemma3", 8, is_tied=True, has_head_norms=True, norms=GEMMA_NORMS,
        extra={"attention.sliding_window": 512},
    ),
    "experts": Shape("qwen3moe", has_head_norms=True, experts=8, extra=EXPERTS),
    "mixtral": Shape("llama", experts=4, extra={"expert_count": 4, "expert_used_count": 2}),
}  # fmt: skip
EMBEDDING_GEMMA = Shape(
    "gemma-embedding", 7, is_tied=True, has_head_norms=True, norms=GEMMA_NORMS,
    extra={"attention.sliding_window": 512, "attention.causal": False, "pooling_type": 1},
)  # fmt: skip
LOADS = {
    "4k": Load(4096, ubatch=64),
    "3 slots": Load(1000, 3, ubatch=64),
    "eight bits, 2 slots": Load(4096, 2, "q8_0", ubatch=64),
    "four bits": Load(2048, 1, "q4_0", ubatch=64),
    "no flash attention": Load(700, 3, flash_attention=False, ubatch=64),
    "large batch": Load(2048, 1, ubatch=512),
    "one cache for all": Load(512, 4, ubatch=64, unified=True),
}


PLAIN = ("ernie4_5", "exaone", "internlm2", "minicpm", "mistral3", "smollm3")


def _heads(size: int, arch: str = "qwen2") -> Shape:
    return Shape(arch, has_bias=arch == "qwen2", heads=4, kv_heads=4, head=size, width=4 * size)


@pytest.mark.parametrize("flash_attention", ["auto", "off"])
@pytest.mark.parametrize("kv_type", ["f16", "q8_0", "q4_0"])
@pytest.mark.parametrize("shape", [_heads(48), _heads(64), _heads(80)], ids=lambda one: one.head)
def test_a_cache_is_refused_where_llama_refuses_it(
    tmp_path: Path, shape: Shape, kv_type: str, flash_attention: str
) -> None:
    """`dunoe fit` gave the bytes of a cache that no load would have made."""
    file = write(tmp_path / "x.gguf", shape)
    load = Load(512, kv_type=kv_type, flash_attention=flash_attention != "off")

    def is_taken(ask: Callable[[], object], refusal: type[Exception]) -> bool:
        try:
            ask()
        except refusal:
            return False
        return True

    options = {"context": 512, "kv_type": kv_type, "flash_attention": flash_attention}
    truth = is_taken(lambda: logged(file, **options), AssertionError)
    assert is_taken(lambda: check_cache(read_header(file), load), BadRequest) == truth


def test_one_that_reads_a_text_at_once_is_asked_the_same(tmp_path: Path) -> None:
    """It keeps nothing, and llama.cpp refuses all the same."""
    file = write(tmp_path / "x.gguf", _heads(48, "bert"))
    options = {"mode": "embedding", "pooling": "mean", "whole_batch": 512, "context": 512}
    assert logged(file, **options)
    with pytest.raises(AssertionError, match="not loaded"):
        logged(file, **options, kv_type="q8_0")
    with pytest.raises(BadRequest):
        check_cache(read_header(file), Load(512, kv_type="q8_0"))


def really(file: Path, load: Load) -> Counter[str]:
    """Bytes that llama.cpp logs, by what for."""
    lines = logged(
        file,
        mode="chat" if load.outputs is None else "embedding",
        context=load.context,
        whole_batch=load.ubatch,
        parallel=load.parallel,
        kv_type=load.kv_type,
        flash_attention="auto" if load.flash_attention else "off",
        params={"n_batch": load.ubatch, "n_ubatch": load.ubatch, "kv_unified": load.unified},
    )
    sizes: Counter[str] = Counter()
    for what, size in SAID.findall("".join(lines)):
        sizes[what] += round(float(size) * MIB)
        sizes[f"{what} lines"] += 1
    return sizes


def compare(file: Path, load: Load) -> None:
    ours, theirs = footprint(read_header(file), load), really(file, load)
    assert abs(ours.weights.host - theirs["model"]) <= HALF * theirs["model lines"]
    assert abs(ours.kv.host - theirs["KV"]) <= HALF * theirs["KV lines"]
    total = sum(size for what, size in theirs.items() if not what.endswith("lines"))
    assert ours.total == pytest.approx(total, rel=0.03)


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_decoder_takes_what_is_logged(tmp_path: Path, shape: Shape, load: Load) -> None:
    compare(write(tmp_path / "model.gguf", shape), load)


@pytest.mark.parametrize("load", ["4k", "large batch", "no flash attention"])
@pytest.mark.parametrize("arch", PLAIN)
def test_a_plain_decoder_of_another_name_takes_what_is_logged(
    tmp_path: Path, arch: str, load: str
) -> None:
    compare(write(tmp_path / "model.gguf", Shape(arch)), LOADS[load])


@pytest.mark.parametrize(
    "load", ["4k", "eight bits, 2 slots", "no flash attention", "large batch", "one cache for all"]
)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_its_own_takes_what_is_logged(tmp_path: Path, family: str, load: str) -> None:
    compare(FAMILIES[family](tmp_path / "model.gguf"), LOADS[load])


@pytest.mark.parametrize("flash_attention", [True, False])
def test_an_encoder_that_turns_by_position_takes_what_is_logged(
    tmp_path: Path, flash_attention: bool
) -> None:
    load = Load(512, flash_attention=flash_attention, ubatch=512, outputs=512)
    compare(eurobert(tmp_path / "model.gguf"), load)


@pytest.mark.parametrize("context", [256, 2048])
@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 256, "hidden": 512, "head": 64},
        {"width": 256, "hidden": 1024, "head": 64},
        {"layers": 24, "width": 512, "hidden": 1024, "head": 128},
    ],
    ids=["narrow", "wide", "deep"],
)
def test_queries_that_are_scaled_take_a_place_of_their_own(
    tmp_path: Path, sizes: dict[str, int], context: int
) -> None:
    """One width of a whole batch was missing, or too much."""
    shape = replace(EMBEDDING_GEMMA, **sizes)  # type: ignore[arg-type]  # all of them numbers
    load = Load(context, ubatch=context, outputs=context)
    file = write(tmp_path / "model.gguf", shape)
    compare(file, load)
    compute = footprint(read_header(file), load).compute.host
    assert abs(compute - really(file, load)["compute"]) <= MIB // 64


def test_the_cache_that_an_encoder_is_given_counts_though_nobody_reads_it(tmp_path: Path) -> None:
    """A T5's was left out: a third of all that it takes."""
    file, load = t5encoder(tmp_path / "model.gguf"), Load(512, ubatch=64)
    ours, theirs = footprint(read_header(file), load), really(file, load)
    assert abs(ours.weights.host - theirs["model"]) <= HALF
    assert ours.kv.host == theirs["KV"]


def test_an_encoder_needs_its_token_table_once(tmp_path: Path) -> None:
    """It says no tokens; a table that were an output too would be laid out anew for the processor."""
    shape = Shape("bert", kv_heads=4, context=512, width=256, hidden=512, type="Q4_0", outer="Q4_0")
    file = write(tmp_path / "model.gguf", shape)
    compare(file, Load(256, ubatch=256, outputs=256))
    on_card = footprint(read_header(file), Load(256, gpu_layers=-1, ubatch=256, outputs=256))
    table = next(t.size for t in read_header(file).tensors if t.name == "token_embd.weight")
    assert on_card.weights.host >= table
    assert on_card.weights.total <= file.stat().st_size


@pytest.mark.parametrize("context", [256, 512])
@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("flash_attention", [True, False])
def test_an_encoder_takes_what_is_logged(
    tmp_path: Path, context: int, slots: int, flash_attention: bool
) -> None:
    file = write(tmp_path / "model.gguf", Shape("bert", kv_heads=4, context=512))
    load = Load(context, slots, flash_attention=flash_attention, ubatch=context, outputs=context)
    compare(file, load)


@pytest.mark.parametrize("slots", [1, 3])
def test_a_state_is_as_long_whatever_the_context(tmp_path: Path, slots: int) -> None:
    extra = {"conv_kernel": 4, "inner_size": 256, "state_size": 16, "time_step_rank": 4}
    shape = Shape("mamba", extra={f"ssm.{key}": value for key, value in extra.items()})
    file = write(tmp_path / "model.gguf", shape)
    for context in (1024, 4096):
        load = Load(context, slots, ubatch=64)
        ours, theirs = footprint(read_header(file), load), really(file, load)
        assert abs(ours.state.host - theirs["RS"]) <= HALF
        assert abs(ours.weights.host - theirs["model"]) <= HALF
        assert ours.kv.host == theirs["KV"] == 0
