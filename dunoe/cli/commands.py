"""The commands: picks one, and turns whatever goes wrong into two lines and an exit code.

The module of a command is imported when the command is chosen, so `dunoe version` does not wait for the server's.
"""

import sys
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

from dunoe.cli.misspelt import misspelt
from dunoe.errors import BadRequest, Problem, Text
from dunoe.foreign import reason

COMMANDS = (
    "init", "serve", "chat", "ask", "search", "library", "models", "fit", "tokens", "keys", "eval", "config", "version",
)  # fmt: skip
ROOMS = ("library", "models", "keys", "eval", "config")  # commands that only hold further ones
LONGEST = 120  # letters of a path that are shown


class Commands(TyperGroup):
    """The commands by name; each is the `app` of the module called so."""

    def list_commands(self, ctx: Any) -> list[str]:  # Any: typer's context is a private class
        """In the order in which a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None for a name we do not know."""
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(f"dunoe.cli.{cmd_name}").app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Commands,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows a plain traceback, without the values of its locals
    rich_markup_mode=None,  # its tables cut Hangul short
    help="두뇌 · 이 컴퓨터에서 돌아가는 나만의 AI 서버\n\ndunoe · a private AI server on this machine",
)


@app.callback()
def dunoe() -> None:
    """Nothing is said before a command is chosen."""


def run(arguments: list[str] | None = None) -> NoReturn:
    """Run one command line and leave with its exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # the real ones are files
    argv = sys.argv[1:] if arguments is None else arguments
    if not argv or (len(argv) == 1 and argv[0] in ROOMS):
        argv = [*argv, "--help"]
    try:
        sys.exit(app(argv, prog_name="dunoe", standalone_mode=False))
    except Problem as problem:
        _refuse(problem)
    except TyperException as exc:
        _refuse(misspelt(exc, argv))
    except OSError as exc:
        if exc.filename is None:  # no path that a person gave or may put right: our bug
            raise
        _refuse(_out_of_reach(exc))
    except Abort as exc:
        raise KeyboardInterrupt from exc


def _out_of_reach(exc: OSError) -> Problem:
    """What the system says of a path, wherever it was looked at: of the home, or of one that was typed."""
    why, name = reason(exc), str(exc.filename)
    name = name if len(name) <= LONGEST else f"{name[:LONGEST]}…"
    return BadRequest(
        Text(f"'{name}'을(를) 쓸 수 없습니다: {why.ko}", f"cannot use '{name}': {why.en}"),
        Text(
            "경로와 권한을 확인하세요. 데이터 폴더는 DUNOE_HOME으로 바꿀 수 있습니다.",
            "check the path and its permissions; DUNOE_HOME names another data folder.",
        ),
    )


def _refuse(problem: Problem) -> NoReturn:
    # Imported here and not above: it knows the settings, which a command such as `version` does not need.
    import_module("dunoe.cli.terminal").complain(problem)
    sys.exit(problem.exit_code)
