"""The process that reads files: parse, cut, weigh the terms. A file made to hurt hurts nobody but this process.

Frames (four bytes of length, then that many bytes) come and go on stdin, which is a socket. The first one says how
much it may use and is answered with an empty one; each further one is a job, answered with a `Reply` in JSON. A job
of bytes that are no file is followed by a frame of these bytes. When stdin ends, so does this program. It is forked
from the nest (`nest.py`), which set its bounds (`confine`).
"""

import hashlib
import os
import queue
import resource
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

import orjson

from dunoe.engines.llama_child import die_with_parent
from dunoe.errors import Problem, Text
from dunoe.foreign import reason
from dunoe.library import bm25
from dunoe.library.chunking import cut, estimate
from dunoe.library.parsing.parse import parse
from dunoe.library.taken import Refused, Reply, Taken
from dunoe.library.unreadable import Unreadable

NICENESS = 10  # whoever asks a question goes first
LARGEST_OUTPUT = 2**24  # bytes of any file that this process writes, its log being the only one
MIB = 2**20

HELD = Path("/proc/self/statm")  # its sixth number: pages of data

Json = dict[str, Any]  # Any: decoded JSON


class Limits(NamedTuple):
    """memory: bytes that a file may add to what the process has. largest: bytes of a file."""

    memory: int
    largest: int


def read_frame(file: BinaryIO) -> bytes | None:
    """The next frame; None when the other side is gone."""
    head = file.read(4)
    size = int.from_bytes(head, "big")
    body = file.read(size)
    return body if len(head) == 4 and len(body) == size else None


def framed(body: bytes) -> bytes:
    """A frame around these bytes."""
    return len(body).to_bytes(4, "big") + body


def main() -> None:
    """Read files until the parent is gone."""
    die_with_parent()
    start = orjson.loads(read_frame(sys.stdin.buffer) or b"{}")
    if os.getppid() != start.get("parent"):  # it died before we asked to die with it
        os._exit(1)
    frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(frames.put,), daemon=True).start()
    replies = os.fdopen(os.dup(0), "wb")
    replies.write(framed(b""))
    replies.flush()
    while True:
        job = orjson.loads(frames.get())
        data = frames.get() if job["path"] is None else None
        limits = Limits(start["memory"], start["largest"])
        replies.write(framed(orjson.dumps(answer(job, data, limits), default=list)))
        replies.flush()


def _listen(put: Callable[[bytes], None]) -> None:
    """Hear the end of the parent also while a parser runs."""
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        put(frame)
    os._exit(0)


def confine() -> None:
    """Let those who ask a question go first, and write no large files."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_OUTPUT, LARGEST_OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@contextmanager
def _at_most(memory: int) -> Iterator[None]:
    """Let this process take so many bytes more than it has, and no more. (Kiwi alone reserves 1.3 GB.)"""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if HELD.exists():
        pages = int(HELD.read_text().split()[5])
        resource.setrlimit(resource.RLIMIT_DATA, (pages * resource.getpagesize() + memory, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def answer(job: Json, data: bytes | None, limits: Limits) -> Reply:
    """Do one job; whatever goes wrong is told."""
    try:
        return Reply(taken=_take(job, data, limits))
    except Problem as problem:
        return Reply(refused=Refused(problem.code or "unreadable", problem.message, problem.hint))
    except MemoryError:
        return Reply(is_spent=True)
    except Exception as exc:  # noqa: BLE001 - outermost edge: told to the parent, which names the file
        name = type(exc).__name__
        said = Text(f"읽는 도중 오류가 났습니다 ({name})", f"reading it failed ({name})")
        hint = Text("다른 형식으로 저장해 넣어 보세요.", "try it saved as another type.")
        return Reply(refused=Refused("crashed", said, hint))


def _take(job: Json, data: bytes | None, limits: Limits) -> Taken:
    name, mtime_ns = job["name"], 0
    if data is None:
        data, mtime_ns = _load(Path(os.fsdecode(bytes.fromhex(job["path"]))), limits.largest)
    with _at_most(limits.memory):
        parsed = parse(data, name)
        passages = tuple(cut(parsed, job["limit"], estimate))
    title = parsed.title or PurePath(name).stem
    return Taken(
        digest=hashlib.sha256(data).hexdigest(),
        size=len(data),
        mtime_ns=mtime_ns,
        parsed=replace(parsed, text="", blocks=()),
        passages=passages,
        sparse=tuple(bm25.weigh(title, one.headings, one.text) for one in passages),
    )


def _load(path: Path, largest: int) -> tuple[bytes, int]:
    """A file's bytes and its time. It is opened without waiting: a pipe would never end."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            seen = os.fstat(file.fileno())
            if not stat.S_ISREG(seen.st_mode):
                raise _no_file()
            if seen.st_size > largest:
                raise _too_large(largest)
            data = file.read(largest + 1)
    except FileNotFoundError as exc:
        raise _vanished() from exc
    except IsADirectoryError as exc:
        raise _no_file() from exc
    except PermissionError as exc:
        raise _forbidden() from exc
    except OSError as exc:
        raise _unread(exc) from exc
    if len(data) > largest:
        raise _too_large(largest)
    return data, seen.st_mtime_ns


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _no_file() -> Unreadable:
    return Unreadable(
        Text("보통 파일이 아닙니다", "this is no regular file"),
        Text("파일만 넣어 주세요.", "put only files there."),
        code="unsupported",
    )


def _too_large(largest: int) -> Unreadable:
    mib = largest // MIB
    return Unreadable(
        Text(f"너무 큰 파일입니다 (한도 {mib} MiB)", f"this file is too big (limit {mib} MiB)"),
        Text("파일을 나누어 넣어 주세요.", "split it into smaller files."),
        code="too_big",
    )


def _vanished() -> Unreadable:
    return Unreadable(
        Text("읽기 전에 없어진 파일입니다", "this file vanished before it was read"),
        Text("다시 동기화하세요.", "sync again."),
        code="vanished",
    )


def _forbidden() -> Unreadable:
    return Unreadable(
        Text("읽을 권한이 없는 파일입니다", "dunoe may not read this file"),
        Text("파일의 읽기 권한을 확인하세요.", "check the file's permissions."),
        code="forbidden",
    )


def _unread(exc: OSError) -> Unreadable:
    why = reason(exc)
    return Unreadable(
        Text(f"파일을 읽지 못했습니다 ({why.ko})", f"this file cannot be read ({why.en})"),
        Text("디스크나 연결을 확인하세요.", "check the disk or the connection."),
        code="unreadable",
    )


if __name__ == "__main__":
    main()
