"""The library's folders: what is in them, what could not be read, and syncing them with progress."""

from dataclasses import asdict

import anyio
import orjson
from pydantic import Field

from dunoe.engines.request import Json
from dunoe.errors import NOTHING, Language, Problem
from dunoe.library.library import Status
from dunoe.library.progress import Stand
from dunoe.library.roots import named
from dunoe.server import problems
from dunoe.server.ask_reply import AskReply
from dunoe.server.body import Body
from dunoe.server.endpoint import Asked, Route, language_of

EVERY_S = 0.2  # between two looks at the progress
NDJSON = "application/x-ndjson"


class FolderBody(Body):
    """POST and DELETE /api/library/folders."""

    path: str = Field(description="absolute, or from ~ on; on the server's machine")


class SyncBody(Body):
    """POST /api/library/sync."""

    stream: bool = True


class ErrorsQuery(Body):
    """GET /api/library/errors."""

    limit: int = Field(1000, ge=1, le=10_000)
    offset: int = Field(0, ge=0, le=2**53)
    skipped: bool = Field(False, description="the files that were skipped instead")


class ChangesQuery(Body):
    """GET /api/library/changes."""

    since: int | None = Field(
        None, ge=0, le=2**53, description="a number; without one, only the last"
    )


def progress_json(stand: Stand, language: Language) -> Json:
    """How far a sync is."""
    said = asdict(stand)
    for name in ("problem", "owing"):
        problem = getattr(stand, name)
        said[name] = None if problem is None else problems.body(problem, "ask", language)["error"]
    done, total = stand.owed
    return said | {
        "owed": {"done": done, "total": total},
        "done": stand.files_done,
        "total": stand.files_total,
        "bytes": stand.bytes_done,
        "is_running": stand.is_running,
    }


async def status(asked: Asked) -> None:
    """GET /api/library. Who looks at the page will ask something next."""
    asked.brain.library.warm()
    await asked.wire.json(await _status(asked))


async def errors(asked: Asked) -> None:
    """GET /api/library/errors."""
    query: ErrorsQuery = asked.body
    language = language_of(asked.brain, asked.call)
    library = asked.brain.library
    rows = await (library.skipped() if query.skipped else library.errors())
    await asked.wire.json(
        [
            {
                "path": row.path,
                "code": row.code,
                "message": row.message.in_(language),
                "hint": row.hint.in_(language),
                "at": row.at.isoformat(),
            }
            for row in rows[query.offset : query.offset + query.limit]
        ]
    )


async def changes(asked: Asked) -> None:
    """GET /api/library/changes: what syncs did since that number, file by file."""
    query: ChangesQuery = asked.body
    news = asked.brain.library.progress.news
    language = language_of(asked.brain, asked.call)
    last = news.last
    await asked.wire.json(
        {
            "last": last,
            "changes": [
                {
                    "number": one.number,
                    "change": one.what,
                    "path": one.path,
                    "passages": one.passages,
                    "message": one.why.in_(language),
                }
                for one in news.since(last if query.since is None else query.since)
                if one.number <= last
            ],
        }
    )


async def add(asked: Asked) -> None:
    """POST /api/library/folders: the next sync reads it."""
    body: FolderBody = asked.body
    await asked.brain.library.add(named(body.path))
    await asked.wire.json(await _status(asked))


async def remove(asked: Asked) -> None:
    """DELETE /api/library/folders: its documents are gone from answers at once; its files stay."""
    body: FolderBody = asked.body
    await asked.brain.library.remove(named(body.path))
    await asked.wire.json(await _status(asked))


async def sync(asked: Asked) -> None:
    """POST /api/library/sync: NDJSON of progress, the last line is the result; or the result alone.

    Who leaves stops listening, not the sync: `DELETE` does that.
    """
    body: SyncBody = asked.body
    brain, language = asked.brain, language_of(asked.brain, asked.call)
    run = brain.syncing.begin(brain.library.sync)
    if body.stream:
        await asked.wire.stream(NDJSON, _broken)
        while not run.is_over:
            await asked.wire.write(_line(progress_json(brain.library.progress.now(), language)))
            await run.over_within(EVERY_S)
    stand = await run.result()
    if not body.stream:
        await asked.wire.json(progress_json(stand, language))
        return
    await asked.wire.write(_line(progress_json(stand, language)))
    await asked.wire.end()


async def stop(asked: Asked) -> None:
    """DELETE /api/library/sync: what was read stays; the next sync goes on."""
    await asked.brain.syncing.stop()
    await asked.wire.json(await _status(asked))


async def progress(asked: Asked) -> None:
    """GET /api/library/progress: SSE while something is being done."""
    language, library = language_of(asked.brain, asked.call), asked.brain.library
    await asked.wire.stream("text/event-stream", AskReply.broken)
    told: Json = {}
    while True:
        stand = library.progress.now()
        now = progress_json(stand, language)
        if now != told:
            told = now
            await asked.wire.write(b"data: " + orjson.dumps(now) + b"\n\n")
        if not stand.is_running and stand.owed == (0, 0):
            await asked.wire.end()
            return
        await anyio.sleep(EVERY_S)


async def _status(asked: Asked) -> Json:
    brain, language = asked.brain, language_of(asked.brain, asked.call)
    found: Status = await brain.library.status()
    return {
        "folders": [
            {
                "path": folder.path,
                "documents": folder.counts.documents,
                "passages": folder.counts.passages,
                "failures": folder.counts.failures,
                "skipped": folder.counts.skipped,
                "size": folder.counts.size,
                "source": folder.source,
                "is_there": folder.said == NOTHING,
                "said": folder.said.in_(language),
            }
            for folder in found.folders
        ],
        "documents": found.counts.documents,
        "passages": found.counts.passages,
        "failures": found.counts.failures,
        "size": found.counts.size,
        "skipped": found.counts.skipped,
        "embedding_model": found.model or None,
        "progress": progress_json(found.stand, language),
        "is_watching": brain.settings.library.watch,
    }


def _line(said: Json) -> bytes:
    return orjson.dumps(said) + b"\n"


def _broken(problem: Problem, language: Language) -> bytes:
    return _line(problems.body(problem, "ask", language))


_SYNC, _FOLDERS = "/api/library/sync", "/api/library/folders"
ROUTES = [
    Route("GET", "/api/library", status, "ask", "library", "라이브러리 · the library"),
    Route(
        "GET",
        "/api/library/errors",
        errors,
        "ask",
        "library",
        "못 읽은 파일 · errors",
        query=ErrorsQuery,
    ),
    Route(
        "GET",
        "/api/library/changes",
        changes,
        "ask",
        "library",
        "무엇이 달라졌나 · what changed",
        query=ChangesQuery,
    ),
    Route("GET", "/api/library/progress", progress, "ask", "library", "진행 · progress"),
    Route("POST", _FOLDERS, add, "ask", "admin", "폴더 더하기 · add a folder", FolderBody),
    Route("DELETE", _FOLDERS, remove, "ask", "admin", "폴더 빼기 · remove a folder", FolderBody),
    Route("POST", _SYNC, sync, "ask", "library", "동기화 · sync", SyncBody),
    Route("DELETE", _SYNC, stop, "ask", "library", "동기화 멈추기 · stop the sync"),
]
