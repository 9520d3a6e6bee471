"""`dunoe version`: which dunoe this is, and which llama.cpp it carries."""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated

import typer

from dunoe.version import VERSION

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def version(
    as_json: Annotated[bool, typer.Option("--json", help="JSON으로 출력 · print JSON")] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="여기서는 쓰이지 않음 · not used here"),
    ] = None,
) -> None:
    """버전을 보여 줍니다 · which version this is"""
    found = {"dunoe": VERSION, "xllamacpp": _engine(), "python": platform.python_version()}
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write("".join(f"{name} {number}\n" for name, number in found.items()))


def _engine() -> str | None:
    """The version of the embedded engine, without the time that importing it takes."""
    try:
        return installed("xllamacpp")
    except PackageNotFoundError:
        return None
