"""`dunoe config`: are the settings right, and what do they come to?"""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import typer
from sqlalchemy import make_url

from dunoe.cli.survey import Finding, survey
from dunoe.cli.terminal import AsJson, ConfigFile, one_line, print_json, said, say, settings_from
from dunoe.errors import Text
from dunoe.settings import Settings

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="설정을 살펴보고 보여 줍니다 · check and show the settings",
)

_SECRETS = frozenset({"api_key", "auth_header", "token"})
_MASK = "***"
_OURS = {"home", "source", "unset", "doubts"}  # nobody writes them into a file


@app.command()
def check(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """설정이 맞는지, 모델과 엔진이 괜찮은지 봅니다 · are settings, models and engines fine?"""
    settings = settings_from(config)
    found = asyncio.run(survey(settings))
    if as_json:
        print_json([_json(one) for one in found])
    else:
        _print(settings, found)
    if not all(one.is_fine for one in found):
        raise typer.Exit(1)


def _print(settings: Settings, found: list[Finding]) -> None:
    source = settings.source or Text("기본값 (설정 파일 없음)", "defaults (no settings file)")
    say(source if isinstance(source, Text) else Text(str(source), str(source)))
    for one in found:
        mark = Text("괜찮음", "fine") if one.is_fine else Text("확인 필요", "look")
        say(Text(*[f"  {said(mark)}  {one.what}: {one_line(said(one.why))}"] * 2))


@app.command()
def show(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """지금 적용되는 설정을 TOML로 보여 줍니다 (비밀은 가림) · the settings in force, secrets masked"""
    settings = settings_from(config)
    tree = _effective(settings)
    if as_json:
        print_json(tree)
    else:
        typer.echo(f"# home: {one_line(str(settings.home))}")
        typer.echo("\n".join(_toml(tree)).strip())


def _json(one: Finding) -> dict[str, Any]:  # Any: JSON
    return {"what": one.what, "is_fine": one.is_fine, "why": said(one.why)}


def _effective(settings: Settings) -> dict[str, Any]:  # Any: a tree of TOML values
    """What is in force, as the file would say it; secrets are masked, and so is a database's password."""
    tree = settings.model_dump(mode="json", exclude=_OURS, exclude_none=True)
    if "url" in tree["store"]:
        tree["store"]["url"] = make_url(settings.database_url).render_as_string()
    masked = _masked(tree)
    assert isinstance(masked, dict)
    return masked


def _masked(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        return {name: _masked(inner, name) for name, inner in value.items()}
    return _MASK if key in _SECRETS else value


def _toml(tree: Mapping[str, Any], at: str = "") -> list[str]:
    """Lines of TOML: plain values first, then the tables below."""
    lines = []
    tables = {key: value for key, value in tree.items() if isinstance(value, dict)}
    for key, value in tree.items():
        if key not in tables:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, table in tables.items():
        name = f"{at}{_key(key)}"
        inner = _toml(table, f"{name}.")
        if not inner or inner[0]:  # values of its own, or none at all; not only further tables
            lines += ["", f"[{name}]"]
        lines += inner
    return lines


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else _value(key)


def _value(value: object) -> str:
    """One TOML value; JSON's strings, numbers and lists are TOML's too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
