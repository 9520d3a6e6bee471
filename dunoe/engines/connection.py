"""HTTP/1.1 towards one server: connections that are kept, and answers whose bodies are read as they come.

Our own, on uvicorn's parser: a quarter of what a request cost was aiohttp's client. Its states, what else was tried and
what it does not do are in docs/design/engines.md.
"""

import asyncio
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

import httptools

from dunoe.errors import Text
from dunoe.foreign import reason

IDLE_S = 4.0  # llama.cpp closes what was idle for 5 s; two at once would outlast our second try
STALE_S = 0.3  # a connection that was closed while idle fails sooner than this
CLOSE_S = 1.0  # for connections to be gone
HEAD_LIMIT = 256 * 2**10  # bytes of headers, trailers or chunk marks without any body
BUFFER = 2**20  # bytes that wait for their reader; then the server has to wait


class Failed(Exception):
    """No answer, or only half of one. It says why."""


class Unreachable(Failed):
    """There was no connection, and why."""

    def __init__(self, exc: OSError | UnicodeError) -> None:
        super().__init__(str(exc))
        if isinstance(exc, ssl.SSLError):
            self.said = Text(f"TLS 연결이 되지 않습니다: {exc}", f"no TLS connection: {exc}")
        elif isinstance(exc, OSError):
            self.said = reason(exc)
        else:
            self.said = Text("컴퓨터의 이름이 아닙니다", "this is no name of a machine")


class ConnectTooSlow(Failed):
    """There was none in time."""


class NotHttp(Failed):
    """What came is no HTTP."""


class Connections:
    """Connections to one server, kept for the next question.

    url: begins with http:// or https://, without a slash at its end. headers: sent with every question.
    connect_s: seconds for a connection, TLS included.
    """

    def __init__(self, url: str, headers: Mapping[str, str], connect_s: float) -> None:
        split = urlsplit(url)
        self._host = split.hostname or ""
        self._port = split.port or (443 if split.scheme == "https" else 80)
        self._is_tls = split.scheme == "https"
        self._tls: ssl.SSLContext | None = None
        self._connect_s = connect_s
        self._path = quote(split.path, safe="/%:@!$&'()*+,;=~")
        place = f"[{self._host}]" if ":" in self._host else _ascii(self._host)
        if split.port is not None:
            place += f":{split.port}"
        self._headers = _head(place, headers, split.username, split.password)
        self._heads: dict[tuple[str, str], bytes] = {}
        # since when; the newest on the right
        self._idle: deque[tuple[float, _Connection]] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._all: set[_Connection] = set()
        self._is_closed = False

    async def ask(self, method: str, path: str, body: bytes | None) -> "Answer":
        """Send, and return once the answer's headers are there. Raises Failed.

        A connection that the server closed while it was idle is replaced: it breaks at once, and without a byte of
        an answer. One that breaks later may have been worked on, so it is not asked twice.
        """
        loop, question = asyncio.get_running_loop(), self._packed(method, path, body)
        started = loop.time()
        if (kept := self._take(started)) is not None:
            try:
                return await kept.ask(question)
            except Failed:
                if kept.was_heard or loop.time() - started > STALE_S:
                    raise
        return await (await self._connected(loop)).ask(question)

    async def aclose(self) -> None:
        """Close every connection, for good."""
        self._is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self._idle.clear()
        for one in self._all:
            one.abort()
        if self._all:
            await asyncio.wait([one.lost for one in self._all], timeout=CLOSE_S)

    def _take(self, now: float) -> "_Connection | None":
        while self._idle:
            since, one = self._idle.pop()
            if now - since < IDLE_S and one.is_open:
                return one
            one.abort()
        return None

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> "_Connection":
        if self._is_tls and self._tls is None:
            self._tls = ssl.create_default_context()
        made = _Connection(self, loop)
        try:
            async with asyncio.timeout(self._connect_s):
                await loop.create_connection(lambda: made, self._host, self._port, ssl=self._tls)
        except TimeoutError as exc:
            made.abort()
            raise ConnectTooSlow from exc
        except (OSError, UnicodeError) as exc:  # a name that is none fails in its encoding
            raise Unreachable(exc) from exc
        except asyncio.CancelledError:  # uvloop leaves what it has connected by then
            made.abort()
            raise
        if self._is_closed:
            made.abort()
            raise Failed("closed")
        if not made.lost.done():
            self._all.add(made)
        return made

    def _packed(self, method: str, path: str, body: bytes | None) -> bytes:
        head = self._heads.get((method, path))
        if head is None:
            head = f"{method} {self._path}{path} HTTP/1.1\r\n".encode("ascii") + self._headers
            self._heads[method, path] = head
        if body is None:
            return head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)

    def ended(self, one: "_Connection") -> None:
        """For connections: this one is no more."""
        self._all.discard(one)

    def keep(self, one: "_Connection", loop: asyncio.AbstractEventLoop) -> None:
        """For connections: this one is free again."""
        self._idle.append((loop.time(), one))
        if self._sweeping is None:
            self._sweeping = loop.call_later(IDLE_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what nobody wanted for long."""
        self._sweeping = None
        while self._idle and loop.time() - self._idle[0][0] >= IDLE_S:
            self._idle.popleft()[1].abort()
        if self._idle:
            wait_s = self._idle[0][0] + IDLE_S - loop.time()
            self._sweeping = loop.call_later(wait_s, self._sweep, loop)


class _Connection(asyncio.Protocol):
    """One connection, with one answer on it at a time."""

    transport: asyncio.Transport | None = None

    def __init__(self, home: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self._home, self._loop = home, loop
        self._answer: Answer | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._quiet = 0  # bytes that brought no body
        self.was_heard = False  # there were bytes of the last answer
        self.lost: asyncio.Future[None] = loop.create_future()

    @property
    def is_open(self) -> bool:
        """It can be asked."""
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # create_connection makes a Transport

    async def ask(self, question: bytes) -> "Answer":
        """Send a question; the answer once its headers are there. Left early, the connection is gone."""
        answer = self._answer = Answer(self, self._loop)
        self._parser = httptools.HttpResponseParser(answer)
        self._quiet, self.was_heard = 0, False
        if self.transport is not None:
            self.transport.write(question)
        try:
            await answer.begun
        except BaseException:  # left early: the answer to come is nobody's
            self.abort()
            raise
        return answer

    def data_received(self, data: bytes) -> None:
        if (parser := self._parser) is None:  # nobody asked
            self.abort()
            return
        self.was_heard = True
        self._quiet += len(data)
        try:
            parser.feed_data(data)
            if self._quiet > HEAD_LIMIT:
                raise NotHttp("headers without an end")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, Failed) as exc:
            self._fail(NotHttp(str(exc) or type(exc).__name__))
            self.abort()

    def eof_received(self) -> bool:
        if self._answer is not None and self._answer.ends_with_connection:
            self._answer.on_message_complete()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._home.ended(self)
        self._fail(Failed(str(exc or "")))
        if not self.lost.done():
            self.lost.set_result(None)

    def complete(self, answer: "Answer") -> None:
        """For the answer: it is whole."""
        parser = self._parser
        if answer is not self._answer or parser is None:
            return
        is_kept = not answer.ends_with_connection and parser.should_keep_alive()
        self._answer = self._parser = None
        if (transport := self.transport) is None:
            return
        if is_kept and not transport.is_closing() and not transport.get_write_buffer_size():
            self._home.keep(self, self._loop)
        else:
            transport.close()

    def status(self) -> int:
        """For the answer: its status."""
        assert self._parser is not None
        return self._parser.get_status_code()

    def flowed(self) -> None:
        """For the answer: some of its body came."""
        self._quiet = 0

    def pause(self, *, is_paused: bool) -> None:
        """For the answer: take no more for now, or go on."""
        if self.transport is not None and is_paused:
            self.transport.pause_reading()
        elif self.transport is not None:
            self.transport.resume_reading()

    def abort(self) -> None:
        """Hang up at once."""
        if self.transport is not None:
            self.transport.abort()

    def _fail(self, why: Failed) -> None:
        answer, self._answer, self._parser = self._answer, None, None
        if answer is not None:
            answer.fail(why)


class Answer:
    """One answer, its body still to come."""

    def __init__(self, connection: _Connection, loop: asyncio.AbstractEventLoop) -> None:
        self.begun: asyncio.Future[None] = loop.create_future()
        self.status = 0
        self.ends_with_connection = False
        self._connection, self._loop = connection, loop
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_whole = self._is_paused = False
        self._failure: Failed | None = None
        self._reader: asyncio.Future[None] | None = None

    def header(self, name: str) -> str | None:
        """The last header of this name."""
        found = self._headers.get(name.lower().encode("ascii"))
        return None if found is None else found.decode("latin-1")

    async def some(self) -> bytes:
        """What has come since the last call, waiting if it is nothing; empty at the end. Raises Failed."""
        while not self._pieces and not self._is_whole:
            if self._failure is not None:
                raise self._failure
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._is_paused:
            self._is_paused = False
            self._connection.pause(is_paused=False)
        return data

    async def read(self, limit: int | None = None) -> bytes:
        """All that is still to come, or its first bytes up to the limit. Raises Failed."""
        pieces: list[bytes] = []
        size = 0
        while (limit is None or size < limit) and (piece := await self.some()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)[:limit]

    def close(self) -> None:
        """Hang up, unless the answer is whole."""
        if not self._is_whole and self._failure is None:
            self._connection.abort()

    def on_message_begin(self) -> None:
        """For the parser."""
        if self._is_whole:
            raise NotHttp("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """For the parser."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """For the parser."""
        self.status = self._connection.status()
        if self.status < 200:  # only the next one is the answer
            return
        coding = self._headers.get(b"transfer-encoding", b"").lower()
        has_end = b"content-length" in self._headers or coding.endswith(b"chunked")
        self.ends_with_connection = not has_end and self.status not in (204, 304)
        if not self.begun.done():
            self.begun.set_result(None)

    def on_body(self, data: bytes) -> None:
        """For the parser."""
        self._connection.flowed()
        self._pieces.append(data)
        self._size += len(data)
        if self._size > BUFFER and not self._is_paused:
            self._is_paused = True
            self._connection.pause(is_paused=True)
        self._wake()

    def on_message_complete(self) -> None:
        """For the parser, and for a connection whose end is the answer's."""
        if self.status < 200:
            self._headers.clear()
            return
        self._is_whole = True
        if self._is_paused:  # an idle connection must hear that the server closes it
            self._is_paused = False
            self._connection.pause(is_paused=False)
        self._connection.complete(self)
        self._wake()

    def fail(self, why: Failed) -> None:
        """For the connection: it is lost."""
        self._failure = why
        if not self.begun.done():
            self.begun.set_exception(why)
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return quote(host)  # there is no such name; connecting will say so


def _head(host: str, headers: Mapping[str, str], user: str | None, password: str | None) -> bytes:
    """The lines that every question begins with."""
    lines = {"Host": host, **headers}
    if user is not None and "Authorization" not in lines:
        pair = f"{unquote(user)}:{unquote(password or '')}".encode()
        lines["Authorization"] = f"Basic {b64encode(pair).decode('ascii')}"
    for name, value in lines.items():
        if {"\r", "\n", "\0"} & set(name + value):
            raise ValueError(f"a line break in the header {name}")
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")
