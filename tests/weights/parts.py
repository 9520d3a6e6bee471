"""A model in parts, as the world writes them: only the first part says what the model is."""

from pathlib import Path

import numpy as np
from gguf import GGUFWriter


def written_in_parts(folder: Path, name: str = "big") -> tuple[Path, ...]:
    """Three tensors in three files, by the `gguf` package."""
    writer = GGUFWriter(folder / f"{name}.gguf", "llama", split_max_tensors=1)
    writer.add_block_count(2)
    writer.add_token_list([f"토큰{number}" for number in range(2000)])
    for number, tensor in enumerate(("token_embd", "blk.0.ffn_up", "output_norm")):
        values = np.full((8, 24 + number), number, dtype=np.float32)
        writer.add_tensor(f"{tensor}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tuple(sorted(folder.glob(f"{name}-*.gguf")))
