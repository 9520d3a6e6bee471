"""One loaded model: a program that runs a llama.cpp server and ends with its parent, however that ends.

Its options come as one JSON line on stdin, the key among them, so that neither stands in a process list.
It answers with one JSON line on stdout, `{"port": ...}`, when the model is loaded. llama.cpp's log goes to
stderr. When stdin ends, so does this program.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

PR_SET_PDEATHSIG = 1
QUIET, TALKING = 2, 4  # warnings and errors: what explains a failure; the size of every buffer, too
LOADED = "llama_child: loaded"  # on stderr, between what is said of the load and what comes later


def die_with_parent() -> None:
    """Let the kernel kill us when the parent dies; it works while C++ holds the interpreter, too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with(stdin: int) -> None:
    """End this process at once when that file ends: what a parent leaves behind on any system."""
    while os.read(stdin, 4096):
        continue
    os._exit(0)


def params(xllamacpp: Any, options: dict[str, Any]) -> Any:  # Any: a module without types; JSON
    """llama.cpp's parameters for our options."""
    p = xllamacpp.CommonParams()
    p.model.path = options["file"]
    p.model_alias = {options["alias"]}
    p.hostnames = ["127.0.0.1"]
    p.port = 0  # the system chooses one that is free
    p.api_keys = [options["api_key"]]
    p.n_parallel = options["parallel"]
    p.n_ctx = options["context"] * options["parallel"]  # llama.cpp counts all slots together
    p.cache_type_k = p.cache_type_v = getattr(
        xllamacpp.ggml_type, f"GGML_TYPE_{options['kv_type'].upper()}"
    )
    p.n_gpu_layers = options["gpu_layers"]
    p.fit_params = False  # what is declared is what is loaded
    p.flash_attn_type = {
        "auto": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO,
        "on": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED,
        "off": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED,
    }[options["flash_attention"]]
    p.endpoint_slots = p.endpoint_metrics = True
    p.ui = False
    p.verbosity = QUIET
    p.n_threads_http = options["parallel"] + 4  # each running answer holds one
    p.cache_ram_mib = 512
    _add_files(xllamacpp, p, options)
    _add_mode(xllamacpp, p, options)
    if options["threads"] is not None:
        p.cpuparams.n_threads = p.cpuparams_batch.n_threads = options["threads"]
    return p


def _add_files(xllamacpp: Any, p: Any, options: dict[str, Any]) -> None:  # Any: as above
    p.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(one["file"], one["scale"]) for one in options["adapters"]
    ]
    if options["template"] is not None:
        p.chat_template = options["template"]
    if options["projector"] is not None:
        p.mmproj.path = options["projector"]


def _add_mode(xllamacpp: Any, p: Any, options: dict[str, Any]) -> None:  # Any: as above
    if options["mode"] == "chat":
        # It looks up from reading a prompt only between batches: a batch is how long a caller who
        # left keeps the slot. These are as fast as greater ones.
        has_card = any("GPU" in str(device["type"]) for device in xllamacpp.get_device_info())
        p.n_batch = p.n_ubatch = max(512 if has_card else 64, options["parallel"])
    else:
        p.embedding = True
        p.n_batch = p.n_ubatch = options["whole_batch"]  # a text must fit one batch
    pooling = options["pooling"] or ("rank" if options["mode"] == "rerank" else None)
    if pooling is not None:
        name = f"LLAMA_POOLING_TYPE_{pooling.upper()}"
        p.pooling_type = getattr(xllamacpp.llama_pooling_type, name)


def hush(xllamacpp: Any) -> Callable[[], None] | None:  # Any: as above
    """What turns the log down to `QUIET` once all so far is written; None where that cannot be had.

    Each answer says twenty lines at `TALKING`. The functions are llama.cpp's own, under their C++ names.
    """
    library = ctypes.CDLL(sys.modules[xllamacpp.Server.__module__].__file__)
    try:
        set_level = library._Z30common_log_set_verbosity_tholdi
        the_log, flush = library._Z15common_log_mainv, library._Z16common_log_flushP10common_log
    except AttributeError:  # another compiler's names
        return None
    the_log.restype, flush.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

    def turn_down() -> None:
        set_level(QUIET)
        flush(the_log())

    return turn_down


def main() -> None:
    """Load, say the port, and stay until the parent is gone."""
    die_with_parent()
    options = json.loads(sys.stdin.buffer.readline())
    if os.getppid() != options["parent"]:  # it died before we asked to die with it
        os._exit(1)
    threading.Thread(target=end_with, args=(sys.stdin.fileno(),), daemon=True).start()
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints must not stand between our lines
    os.putenv("GGML_NO_BACKTRACE", "1")  # a crash would wait for a debugger otherwise

    # Only now: loading it takes a while, and by now we cannot be orphaned. It ships no types.
    import xllamacpp  # type: ignore[import-untyped]

    loading, turn_down = params(xllamacpp, options), hush(xllamacpp)
    if turn_down is not None:
        loading.verbosity = TALKING
    try:
        server = xllamacpp.Server(loading)
    except RuntimeError:  # llama.cpp says why on stderr (its log is written late: no _exit here)
        sys.exit(1)
    if turn_down is not None:
        turn_down()
    os.write(2, f"{LOADED}\n".encode())
    said.write(json.dumps({"port": urlsplit(server.listening_address).port}) + "\n")
    said.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
