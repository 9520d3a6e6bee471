"""A program that loads a model just as the engine does, and shows all that llama.cpp logs of it.

python tests/weights/loading.py '{"file": "x.gguf", "context": 4096, ...}'

It stays, as the engine's own does; `logged` reads it to the point where every buffer is made, and ends it.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

OPTIONS: dict[str, Any] = {  # Any: JSON
    "alias": "model",
    "api_key": "key",
    "mode": "chat",
    "context": 4096,
    "parallel": 1,
    "kv_type": "f16",
    "gpu_layers": 0,
    "flash_attention": "auto",
    "adapters": [],
    "pooling": None,
    "template": None,
    "projector": None,
    "threads": 1,
}
MADE = "load_model: initializing"  # the first line after the last buffer
PATIENCE_S = 60


def logged(file: Path, **options: Any) -> list[str]:  # Any: JSON
    """The lines of a load. `params` among the options are llama.cpp's own, by name."""
    program = [sys.executable, __file__, json.dumps({"file": str(file), **options})]
    lines: list[str] = []
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True, errors="replace") as loading:
        limit = threading.Timer(PATIENCE_S, loading.kill)
        limit.start()
        assert loading.stderr is not None
        try:
            for line in loading.stderr:
                lines.append(line)
                if MADE in line:
                    return lines
        finally:
            limit.cancel()
            loading.kill()
    raise AssertionError("not loaded:\n" + "".join(lines[-12:]))


def main() -> None:
    """Load what the first argument says, and stay."""
    # Only in the program: it would start threads in every test. It ships no types.
    import xllamacpp  # type: ignore[import-untyped]

    from dunoe.engines.llama_child import params

    told = json.loads(sys.argv[1])
    changed = told.pop("params", {})
    loading = params(xllamacpp, OPTIONS | told)
    loading.verbosity = 5
    loading.warmup = False  # it would read every weight
    for name, value in changed.items():
        setattr(loading, name, value)
    server = xllamacpp.Server(loading)
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main()
