"""`dunoe models`: what is here, what is loaded; copies and removals. Pulling has a file of its own."""

import asyncio
from typing import Annotated
from urllib.parse import quote

import typer
from rich.filesize import decimal

from dunoe import machine
from dunoe.cli.client import Client, Json, NoServer
from dunoe.cli.pull import pull
from dunoe.cli.terminal import (
    MODES,
    AsJson,
    ConfigFile,
    Yes,
    confirm,
    print_json,
    print_table,
    said,
    say,
    settings_from,
)
from dunoe.errors import BadRequest, Text
from dunoe.portfolio.catalogue import Catalogue
from dunoe.portfolio.memory import has_card
from dunoe.portfolio.suggest import suggest
from dunoe.settings import Settings
from dunoe.weights.shelf import Shelf

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="모델을 받고, 올리고, 지웁니다 · fetch, load and remove models",
)
app.command()(pull)

_STATES = {
    "absent": Text("-", "-"),
    "loading": Text("올리는 중", "loading"),
    "ready": Text("올라감", "loaded"),
    "unloading": Text("내리는 중", "unloading"),
}
Name = Annotated[str, typer.Argument(metavar="NAME", help="모델의 이름 · the model")]


@app.command(name="list")
def list_(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """모델을 보여 줍니다 (서버가 꺼져 있어도) · the models here, server or not"""
    settings = settings_from(config)
    found = asyncio.run(_found(settings))
    broken = {
        name: said(problem.message)
        for name, problem in Shelf(settings.models_folder).broken().items()
    }
    if as_json:
        print_json(found + [{"name": name, "problem": why} for name, why in broken.items()])
        return
    if not found and not broken:
        say(
            Text(
                "아직 모델이 없습니다. `dunoe models pull`로 받으세요.",
                "No models yet. Fetch one: `dunoe models pull`.",
            )
        )
        return
    columns = [
        Text("모델", "model"), Text("엔진", "engine"), Text("쓰임", "for"), Text("역할", "roles"),
        Text("크기", "size"), Text("상태", "state"),
    ]  # fmt: skip
    print_table(
        columns,
        [_row(one) for one in found]
        + [[name, "-", "-", "-", "-", why] for name, why in broken.items()],
    )


async def _found(settings: Settings) -> list[Json]:
    """From the server that runs, which knows what is loaded; else from the settings and the folder."""
    try:
        async with Client(settings) as client:
            models: list[Json] = (await client.json("GET", "/api/brain"))["models"]
            return models
    except NoServer:
        here, shelf = machine.look(), Shelf(settings.models_folder)
        first, on_card = suggest(here).source, has_card(settings, here)
        catalogue = Catalogue(settings, shelf, first, has_card=on_card)
        return [
            {
                "name": model.name,
                "engine": model.engine,
                "mode": model.settings.mode,
                "roles": catalogue.roles_of(model.name),
                "slots": model.slots,
                "footprint": model.footprint,
                "card": model.card,
                "state": None,
            }
            for model in catalogue.models()
        ]


def _row(one: Json) -> list[str]:
    state = str(one["state"] or "-")
    return [
        one["name"],
        one["engine"],
        said(MODES[one["mode"]]),
        " ".join(one["roles"]) or "-",
        decimal(one["footprint"]) if one["footprint"] else "-",
        said(_STATES.get(state, Text(state, state))),
    ]


@app.command()
def load(name: Name, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """실행 중인 서버에 모델을 올립니다 · load a model in the running server"""
    asyncio.run(_ask(settings_from(config), "POST", "/api/load", {"model": name}))
    _done(as_json, Text(f"'{name}'을(를) 올렸습니다.", f"'{name}' is loaded."))


@app.command()
def unload(name: Name, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """하던 일이 끝나면 모델을 내립니다 · unload a model after the work it has"""
    asyncio.run(_ask(settings_from(config), "POST", "/api/unload", {"model": name}))
    _done(as_json, Text(f"'{name}'을(를) 내렸습니다.", f"'{name}' is unloaded."))


@app.command()
def cp(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="지금 이름 · the model")],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="새 이름 · its second name")],
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """모델에 이름을 하나 더 줍니다 · give a model a second name"""
    settings = settings_from(config)
    body = {"source": source, "destination": target}
    try:
        asyncio.run(_ask(settings, "POST", "/api/copy", body))
    except NoServer:
        Shelf(settings.models_folder).copy(source, target)
    _done(as_json, Text(f"'{source}' → '{target}'", f"'{source}' → '{target}'"))


@app.command()
def rm(name: Name, yes: Yes = False, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """모델 파일을 지웁니다 · remove a model and its file"""
    settings = settings_from(config)
    shelf = Shelf(settings.models_folder)
    try:
        asyncio.run(_ask(settings, "GET", f"/v1/models/{quote(name)}"))
    except NoServer:
        _refuse_configured(settings, name)
        shelf.removable(name)
    question = Text(f"'{name}'을(를) 지울까요?", f"Remove '{name}'?")
    if not confirm(question, yes=yes):
        raise typer.Exit(1)
    try:
        asyncio.run(_ask(settings, "DELETE", "/api/delete", {"model": name}))
    except NoServer:
        shelf.remove(name)
    _done(as_json, Text(f"'{name}'을(를) 지웠습니다.", f"'{name}' is removed."))


def _refuse_configured(settings: Settings, name: str) -> None:
    if name in settings.models:
        raise BadRequest(
            Text(
                f"'{name}'은(는) 설정 파일에 있는 모델이라 지울 수 없습니다",
                f"'{name}' stands in the settings and cannot be removed here",
            ),
            Text(
                f"설정에서 [models.{name}]을 지우세요.",
                f"take [models.{name}] out of the settings.",
            ),
        )


async def _ask(settings: Settings, method: str, path: str, body: Json | None = None) -> None:
    async with Client(settings) as client:
        await client.json(method, path, body)


def _done(as_json: bool, text: Text) -> None:
    if as_json:
        print_json({"status": "success"})
    else:
        say(text)
