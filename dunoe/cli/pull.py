"""`dunoe models pull`: bring a model, from a hub, an address, a file, or through an Ollama."""

import asyncio
import re
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Annotated, TypeVar

import typer
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from dunoe import machine
from dunoe.cli.terminal import (
    AsJson,
    ConfigFile,
    Yes,
    confirm,
    console,
    one_line,
    print_json,
    said,
    say,
    settings_from,
)
from dunoe.engines.ollama import OllamaEngine
from dunoe.errors import BadRequest, Text
from dunoe.portfolio.suggest import suggest
from dunoe.settings import Settings
from dunoe.weights.download import fetch
from dunoe.weights.pull import Phase, Pulled
from dunoe.weights.sources import is_source
from dunoe.weights.web import Wire

_PHASES: dict[Phase, Text] = {
    "connecting": Text("연결 중", "connecting"),
    "downloading": Text("받는 중", "downloading"),
    "verifying": Text("확인 중", "verifying"),
    "done": Text("끝", "done"),
}
_INTERRUPTED = 130
Result = TypeVar("Result")


def pull(  # noqa: PLR0913 - one parameter an option: this is how typer reads a command line
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="hf:소유자/저장소/파일.gguf, https 주소, 파일, Ollama 모델 이름; "
            "없으면 이 컴퓨터에 맞는 모델 · none: one that fits this machine",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="부를 이름 · what to call it")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="파일의 sha256 · what its sha256 must be")
    ] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="받을 Ollama 엔진 · the Ollama that pulls")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """모델을 받습니다; 끊기면 이어받습니다 · fetch a model; a cut one is resumed"""
    settings = settings_from(config)
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise BadRequest(
            Text(f"sha256이 아닙니다: {sha256[:80]}", f"not a sha256: {sha256[:80]}"),
            Text("16진수 64자리를 주세요.", "give its 64 hexadecimal digits."),
        )
    if source is None:
        source = _suggested(yes=yes)
    if engine is not None or not is_source(source):
        ollama = _ollama(settings, engine)
        _to_the_end(_through(settings, ollama, source))
        found = {"name": source, "engine": ollama}
    else:
        pulled = _to_the_end(bring(settings, source, name, sha256))
        found = {"name": pulled.name, "path": str(pulled.path), "sha256": pulled.sha256}
        source = pulled.name
    if as_json:
        print_json(found)
    else:
        say(Text(f"'{source}'이(가) 준비되었습니다.", f"'{source}' is here."))


def _suggested(*, yes: bool) -> str:
    first = suggest(machine.look())
    size = decimal(first.size_bytes)
    question = Text(
        f"이 컴퓨터에 맞는 모델은 {first.title}입니다 ({size}). 받을까요?",
        f"{first.title} fits this machine ({size}). Fetch it?",
    )
    if not confirm(question, yes=yes):
        raise typer.Exit(1)
    return first.source


def _ollama(settings: Settings, wanted: str | None) -> str:
    """The one Ollama engine, or the one that was named."""
    known = [name for name, one in settings.engines.items() if one.kind == "ollama"]
    if wanted in known:
        return str(wanted)
    if wanted is None and len(known) == 1:
        return known[0]
    names = ", ".join(known) or "-"
    raise BadRequest(
        Text("어느 Ollama로 받을지 알 수 없습니다", "which Ollama is to fetch it?"),
        Text(
            f"--engine으로 고르세요 (설정의 Ollama: {names}). "
            "직접 받으려면 hf:소유자/저장소/파일.gguf 처럼 쓰세요.",
            f"choose one with --engine (Ollamas in the settings: {names}), "
            "or write hf:owner/repo/file.gguf to fetch a file.",
        ),
    )


def _to_the_end(work: Coroutine[None, None, Result]) -> Result:
    """Run it; Ctrl-C leaves what has arrived, and says so."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        console(stderr=True).print(
            said(
                Text(
                    "멈췄습니다. 같은 명령을 다시 실행하면 이어받습니다.",
                    "Stopped. The same command goes on from here.",
                )
            ),
            soft_wrap=True,
        )
        raise typer.Exit(_INTERRUPTED) from None


class _Bar:
    """A progress bar on a terminal's stderr, nothing where nobody looks."""

    def __init__(self) -> None:
        stderr = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=stderr,
            disable=not stderr.is_terminal,
        )
        self._task: TaskID | None = None
        self._doing = ""

    def __enter__(self) -> "_Bar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def show(self, doing: str, completed: int | None, total: int | None) -> None:
        """One more look at the work; another `doing` begins another bar, with a speed of its own."""
        if self._task is None or doing != self._doing:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task, self._doing = self._bar.add_task(one_line(doing), total=total), doing
        self._bar.update(self._task, completed=completed or 0, total=total)


async def bring(settings: Settings, source: str, name: str | None, sha256: str | None) -> Pulled:
    """Fetch a model into the folder of this home, under a progress bar. Raises a Problem."""
    with _Bar() as bar:

        def progress(phase: Phase, completed: int, total: int | None) -> None:
            bar.show(said(_PHASES[phase]), completed, total)

        return await fetch(
            source,
            settings.models_folder,
            name=name,
            sha256=sha256,
            progress=progress,
            wire=Wire(settings.hub.url, settings.hub.token),
        )


async def _through(settings: Settings, name: str, model: str) -> None:
    engine = OllamaEngine(name, settings.engines[name], settings.timeouts)
    try:
        with _Bar() as bar:
            async with aclosing(engine.pull(model)) as lines:
                async for line in lines:
                    bar.show(str(line.get("status", "")), line.get("completed"), line.get("total"))
    finally:
        await engine.aclose()
