"""`dunoe serve`: start the server, and say where it is, what it found and what to do next."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.text import Text as Line

from dunoe.cli.terminal import MODES, ConfigFile, console, print_table, said, say, settings_from
from dunoe.errors import Text
from dunoe.portfolio.model import Model
from dunoe.portfolio.suggest import suggest
from dunoe.server import serve as server
from dunoe.server.brain import Brain
from dunoe.server.local import address_of
from dunoe.settings import is_loopback
from dunoe.version import VERSION

app = typer.Typer(rich_markup_mode=None, add_completion=False)

COLUMNS = (
    Text("모델", "model"),
    Text("엔진", "engine"),
    Text("쓰임", "for"),
    Text("크기", "size"),
)


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(metavar="HOST", help="접속을 받을 주소 · address to listen on")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="포트, 0이면 아무거나 · port, 0 takes any")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """서버를 시작합니다 · start the server"""
    server.serve(settings_from(config, host=host, port=port), _greet)


def _greet(brain: Brain, port: int) -> None:
    with suppress(SystemExit):  # rich's, of a reader who left (`| head`): a server serves on
        _welcome(brain, port)


def _welcome(brain: Brain, port: int) -> None:
    """What a person sees first; nothing here ever shows what anybody asked."""
    host = brain.settings.server.host
    url = address_of(host, port)
    console().print(Line.assemble(("두뇌 dunoe", "bold"), f" {VERSION}  ", (url, f"link {url}")))
    if not is_loopback(host):
        say(
            Text(
                f"다른 컴퓨터에서도 접속할 수 있습니다 ({host}).",
                f"Open to other machines ({host}).",
            )
        )
    for name, problem in brain.shelf.broken().items():
        say(
            Text(
                f"쓸 수 없는 파일 {name}: {problem.message.ko}",
                f"Not usable, {name}: {problem.message.en}",
            )
        )
    models = brain.catalogue.models()
    if models:
        print_table(COLUMNS, _rows(models))
        say(
            Text(
                "다음: 페이지를 열거나 `dunoe chat`을 실행하세요.",
                "Next: open the page, or run `dunoe chat`.",
            )
        )
    else:
        first = suggest(brain.machine)
        size = decimal(first.size_bytes)
        say(Text("아직 모델이 없습니다.", "There is no model yet."))
        say(
            Text(
                f"다음: 이 컴퓨터에 맞는 모델을 받으세요 ({size}).\n  dunoe models pull {first.source}",
                f"Next: fetch one that fits this machine ({size}).\n  dunoe models pull {first.source}",
            )
        )
    if (way := way_to_the_command()) is not None:
        say(way)
    say(Text("멈추려면 Ctrl-C.", "Ctrl-C stops it."))


def way_to_the_command() -> Text | None:
    """How a new terminal finds `dunoe`; None where it does, or where we run in no environment of our own."""
    activate = Path(sys.executable).with_name("activate")
    if shutil.which("dunoe") is not None or not activate.is_file():
        return None
    order = shlex.quote(str(activate))
    return Text(
        f"새 터미널에서 dunoe 명령을 쓰려면 먼저: . {order}",
        f"For the dunoe command in a new terminal, first: . {order}",
    )


def _rows(models: Sequence[Model]) -> list[list[str]]:
    return [
        [
            model.name,
            model.engine,
            said(MODES[model.settings.mode]),
            decimal(model.footprint) if model.footprint else "-",
        ]
        for model in models
    ]
