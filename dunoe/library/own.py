"""What is dunoe's own and no document (`Settings.own`: key, database, models…), however it is reached."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

Inodes = frozenset[tuple[int, int]]  # devices and inodes


class Own:
    """Files and folders that are never read. They are known by their inodes, which links and mounts do not change."""

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self._paths = tuple(paths)

    def inodes(self) -> Inodes:
        """Of what is there at this moment, and of what lies in a folder of these: it may be mounted elsewhere."""
        found = set[tuple[int, int]]()
        for path in self._paths:
            for one in (path, *_inside(path)):
                with suppress(OSError):  # it is not there, or not any more
                    at = one.stat()
                    found.add((at.st_dev, at.st_ino))
        return frozenset(found)


def is_own(path: str, own: Inodes) -> bool:
    """Is it one of them, or something in one?"""
    real = Path(os.path.realpath(path))
    for one in (real, *real.parents):
        with suppress(OSError):
            at = one.stat()
            if (at.st_dev, at.st_ino) in own:
                return True
    return False


def _inside(path: Path) -> list[Path]:
    try:
        return list(path.iterdir())
    except OSError:  # a file, or not there
        return []
