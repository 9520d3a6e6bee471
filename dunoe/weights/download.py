"""Fetching a model: one call for everybody who wants it, however often and from however many at once."""

import asyncio
import copy
from dataclasses import dataclass, field
from pathlib import Path

from dunoe.errors import Busy, Problem, Text
from dunoe.weights.naming import checked_name
from dunoe.weights.pull import Phase, Progress, Pull, Pulled, wrong_digest
from dunoe.weights.sources import read_source
from dunoe.weights.web import Wire

_WIRE = Wire()


def _quiet(phase: Phase, completed: int, total: int | None) -> None:
    """Tell nobody."""


async def fetch(
    source: str,
    folder: Path,
    *,
    name: str | None = None,
    sha256: str | None = None,
    progress: Progress = _quiet,
    wire: Wire = _WIRE,
) -> Pulled:
    """Bring a model into the folder; what `source` may be is told at `read_source`. Raises a `Problem`.

    name: what to call it; default: the file's own stem. sha256: what its (only) file must have.
    progress: called with phase, completed bytes and total bytes, often; the bytes are of all parts together.
    A call that is cancelled or cut leaves what has arrived, and the next one goes on from there. Calls for the same
    model in one process share one pull.
    """
    wanted = read_source(source, wire.hub)
    model = checked_name(name or wanted.model)
    key = _key(folder, model)
    while (running := _running.get(key)) is not None:
        if running.label != wanted.label:
            raise _taken(model, running.label)
        if (pulled := await running.follow(progress)) is not None:
            if sha256 is not None and sha256.lower() != pulled.sha256:
                raise wrong_digest(wanted.label, sha256.lower(), pulled.sha256)
            return pulled
    running = _running[key] = _Running(wanted.label, [progress])
    try:
        pull = Pull(wanted, model, folder, sha256, running.tell, wire)
        running.outcome = await pull.run()
        return running.outcome
    except Problem as problem:
        running.outcome = problem
        raise
    finally:
        del _running[key]
        running.ended.set()


def _taken(model: str, label: str) -> Busy:
    return Busy(
        Text(
            f"'{model}'을(를) 다른 곳에서 받고 있습니다: {label}",
            f"'{model}' is being fetched from elsewhere: {label}",
        ),
        Text("끝난 뒤에 하거나 다른 이름을 쓰세요.", "wait for it, or choose another name."),
        code="pull_in_progress",
    )


@dataclass
class _Running:
    """A pull that others may follow. outcome: None when its leader was cancelled, and a follower must lead on."""

    label: str
    listeners: list[Progress]
    outcome: Pulled | Problem | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, phase: Phase, completed: int, total: int | None) -> None:
        for listener in list(self.listeners):
            listener(phase, completed, total)

    async def follow(self, progress: Progress) -> Pulled | None:
        self.listeners.append(progress)
        try:
            await self.ended.wait()
        finally:
            self.listeners.remove(progress)
        if isinstance(self.outcome, Problem):
            raise copy.copy(self.outcome)  # one instance raised twice mixes two tracebacks
        return self.outcome


# The pulls of this process, by loop and model: the folder on the disk is one for all callers, so this is too.
_running: dict[tuple[asyncio.AbstractEventLoop, Path], _Running] = {}


def _key(folder: Path, model: str) -> tuple[asyncio.AbstractEventLoop, Path]:
    return asyncio.get_running_loop(), folder.absolute() / model
