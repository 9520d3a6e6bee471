"""The process that workers are forked from, both ends of it: what all of them need is loaded once, and shared.

Over a socket, the program's stdin, it is sent numbers of 64 bits and answers each with one:

    HELLO       its own id, when it is ready
    HATCH       with two files, channel and log of a new worker: the worker's id, or -errno
    an id       kills this worker: how it ended, as `returncode` says it

A worker that ended keeps its id until we have asked how, so no stranger is ever killed. When the socket ends, so do
the program and its workers. Its states are in docs/design/library.md.
"""

import asyncio
import errno
import gc
import os
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import anyio

from dunoe.engines.llama_child import die_with_parent
from dunoe.library import terms, worker

FORKS = sys.platform == "linux"  # on macOS a fork may not use its libraries: each loads them
START_S = 60.0  # seconds until it is ready
ANSWER_S = 30.0  # seconds until a worker is forked, or has ended after it was killed
PATIENCE_S = 1.0  # for one that is ending, and could say why
LOG_LINE = 300  # characters

HELLO, HATCH = -1, 0
_NUMBER = struct.Struct("!q")


class Lost(Exception):
    """The nest is gone, and its workers with it. It says why."""


@dataclass(frozen=True, slots=True)
class Hatched:
    """A worker, and the nest it is of."""

    pid: int
    nest: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Nest:
    """No process until a worker is wanted; one that was lost is replaced by the next."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._log: BinaryIO | None = None
        self._pids: set[int] = set()
        self._asking = anyio.Lock()

    async def hatch(self, log: BinaryIO) -> Hatched:
        """A new worker; what it says goes to the log. Raises Lost, and OSError where there is no room for one."""
        async with self._asking:
            process = self._process or await self._start()
            ours, theirs = socket.socketpair()
            with theirs:
                reader, writer = await asyncio.open_unix_connection(sock=ours, limit=2**20)
                pid = 0
                try:
                    pid = await self._ask(HATCH, [theirs.fileno(), log.fileno()])
                finally:
                    if pid <= 0:
                        writer.transport.abort()
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        self._pids.add(pid)
        return Hatched(pid, process, reader, writer)

    async def end(self, one: Hatched) -> int:
        """Kill a worker, if it has not ended by itself, and say how it ended. Raises Lost."""
        async with self._asking:
            one.writer.transport.abort()
            if one.nest is not self._process:
                raise Lost("its nest is gone")
            status = await self._ask(one.pid)
        self._pids.discard(one.pid)
        return status

    async def rest(self) -> None:
        """End it, if it has no worker."""
        async with self._asking:
            if not self._pids:
                await self.stop()

    async def stop(self) -> str:
        """End it, and with it all its workers; how it ended."""
        process, self._process = self._process, None
        control, self._control = self._control, None
        log, self._log = self._log, None
        self._pids.clear()
        if control is None or log is None:
            return ""
        control.close()
        if process is None:
            log.close()
            return ""
        with log, anyio.CancelScope(shield=True):
            with anyio.move_on_after(PATIENCE_S):
                await process.wait()
            if process.returncode is None:
                process.kill()
            status = await process.wait()
            said = ended(status, log)
        return said

    async def _start(self) -> asyncio.subprocess.Process:
        log = self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `stop` closes it
        self._control, theirs = socket.socketpair()
        self._control.setblocking(False)
        command = [sys.executable, "-P", "-m", "dunoe.library.nest", str(os.getpid())]
        try:
            with theirs:  # -P: the folder we stand in is no place to import from
                process = self._process = await asyncio.create_subprocess_exec(
                    *command,
                    *(["forks"] if FORKS else []),
                    stdin=theirs.fileno(),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C in a terminal is for the parent alone
                )
            await self._ask(HELLO, limit_s=START_S, is_shielded=False)
        except BaseException:  # a cancellation too: no process stays behind
            await self.stop()
            raise
        return process

    async def _ask(
        self,
        number: int,
        files: Sequence[int] = (),
        *,
        limit_s: float = ANSWER_S,
        is_shielded: bool = True,
    ) -> int:
        """Its answer. Left without one, it is ended: the next question must not get the answer of this one."""
        assert self._control is not None
        loop = asyncio.get_running_loop()
        try:
            with anyio.CancelScope(shield=is_shielded), anyio.fail_after(limit_s):
                socket.send_fds(self._control, [_NUMBER.pack(number)], files)
                said = await loop.sock_recv(self._control, _NUMBER.size)
        except asyncio.CancelledError:
            await self.stop()
            raise
        except OSError as exc:
            raise Lost(await self.stop()) from exc
        if len(said) != _NUMBER.size:
            raise Lost(await self.stop())
        answer: int = _NUMBER.unpack(said)[0]
        return answer


def ended(status: int, log: BinaryIO) -> str:
    """How a process ended, and its last words."""
    how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
    log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
    lines = log.read(4096).decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{how}; {last[:LOG_LINE]}" if last else how


def main() -> None:
    """Hatch workers until the parent is gone; in each of them, work."""
    die_with_parent()
    parent, *forks = sys.argv[1:]
    if os.getppid() != int(parent):  # it died before we asked to die with it
        os._exit(1)
    worker.confine()
    if forks:
        terms.warm()
        gc.collect()
        gc.freeze()  # a collection would write to what is shared
    control = socket.socket(fileno=0)
    _serve(control)
    control.detach()  # in a worker this number is the channel
    if not forks:
        os.execv(sys.executable, [sys.executable, "-P", "-m", "dunoe.library.worker"])
    worker.main()


def _serve(control: socket.socket) -> None:
    """Answer until the parent is gone. This returns in a worker, and only there."""
    while True:
        asked, files, *_ = socket.recv_fds(control, _NUMBER.size, 2)
        if len(asked) != _NUMBER.size:
            os._exit(0)
        (number,) = _NUMBER.unpack(asked)
        if number == HELLO:
            answer = os.getpid()
        elif number != HATCH:
            answer = _kill(number)
        elif not (answer := _hatch(files)):
            return
        control.sendall(_NUMBER.pack(answer))


def _hatch(files: Sequence[int]) -> int:
    """The id of a new worker, -errno where there is none, 0 in the worker itself."""
    if len(files) != 2:
        return -errno.EMFILE
    try:
        pid = os.fork()
    except OSError as exc:
        pid = -(exc.errno or errno.EAGAIN)
    if pid == 0:
        channel, log = files
        os.dup2(channel, 0)  # the control socket is closed by this
        os.dup2(log, 1)
        os.dup2(log, 2)
    for file in files:
        os.close(file)
    return pid


def _kill(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()
