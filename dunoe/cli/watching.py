"""`dunoe library watch`: each file that came, changed or went is told, until Ctrl-C."""

import asyncio
import sys

import orjson

from dunoe.cli.client import Json
from dunoe.cli.reach import Reached
from dunoe.cli.sync_bar import SyncBar
from dunoe.cli.terminal import one_line, said, say
from dunoe.errors import Problem, Text

LOOK_S = 0.5  # between two looks at a library that is watched
WATCHED = Text("지켜보기를 멈췄습니다.", "Watching no more.")
_WORDS = {
    "came": Text("들어옴", "came"),
    "changed": Text("바뀜", "changed"),
    "moved": Text("옮김", "moved"),
    "gone": Text("사라짐", "gone"),
    "failed": Text("못 읽음", "failed"),
    "skipped": Text("건너뜀", "skipped"),
}


async def watched(reached: Reached, *, is_json: bool) -> None:
    """Tell what changes, and the counts whenever they are others, until cancelled."""
    client, counted = reached.client, Json()
    # a server of our own has told nobody yet; of another one, what it did before is old
    last = 0 if reached.brain is not None else (await _changes(reached, None))["last"]
    with SyncBar(is_quiet=is_json) as bar:
        while True:
            found = await client.json("GET", "/api/library")
            if not found["is_watching"]:
                raise _not_watching()
            news = await _changes(reached, last)
            last = news["last"]
            for one in news["changes"]:
                _tell(one, _line(one), is_json=is_json)
            bar.show(found["progress"])
            counts = {name: found[name] for name in ("documents", "passages", "failures")}
            if counts != counted and not found["progress"]["is_running"]:
                counted = counts
                _tell(counts, _total(**counts), is_json=is_json)
            sys.stdout.flush()
            await asyncio.sleep(LOOK_S)


async def _changes(reached: Reached, since: int | None) -> Json:
    asked = "" if since is None else f"?since={since}"
    return await reached.client.json("GET", f"/api/library/changes{asked}")


def _tell(found: Json, line: Text, *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(orjson.dumps(found).decode() + "\n")
    else:
        say(line)


def _line(one: Json) -> Text:
    parts = [said(_WORDS[one["change"]]), one["path"]]
    if one["passages"]:
        parts.append(said(Text(f"조각 {one['passages']}개", f"{one['passages']} passages")))
    if one["message"]:
        parts.append(one["message"])
    line = "  ".join(one_line(part) for part in parts)
    return Text(line, line)


def _total(documents: int, passages: int, failures: int) -> Text:
    return Text(
        f"문서 {documents}개, 조각 {passages}개, 못 읽은 파일 {failures}개",
        f"{documents} documents, {passages} passages, {failures} files that cannot be read",
    )


def _not_watching() -> Problem:
    return Problem(
        Text("실행 중인 서버가 폴더를 지켜보지 않습니다", "the running server does not watch"),
        Text(
            "설정의 [library]에서 watch = true로 하고 서버를 다시 시작하세요.",
            "say watch = true under [library] in the settings, and start the server again.",
        ),
    )
