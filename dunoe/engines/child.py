"""The parent's side of one model process: start it, watch it, end it, and know why it ended."""

import asyncio
import os
import re
import secrets
import signal
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path

import orjson

from dunoe.engines.llama_child import LOADED
from dunoe.engines.request import Json
from dunoe.errors import EngineFailed, EngineTimeout, Text

PROGRAM = Path(__file__).with_name("llama_child.py")
LOG_LINES = 50
LOG_LINE = 2000  # characters
NEWS_LINES = 1000  # a load says some 200
LOG_S = 1.0  # seconds that the log may outlast its child
STOP_S = 3.0  # seconds a child may take to end by itself

# `0.00.182.172 E llama_model_load: error loading model: ...`
_STAMPED = re.compile(r"\d+\.\d+\.\d+\.\d+ (?P<level>[A-Z]) (?:\w+:? +)?(?:\w+: )?(?P<said>.*)")

_CAUSES = (
    (
        ("lora adapter",),
        Text("LoRA 어댑터를 적용할 수 없습니다", "a LoRA adapter does not go onto it"),
        Text("[models]의 adapters를 확인하세요.", "check its adapters under [models]."),
    ),
    (
        ("out of memory", "failed to allocate", "unable to allocate", "cudaMalloc"),
        Text("메모리가 모자랍니다", "out of memory"),
        Text(
            "context, parallel 또는 gpu_layers를 줄이거나 더 작은 모델을 쓰세요.",
            "lower context, parallel or gpu_layers, or take a smaller model.",
        ),
    ),
    (
        ("unknown model architecture",),
        Text("이 llama.cpp가 모르는 모델 구조입니다", "llama.cpp does not know its architecture"),
        Text("dunoe를 새 버전으로 올리세요.", "upgrade dunoe."),
    ),
    (
        ("gguf_init", "tensor data is not within", "corrupted"),
        Text("온전한 GGUF 파일이 아닙니다", "not a whole GGUF file"),
        Text("파일을 다시 받으세요: dunoe models pull", "fetch it again: dunoe models pull"),
    ),
)

_CHECK = Text(
    "모델 파일과 [models] 설정을 확인하세요.",
    "check the model's file and its settings under [models].",
)


class Child:
    """One process with one model in it.

    States: starting (until `start` returns), ready, stopping (in `stop`), dead (`ended` is set).
    log: the end of what it said, without mere news. news: what it told of the load.
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.api_key = secrets.token_urlsafe(32)
        self.port = 0
        self.ended = asyncio.Event()
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.news: deque[str] = deque(maxlen=NEWS_LINES)
        self._told = asyncio.Event()  # the log has come to the end of the load, or to its own
        self.process: asyncio.subprocess.Process | None = None
        self._life: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self.process.pid if self.process is not None else 0

    async def start(self, options: Json, limit_s: float) -> None:
        """Return when the model is loaded; raise, or be cancelled, with nothing left running.

        Call it on the event loop's thread: the kernel ends the child when that thread ends.
        """
        try:
            async with asyncio.timeout(limit_s):
                await self._start(options)
        except TimeoutError as exc:
            raise EngineTimeout(
                Text(
                    f"모델 '{self.model}'이(가) {limit_s:g}초 안에 올라오지 않았습니다",
                    f"model '{self.model}' did not load within {limit_s:g} s",
                ),
                Text("[timeouts] load_s 값을 늘리세요.", "raise load_s under [timeouts]."),
                code="load_timeout",
            ) from exc
        finally:
            if not self.port:
                await self.stop(0)

    async def _start(self, options: Json) -> None:
        process = self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the program's own folder is no place to import from
            PROGRAM,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
        )
        # The child's own task, from here to `stop`, which awaits it: it outlives this call by design.
        self._life = asyncio.create_task(self._watch(process), name=f"child {self.model}")
        assert process.stdin is not None and process.stdout is not None
        whole = options | {"parent": os.getpid(), "api_key": self.api_key}
        try:
            process.stdin.write(orjson.dumps(whole) + b"\n")
            await process.stdin.drain()
        except ConnectionError:
            self.log.append("it ended before it was told what to load")
        line = await process.stdout.readline()
        if not line:
            await self.ended.wait()
            raise self.failed_to_load()
        await self._told.wait()
        self.port = orjson.loads(line)["port"]

    async def stop(self, patience_s: float = STOP_S) -> None:
        """End the process and wait until it is gone; cancelled, finish that all the same."""
        if self._life is None or self.process is None:
            self.ended.set()  # it never began
            return
        if not self.ended.is_set():
            self._send(signal.SIGTERM if patience_s else signal.SIGKILL)
        cancelled = False
        while not self.ended.is_set():
            try:
                async with asyncio.timeout(patience_s or None):
                    await self.ended.wait()
            except TimeoutError:
                self._send(signal.SIGKILL)
                patience_s = 0
            except asyncio.CancelledError:
                cancelled = True  # raised again below, when nothing is left behind
                self._send(signal.SIGKILL)
                patience_s = 0
        await self._life
        if cancelled:
            raise asyncio.CancelledError

    def _send(self, number: signal.Signals) -> None:
        assert self.process is not None
        with suppress(ProcessLookupError):  # it ended meanwhile: all the better
            self.process.send_signal(number)

    def reason(self) -> str:
        """How the process ended, and its last cry: a line that is no part of the regular log."""
        code = self.process.returncode if self.process is not None else None
        how = "it is running" if code is None else f"exit code {code}"
        if code is not None and code < 0:
            how = f"killed by {signal.Signals(-code).name}"
        raw = [line for line in self.log if line and not _STAMPED.match(line)]
        return "; ".join([how, *raw[-1:]])

    def failed_to_load(self) -> EngineFailed:
        """Why the model did not load, in words that llama.cpp's log gives."""
        found = (_STAMPED.match(line) for line in self.log)
        said = next((one["said"] for one in found if one and one["level"] == "E"), self.reason())
        cause, hint = Text(said, said), _CHECK
        for marks, known, way_out in _CAUSES:
            if any(mark in line for mark in marks for line in self.log):
                cause, hint = known, way_out
                break
        return EngineFailed(
            Text(
                f"모델 '{self.model}'을(를) 올리지 못했습니다: {cause.ko}",
                f"model '{self.model}' did not load: {cause.en}",
            ),
            hint,
            code="load_failed",
        )

    def died(self) -> EngineFailed:
        """The model's process ended by itself, perhaps in the middle of an answer."""
        return EngineFailed(
            Text(
                f"모델 '{self.model}'의 프로세스가 멈췄습니다 ({self.reason()})",
                f"the process of model '{self.model}' died ({self.reason()})",
            ),
            Text(
                "다시 시도하세요: 다음 요청에서 모델이 다시 올라옵니다.",
                "try again: the next request loads the model anew.",
            ),
            code="engine_broke_off",
        )

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Keep the end of the log, and reap the process."""
        log = asyncio.create_task(self._keep_log(process))
        try:
            await process.wait()
            # Its last words are short and there; a heir of its stderr may hold the pipe open for ever.
            await asyncio.wait([log], timeout=LOG_S)
        finally:
            log.cancel()
            self.ended.set()

    async def _keep_log(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        rest = b""
        try:
            while data := await process.stderr.read(2**16):
                *lines, rest = (rest + data).split(b"\n")
                rest = rest[-LOG_LINE:]
                for line in lines:
                    self._hear(line.decode("utf-8", "replace").strip()[:LOG_LINE])
        finally:
            self._told.set()

    def _hear(self, line: str) -> None:
        stamped = _STAMPED.match(line)
        if line == LOADED:
            # What went over several lines is no last cry of a process that lives.
            self.log = deque(filter(_STAMPED.match, self.log), LOG_LINES)
            self._told.set()
        elif stamped is None or stamped["level"] != "I":
            self.log.append(line)
        elif not self._told.is_set():
            self.news.append(line)
