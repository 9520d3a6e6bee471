"""One model on its way to the shelf: looked for, brought, verified, and only then given its name."""

import asyncio
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256 as new_sha256
from pathlib import Path
from typing import Literal, TypeVar

from yarl import URL

from dunoe.errors import BadRequest, EngineFailed, Text
from dunoe.weights.header import BadModelFile, read_whole
from dunoe.weights.naming import SUFFIX, file_names, model_of
from dunoe.weights.shelf import (
    BLOCK,
    Record,
    joined_digest,
    link_or_copy,
    recorded,
    write_record,
)
from dunoe.weights.sources import Source
from dunoe.weights.staging import Journal, Partial, disk_full, disk_problems, lock, sync
from dunoe.weights.transfer import Transfer
from dunoe.weights.web import Found, Web, Wire

Phase = Literal["connecting", "downloading", "verifying", "done"]
Progress = Callable[[Phase, int, int | None], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Pulled:
    """A model that is on the shelf. path: its first file; size: bytes of all of them; sha256: see `Shelf.digest`."""

    name: str
    path: Path
    sha256: str
    size: int


@dataclass
class _Part:
    """One file of the model. is_here: it is on the shelf, and nothing newer was found."""

    place: URL | Path
    target: Path
    partial: Partial
    found: Found
    is_here: bool

    @property
    def size(self) -> int:
        """Bytes; 0 when the server does not tell."""
        return self.found.size or 0


class Pull:
    """One model on its way to the shelf."""

    def __init__(
        self,
        source: Source,
        model: str,
        folder: Path,
        sha256: str | None,
        tell: Progress,
        wire: Wire,
    ) -> None:
        self.source, self.model, self.folder = source, model, folder
        self.sha256 = sha256.lower() if sha256 else None
        self.tell, self.wire = tell, wire
        self.before = 0  # bytes of the parts that are done
        self.total: int | None = None

    async def run(self) -> Pulled:
        if self.sha256 is not None and len(self.source.places) > 1:
            raise BadRequest(
                Text(
                    "조각난 모델에는 sha256을 줄 수 없습니다", "a model in parts has no one sha256"
                ),
                Text("sha256 없이 다시 하세요.", "try again without a sha256."),
            )
        self.tell("connecting", 0, None)
        with disk_problems(self.folder), lock(self.folder, self.model):
            async with Web.open(self.wire) as web:
                parts = await self._look(web)
                self._need_room(parts)
                for part in parts:
                    await self._stage(web, part)
            await asyncio.to_thread(self._shelve, parts)
        records = [record for part in parts if (record := recorded(part.target))]
        if len(records) != len(parts):
            raise EngineFailed(
                Text("받은 파일이 바뀌었습니다", "the fetched file was changed by someone"),
                Text("다시 받으세요.", "fetch it again."),
            )
        size = sum(record.size for record in records)
        self.tell("done", size, size)
        digest = joined_digest([record.sha256 for record in records])
        return Pulled(self.model, parts[0].target, digest, size)

    async def _look(self, web: Web) -> list[_Part]:
        """What is there, and what of it we have. Refuses a name that belongs to another model."""
        parts = []
        names = file_names(self.model, len(self.source.places))
        for place, file in zip(self.source.places, names, strict=True):
            target, partial = self.folder / file, Partial(self.folder, file)
            self._finish(partial, target)
            found = _found(place) if isinstance(place, Path) else await self._find(web, place)
            record = recorded(target)
            is_ours = record is not None and record.source == self.source.label
            is_self = isinstance(place, Path) and target.exists() and place.samefile(target)
            if target.exists() and not is_ours and not is_self:
                raise self._taken()
            is_here = record is not None and _is_same(record, found)
            if record is not None and is_here and self.sha256 not in (None, record.sha256):
                raise wrong_digest(self.source.label, self.sha256 or "", record.sha256)
            parts.append(_Part(place, target, partial, found, is_here))
        others = {path.name for path in self.folder.glob(f"*{SUFFIX}")} - set(names)
        if any(model_of(other.removesuffix(SUFFIX)) == self.model for other in others):
            raise self._taken()
        return parts

    async def _find(self, web: Web, url: URL) -> Found:
        found = await web.find(url, self.source.label)
        if self.sha256 and found.sha256 and self.sha256 != found.sha256:
            raise wrong_digest(self.source.label, self.sha256, found.sha256)
        return found

    def _finish(self, partial: Partial, target: Path) -> None:
        """Write the record of a file that was renamed just before the end of an earlier process."""
        journal = partial.journal
        is_renamed = journal.sha256 is not None and not partial.file.exists() and target.exists()
        if is_renamed and target.stat().st_size == journal.size:
            _record(journal, target)
            partial.drop()

    def _taken(self) -> BadRequest:
        return BadRequest(
            Text(
                f"'{self.model}'(이)라는 다른 모델이 이미 있습니다",
                f"another model called '{self.model}' is already here",
            ),
            Text(
                f"다른 이름으로 받거나, 먼저 `dunoe models rm {self.model}`로 지우세요.",
                f"fetch it under another name, or first remove it: `dunoe models rm {self.model}`.",
            ),
            code="name_taken",
        )

    def _need_room(self, parts: list[_Part]) -> None:
        if all(part.found.size is not None for part in parts):
            self.total = sum(part.size for part in parts)
        coming = [part for part in parts if not part.is_here and not self._is_staged(part)]
        device = self.folder.stat().st_dev
        needed = self.wire.spare
        for part in coming:
            is_near = isinstance(part.place, Path) and part.place.stat().st_dev == device
            needed += 0 if is_near else max(0, part.size - part.partial.completed)
        free = shutil.disk_usage(self.folder).free
        if coming and needed > free:
            raise disk_full(self.folder, needed=needed, free=free)

    def _is_staged(self, part: _Part) -> bool:
        """Whether its bytes have arrived and were verified, in an earlier try perhaps."""
        journal, file = part.partial.journal, part.partial.file
        said = (journal.source, journal.etag, journal.size)
        is_same = said == (self.source.label, part.found.etag, part.found.size)
        is_verified = journal.sha256 is not None and self.sha256 in (None, journal.sha256)
        is_whole = file.exists() and file.stat().st_size == journal.size
        return is_same and journal.etag is not None and is_verified and is_whole

    async def _stage(self, web: Web, part: _Part) -> None:
        if not part.is_here and not self._is_staged(part):
            if isinstance(part.place, Path):
                await self._bring_file(part.place, part)
            else:
                label, partial = self.source.label, part.partial
                way = Transfer(web, part.place, label, partial, self._report("downloading"))
                part.found = await way.run(part.found)
            await self._verify(part)
        self.before += part.partial.journal.size or part.size

    async def _bring_file(self, place: Path, part: _Part) -> None:
        journal = Journal(source=self.source.label, etag=part.found.etag, size=part.size)
        await asyncio.to_thread(part.partial.begin, journal)
        target = part.partial.file
        try:
            await _watched(
                lambda tick: link_or_copy(place, target, tick), self._report("downloading")
            )
        except asyncio.CancelledError:
            part.partial.drop()  # a copy is begun anew, so it need not take up room
            raise

    async def _verify(self, part: _Part) -> None:
        """The header, the length, the digest; a file that fails is thrown away."""
        partial = part.partial
        try:
            header = await asyncio.to_thread(read_whole, partial.file)
            if header.file_size != partial.journal.size:
                raise _wrong_length(self.source.label, header.file_size, partial.journal.size)
            report = self._report("verifying")
            report(0)
            digest = await _watched(lambda tick: _digest(partial.file, tick), report)
            expected = self.sha256 or part.found.sha256
            if expected is not None and expected != digest:
                raise wrong_digest(self.source.label, expected, digest)
        except (BadModelFile, EngineFailed):
            partial.drop()
            raise
        partial.journal.sha256 = digest
        await asyncio.to_thread(partial.save)

    def _report(self, phase: Phase) -> Callable[[int], None]:
        before, total = self.before, self.total
        return lambda completed: self.tell(phase, before + completed, total)

    def _shelve(self, parts: list[_Part]) -> None:
        """Give staged files their names, the first part last: without it there is no model."""
        coming = [part for part in parts if not part.is_here]
        first = parts[0]
        if coming and first.is_here:  # it must not stand beside parts of another version
            record = recorded(first.target)
            if record is not None:
                first.partial.begin(_journal(record))
                first.target.rename(first.partial.file)
                coming.insert(0, first)
        elif len(parts) > 1 and coming:
            first.target.unlink(missing_ok=True)
        for part in reversed(coming):
            part.partial.file.replace(part.target)
            _record(part.partial.journal, part.target)
            part.partial.drop()
        if coming:
            sync(self.folder)


def _record(journal: Journal, target: Path) -> None:
    record = Record(
        source=journal.source,
        sha256=journal.sha256 or "",
        etag=journal.etag,
        pulled_at=datetime.now(UTC),
    )
    write_record(target, record)


def _journal(record: Record) -> Journal:
    return Journal(source=record.source, etag=record.etag, size=record.size, sha256=record.sha256)


def _found(path: Path) -> Found:
    """A file of this machine; its time and size stand for its content."""
    stat = path.stat()
    etag = f"{stat.st_size}-{stat.st_mtime_ns}"
    return Found(URL(), etag, None, stat.st_size, None, has_ranges=False)


def _is_same(record: Record, found: Found) -> bool:
    """Whether the file on the shelf is what was found."""
    if found.sha256 is not None:
        return record.sha256 == found.sha256
    return found.etag is not None and (record.etag, record.size) == (found.etag, found.size)


def _digest(file: Path, tick: Callable[[int], None]) -> str:
    digest, done = new_sha256(), 0
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            digest.update(block)
            done += len(block)
            tick(done)
    return digest.hexdigest()


class _Left(Exception):
    """Ends a thread whose caller has gone."""


async def _watched(work: Callable[[Callable[[int], None]], T], report: Callable[[int], None]) -> T:
    """Long work in a thread: reports to the loop, and ends soon when the caller is cancelled."""
    loop, left = asyncio.get_running_loop(), threading.Event()

    def tick(done: int) -> None:
        if left.is_set():
            raise _Left
        loop.call_soon_threadsafe(report, done)

    try:
        return await asyncio.to_thread(work, tick)
    finally:
        left.set()


def wrong_digest(label: str, expected: str, found: str) -> EngineFailed:
    """The error of a file that is not the one that was asked for."""
    return EngineFailed(
        Text(
            f"sha256이 다릅니다: {label} ({expected[:12]}…이어야 하는데 {found[:12]}…)",
            f"the sha256 is wrong: {label} (expected {expected[:12]}…, found {found[:12]}…)",
        ),
        Text(
            "다시 받으세요. 또 다르면 출처를 믿지 마세요.",
            "fetch it again; if it differs again, do not trust the source.",
        ),
        code="wrong_sha256",
    )


def _wrong_length(label: str, found: int, expected: int | None) -> EngineFailed:
    return EngineFailed(
        Text(
            f"파일의 길이가 다릅니다: {label} ({expected}바이트여야 하는데 {found}바이트)",
            f"the file has the wrong length: {label} ({found} bytes, expected {expected})",
        ),
        Text("다시 받으세요.", "fetch it again."),
        code="wrong_size",
    )
