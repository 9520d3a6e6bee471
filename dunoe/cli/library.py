"""`dunoe library`: the folders that can be asked about, read now or watched, and what could not be read."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

import anyio
import orjson
import typer
from rich.filesize import decimal

from dunoe.cli.client import Json, refusal
from dunoe.cli.reach import Reached, reach
from dunoe.cli.sync_bar import SyncBar
from dunoe.cli.terminal import (
    AsJson,
    ConfigFile,
    language,
    print_json,
    print_table,
    said,
    say,
    settings_from,
)
from dunoe.cli.watching import LOOK_S, WATCHED, watched
from dunoe.errors import Problem, Text
from dunoe.library.roots import named
from dunoe.server.brain import Brain
from dunoe.server.routes_library import progress_json

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    help="물어볼 문서 폴더를 더하고 읽습니다 · folders of documents to ask about",
)

STOP_S = 5.0  # for telling the server that a sync should end
FOLDERS = "/api/library/folders"
PAGE = 10_000  # errors that are asked for at once
_STOPPED = Text(
    "멈췄습니다. 읽은 것은 남아 있고, 다음 `dunoe library sync`가 이어서 합니다.",
    "Stopped. What was read stays; the next `dunoe library sync` goes on from here.",
)

Folders = Annotated[  # not paths: as one, "" would be the folder one stands in
    list[str], typer.Argument(metavar="FOLDER…", help="폴더나 파일 · folders, or files")
]
Label = Annotated[str, typer.Argument(metavar="LABEL", help="라벨 · the label")]
Files = Annotated[list[str], typer.Argument(metavar="FILE…", help="문서 · documents")]


@app.command()
def add(
    folders: Folders,
    sync_: Annotated[
        bool, typer.Option("--sync/--no-sync", help="바로 읽기 · read it at once")
    ] = True,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """폴더를 더하고 읽습니다 · add folders and read them"""
    paths = [named(folder) for folder in folders]

    async def work(reached: Reached) -> Json:
        for count, path in enumerate(paths):
            try:
                await reached.client.json("POST", FOLDERS, {"path": str(path)})
            except Problem:  # all or none
                for added in paths[:count]:
                    await reached.client.json("DELETE", FOLDERS, {"path": str(added)})
                raise
        if sync_:
            await synced(reached, is_quiet=as_json)
        return await reached.client.json("GET", "/api/library")

    _show(reach(settings_from(config), work, _STOPPED), as_json=as_json)


@app.command()
def remove(folders: Folders, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """폴더를 뺍니다; 파일은 그대로입니다 · take folders out; their files stay"""
    paths = [named(folder) for folder in folders]

    async def work(reached: Reached) -> Json:
        for path in paths:
            await reached.client.json("DELETE", FOLDERS, {"path": str(path)})
        return await reached.client.json("GET", "/api/library")

    _show(reach(settings_from(config), work), as_json=as_json)


@app.command()
def status(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """폴더마다 무엇이 있는지 보여 줍니다 · what is in the library"""

    async def work(reached: Reached) -> Json:
        return await reached.client.json("GET", "/api/library")

    _show(reach(settings_from(config), work), as_json=as_json)


@app.command()
def sync(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """달라진 파일을 읽습니다 · read what has changed"""

    async def work(reached: Reached) -> tuple[Json, Json]:
        stand = await synced(reached, is_quiet=as_json)
        return stand, await reached.client.json("GET", "/api/library")

    stand, found = reach(settings_from(config), work, _STOPPED)
    if as_json:
        print_json(stand)
        return
    read = stand["files_done"] - stand["failures"] - stand["skipped"]
    if read:
        say(Text(f"파일 {read}개를 읽었습니다.", f"{read} files were read."))
    else:
        say(Text("새로 읽은 파일이 없습니다.", "There was nothing new to read."))
    _sum_up(found)


@app.command()
def watch(as_json: AsJson = False, config: ConfigFile = None) -> None:
    """저장되는 파일을 바로 읽고 알려 줍니다 · read saved files at once, and tell"""
    work = partial(watched, is_json=as_json)
    reach(settings_from(config), work, WATCHED, watches=True)


@app.command()
def errors(
    skipped: Annotated[
        bool,
        typer.Option(
            "--skipped",
            help="대신 건너뛴 파일: 빈 파일, 그림, 압축 파일… · empty files, pictures, archives… instead",
        ),
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """읽지 못한 파일과 까닭을 보여 줍니다 · files that could not be read, and why"""

    async def work(reached: Reached) -> list[Json]:
        found: list[Json] = []
        while len(found) % PAGE == 0:
            asked = urlencode(
                {"limit": PAGE, "offset": len(found), "skipped": str(skipped).lower()}
            )
            if not (page := await reached.client.rows(f"/api/library/errors?{asked}")):
                break
            found += page
        return found

    found = reach(settings_from(config), work)
    if as_json:
        print_json(found)
    elif found:
        columns = Text("파일", "file"), Text("문제", "problem"), Text("해결", "try")
        print_table(columns, [[one["path"], one["message"], one["hint"]] for one in found])
    elif skipped:
        say(Text("건너뛴 파일이 없습니다.", "No file was skipped."))
    else:
        say(Text("읽지 못한 파일이 없습니다.", "Every file could be read."))


@app.command()
def label(label: Label, files: Files, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """문서에 라벨을 붙입니다 · put a label on documents"""
    _label(config, "POST", label, files, as_json=as_json)


@app.command()
def unlabel(label: Label, files: Files, as_json: AsJson = False, config: ConfigFile = None) -> None:
    """문서에서 라벨을 뗍니다 · take a label off documents"""
    _label(config, "DELETE", label, files, as_json=as_json)


def _label(
    config: Path | None, method: str, label: str, files: list[str], *, as_json: bool
) -> None:
    async def work(reached: Reached) -> dict[str, list[str]]:
        await ready(reached, is_quiet=as_json)
        client, found = reached.client, {}
        for document in [await client.json("GET", document_path(file)) for file in files]:
            path = f"/api/documents/{document['id']}/labels"
            answer = await client.json(method, path, {"label": label})
            found[str(document["file_path"])] = list(answer["labels"])
        return found

    labels = reach(settings_from(config), work)
    if as_json:
        print_json(labels)
    else:
        columns = Text("파일", "file"), Text("라벨", "labels")
        print_table(columns, [[file, ", ".join(some) or "-"] for file, some in labels.items()])


def document_path(file: str) -> str:
    """Where the server has the document of a file here, or of a path as search shows it."""
    here = Path(file).expanduser().absolute()
    return f"/api/documents/{quote(str(here) if here.exists() else file, safe='')}"


async def synced(reached: Reached, *, is_quiet: bool = False) -> Json:
    """Sync with a bar and return how it ended. Stopped, it stops the server's sync, too."""
    client, stand = reached.client, Json()
    with SyncBar(is_quiet=is_quiet) as bar:
        try:
            async with aclosing(client.lines("/api/library/sync", {"stream": True})) as lines:
                async for line in lines:
                    stand = orjson.loads(line)
                    if "detail" in stand:
                        raise refusal(line, 200)
                    bar.show(stand)
        except asyncio.CancelledError:
            with anyio.move_on_after(STOP_S, shield=True):
                await client.json("DELETE", "/api/library/sync")
            raise
        if reached.brain is not None:  # nobody else will make the vectors
            await _settled(reached.brain, bar)
    return stand


async def ready(reached: Reached, *, is_quiet: bool = False) -> None:
    """See that the first question finds something: a server of our own reads a library that nobody read before."""
    if reached.brain is not None:
        found = await reached.client.json("GET", "/api/library")
        if found["folders"] and not found["documents"] and not found["failures"]:
            await synced(reached, is_quiet=is_quiet)


async def _settled(brain: Brain, bar: SyncBar) -> None:
    """Wait for the vectors; without them documents are found by their words."""
    async with asyncio.TaskGroup() as group:
        settling = group.create_task(_quiet(brain.library.settle))
        while not (await asyncio.wait([settling], timeout=LOOK_S))[0]:
            bar.show(progress_json(brain.library.progress.now(), language()))
    if (problem := settling.result()) is not None:
        say(
            Text(
                f"벡터는 만들지 못해 낱말로만 찾습니다: {problem.message.ko}",
                f"No vectors, so words alone are searched: {problem.message.en}",
            )
        )


async def _quiet(settle: Callable[[], Awaitable[None]]) -> Problem | None:
    try:
        await settle()
    except Problem as problem:
        return problem
    return None


def _show(found: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    columns = [
        Text("폴더", "folder"), Text("문서", "documents"), Text("조각", "passages"), Text("크기", "size"),
        Text("못 읽음", "failed"), Text("건너뜀", "skipped"), Text("", ""),
    ]  # fmt: skip
    print_table(columns, [_row(folder) for folder in found["folders"]])
    if not found["folders"]:
        say(
            Text(
                "폴더가 없습니다. `dunoe library add 폴더`로 더하세요.",
                "There are no folders. Add one: `dunoe library add FOLDER`.",
            )
        )
    _sum_up(found)
    if any(folder["source"] == "guide" for folder in found["folders"]):
        say(
            Text(
                "이 문서는 두뇌에 딸린 사용 안내서입니다. `dunoe library add 폴더`로 내 폴더를 더하면 빠집니다.\n"
                "폴더가 없어도 읽지 않게 하려면 설정의 [library]에서 sample = false로 하세요.",
                "These documents are dunoe's own guide. They leave when you add a folder: `dunoe library add FOLDER`.\n"
                "Say sample = false under [library] in the settings, and they are not read at all.",
            )
        )
    model = found["embedding_model"]
    say(
        Text(f"검색: 낱말과 뜻 ({model})", f"Search: words and meaning ({model})")
        if model
        else Text("검색: 낱말 (임베딩 모델 없음)", "Search: words (no embedding model)")
    )
    if found["documents"] + found["failures"] == 0 and found["folders"]:
        say(
            Text(
                "문서가 없습니다. 폴더에 파일을 넣고 `dunoe library sync`로 읽으세요.",
                "No documents. Put files into the folder and read them: `dunoe library sync`.",
            )
        )


def _sum_up(found: Json) -> None:
    """Every file is one of three, so that none is missing without a word."""
    documents, failed, skipped = (found[name] for name in ("documents", "failures", "skipped"))
    if not failed and not skipped:
        return
    say(
        Text(
            f"파일 {documents + failed + skipped}개 = 문서 {documents} + 못 읽음 {failed} + 건너뜀 {skipped}",
            f"{documents + failed + skipped} files = {documents} documents + {failed} failed + {skipped} skipped",
        )
    )
    if failed:
        say(Text("못 읽은 까닭: `dunoe library errors`", "Why they failed: `dunoe library errors`"))
    if skipped:
        say(
            Text(
                "건너뛴 파일: `dunoe library errors --skipped`",
                "What was skipped: `dunoe library errors --skipped`",
            )
        )


_WHERE = {
    "settings": Text("설정", "settings"),
    "guide": Text("두뇌 안내서", "dunoe's own guide"),
    "added": Text("", ""),
}


def _row(folder: Json) -> list[str]:
    return [
        folder["path"],
        str(folder["documents"]),
        str(folder["passages"]),
        decimal(folder["size"]),
        str(folder["failures"]),
        str(folder["skipped"]),
        folder["said"] or said(_WHERE[folder["source"]]),
    ]
