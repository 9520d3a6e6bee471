"""How far a sync is: a bar where a person looks, a line now and then where a program reads."""

import time
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text as Line

from dunoe.cli.client import Json
from dunoe.cli.terminal import console, one_line, said
from dunoe.errors import Text

PHASES = {
    "scanning": Text("폴더를 살피는 중", "looking at the folders"),
    "comparing": Text("달라진 것을 찾는 중", "comparing"),
    "reading": Text("읽는 중", "reading"),
    "embedding": Text("벡터를 만드는 중", "making vectors"),
    "done": Text("읽기 끝", "reading is done"),
    "failed": Text("읽다가 멈춤", "reading was stopped"),
}
EVERY_S = 5.0  # between two plain lines of the same phase


class SyncBar:
    """On stderr, so that results can be piped. is_quiet: for who asked for JSON."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self._console, self._is_quiet = console(stderr=True), is_quiet
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=None, rate="")
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._told: tuple[str, float] = ("", 0.0)

    @property
    def _is_drawn(self) -> bool:
        return self._console.is_terminal and not self._is_quiet

    def __enter__(self) -> Self:
        if self._is_drawn:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, stand: Json) -> None:
        """One more look: `progress` of the ask dialect."""
        phase, (before, at) = phase_of(stand), self._told
        if phase is None and before == "reading":
            phase = str(stand["phase"])  # the last word: it has the final counts
        if phase is None or self._is_quiet:
            return
        if self._is_drawn:
            self._told = phase, at
            self._draw(phase, stand)
            return
        if phase != before or time.monotonic() - at >= EVERY_S:
            self._told = phase, time.monotonic()
            counted = "{}/{} ".format(*_counts(phase, stand)) if _counts(phase, stand)[1] else ""
            line = " · ".join(filter(None, (f"{_said(phase)} {counted}".strip(), rate(stand))))
            self._console.print(line, soft_wrap=True)

    def _draw(self, phase: str, stand: Json) -> None:
        done, total = _counts(phase, stand)
        self._bar.update(
            self._task,
            description=_said(phase),
            completed=done,
            total=total or None,
            rate="" if phase == "embedding" else rate(stand),
        )
        current = Line(one_line(str(stand["current"])), style="dim", no_wrap=True)
        current.truncate(self._console.width - 1, overflow="ellipsis")
        self._live.update(Group(self._bar, current), refresh=True)


def phase_of(stand: Json) -> str | None:
    """What is being done; None when nothing is."""
    if stand["is_running"]:
        return str(stand["phase"])
    return "embedding" if stand["owed"]["total"] else None


def rate(stand: Json) -> str:
    """Speed, time left, failures and what was skipped, as far as there are any."""
    parts = []
    if stand["files_per_s"]:
        unit = said(Text("개/s", "files/s"))
        parts.append(f"{stand['files_per_s']:.1f} {unit}")
    if stand["seconds_left"] is not None:
        minutes, seconds = divmod(round(stand["seconds_left"]), 60)
        parts.append(f"{minutes}:{seconds:02}" + said(Text(" 남음", " left")))
    if stand["failures"]:
        parts.append(said(Text(f"못 읽음 {stand['failures']}", f"{stand['failures']} failed")))
    if stand["skipped"]:
        parts.append(said(Text(f"건너뜀 {stand['skipped']}", f"{stand['skipped']} skipped")))
    return " · ".join(parts)


def _counts(phase: str, stand: Json) -> tuple[int, int]:
    if phase == "embedding":
        return stand["owed"]["done"], stand["owed"]["total"]
    return stand["files_done"], stand["files_total"]


def _said(phase: str) -> str:
    return said(PHASES.get(phase, Text(phase, phase)))
