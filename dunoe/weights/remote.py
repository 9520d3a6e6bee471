"""The header of a model somewhere else: as many of a file's first bytes as it takes, and no more."""

import asyncio
from io import BytesIO
from pathlib import Path

import aiohttp
from yarl import URL

from dunoe.errors import EngineFailed, Text, Unavailable
from dunoe.weights.gguf_bytes import BadModelFile, GoesOn, HeaderBytes
from dunoe.weights.header import MAGIC, Header, header_of, joined, read_whole, whole
from dunoe.weights.refusals import Later, lost, no_model, refusal, unreachable
from dunoe.weights.sources import read_source
from dunoe.weights.web import CUT, Web, Wire, content_range, etag_of

FIRST = 2**20  # bytes of the first question; every further one reaches twice as far
LIMIT = 64 * 2**20  # bytes of a header
WAIT_S = 300  # for the headers of all parts
BLOCK = 2**18  # bytes read at once
CHANGES = 3  # a file that changes while it is read is begun again so often

_WIRE = Wire()
_CURE = Text(
    "서버의 파일이 망가졌습니다. 다른 곳의 파일을 고르세요.",
    "the file on the server is damaged; choose one from elsewhere.",
)


async def read_remote(source: str, *, arrays: bool = False, wire: Wire = _WIRE) -> Header:
    """The header of what `read_source` understands, without fetching the model; of a model in parts, `joined`.

    arrays: True keeps the vocabulary. A path is read where it lies. Raises a `Problem`.
    """
    wanted = read_source(source, wire.hub)
    headers: list[Header] = []
    try:
        async with asyncio.timeout(WAIT_S), Web.open(wire) as web:
            for place in wanted.places:
                is_kept = arrays and not headers  # only the first part has a vocabulary
                if isinstance(place, Path):
                    headers.append(await asyncio.to_thread(read_whole, place, arrays=is_kept))
                else:
                    label = wanted.label if len(wanted.places) == 1 else place.name
                    headers.append(await _Afar(web, place, label, arrays=is_kept).header())
    except TimeoutError as exc:
        raise Unavailable(
            Text(
                f"{WAIT_S}초 안에 머리말이 오지 않았습니다: {wanted.label}",
                f"the header did not arrive within {WAIT_S} seconds: {wanted.label}",
            ),
            Text("나중에 다시 하거나 파일을 받으세요.", "try again later, or pull the file."),
            code="connection_lost",
        ) from exc
    return joined(headers, wanted.label)


class _Afar:
    """One file on its server, and the bytes of it that are here. goal: how many shall be, before we look again."""

    def __init__(self, web: Web, url: URL, label: str, *, arrays: bool) -> None:
        self.web, self.url, self.label, self.arrays = web, url, label, arrays
        self.data, self.goal = bytearray(), FIRST
        self.size: int | None = None
        self.etag: str | None = None
        self.changes = 0

    async def header(self) -> Header:
        """Ask for more until the header is whole."""
        failures = 0
        while True:
            have = len(self.data)
            cut: BaseException | None = None
            try:
                if (header := await self._asked()) is not None:
                    return header
            except aiohttp.ClientConnectorError as exc:
                raise unreachable(exc) from exc
            except CUT as exc:
                cut = exc
            failures = 0 if len(self.data) > have else failures + 1
            if failures >= self.web.wire.attempts:
                raise lost(self.url, None, None) from cut
            if cut is not None or failures:
                await self.web.pause(failures, cut)

    async def _asked(self) -> Header | None:
        """One question; None when the header goes on behind what it brought."""
        async with self.web.get(self.url, (len(self.data), self.goal)) as (response, _):
            self._agree(response)
            is_to_the_end = response.status != 206
            while data := await self._some(response):
                self.data += data
                if self.data[: len(MAGIC)] != MAGIC[: len(self.data)]:
                    raise no_model(response, self.label)
                if len(self.data) >= min(self.goal, self.size or self.goal):
                    header = await asyncio.to_thread(self._parsed)
                    if header is not None or not is_to_the_end:
                        return header
            if is_to_the_end and self.size in (None, len(self.data)):
                self.size = len(self.data)
                return await asyncio.to_thread(self._parsed)
        return None

    async def _some(self, response: aiohttp.ClientResponse) -> bytes:
        """The next bytes up to the goal; none at the end, and of an answer that is no part of the file."""
        if response.status == 416:
            return b""
        return await response.content.read(max(1, min(BLOCK, self.goal - len(self.data))))

    def _agree(self, response: aiohttp.ClientResponse) -> None:
        """Raise unless the answer goes on with the same file where we are, or begins with it."""
        status, etag, ranged = response.status, etag_of(response), content_range(response)
        if status not in (200, 206, 416):
            raise refusal(response, self.label, had_token=self.web.wire.token is not None)
        if status == 416 and not self.data:
            raise no_model(response, self.label)
        if status == 416 and self.size is None:
            return  # we have it all, of a file whose size nobody told
        if status == 200:
            self.data.clear()
        elif ranged is None or ranged[0] != len(self.data):
            raise self._begin_again()
        size = ranged[1] if ranged else response.content_length
        if self.data and (size, etag) != (self.size, self.etag):
            raise self._begin_again()
        self.size, self.etag = size, etag

    def _begin_again(self) -> Exception:
        """Forget what is here: the server has another file now than a moment ago."""
        self.changes += 1
        self.data.clear()
        self.size = self.etag = None
        if self.changes < CHANGES:
            return Later(416, 0)
        return EngineFailed(
            Text(
                f"읽는 동안 파일이 계속 바뀝니다: {self.label}",
                f"the file keeps changing while it is read: {self.label}",
            ),
            Text("나중에 다시 하세요.", "try again later."),
        )

    def _parsed(self) -> Header | None:
        """The header; None, and a farther goal, when it is not whole."""
        here = BytesIO(bytes(self.data))
        try:
            raw = HeaderBytes(here, self.size, self.label, arrays=self.arrays, limit=LIMIT)
            return whole(header_of(raw), self.label)
        except GoesOn as exc:
            self.goal = max(2 * len(self.data), exc.upto)
            return None
        except BadModelFile as exc:
            raise BadModelFile(exc.message, _CURE) from exc
