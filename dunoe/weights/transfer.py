"""One remote file becomes one partial: several ranges at once, again where the line was cut."""

import asyncio
from collections import deque
from collections.abc import Callable

import aiohttp
from anyio import CancelScope
from yarl import URL

from dunoe.errors import EngineFailed, Problem, Text
from dunoe.weights.refusals import Later, lost, refusal
from dunoe.weights.staging import Bytes, Journal, Partial
from dunoe.weights.web import CUT, Found, Web, content_range, etag_of

BLOCK = 2**20  # bytes written at once
PROGRESS = 64 * 2**10  # bytes; a try that brought so many was no failure
VERSIONS = 3  # a file that changes while it is fetched is begun again so often


class Changed(Exception):
    """The server has another file now than a moment ago."""


class Expired(Later):
    """A signed address ran out."""


class Transfer:
    """The way of one file. report: called with the bytes that are there."""

    def __init__(
        self, web: Web, url: URL, label: str, partial: Partial, report: Callable[[int], None]
    ) -> None:
        self.web, self.url, self.label = web, url, label
        self.partial, self.report = partial, report
        self._unsaved = 0
        self._finding = asyncio.Lock()

    async def run(self, found: Found) -> Found:
        """Bring every byte that is missing; returns what was found in the end. Raises a `Problem`.

        Whenever this ends, cancelled too, the journal tells what is there.
        """
        for _ in range(VERSIONS):
            self.found = found
            try:
                return await self._bring()
            except Changed:
                found = await self.web.find(self.url, self.label)
        raise EngineFailed(
            Text(
                f"받는 동안 파일이 계속 바뀝니다: {self.label}",
                f"the file keeps changing while it is fetched: {self.label}",
            ),
            Text("나중에 다시 하세요.", "try again later."),
        )

    async def _bring(self) -> Found:
        found = self.found
        if not self._can_go_on(found):
            journal = Journal(source=self.label, etag=found.etag, size=found.size)
            await asyncio.to_thread(self.partial.begin, journal)
        self.report(self.partial.completed)
        self.bytes = Bytes(self.partial.file)
        try:
            if found.has_ranges and found.size is not None:
                await self._in_ranges(found.size)
            elif self.partial.completed != found.size:
                await self._in_one_stream()
        finally:
            with CancelScope(shield=True):
                self.bytes.close()
                await asyncio.to_thread(self.partial.save)
        return self.found

    def _can_go_on(self, found: Found) -> bool:
        """Whether what is there are bytes of the same file."""
        journal = self.partial.journal
        if (journal.source, journal.etag, journal.size) != (self.label, found.etag, found.size):
            return False
        has_name = found.etag is not None and found.size is not None
        is_useful = found.has_ranges or self.partial.completed == found.size
        end = journal.done[-1][1] if journal.done else 0
        file = self.partial.file
        return has_name and is_useful and file.exists() and file.stat().st_size >= end

    async def _in_ranges(self, size: int) -> None:
        wire = self.web.wire
        missing = deque(self.partial.missing(size, wire.range_bytes))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(wire.connections, len(missing))):
                    group.create_task(self._work(missing))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None

    async def _work(self, missing: deque[tuple[int, int]]) -> None:
        while missing:
            await self._insist(*missing.popleft())

    async def _insist(self, start: int, stop: int) -> None:
        """Bring one range, however often the line is cut, while it brings something."""
        failures = 0
        while start < stop:
            found = self.found
            at, cut = await self._pour(found, start, stop)
            failures = 0 if at - start >= PROGRESS else failures + 1
            start = at
            if start == stop:
                return
            if failures >= self.web.wire.attempts:
                raise lost(self.url, self.partial.completed, found.size) from cut
            await self.web.pause(failures, cut)
            if isinstance(cut, Expired):
                await self._find_again(found)

    async def _find_again(self, found: Found) -> None:
        """Ask for a new address, once for all ranges that need one."""
        async with self._finding:
            if self.found is found:
                self.found = await self.web.find(self.url, self.label)
        if (self.found.etag, self.found.size) != (found.etag, found.size):
            raise Changed

    async def _in_one_stream(self) -> None:
        """For a server without ranges: from the first byte to the last, and again from the first when cut."""
        for failures in range(1, self.web.wire.attempts + 1):
            self.partial.journal.done = []
            at, cut = await self._pour(self.found, 0, self.found.size)
            if cut is None and self.found.size in (None, at):
                self.partial.journal.size = at
                return
            await self.web.pause(failures, cut)
            if isinstance(cut, Expired):
                await self._find_again(self.found)
        raise lost(self.url, at, self.found.size) from cut

    async def _pour(
        self, found: Found, start: int, stop: int | None
    ) -> tuple[int, BaseException | None]:
        """One try: returns how far it came, and what cut it."""
        at, held = start, bytearray()
        span = (start, stop) if found.has_ranges and stop is not None else None
        try:
            async with self.web.get(found.url, span) as (response, _):
                self._agree(found, response, span)
                while at != stop:
                    data, cut = await _some(response.content)
                    held += data
                    if stop is not None:
                        del held[stop - at :]  # a server may say too much
                    is_end = not data or at + len(held) == stop
                    if held and (is_end or len(held) >= BLOCK):
                        await self._keep(at, bytes(held))
                        at += len(held)
                        held.clear()
                    if not data:
                        return at, cut
        except CUT as exc:
            return at, exc
        return at, None

    def _agree(
        self, found: Found, response: aiohttp.ClientResponse, span: tuple[int, int] | None
    ) -> None:
        """Raise unless these are bytes of the file that was found."""
        status, own = response.status, etag_of(response)
        if status in (401, 403, 404, 410) and found.url != self.url:
            raise Expired(status, 0)
        if status == 416:
            raise Changed
        if status not in (200, 206):
            raise refusal(response, self.label, had_token=self.web.wire.token is not None)
        is_whole = status == 200 and span in (None, (0, found.size))
        is_range = span is not None and content_range(response) == (span[0], found.size)
        if not (is_whole or is_range) or (own and found.marker and own != found.marker):
            raise Changed

    async def _keep(self, at: int, data: bytes) -> None:
        await asyncio.to_thread(self.bytes.write, at, data)
        self.partial.mark(at, at + len(data))
        self._unsaved += len(data)
        if self._unsaved >= self.web.wire.journal_bytes:
            self._unsaved = 0
            await asyncio.to_thread(self.partial.save)
        self.report(self.partial.completed)


async def _some(content: aiohttp.StreamReader) -> tuple[bytes, BaseException | None]:
    """The next bytes; none at the end, with what cut the line if it was cut."""
    try:
        return await content.readany(), None
    except CUT as exc:
        return b"", exc


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one to tell of: our own words rather than another's, a change before both."""
    for kind in (Changed, Problem, BaseException):
        for failure in group.exceptions:
            if isinstance(failure, kind):
                return failure
    return group
