"""The processes that read files. A file that hangs, eats memory or crashes its reader costs only itself."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path, PurePath
from types import TracebackType
from typing import BinaryIO, Self

import anyio
import orjson
from pydantic import TypeAdapter

from dunoe.errors import Problem, Text, Unavailable
from dunoe.library.nest import START_S, Hatched, Lost, Nest, ended
from dunoe.library.taken import VERSION, Refused, Reply, Taken
from dunoe.library.unreadable import Unreadable
from dunoe.library.worker import MIB, framed

LARGEST = 256 * MIB  # bytes of a file
LARGEST_REPLY = 2**30
S_PER_MIB = 10.0  # on top of a file's limit: Kiwi takes 5 for words it has not seen, on a free core
RENEWED_AFTER = 2000  # files: what libraries leak is given back

AGAIN = ("crashed", "worker_did_not_start")  # what may have come from outside
_REPLY = TypeAdapter(Reply)


class Workers:
    """A pool; use it with `async with`, on the thread of the event loop. Processes start when they are needed.

    count: processes at most. memory: bytes that a file may add to what a process has
    (half a gigabyte for the morphemes). limit_s: seconds for a file, and `S_PER_MIB` more for its size.
    largest: bytes of one.
    """

    version = VERSION

    def __init__(self, count: int, memory: int, limit_s: float, largest: int = LARGEST) -> None:
        self.size = count
        self._nest = Nest()
        self._idle = [_Worker(self._nest, memory, limit_s, largest) for _ in range(count)]
        self._all = tuple(self._idle)
        self._free = anyio.Semaphore(count)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            for worker in self._all:
                await worker.stop()
            await self._nest.stop()

    async def rest(self, keep: int) -> None:
        """End the processes that have nothing to do, but for so many, and the nest with the last one."""
        while len(live := [worker for worker in self._idle if worker.process is not None]) > keep:
            async with self._free:  # its place among those that may work
                if live[0] not in self._idle:
                    continue
                self._idle.remove(live[0])
                try:
                    await live[0].stop()
                finally:
                    self._idle.insert(0, live[0])
        await self._nest.rest()

    @property
    def pids(self) -> list[int]:
        """The processes that run now."""
        return [worker.process.pid for worker in self._all if worker.process is not None]

    async def read(self, path: Path, limit_tokens: int) -> Taken:
        """A file's passages of at most so many tokens.

        Raises Unreadable; its `code` may be `too_slow`, `too_big`, `crashed` or `vanished`, too. Raises
        Unavailable when no process starts, which is not the file's fault.
        """
        job = {"path": os.fsencode(path).hex(), "name": _name(path.name), "limit": limit_tokens}
        return await self._do([orjson.dumps(job)], _size_of(path))

    async def read_bytes(self, data: bytes, name: str, limit_tokens: int) -> Taken:
        """The same of bytes that are no file here: an upload, a document of a test set."""
        job = {"path": None, "name": _name(PurePath(name).name), "limit": limit_tokens}
        return await self._do([orjson.dumps(job), data], len(data))

    async def _do(self, frames: list[bytes], size: int) -> Taken:
        async with self._free:
            worker = self._idle.pop()
            try:
                reply = await worker.ask(frames, size)
                if reply.is_spent or worker.jobs >= RENEWED_AFTER:
                    await worker.stop()
            finally:
                self._idle.append(worker)
        if reply.taken is not None:
            return reply.taken
        raise _refused(reply.refused) if reply.refused else _too_much(worker.memory)


class _Worker:
    """One process: none until it is asked, and none after it failed."""

    def __init__(self, nest: Nest, memory: int, limit_s: float, largest: int) -> None:
        self.nest = nest
        self.memory = memory
        self.limit_s = limit_s
        self.largest = largest
        self.process: Hatched | None = None
        self.jobs = 0
        self.log: BinaryIO | None = None

    async def ask(self, frames: list[bytes], size: int, *, is_second: bool = False) -> Reply:
        """Have a job of so many bytes done. Left early, by an error or by being cancelled, it leaves no process.

        A nest that is lost is not the file's fault, and a process that was killed need not be: who runs out of
        memory kills whom they like. So the file is read again, once.
        """
        try:
            return await self._ask(frames, self.limit_s + S_PER_MIB * size / MIB)
        except Lost as exc:
            if is_second:
                raise _did_not_start(str(exc)) from exc
        except Problem as problem:
            if is_second or problem.code not in AGAIN:
                raise
        return await self.ask(frames, size, is_second=True)

    async def _ask(self, frames: list[bytes], limit_s: float) -> Reply:
        is_whole = False
        try:
            process = self.process or await self._start()
            self.jobs += 1
            with anyio.fail_after(limit_s):
                reply = await _exchange(process, frames)
            is_whole = True
            return reply
        except TimeoutError as exc:
            raise _too_slow(limit_s) from exc
        except (OSError, EOFError) as exc:
            raise _crashed(await self._ended()) from exc
        except ValueError as exc:  # no reply of ours
            raise _crashed(type(exc).__name__) from exc
        finally:
            if not is_whole:
                await self.stop()

    async def stop(self) -> None:
        """End the process, whatever it does."""
        with suppress(Lost):
            await self._ended()

    async def _ended(self) -> str:
        """End the process, if it has not ended by itself: how it did, and its last words. Raises Lost."""
        process, self.process, self.jobs = self.process, None, 0
        log, self.log = self.log, None
        if log is None:
            return ""
        with log:
            if process is None:
                return ""
            with anyio.CancelScope(shield=True):
                status = await self.nest.end(process)
            return ended(status, log)

    async def _start(self) -> Hatched:
        try:
            log = self.log = tempfile.TemporaryFile()  # noqa: SIM115 - `_ended` closes it
            process = self.process = await self.nest.hatch(log)
            start = {"parent": process.nest.pid, "memory": self.memory, "largest": self.largest}
            with anyio.fail_after(START_S):
                await _send(process, [orjson.dumps(start)])
                await _receive(process)
        except (OSError, EOFError) as exc:
            raise _did_not_start(await self._ended() or str(exc)) from exc
        return process


async def _exchange(process: Hatched, frames: list[bytes]) -> Reply:
    await _send(process, frames)
    return _REPLY.validate_json(await _receive(process), strict=True)


async def _send(process: Hatched, frames: list[bytes]) -> None:
    process.writer.writelines(map(framed, frames))
    await process.writer.drain()


async def _receive(process: Hatched) -> bytes:
    """The next frame. Raises EOFError where there is none, ValueError where it is no reply."""
    size = int.from_bytes(await process.reader.readexactly(4), "big")
    if size > LARGEST_REPLY:
        raise ValueError(f"a reply of {size} bytes")
    return await process.reader.readexactly(size)


def _size_of(path: Path) -> int:
    """Bytes of a file; 0 of one that vanished, as the worker will find out."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _name(name: str) -> str:
    """A file's name in letters that JSON has; it only tells kinds of text apart, and is a title."""
    return name.encode("utf-8", "replace").decode()


def _refused(refused: Refused) -> Unreadable:
    return Unreadable(Text(*refused.message), Text(*refused.hint), code=refused.code)


def _too_much(memory: int) -> Unreadable:
    mib = memory // MIB
    return Unreadable(
        Text(
            f"읽는 데 메모리가 {mib} MiB보다 많이 듭니다",
            f"reading this file takes more than {mib} MiB of memory",
        ),
        Text("파일을 나누어 넣어 주세요.", "split it into smaller files."),
        code="too_big",
    )


def _too_slow(limit_s: float) -> Unreadable:
    return Unreadable(
        Text(
            f"{limit_s:.0f}초 안에 읽지 못한 파일입니다",
            f"this file was not read within {limit_s:.0f} s",
        ),
        Text("파일을 나누어 넣어 주세요.", "split it into smaller files."),
        code="too_slow",
    )


def _crashed(reason: str) -> Unreadable:
    return Unreadable(
        Text(
            f"읽던 프로세스가 멈추게 한 파일입니다 ({reason})",
            f"this file ended the process that read it ({reason})",
        ),
        Text("다른 형식으로 저장해 넣어 보세요.", "try it saved as another type."),
        code="crashed",
    )


def _did_not_start(reason: str) -> Unavailable:
    return Unavailable(
        Text(
            f"파일을 읽는 프로세스가 시작되지 않습니다 ({reason})",
            f"the process that reads files does not start ({reason})",
        ),
        Text(
            "메모리와 설치 상태를 확인하세요.",
            "check the memory and the installation.",
        ),
        code="worker_did_not_start",
    )
