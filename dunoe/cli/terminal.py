"""The terminal: the options every command has, the language it speaks, and how results and refusals look."""

import json
import sys
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dunoe.errors import BadRequest, Language, Problem, Text
from dunoe.settings import Settings, spoken
from dunoe.settings_check import load

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="설정 파일 (기본 ./dunoe.toml) · settings file",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON으로 출력 · print JSON")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="묻지 않고 진행 · do not ask")]

MODES = {
    "chat": Text("대화", "chat"),
    "embedding": Text("임베딩", "embedding"),
    "rerank": Text("재정렬", "rerank"),
}
_PIPED_WIDTH = 200  # columns for a program that reads us; a name must not be cut to fit 80

_language: ContextVar[Language] = ContextVar("language")


def settings_from(
    config: Path | None, *, host: str | None = None, port: int | None = None
) -> Settings:
    """The settings of this command; from here on the terminal speaks the language they name."""
    settings = load(config, host=host, port=port)
    if "language" in settings.model_fields_set:
        _language.set(settings.language)
    return settings


def language() -> Language:
    """The settings' language, before and without one the locale's."""
    return _language.get(None) or spoken()


def said(text: Text) -> str:
    """One sentence in the language of this terminal."""
    return text.in_(language())


def say(text: Text) -> None:
    """One line of result."""
    console().print(said(text), soft_wrap=True)


def complain(problem: Problem) -> None:
    """Two lines on stderr: what is wrong, what to do."""
    error, hint = said(Text("오류", "error")), said(Text("해결", "try"))
    sys.stdout.flush()
    sys.stderr.write(f"{error}: {one_line(said(problem.message))}\n")
    if problem.hint != ("", ""):
        sys.stderr.write(f"  {hint}: {one_line(said(problem.hint))}\n")
    sys.stderr.flush()


def one_line(text: str) -> str:
    """Text from elsewhere as one harmless line: no control characters that would steer the terminal."""
    return " ".join(harmless(text).split())


def harmless(text: str) -> str:
    """Text without the control characters that steer a terminal; newlines and tabs stay."""
    return text.translate(_STEERING)


_STEERING = dict.fromkeys([*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)])


def console(*, stderr: bool = False) -> Console:
    """Standard output (or error) with colours where it is a terminal; [text] is text there, never markup."""
    width = None if stderr or sys.stdout.isatty() else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)


def print_json(found: object) -> None:
    """One JSON value, Hangul as it is; dates as ISO 8601."""
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def print_table(columns: Iterable[Text], rows: Iterable[Iterable[str]]) -> None:
    """Rows below each other; a cell is never cut short."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(said(column), overflow="fold")
    for row in rows:
        table.add_row(*(one_line(cell) for cell in row))
    console().print(table)


def confirm(question: Text, *, yes: bool) -> bool:
    """Ask a person; where nobody can answer, raise `BadRequest` unless `yes` was given."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise BadRequest(
            Text(f"확인이 필요합니다: {question.ko}", f"this wants a yes: {question.en}"),
            Text("물어볼 터미널이 없으니 --yes를 붙이세요.", "nobody is there to ask: add --yes."),
        )
    return typer.confirm(said(question))
