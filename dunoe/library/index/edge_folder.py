"""The folder of an embedded index: who holds it, and which of its shards is the true one.

lock            held as long as it is open
current         JSON: the number of the true shard, and the length of its vectors
shard-7/        one Qdrant Edge shard with its write-ahead log
shard-8/        a copy that is being arranged, or what a killed process left; removed when it is opened
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dunoe.foreign import reason
from dunoe.library.index import refusals

SPARE_BYTES = (
    512 * 2**20
)  # kept free: a full disk would kill the process, for files are written as memory


class EdgeFolder:
    """One folder, locked as long as it is open."""

    def __init__(self, path: Path, dimensions: int | None, spare_bytes: int) -> None:
        """Lock the folder and read which shard is true. Raises Unavailable: locked, broken, foreign, another model's.

        spare_bytes: what writing leaves free on the disk.
        """
        self.path, self._dimensions, self._spare_bytes = path, dimensions, spare_bytes
        with disk(path):
            path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(path)
            try:
                self.current = self._read()
                if self.current is None:
                    _check_ours(path)
                self.sweep()
            except BaseException:  # a cancellation too: the lock must not outlive us
                self.release()
                raise

    def release(self) -> None:
        """Let another process have it."""
        os.close(self._lock)

    def shard(self, number: int) -> Path:
        """Where a shard lies."""
        return self.path / f"shard-{number}"

    @property
    def here(self) -> Path:
        """Where the true shard lies, or will."""
        return self.shard(self.current or 1)

    def point_to(self, number: int) -> None:
        """From now on this shard is the true one, whenever we are killed."""
        draft = self.path / "current.new"
        with disk(self.path), draft.open("w") as file:
            json.dump({"shard": number, "dimensions": self._dimensions}, file)
            file.flush()
            os.fsync(file.fileno())
            draft.replace(self.path / "current")
        self.current = number

    def sweep(self) -> None:
        """Remove every shard but the true one."""
        for path in self.path.glob("shard-*"):
            if self.current is None or path != self.here:
                shutil.rmtree(path, ignore_errors=True)  # else at the next opening

    def copy(self, number: int) -> None:
        """Copy the true shard, which nobody may write to meanwhile."""
        with disk(self.path):
            there = sum(file.stat().st_blocks * 512 for file in self.here.rglob("*"))
            self.check_room(2 * there)  # the copy, and what it is arranged into
            shutil.copytree(self.here, self.shard(number))

    def check_room(self, more: int = 0) -> None:
        """Raise Unavailable when so many bytes would not leave enough free."""
        with disk(self.path):
            free = shutil.disk_usage(self.path).free
        if free < (wanted := self._spare_bytes + more):
            raise refusals.disk_full(self.path, free, wanted)

    def _read(self) -> int | None:
        """The number of the true shard; None in a new folder."""
        try:
            said = json.loads((self.path / "current").read_bytes())
            number, dimensions = int(said["shard"]), said["dimensions"]
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as exc:
            raise refusals.broken(self.path, "current") from exc
        if dimensions != self._dimensions:
            raise refusals.other_model(self.path)
        return number


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(descriptor)
        raise refusals.locked(folder) from exc
    return descriptor


def _check_ours(folder: Path) -> None:
    """A folder without `current` is empty, or what a process left that was killed while it began."""
    for path in folder.iterdir():
        if path.name not in ("lock", "current.new") and not path.name.startswith("shard-"):
            with suppress(OSError):
                (folder / "lock").unlink()
            raise refusals.foreign(folder)


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """Turn what the disk refuses into a Problem."""
    try:
        yield
    except OSError as exc:
        raise refusals.unwritable(folder, reason(exc)) from exc
