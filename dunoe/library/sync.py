"""A sync: the folders as they are become documents in the catalogue and points in the index.

The order of writes stands in docs/design/library.md: a process may be killed between any two of them.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from dunoe.errors import Problem, Text
from dunoe.library import refused
from dunoe.library.changes import Before, Changes, Todo, changes
from dunoe.library.filling import Filling, Ready
from dunoe.library.folders import Rules, Scan, Walk, written
from dunoe.library.index.point import ANY
from dunoe.library.news import What
from dunoe.library.parsing.text import decode
from dunoe.library.points import document_of, passages_of, payload_of
from dunoe.library.progress import Outcome, Progress
from dunoe.library.taken import Taken
from dunoe.library.threads import run_sync
from dunoe.library.unreadable import Unreadable
from dunoe.store.documents import DocumentRow, PassageRow
from dunoe.store.intake import Failed, Moved
from dunoe.store.store import Store

BATCH = 256  # passages in one transaction: what a killed process does again at most
KINDS_OF_LINES = {"markdown", "text", "code"}
LARGE = 2**20  # bytes of a file that waits for the others
PATIENCE_S = 1.0  # a file that was read is findable after this long, however slow the next one is


class Reader(Protocol):
    """The processes that read files: `library.workers.Workers`."""

    size: int
    version: str

    async def rest(self, keep: int) -> None:
        """End what has nothing to do, but for so many processes."""

    async def read(self, path: Path, limit_tokens: int) -> Taken:
        """A file's passages; raises Unreadable for its own fault, another Problem for ours."""

    async def read_bytes(self, data: bytes, name: str, limit_tokens: int) -> Taken:
        """The same of bytes that are no file."""


class _Read(NamedTuple):
    """A file that was read, or why it could not be."""

    todo: Todo
    taken: Taken | Problem


class Sync:
    """Runs one sync at a time; the library holds the lock."""

    def __init__(
        self,
        store: Store,
        filling: Filling,
        workers: Reader,
        limit_tokens: int,
        progress: Progress,
        is_ours: Callable[[str], bool],
    ) -> None:
        """is_ours: whether a path lies in a library folder, asked again while files are read."""
        self._documents, self._intake = store.documents, store.intake
        self._filling, self._workers = filling, workers
        self._limit_tokens, self._progress, self._is_ours = limit_tokens, progress, is_ours
        self._parser = f"{workers.version}/{limit_tokens}"

    async def run(
        self, folders: Sequence[str], rules: Rules, under: Collection[str] | None = None
    ) -> Scan:
        """Look at the folders, or only at the paths in `under`, and make the library what they are.

        Raises what the database, the index and the embedding model raise; what was done until then is kept.
        """
        self._progress.start()
        problem: Problem | None = _stopped()
        try:
            scan = await run_sync(Walk(rules, under).look, folders)
            found = await run_sync(self._compare, scan, under)
            await self._settle(found)
            await self._filling.sweep()
            await run_sync(self._mend)
            await self._take(sorted(found.take.values(), key=_is_large))
            await self._filling.sweep()
            problem = None
        except Problem as exc:
            problem = exc
            raise
        finally:
            self._progress.end(problem)
        return scan

    def _compare(self, scan: Scan, under: Collection[str] | None) -> Changes:
        self._progress.phase = "comparing"
        self._intake.purge(datetime.now(UTC))
        before = Before(self._intake.known(), self._intake.failed(), self._parser)
        return changes(scan, before, under, alike=self._is_alike)

    def _is_alike(self, path: str, id: str, has_its_name: bool) -> bool:
        """Whether a new file is a document that was edited while it was moved: half of their lines are the same.

        Of a kind whose lines are not those of the file, the same name has to do.
        """
        row = self._intake.rows([id])[id]
        if row.kind not in KINDS_OF_LINES:
            return has_its_name
        try:
            if Path(path).stat().st_size > LARGE:
                return False
            now = _lines_of(decode(Path(path).read_bytes())[0])
        except (OSError, Unreadable):
            return False
        before = _lines_of(self._documents.text(id))
        return 2 * len(before & now) >= max(len(before), len(now), 1)

    async def _settle(self, found: Changes) -> None:
        """What needs no reading: files that are gone, moved or only touched."""
        news = self._progress.news
        if found.gone or found.forgotten:
            gone = await run_sync(self._intake.rows, found.gone)
            await run_sync(self._intake.part, found.gone, found.forgotten)
            for path in (*(one.path for one in gone.values()), *found.forgotten):
                news.tell("gone", path)
        if found.moved:
            rows = await run_sync(self._intake.rows, [one.id for one in found.moved])
            await self._filling.relabel([_moved(rows[one.id], one) for one in found.moved])
            await run_sync(self._intake.move, found.moved)
            for one in found.moved:
                news.tell("moved", one.path)
        if found.touched:
            await run_sync(self._intake.touch, found.touched)

    def _mend(self) -> None:
        """Make the index hold the passages of the catalogue: a killed sync left some more, a lost folder fewer."""
        active = self._filling.indexes.active
        count = active.index.count()
        if count == self._documents.counts().passages:
            return
        held, wanted = set(active.index.matching(ANY, count)), self._intake.passage_ids()
        active.index.remove(held - wanted)
        self._intake.owe(active.row.name, wanted - held)

    async def _take(self, todo: Sequence[Todo]) -> None:
        self._progress.reading(len(todo), sum(one.seen.size for one in todo))
        if not todo:
            return
        files, failure = iter(todo), None
        send, receive = anyio.create_memory_object_stream[_Read](2 * self._workers.size)
        async with receive, anyio.create_task_group() as readers:
            for _ in range(min(self._workers.size, len(todo))):
                readers.start_soon(self._read, files, send.clone())
            send.close()
            try:
                await self._write_all(receive)
            except Problem as exc:  # raised here, it would leave the group wrapped
                failure = exc
                readers.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _read(self, files: Iterator[Todo], send: MemoryObjectSendStream[_Read]) -> None:
        with send:
            for one in files:
                if not self._is_ours(one.seen.path):  # its folder was taken out meanwhile
                    continue
                self._progress.current = written(one.seen.path)
                taken: Taken | Problem
                try:
                    taken = refused.unread(one.seen) or await self._workers.read(
                        Path(one.seen.path), self._limit_tokens
                    )
                except Problem as problem:
                    taken = refused.told(problem, one.seen.name)
                await send.send(_Read(one, taken))

    async def _write_all(self, receive: MemoryObjectReceiveStream[_Read]) -> None:
        """Write in batches, so that a commit is paid once for many and nobody waits long for a slow neighbour."""
        batch: list[_Read] = []
        size, due, is_open = 0, math.inf, True
        while is_open:
            with anyio.move_on_at(due) as waited:
                try:
                    batch.append(await receive.receive())
                except anyio.EndOfStream:
                    is_open = False
                else:
                    size += _size(batch[-1].taken)
                    due = min(due, anyio.current_time() + PATIENCE_S)
            if batch and (waited.cancelled_caught or size >= BATCH or not is_open):
                await self._write(batch)
                batch, size, due = [], 0, math.inf

    async def _write(self, batch: Sequence[_Read]) -> None:
        """All documents of a batch, in the order that survives a kill."""
        await run_sync(self._note, [one for one in batch if isinstance(one.taken, Problem)])
        known = [one.todo.id for one in batch if one.todo.id]
        before = await run_sync(self._intake.rows, known)
        there = await run_sync(self._intake.passage_ids, known)
        ready: list[Ready] = []
        taken: dict[DocumentRow, list[PassageRow]] = {}
        for todo, result in batch:
            if isinstance(result, Problem):
                continue
            document = document_of(todo, result, self._parser, before.get(todo.id))
            taken[document] = passages_of(document, result.passages)
            is_anew = todo.is_renamed and not document.title  # then its name is its title
            ready += [
                Ready(passage, document, sparse)
                for passage, sparse in zip(taken[document], result.sparse, strict=True)
                if is_anew or passage.id not in there
            ]
        await self._filling.put(ready)
        await self._filling.relabel([one for one in taken if _reads_otherwise(one, before)])
        if taken:
            put = [one.passage.id for one in ready]
            await run_sync(self._intake.take, taken, put, self._filling.owing())
            await self._label(before)
        for document, passages in taken.items():
            self._progress.read(document.size, len(passages))
            what: What = "changed" if document.id in before else "came"
            self._progress.news.tell(what, document.path, len(passages))

    async def _label(self, before: Mapping[str, DocumentRow]) -> None:
        """A label that somebody put on while we read would be missing in the index."""
        now = await run_sync(self._intake.rows, list(before))
        await self._filling.relabel(
            [row for row in now.values() if row.labels != before[row.id].labels]
        )

    def _note(self, failed: Sequence[_Read]) -> None:
        """Write failures down; a file that vanished meanwhile is none."""
        rows = [
            Failed(
                path=written(todo.seen.path),
                folder=todo.seen.folder,
                size=todo.seen.size,
                mtime_ns=todo.seen.mtime_ns,
                parser=self._parser,
                why=why,
            )
            for todo, why in failed
            if isinstance(why, Problem) and why.code != "vanished"
        ]
        if rows:
            self._intake.fail(rows, [todo.id for todo, _ in failed if todo.id])
        for todo, why in failed:
            outcome = _outcome(why)
            self._progress.read(todo.seen.size, outcome=outcome)
            if isinstance(why, Problem) and (outcome == "failed" or outcome == "skipped"):
                self._progress.news.tell(outcome, written(todo.seen.path), why=why.message)


def _size(taken: Taken | Problem) -> int:
    """How many passages; raises what is not the file's own fault."""
    if isinstance(taken, Problem):
        if not isinstance(taken, Unreadable):
            raise taken
        return 0
    return len(taken.passages)


def _outcome(why: Taken | Problem) -> Outcome:
    """What became of a file that was not taken in."""
    code = why.code if isinstance(why, Problem) else None
    if code == "vanished":
        return "vanished"
    return "skipped" if code in refused.SKIPPED else "failed"


def _reads_otherwise(document: DocumentRow, before: Mapping[str, DocumentRow]) -> bool:
    """Do filters see this document otherwise than before?"""
    old = before.get(document.id)
    return old is not None and payload_of(old) != payload_of(document)


def _moved(row: DocumentRow, to: Moved) -> DocumentRow:
    return replace(row, path=to.path, folder=to.folder, name=to.name, mtime_ns=to.mtime_ns)


def _lines_of(text: str) -> set[str]:
    return {line.strip() for line in text.split("\n")} - {""}


def _is_large(one: Todo) -> bool:
    return one.seen.size > LARGE


def _stopped() -> Problem:
    return Problem(
        Text("동기화가 멈췄습니다", "the sync was stopped"),
        Text("다시 시작하면 하던 데서 이어집니다.", "start it again; it goes on where it was."),
        code="sync_stopped",
    )
