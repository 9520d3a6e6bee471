"""What a load really took is remembered for that file, loaded that way."""

import os
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from dunoe.weights.memory.footprint import Load, Share
from dunoe.weights.memory.measured import FILE, Measured, logged_share

LOG = """\
0.00.463.511 I load_tensors:   CPU_Mapped model buffer size =    37.00 MiB
0.00.463.512 I load_tensors:        CUDA0 model buffer size =  8000.00 MiB
0.00.475.419 I llama_context:  CUDA_Host  output buffer size =     1.00 MiB
0.00.475.522 I llama_kv_cache:      CUDA0 KV buffer size =   768.00 MiB
0.00.476.323 I sched_reserve:      CUDA0 compute buffer size =   300.50 MiB
0.00.476.323 I sched_reserve:  CUDA_Host compute buffer size =    10.00 MiB
"""
MIB = 2**20
LOAD = Load(4096, 2)


def test_a_log_says_what_is_on_the_card_and_what_in_ram() -> None:
    assert logged_share(LOG.splitlines()) == Share(int(9068.5 * MIB), 48 * MIB)
    assert logged_share(["nothing of that"]) is None
    assert logged_share(LOG.splitlines()[:4]) is None  # the end is missing


def test_a_buffer_that_is_made_anew_counts_once_and_a_models_own_words_do_not() -> None:
    again = "0.00.476.400 I sched_reserve:      CUDA0 compute buffer size =   100.00 MiB"
    name = (
        "0.00.100.000 I llama_model_loader: - kv 3: general.name str = CPU KV buffer size = 9 MiB"
    )
    share = logged_share([name, *LOG.splitlines(), again])
    assert share == Share(int(8868 * MIB), 48 * MIB)


def test_a_figure_outlives_us(tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    assert Measured(tmp_path).get(file, LOAD) is None
    Measured(tmp_path).put(file, LOAD, Share(5, 7))
    assert Measured(tmp_path).get(file, LOAD) == Share(5, 7)
    assert Measured(tmp_path).get(file, replace(LOAD, context=8192)) is None
    os.utime(file, (1, 1))
    assert Measured(tmp_path).get(file, LOAD) is None


def test_a_full_disk_leaves_no_half_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    Measured(tmp_path).put(file, LOAD, Share(5, 7))
    before = sorted(tmp_path.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            Measured(tmp_path).put(file, LOAD, Share(6, 7))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert sorted(tmp_path.iterdir()) == before
    assert Measured(tmp_path).get(file, LOAD) == Share(5, 7)


@pytest.mark.parametrize("spoiled", ["", "[1]", '{"a": 1}', '{"a": ["x", 2]}', "\x00"])
def test_a_spoiled_table_is_an_empty_one(tmp_path: Path, spoiled: str) -> None:
    (tmp_path / FILE).write_text(spoiled)
    file = tmp_path / "x.gguf"
    file.write_bytes(b"GGUF")
    assert Measured(tmp_path).get(file, LOAD) is None
    Measured(tmp_path).put(file, LOAD, Share(1))
    assert Measured(tmp_path).get(file, LOAD) == Share(1)
