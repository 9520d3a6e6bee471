"""Small real GGUF files for the tests of this room."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter, LlamaFileType

MakeModel = Callable[..., Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a model file of about `size` bytes of random weights, with the `gguf` package."""

    def make(file_name: str = "tiny.gguf", size: int = 4096, seed: int = 0, **split: int) -> Path:
        path = tmp_path / "made" / file_name
        path.parent.mkdir(exist_ok=True)
        writer = GGUFWriter(path, "llama")
        writer.add_name("Tiny 모델")
        writer.add_context_length(2048)
        writer.add_embedding_length(64)
        writer.add_block_count(2)
        writer.add_file_type(LlamaFileType.MOSTLY_F16)
        writer.add_chat_template("{{ messages[0].content }}")
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("qwen2")
        writer.add_token_list([f"토큰{number}" for number in range(2000)])
        if split:
            writer.add_uint16("split.no", split["number"])
            writer.add_uint16("split.count", split["count"])
        random = np.random.default_rng(seed)
        rows = max(1, size // 256)
        writer.add_tensor("token_embd.weight", random.normal(size=(rows, 64)).astype(np.float32))
        writer.add_tensor("output_norm.weight", np.ones(64, dtype=np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return make
