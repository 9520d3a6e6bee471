"""Families that are no plain decoder, as tiny files of zeros: what each has besides, as llama.cpp wants it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.weights.shapes import Number, Shape, _numbers, _Pen, _vocabulary

WIDTH, HIDDEN, HEADS, KV_HEADS, HEAD = 256, 512, 8, 2, 32
STATE = {
    "ssm.conv_kernel": 4, "ssm.inner_size": 512, "ssm.state_size": 64, "ssm.time_step_rank": 8,
    "ssm.group_count": 1,
}  # fmt: skip
DELTA = {
    "ssm.conv_kernel": 4, "ssm.inner_size": 256, "ssm.state_size": 32, "ssm.time_step_rank": 8,
    "ssm.group_count": 4, "full_attention_interval": 4,
}  # fmt: skip
EXPERTS = {"expert_count": 8, "expert_used_count": 2, "expert_feed_forward_length": 256}


def _begun(path: Path, arch: str, layers: int, extra: Mapping[str, Number], **more: bool) -> _Pen:
    """Metadata, token tables, the last norm. more: is_tied, has_attention, is_misnamed (that norm)."""
    shape = Shape(arch, layers, WIDTH, HIDDEN, HEADS, KV_HEADS, HEAD)
    pen = _Pen(path, shape)
    _vocabulary(pen, shape.vocabulary)
    numbers: dict[str, Number] = {
        "attention.layer_norm_rms_epsilon": 1e-6,
        "attention.layer_norm_epsilon": 1e-6,
    }
    if more.get("has_attention", True):
        numbers |= {
            "attention.head_count_kv": KV_HEADS, "attention.key_length": HEAD,
            "attention.value_length": HEAD, "rope.dimension_count": HEAD,
        }  # fmt: skip
    _numbers(pen, shape, numbers | dict(extra))
    pen.tensor("token_embd.weight", WIDTH, shape.vocabulary)
    _norm(pen, f"{'token_embd' if more.get('is_misnamed') else 'output'}_norm.weight")
    if not more.get("is_tied", False):
        pen.tensor("output.weight", WIDTH, shape.vocabulary)
    return pen


def _norm(pen: _Pen, name: str, length: int = WIDTH) -> None:
    pen.tensor(name, length, type="F32")


def _attention(pen: _Pen, layer: str, head: int = HEAD, *, gated: bool = False) -> None:
    pen.tensor(f"{layer}attn_q.weight", WIDTH, HEADS * head * (2 if gated else 1))
    for part in ("attn_k", "attn_v"):
        pen.tensor(f"{layer}{part}.weight", WIDTH, KV_HEADS * head)
    pen.tensor(f"{layer}attn_output.weight", HEADS * head, WIDTH)


def _head_norms(pen: _Pen, layer: str, head: int = HEAD) -> None:
    _norm(pen, f"{layer}attn_q_norm.weight", head)
    _norm(pen, f"{layer}attn_k_norm.weight", head)


def _feed_forward(pen: _Pen, layer: str) -> None:
    pen.tensor(f"{layer}ffn_gate.weight", WIDTH, HIDDEN)
    pen.tensor(f"{layer}ffn_up.weight", WIDTH, HIDDEN)
    pen.tensor(f"{layer}ffn_down.weight", HIDDEN, WIDTH)


def _experts(pen: _Pen, layer: str, type: str = "F16", *, biased: bool = False) -> None:
    pen.tensor(f"{layer}ffn_gate_inp.weight", WIDTH, 8, type="F32")
    for part, wide, rows in (("gate", WIDTH, 256), ("up", WIDTH, 256), ("down", 256, WIDTH)):
        pen.tensor(f"{layer}ffn_{part}_exps.weight", wide, rows, 8, type=type)
        if biased:
            pen.tensor(f"{layer}ffn_{part}_exps.bias", rows, 8, type="F32")
    if biased:
        _norm(pen, f"{layer}ffn_gate_inp.bias", 8)


def _shared_expert(pen: _Pen, layer: str) -> None:
    for part, wide, rows in (("gate", WIDTH, 256), ("up", WIDTH, 256), ("down", 256, WIDTH)):
        pen.tensor(f"{layer}ffn_{part}_shexp.weight", wide, rows)


def _mamba2(pen: _Pen, layer: str) -> None:
    inner, heads, wide = 512, 8, 512 + 2 * 64
    pen.tensor(f"{layer}ssm_in.weight", WIDTH, inner + wide + heads)
    pen.tensor(f"{layer}ssm_conv1d.weight", 4, wide, type="F32")
    _norm(pen, f"{layer}ssm_conv1d.bias", wide)
    _norm(pen, f"{layer}ssm_dt.bias", heads)
    pen.tensor(f"{layer}ssm_a", 1, heads, type="F32")
    pen.tensor(f"{layer}ssm_d", 1, heads, type="F32")
    pen.tensor(f"{layer}ssm_norm.weight", inner, 1, type="F32")
    pen.tensor(f"{layer}ssm_out.weight", inner, WIDTH)


def _delta_net(pen: _Pen, layer: str, gates: dict[str, int]) -> None:
    key, value = 4 * 32, 8 * 32
    pen.tensor(f"{layer}attn_qkv.weight", WIDTH, 2 * key + value)
    pen.tensor(f"{layer}attn_gate.weight", WIDTH, value)
    pen.tensor(f"{layer}ssm_conv1d.weight", 4, 2 * key + value, type="F32")
    _norm(pen, f"{layer}ssm_dt.bias", 8)
    _norm(pen, f"{layer}ssm_a", 8)
    for gate, rows in gates.items():
        pen.tensor(f"{layer}{gate}.weight", WIDTH, rows)
    _norm(pen, f"{layer}ssm_norm.weight", 32)
    pen.tensor(f"{layer}ssm_out.weight", value, WIDTH)


def phi3(path: Path) -> Path:
    """One matrix for queries, keys and values; both halves of the feed-forward in one."""
    pen = _begun(path, "phi3", 2, {"rope.scaling.original_context_length": 4096})
    for index in range(2):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        pen.tensor(f"{layer}attn_qkv.weight", WIDTH, (HEADS + 2 * KV_HEADS) * HEAD)
        pen.tensor(f"{layer}attn_output.weight", HEADS * HEAD, WIDTH)
        _norm(pen, f"{layer}ffn_norm.weight")
        pen.tensor(f"{layer}ffn_up.weight", WIDTH, 2 * HIDDEN)
        pen.tensor(f"{layer}ffn_down.weight", HIDDEN, WIDTH)
    return pen.done()


def exaone4(path: Path) -> Path:
    """Norms behind only; a window in the file that only the model of 64 layers has."""
    said = {"attention.sliding_window": 512, "attention.sliding_window_pattern": 4}
    pen = _begun(path, "exaone4", 4, said)
    for index in range(4):
        layer = f"blk.{index}."
        _attention(pen, layer)
        _head_norms(pen, layer)
        _norm(pen, f"{layer}post_attention_norm.weight")
        _feed_forward(pen, layer)
        _norm(pen, f"{layer}post_ffw_norm.weight")
    return pen.done()


def cohere2(path: Path) -> Path:
    """Attention and feed-forward side by side, windows, tied."""
    said = {"attention.sliding_window": 512, "logit_scale": 0.06}
    pen = _begun(path, "cohere2", 4, said, is_tied=True)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        _attention(pen, layer)
        _feed_forward(pen, layer)
    return pen.done()


def gpt_oss(path: Path) -> Path:
    """Sinks, windows, biases everywhere, experts of four bits."""
    said = EXPERTS | {"attention.sliding_window": 128, "expert_used_count": 4}
    pen = _begun(path, "gpt-oss", 4, said)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        _attention(pen, layer)
        for part, rows in (("q", 256), ("k", 64), ("v", 64), ("output", WIDTH)):
            _norm(pen, f"{layer}attn_{part}.bias", rows)
        _norm(pen, f"{layer}attn_sinks.weight", HEADS)
        _norm(pen, f"{layer}post_attention_norm.weight")
        _experts(pen, layer, "MXFP4", biased=True)
    return pen.done()


def qwen2moe(path: Path) -> Path:
    """One expert that every token asks."""
    said = EXPERTS | {"expert_shared_feed_forward_length": 256}
    pen = _begun(path, "qwen2moe", 4, said)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        _attention(pen, layer)
        _norm(pen, f"{layer}ffn_norm.weight")
        _experts(pen, layer)
        _norm(pen, f"{layer}ffn_gate_inp_shexp.weight")
        _shared_expert(pen, layer)
    return pen.done()


def _delta_nets(path: Path, arch: str, gates: dict[str, int], *, experts: bool) -> Path:
    """Three delta nets, then attention whose queries come with a gate."""
    said: dict[str, Number] = {**DELTA, "rope.dimension_sections": [11, 11, 10, 0]}
    if experts:
        said |= {**EXPERTS, "expert_shared_feed_forward_length": 256}
    pen = _begun(path, arch, 4, said)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        if index == 3:
            _attention(pen, layer, gated=True)
            _head_norms(pen, layer)
        else:
            _delta_net(pen, layer, gates)
        _norm(pen, f"{layer}post_attention_norm.weight")
        if experts:
            _experts(pen, layer)
            _norm(pen, f"{layer}ffn_gate_inp_shexp.weight")
            _shared_expert(pen, layer)
        else:
            _feed_forward(pen, layer)
    return pen.done()


def qwen35(path: Path) -> Path:
    """Delta nets, and plain feed-forward layers."""
    return _delta_nets(path, "qwen35", {"ssm_beta": 8, "ssm_alpha": 8}, experts=False)


def qwen35moe(path: Path) -> Path:
    """Delta nets, and experts."""
    return _delta_nets(path, "qwen35moe", {"ssm_beta": 8, "ssm_alpha": 8}, experts=True)


def qwen3next(path: Path) -> Path:
    """Both gates of a delta net in one matrix."""
    return _delta_nets(path, "qwen3next", {"ssm_ba": 16}, experts=True)


def mamba2(path: Path) -> Path:
    """Nothing but states."""
    pen = _begun(path, "mamba2", 4, STATE, has_attention=False)
    for index in range(4):
        _norm(pen, f"blk.{index}.attn_norm.weight")
        _mamba2(pen, f"blk.{index}.")
    return pen.done()


def falcon_h1(path: Path) -> Path:
    """A state and attention side by side; a norm's name without an ending."""
    pen = _begun(path, "falcon-h1", 4, STATE)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        _attention(pen, layer)
        _mamba2(pen, layer)
        _norm(pen, f"{layer}ffn_norm")
        _feed_forward(pen, layer)
    return pen.done()


def granite_hybrid(path: Path) -> Path:
    """Attention in one layer of four."""
    scales = ("logit_scale", "residual_scale", "embedding_scale", "attention.scale")
    said = STATE | dict.fromkeys(scales, 1.0) | {"attention.head_count_kv": [0, 0, KV_HEADS, 0]}
    pen = _begun(path, "granitehybrid", 4, said, is_tied=True)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        if index == 2:
            _attention(pen, layer)
        else:
            _mamba2(pen, layer)
        _norm(pen, f"{layer}ffn_norm.weight")
        _feed_forward(pen, layer)
    return pen.done()


def _short_convolutions(path: Path, arch: str, extra: Mapping[str, Number]) -> Path:
    """Short convolutions, and attention in every other layer."""
    own = [0, KV_HEADS] * 2
    said: dict[str, Number] = {"shortconv.l_cache": 3, "attention.head_count_kv": own, **extra}
    pen = _begun(path, arch, 4, said, is_tied=True, is_misnamed=True)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        if index % 2:
            _attention(pen, layer)
            _head_norms(pen, layer)
        else:
            pen.tensor(f"{layer}shortconv.in_proj.weight", WIDTH, 3 * WIDTH)
            pen.tensor(f"{layer}shortconv.conv.weight", 3, WIDTH, type="F32")
            pen.tensor(f"{layer}shortconv.out_proj.weight", WIDTH, WIDTH)
        _norm(pen, f"{layer}ffn_norm.weight")
        if index and "expert_count" in extra:
            _experts(pen, layer)
            _norm(pen, f"{layer}exp_probs_b.bias", 8)
        else:
            _feed_forward(pen, layer)
    return pen.done()


def lfm2(path: Path) -> Path:
    """Short convolutions, and plain feed-forward layers."""
    return _short_convolutions(path, "lfm2", {})


def lfm2moe(path: Path) -> Path:
    """Short convolutions, and experts in all layers but the first."""
    said = EXPERTS | {"leading_dense_block_count": 1, "expert_gating_func": 2}
    return _short_convolutions(path, "lfm2moe", said)


def deepseek2(path: Path) -> Path:
    """Keys and values in one latent, a dense layer first, a shared expert."""
    said = EXPERTS | {
        "attention.head_count_kv": 1, "attention.key_length": 96, "attention.value_length": 64,
        "attention.q_lora_rank": 128, "attention.kv_lora_rank": 64, "attention.key_length_mla": 96,
        "attention.value_length_mla": 64, "leading_dense_block_count": 1, "expert_shared_count": 1,
        "expert_weights_scale": 1.0, "expert_gating_func": 2, "expert_weights_norm": True,
    }  # fmt: skip
    pen = _begun(path, "deepseek2", 4, said)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        pen.tensor(f"{layer}attn_q_a.weight", WIDTH, 128)
        _norm(pen, f"{layer}attn_q_a_norm.weight", 128)
        pen.tensor(f"{layer}attn_q_b.weight", 128, HEADS * 96)
        pen.tensor(f"{layer}attn_kv_a_mqa.weight", WIDTH, 64 + HEAD)
        _norm(pen, f"{layer}attn_kv_a_norm.weight", 64)
        pen.tensor(f"{layer}attn_k_b.weight", 64, 64, HEADS)
        pen.tensor(f"{layer}attn_v_b.weight", 64, 64, HEADS)
        pen.tensor(f"{layer}attn_output.weight", HEADS * 64, WIDTH)
        _norm(pen, f"{layer}ffn_norm.weight")
        if index == 0:
            _feed_forward(pen, layer)
        else:
            _experts(pen, layer)
            _shared_expert(pen, layer)
            _norm(pen, f"{layer}exp_probs_b.bias", 8)
    return pen.done()


def gemma4(path: Path) -> Path:
    """Inputs of each layer's own, windows with shorter heads, caches that later layers share, tied."""
    is_windowed, own = [index % 3 != 2 for index in range(6)], 32
    said: dict[str, Number] = {
        "attention.sliding_window": 512, "attention.sliding_window_pattern": is_windowed,
        "attention.key_length": 64, "attention.value_length": 64, "attention.key_length_swa": HEAD,
        "attention.value_length_swa": HEAD, "attention.shared_kv_layers": 3,
        "embedding_length_per_layer_input": own, "rope.dimension_count": 64,
        "rope.dimension_count_swa": HEAD,
    }  # fmt: skip
    pen = _begun(path, "gemma4", 6, said, is_tied=True)
    pen.tensor("per_layer_token_embd.weight", own * 6, pen.shape.vocabulary)
    pen.tensor("per_layer_model_proj.weight", WIDTH, own * 6)
    _norm(pen, "per_layer_proj_norm.weight", own)
    _norm(pen, "rope_freqs.weight", 32)
    for index in range(6):
        layer, head = f"blk.{index}.", HEAD if is_windowed[index] else 64
        for norm in ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "post_norm"):
            _norm(pen, f"{layer}{norm}.weight")
        _attention(pen, layer, head)
        _head_norms(pen, layer, head)
        _feed_forward(pen, layer)
        pen.tensor(f"{layer}inp_gate.weight", WIDTH, own)
        pen.tensor(f"{layer}proj.weight", own, WIDTH)
    return pen.done()


def falcon(path: Path) -> Path:
    """Attention and feed-forward read the same; queries, keys and values from one matrix."""
    pen = _begun(path, "falcon", 4, {})
    _norm(pen, "output_norm.bias")
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        _norm(pen, f"{layer}attn_norm.bias")
        pen.tensor(f"{layer}attn_qkv.weight", WIDTH, (HEADS + 2 * KV_HEADS) * HEAD)
        pen.tensor(f"{layer}attn_output.weight", HEADS * HEAD, WIDTH)
        pen.tensor(f"{layer}ffn_up.weight", WIDTH, HIDDEN)
        pen.tensor(f"{layer}ffn_down.weight", HIDDEN, WIDTH)
    return pen.done()


def exaone_moe(path: Path) -> Path:
    """Windows whose pattern the file does not name, a shared expert."""
    said = EXPERTS | {
        "attention.sliding_window": 512, "expert_gating_func": 2, "expert_shared_count": 1,
        "expert_shared_feed_forward_length": 256,
    }  # fmt: skip
    pen = _begun(path, "exaone-moe", 4, said)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        _attention(pen, layer)
        _head_norms(pen, layer)
        _norm(pen, f"{layer}ffn_norm.weight")
        _experts(pen, layer)
        _shared_expert(pen, layer)
    return pen.done()


def gemma3n(path: Path) -> Path:
    """Four streams side by side, inputs of each layer's own, windows whose pattern the file does not name."""
    low = 64
    said = {"attention.sliding_window": 512, "embedding_length_per_layer_input": 256}
    pen = _begun(path, "gemma3n", 6, said, is_tied=True)
    for part in ("altup_proj", "altup_unembd_proj"):
        pen.tensor(f"{part}.weight", WIDTH, WIDTH, 3)
    pen.tensor("per_layer_token_embd.weight", 256 * 6, pen.shape.vocabulary)
    pen.tensor("per_layer_model_proj.weight", WIDTH, 256 * 6)
    _norm(pen, "per_layer_proj_norm.weight", 256)
    for index in range(6):
        layer = f"blk.{index}."
        norms = ("attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm", "post_norm")
        for norm in (*norms, "altup_correct_scale", "altup_router_norm", "laurel_post_norm"):
            _norm(pen, f"{layer}{norm}.weight")
        _attention(pen, layer)
        _head_norms(pen, layer)
        _feed_forward(pen, layer)
        pen.tensor(f"{layer}inp_gate.weight", WIDTH, 256)
        pen.tensor(f"{layer}proj.weight", 256, WIDTH)
        pen.tensor(f"{layer}altup_correct_coef.weight", 4, 4)
        pen.tensor(f"{layer}altup_predict_coef.weight", 4, 16)
        pen.tensor(f"{layer}altup_router.weight", WIDTH, 4)
        pen.tensor(f"{layer}laurel_l.weight", WIDTH, low)
        pen.tensor(f"{layer}laurel_r.weight", low, WIDTH)
    return pen.done()


def eurobert(path: Path) -> Path:
    """An encoder that turns queries and keys by position."""
    said = {"attention.head_count_kv": HEADS, "attention.causal": False, "pooling_type": 1}
    pen = _begun(path, "eurobert", 4, said, is_tied=True)
    for index in range(4):
        layer = f"blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            pen.tensor(f"{layer}{part}.weight", WIDTH, WIDTH)
        _norm(pen, f"{layer}ffn_norm.weight")
        _feed_forward(pen, layer)
    return pen.done()


def t5encoder(path: Path) -> Path:
    """The first half of a T5: places are a bias of the scores. No pooling is named."""
    pen = _Pen(path, Shape("t5encoder", 3, WIDTH, HIDDEN, HEADS, HEADS, HEAD))
    _vocabulary(pen, pen.shape.vocabulary)
    said: dict[str, Number] = {
        "attention.layer_norm_rms_epsilon": 1e-6, "attention.head_count_kv": HEADS,
        "attention.key_length": HEAD, "attention.value_length": HEAD,
        "attention.relative_buckets_count": 32,
    }  # fmt: skip
    _numbers(pen, pen.shape, said)
    pen.tensor("token_embd.weight", WIDTH, pen.shape.vocabulary)
    _norm(pen, "enc.output_norm.weight")
    for index in range(3):
        layer = f"enc.blk.{index}."
        _norm(pen, f"{layer}attn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_o"):
            pen.tensor(f"{layer}{part}.weight", WIDTH, WIDTH)
        if index == 0:
            pen.tensor(f"{layer}attn_rel_b.weight", HEADS, 32)
        _norm(pen, f"{layer}ffn_norm.weight")
        _feed_forward(pen, layer)
    return pen.done()


FAMILIES: dict[str, Callable[[Path], Path]] = {
    one.__name__: one
    for one in (
        phi3, exaone4, cohere2, gpt_oss, qwen2moe, qwen35, qwen35moe, qwen3next, mamba2, falcon_h1, granite_hybrid,
        deepseek2, gemma4, falcon, exaone_moe, gemma3n, lfm2, lfm2moe,
    )
}  # fmt: skip
