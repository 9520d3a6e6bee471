"""Files on their way: bytes in `.pulling/<file>.part`, what is known of them in a journal beside it."""

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dunoe.errors import Busy, Problem, Text, Unavailable
from dunoe.foreign import reason

FOLDER = ".pulling"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Journal(BaseModel):
    """What is known of a file on its way. sha256: only once it was verified."""

    model_config = ConfigDict(extra="forbid")
    source: str = ""
    etag: str | None = None
    size: int | None = None
    done: list[tuple[int, int]] = []
    sha256: str | None = None


class Partial:
    """One file on its way. The journal never promises bytes that a power cut could take back."""

    def __init__(self, folder: Path, file_name: str) -> None:
        self.folder = folder / FOLDER
        self.file = self.folder / f"{file_name}.part"
        self.notes = self.folder / f"{file_name}.json"
        self.journal = self._read()
        self._saving = threading.Lock()

    def _read(self) -> Journal:
        try:
            return Journal.model_validate_json(self.notes.read_bytes())
        except (FileNotFoundError, ValidationError):  # a spoiled journal promises nothing
            return Journal()

    @property
    def completed(self) -> int:
        """Bytes that are there."""
        return sum(stop - start for start, stop in self.journal.done)

    def missing(self, size: int, piece: int) -> list[tuple[int, int]]:
        """The ranges that are not there yet, none longer than `piece` bytes."""
        gaps, at = [], 0
        for start, stop in [*self.journal.done, (size, size)]:
            gaps += [(a, min(a + piece, start)) for a in range(at, start, piece)]
            at = stop
        return gaps

    def mark(self, start: int, stop: int) -> None:
        """Note that the bytes from `start` up to `stop` are there; `save` makes it last."""
        merged: list[tuple[int, int]] = []
        for a, b in sorted([*self.journal.done, (start, stop)]):
            if merged and a <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(b, merged[-1][1]))
            else:
                merged.append((a, b))
        self.journal.done = merged

    def begin(self, journal: Journal) -> None:
        """Forget what was there and start with this journal."""
        self.file.unlink(missing_ok=True)
        self.journal = journal
        self.save()

    def drop(self) -> None:
        """Remove it from the disk."""
        self.notes.unlink(missing_ok=True)
        self.file.unlink(missing_ok=True)
        self.journal = Journal()

    def save(self) -> None:
        """Make the bytes last, then the journal. May be called from any thread."""
        with self._saving:
            text = self.journal.model_dump_json().encode()
            if self.file.exists():
                sync(self.file)
            write_whole(self.notes, text)


class Bytes:
    """The open file of a partial. Threads that a cancelled task left behind may still write: after `close`
    that does nothing, so they never meet another file or a reused descriptor."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._descriptor: int | None = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, at: int, data: bytes) -> None:
        """Put bytes in their place."""
        with self._lock:
            view = memoryview(data)
            while view and self._descriptor is not None:
                written = os.pwrite(self._descriptor, view, at)
                view, at = view[written:], at + written

    def close(self) -> None:
        """Let go of the file, once a write that is under way has ended."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def sync(path: Path) -> None:
    """Return when a file or folder is on the disk and not only in memory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Replace a small file: its readers see the old bytes or the new ones."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(data)
        sync(new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def lock(folder: Path, name: str) -> Iterator[None]:
    """Be the only process that pulls this model; raises `Busy` while another one does."""
    path = folder / FOLDER / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(path)
    if descriptor is None:
        raise Busy(
            Text(
                f"다른 dunoe가 '{name}'을(를) 받고 있습니다",
                f"another dunoe is fetching '{name}'",
            ),
            Text("끝나기를 기다린 뒤 다시 하세요.", "wait until it is done, then try again."),
            retry_after_s=10,
            code="pull_in_progress",
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)  # the last holder removed the file between our open and our lock


@contextmanager
def disk_problems(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a `Problem`."""
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise disk_full(folder) from exc
        raise Problem(
            Text(
                f"모델 폴더에 쓸 수 없습니다: {folder} ({reason(exc).ko})",
                f"cannot write to the models folder: {folder} ({reason(exc).en})",
            ),
            Text(
                "폴더의 권한과 디스크를 확인하세요.", "check the folder's permissions and its disk."
            ),
        ) from exc


def disk_full(folder: Path, *, needed: int | None = None, free: int | None = None) -> Unavailable:
    """The error of a disk without room; with numbers (bytes) when they are known."""
    ko = en = ""
    if needed is not None and free is not None:
        ko = f": {needed / 2**30:.1f} GiB가 필요한데 {free / 2**30:.1f} GiB 남았습니다"
        en = f": {needed / 2**30:.1f} GiB needed, {free / 2**30:.1f} GiB free"
    return Unavailable(
        Text(f"디스크에 자리가 없습니다{ko}", f"the disk is full{en}"),
        Text(
            f"{folder}에서 자리를 비우고 다시 하세요. 받은 만큼은 남아 있습니다.",
            f"make room in {folder} and try again; what has arrived is kept.",
        ),
        code="disk_full",
    )
