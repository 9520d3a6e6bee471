"""What models really took when they were loaded: remembered, and better than any reckoning.

One small JSON file. A figure is found again only for the same file (name, size, time) loaded the same way.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import astuple, replace
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import uuid4

from dunoe.weights.memory.footprint import Load, Share

FILE = "measured.json"
KEPT = 1000  # figures; the oldest go first
_SAID = re.compile(
    r"[\d.]+ I \w+: +(\S+) +(model|KV|RS|compute|output|LoRA) buffer size = +([\d.]+) MiB"
)
_IN_RAM = ("CPU", "BLAS", "AMX")


def logged_share(lines: Iterable[str]) -> Share | None:
    """Bytes by card and RAM, as a load's log has them; None where it does not tell all (only a verbose one does)."""
    share, compute = Share(), dict[str, Share]()
    has_weights = False
    for line in lines:
        if (said := _SAID.fullmatch(line)) is not None:
            where, what, size = said[1], said[2], round(float(said[3]) * 2**20)
            is_in_ram = where.startswith(_IN_RAM) or where.endswith("_Host")
            part = Share(host=size) if is_in_ram else Share(card=size)
            has_weights |= what == "model"
            if what == "compute":
                compute[where] = part  # made anew, it takes the place of the one before
            else:
                share += part
    return sum(compute.values(), share) if has_weights and compute else None


class Measured:
    """The figures kept in one folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._figures = self._read()
        self._putting = Lock()

    def get(self, file: Path, load: Load) -> Share | None:
        """What that file took when it was last loaded so; None when it never was."""
        found = self._figures.get(_key(file, load))
        return None if found is None else Share(*found)

    def put(self, file: Path, load: Load, share: Share) -> None:
        """Remember it, at once and whole, beside what others put there meanwhile."""
        key = _key(file, load)
        with self._putting:
            figures = self._read()
            figures.pop(key, None)
            figures[key] = (share.card, share.host)
            self._figures = dict(list(figures.items())[-KEPT:])
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new = self._path.with_name(f"{FILE}.{uuid4().hex}")
            try:
                new.write_text(json.dumps(self._figures), "utf-8")
                new.replace(self._path)
            finally:
                new.unlink(missing_ok=True)  # a full disk leaves half of it

    def _read(self) -> dict[str, tuple[int, int]]:
        """What cannot be read was never measured: the next load says it again."""
        try:
            told = json.loads(self._path.read_text("utf-8"))
            return {str(key): (int(card), int(host)) for key, (card, host) in told.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def _key(file: Path, load: Load) -> str:
    """One file as it is now, loaded one way. Adapters count by what they hold."""
    state = file.stat()
    adapters = [[(one.name, one.size) for one in header.tensors] for header in load.adapters]
    told = (file.name, state.st_size, state.st_mtime_ns, astuple(replace(load, adapters=())))
    return sha256(repr((told, adapters)).encode()).hexdigest()
