"""A model's process never outlives its parent, and every way it can end is told in words."""

import asyncio
import os
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from dunoe.engines.child import Child
from dunoe.engines.events import Said
from dunoe.engines.llama import LlamaEngine, options
from dunoe.engines.llama_server import LlamaServerEngine
from dunoe.engines.request import Generation
from dunoe.errors import EngineFailed, EngineTimeout
from dunoe.portfolio.model import Model
from dunoe.settings import LLAMA, Adapter, EngineSettings, ModelSettings, TimeoutSettings
from dunoe.weights.memory.measured import logged_share

pytestmark = pytest.mark.anyio
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# A parent of its own: it loads a model, says the child's process id, and waits.
PARENT = """
import asyncio, sys
from pathlib import Path
from dunoe.engines.child import Child

async def main():
    child = Child("tiny")
    options = {options!r}
    starting = asyncio.create_task(child.start(options, 60))
    while not child.pid:
        await asyncio.sleep(0.001)
    if {is_ready}:
        await starting
    print(child.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
ENDED_S = 10  # far more than it takes; the test fails, and does not hang, when a child stays


def embedded(file: Path, **more: object) -> Model:
    """A model of the embedded engine."""
    settings = ModelSettings.model_validate({"file": file, "context": 2048, "threads": 1, **more})
    return Model(file.stem, LLAMA, file.stem, settings, slots=1)


async def ended(pid: int) -> None:
    """Return when there is no such process, or only its entry that init has yet to read."""
    async with asyncio.timeout(ENDED_S):
        while _is_running(pid):  # noqa: ASYNC110 - nobody tells us of a grandchild's end
            await asyncio.sleep(0.01)


def content_of(file: Path) -> bytes:
    return file.read_bytes()


def entries_of(folder: Path) -> int:
    return len(list(folder.iterdir()))


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@LINUX
@pytest.mark.parametrize("is_ready", [True, False], ids=["loaded", "still loading"])
async def test_a_parent_killed_with_9_leaves_no_child(is_ready: bool, tiny_chat: Path) -> None:
    program = PARENT.format(options=options(embedded(tiny_chat)), is_ready=is_ready)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 60))
    assert _is_running(pid)
    parent.kill()
    await parent.wait()
    await ended(pid)


async def test_a_child_whose_stdin_ends_goes_away_by_itself(tiny_chat: Path) -> None:
    """What holds where the kernel offers no signal for a parent's death."""
    child = Child("tiny")
    await child.start(options(embedded(tiny_chat)), 60)
    assert child.process is not None and child.process.stdin is not None
    child.process.stdin.close()
    await asyncio.wait_for(child.ended.wait(), ENDED_S)
    await child.stop()
    assert child.reason() == "exit code 0"


async def test_a_crash_in_the_middle_of_an_answer_is_told_and_the_next_load_works(
    tiny_chat: Path,
) -> None:
    model, engine = embedded(tiny_chat), LlamaEngine(TimeoutSettings())
    messages = [{"role": "user", "content": "끝없이 말해 줘"}]
    asked = Generation("chat", messages=messages, stream=True, options={"max_tokens": 1500})
    try:
        await engine.load(model)
        gone = asyncio.create_task(engine.gone(model))
        with pytest.raises(EngineFailed) as broken:
            async with aclosing(engine.generate(model, asked)) as answer:
                async for batch in answer:
                    if any(isinstance(event, Said) for event in batch):
                        os.kill(engine.pid(model), signal.SIGSEGV)
        assert broken.value.code == "engine_broke_off"
        assert "SIGSEGV" in broken.value.message.en
        assert "SIGSEGV" in await asyncio.wait_for(gone, ENDED_S)
        await engine.load(model)
        short = Generation("chat", messages=messages, options={"max_tokens": 2})
        async with aclosing(engine.generate(model, short)) as answer:
            assert [batch async for batch in answer]
    finally:
        await engine.aclose()


async def test_a_load_says_what_it_takes_and_then_the_log_is_quiet(tiny_chat: Path) -> None:
    model, child = embedded(tiny_chat), Child("tiny")
    await child.start(options(embedded(tiny_chat)), 60)
    told, taken = len(child.news), logged_share(child.news)
    where = EngineSettings(
        kind="llama", url=f"http://127.0.0.1:{child.port}", api_key=child.api_key
    )
    server = LlamaServerEngine("inside", where, TimeoutSettings())
    asked = Generation("complete", prompt="가", options={"max_tokens": 3})
    try:
        async with aclosing(server.generate(model, asked)) as answer:
            assert [batch async for batch in answer]
    finally:
        await server.aclose()
        await child.stop()
    assert taken is not None and taken.host > len(content_of(tiny_chat)) // 2
    assert len(child.news) == told
    assert not [line for line in child.log if " W " not in line]
    assert child.reason() == "killed by SIGTERM"  # none of what it said of the load is a last cry


async def test_a_cancelled_load_leaves_no_process(tiny_chat: Path) -> None:
    child = Child("tiny")
    loading = asyncio.create_task(child.start(options(embedded(tiny_chat)), 60))
    while not child.pid:  # noqa: ASYNC110 - the moment between the start and readiness has no event
        await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert child.ended.is_set()
    assert child.reason() == "killed by SIGKILL"


async def test_a_load_that_takes_too_long_is_given_up(tiny_chat: Path) -> None:
    child = Child("tiny")
    with pytest.raises(EngineTimeout) as late:
        await child.start(options(embedded(tiny_chat)), 0.01)
    assert late.value.code == "load_timeout"
    assert child.ended.is_set()


@LINUX
async def test_unloading_ends_the_process_and_twice_is_once(tiny_chat: Path) -> None:
    model, engine = embedded(tiny_chat), LlamaEngine(TimeoutSettings())
    await engine.load(model)
    pid = engine.pid(model)
    await engine.load(model)
    assert engine.pid(model) == pid
    await engine.unload(model)
    assert not _is_running(pid)
    await engine.unload(model)
    await engine.aclose()


async def test_a_broken_file_is_explained(tmp_path: Path, tiny_chat: Path) -> None:
    whole = content_of(tiny_chat)
    for content, words in (
        (b"", "not a whole GGUF file"),
        (b"GGUFno", "not a whole GGUF file"),
        (whole[: len(whole) * 2 // 3], "not a whole GGUF file"),
        (whole.replace(b"qwen2", b"qwenX"), "does not know its architecture"),
        (whole.replace(b"blk.1.ffn_down", b"blk.1.ffn_dowX"), "'blk.1.ffn_down.weight' not found"),
    ):
        file = tmp_path / "broken.gguf"
        file.write_bytes(content)
        engine = LlamaEngine(TimeoutSettings())
        with pytest.raises(EngineFailed) as refused:
            await engine.load(embedded(file))
        await engine.aclose()
        assert refused.value.code == "load_failed"
        assert words in refused.value.message.en
        assert refused.value.hint.en


async def test_a_broken_adapter_and_template_are_explained(tmp_path: Path, tiny_chat: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("{% for x in %}")
    engine = LlamaEngine(TimeoutSettings())
    with pytest.raises(EngineFailed) as refused:
        await engine.load(embedded(tiny_chat, adapters=(Adapter(file=broken),)))
    assert "LoRA" in refused.value.message.en
    with pytest.raises(EngineFailed) as refused:
        await engine.load(embedded(tiny_chat, template=broken))
    assert "Unexpected token" in refused.value.message.en
    await engine.aclose()


@LINUX
async def test_the_key_stands_in_no_process_list(tiny_chat: Path) -> None:
    child = Child("tiny")
    await child.start(options(embedded(tiny_chat)), 60)
    listed = content_of(Path(f"/proc/{child.pid}/cmdline"))
    listed += content_of(Path(f"/proc/{child.pid}/environ"))
    await child.stop()
    assert child.api_key.encode() not in listed


@LINUX
async def test_an_idle_child_rests_on_few_threads(tiny_chat: Path) -> None:
    child = Child("tiny")
    await child.start(options(embedded(tiny_chat)), 60)
    threads = entries_of(Path(f"/proc/{child.pid}/task"))
    await child.stop()
    assert threads <= 24
