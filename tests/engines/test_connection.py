"""Connections to an engine: kept, replaced when they went stale, and never believed when what comes is no answer."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dunoe.engines import connection
from dunoe.engines.connection import Connections, Failed, NotHttp, Unreachable

pytestmark = pytest.mark.anyio

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The server runs on uvloop, which differs where connections are made and lost."""
    return "asyncio", {"use_uvloop": request.param}


class Server:
    """A server of one's own making. connections: how many there were; questions: what each read brought."""

    def __init__(self) -> None:
        self.connections = 0
        self.questions: list[bytes] = []
        self.port = 0
        self.writer: asyncio.StreamWriter | None = None

    async def hang_up(self) -> None:
        """Close the last connection, once what was written is out."""
        assert self.writer is not None
        await self.writer.drain()
        self.writer.close()

    async def question(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        asked = head + (await reader.readexactly(int(length)) if length else b"")
        self.questions.append(asked)
        return asked


@asynccontextmanager
async def talking(
    *answers: bytes | None, tls: ssl.SSLContext | None = None, hangs_up: bool = False
) -> AsyncIterator[tuple[Server, Connections]]:
    """A server that gives these answers one after the other, and connections to it. None: it hangs up instead."""
    server, left = Server(), list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.writer = writer
        try:
            while left:
                await server.question(reader)
                if (answer := left.pop(0)) is None:
                    return
                writer.write(answer)
                if hangs_up:
                    return
        except asyncio.IncompleteReadError:
            return  # it left
        finally:
            writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        scheme = "http" if tls is None else "https"
        ours = Connections(
            f"{scheme}://127.0.0.1:{server.port}/base", {"X-Key": "한".encode().hex()}, 5
        )
        try:
            yield server, ours
        finally:
            await ours.aclose()


async def asked(ours: Connections, body: bytes | None = b"{}") -> tuple[int, bytes]:
    answer = await ours.ask("POST", "/ask", body)
    return answer.status, await answer.read()


async def test_two_questions_take_one_connection() -> None:
    async with talking(WHOLE, WHOLE) as (server, ours):
        assert await asked(ours) == (200, b"hi")
        assert await asked(ours, b"[1]") == (200, b"hi")
        assert server.connections == 1
    first, second = server.questions
    assert first.startswith(b"POST /base/ask HTTP/1.1\r\n") and first.endswith(b"\r\n\r\n{}")
    assert b"Host: 127.0.0.1:%d\r\n" % server.port in first
    assert second.endswith(b"Content-Length: 3\r\n\r\n[1]")


async def test_questions_at_the_same_time_take_one_each() -> None:
    async with talking(WHOLE, WHOLE) as (server, ours), anyio.create_task_group() as group:
        group.start_soon(asked, ours)
        group.start_soon(asked, ours)
    assert server.connections == 2


async def test_a_connection_that_went_stale_is_replaced() -> None:
    async with talking(WHOLE, None, WHOLE) as (server, ours):
        assert await asked(ours) == (200, b"hi")
        assert await asked(ours) == (200, b"hi")
        assert server.connections == 2


async def test_a_question_whose_answer_had_begun_is_not_asked_twice() -> None:
    async with talking(WHOLE, b"HTTP/1.1 200 OK\r\nContent-Le", None, WHOLE) as (server, ours):
        assert await asked(ours) == (200, b"hi")
        with pytest.raises(Failed):
            asking = asyncio.create_task(asked(ours))
            while len(server.questions) < 2:
                await anyio.lowlevel.checkpoint()
            await server.hang_up()
            await asking
        assert len(server.questions) == 2


async def test_what_broke_on_a_new_connection_is_not_asked_twice() -> None:
    async with talking(None, WHOLE) as (server, ours):
        with pytest.raises(Failed):
            await asked(ours)
        assert len(server.questions) == 1


async def test_idle_connections_are_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_S", 0.01)
    left = anyio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(WHOLE)
        assert await reader.read() == b""
        left.set()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        ours = Connections(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, 5)
        assert await asked(ours) == (200, b"hi")
        with anyio.fail_after(30):
            await left.wait()
        await ours.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + WHOLE,
        WHOLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    ],
    ids=["chunked", "until the end", "no coding", "1.0", "a hint first", "closing"],
)
async def test_an_answer_may_come_in_many_shapes(sent: bytes) -> None:
    async with talking(sent, WHOLE, hangs_up=True) as (_, ours):
        assert await asked(ours) == (200, b"hi")
        assert await asked(ours) == (200, b"hi")


async def test_a_hint_is_not_waited_for_as_the_answer() -> None:
    class Sink(asyncio.Transport):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            """Nobody reads it."""

        def is_closing(self) -> bool:
            return True

        def close(self) -> None:
            """Nothing is open."""

    one = connection._Connection(Connections("http://x", {}, 5), asyncio.get_running_loop())
    one.connection_made(Sink())
    asking = asyncio.create_task(one.ask(b"a question"))
    await anyio.lowlevel.checkpoint()
    one.data_received(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
    await anyio.lowlevel.checkpoint()
    assert not asking.done()
    one.data_received(WHOLE)
    assert (await asking).status == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Le",
    ],
    ids=["short", "half a chunk", "half a head"],
)
async def test_half_an_answer_is_none(sent: bytes) -> None:
    async with talking(sent, hangs_up=True) as (_, ours):
        with pytest.raises(Failed) as told:
            await asked(ours)
        assert not isinstance(told.value, NotHttp | Unreachable)


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %b\r\n" % (n, b"a" * 999) for n in range(300)),
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
        b"HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n" * 10_000,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
    ],
    ids=["another protocol", "endless headers", "an endless header", "endless hints", "a switch"],
)
async def test_what_is_no_http_is_said_to_be_none(sent: bytes) -> None:
    async with talking(sent) as (_, ours):
        with pytest.raises(NotHttp):
            await asked(ours)


async def test_a_second_answer_that_nobody_asked_for_ends_the_connection() -> None:
    async with talking(WHOLE + WHOLE.replace(b"hi", b"no"), WHOLE) as (server, ours):
        assert await asked(ours) == (200, b"hi")
        assert await asked(ours) == (200, b"hi")
        assert server.connections == 2


async def test_a_reader_that_waits_makes_the_server_wait() -> None:
    is_full, may_go_on = anyio.Event(), anyio.Event()
    total = 64 * connection.BUFFER

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(64):
            writer.write(bytes(connection.BUFFER))
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                is_full.set()
                await may_go_on.wait()
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        ours = Connections(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, 5)
        answer = await ours.ask("POST", "/", b"{}")
        with anyio.fail_after(30):
            await is_full.wait()
            may_go_on.set()
            assert len(await answer.read()) == total
        await ours.aclose()


async def test_leaving_hangs_up() -> None:
    left = anyio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        ours = Connections(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, 5)
        with anyio.move_on_after(0.1):
            await asked(ours)
        with anyio.fail_after(30):
            await left.wait()
        await ours.aclose()


async def test_a_client_that_leaves_while_it_connects_leaves_nothing() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.add(writer)
        await reader.read()
        met.discard(writer)
        writer.close()

    met = set[asyncio.StreamWriter]()
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        ours = Connections(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, 5)
        for steps in [*range(12)] * 10:
            asking = asyncio.create_task(asked(ours))
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        with anyio.fail_after(30):
            while met or ours._all:
                await anyio.lowlevel.checkpoint()
        await ours.aclose()


async def test_a_trailer_without_an_end_ends_the_answer() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: "
    async with talking(begun + b"a" * 400_000) as (_, ours):
        answer = await ours.ask("POST", "/", b"{}")
        with pytest.raises(NotHttp):
            await answer.read()


async def test_a_long_stream_of_small_chunks_is_no_endless_head() -> None:
    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with talking(begun + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n") as (_, ours):
        assert await asked(ours) == (200, b"a" * 100_000)


async def test_a_connection_that_still_sends_is_not_idle() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(WHOLE)  # before the body was read
        await done.wait()
        writer.close()

    met, done = list[asyncio.StreamWriter](), anyio.Event()
    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        ours = Connections(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, 5)
        with anyio.fail_after(30):
            assert await asked(ours, b"a" * 20_000_000) == (200, b"hi")
            assert await asked(ours) == (200, b"hi")
        assert len(met) == 2
        done.set()
        await ours.aclose()


async def test_closed_is_closed() -> None:
    async with talking(WHOLE) as (server, ours):
        asking = asyncio.create_task(asked(ours))
        await anyio.lowlevel.checkpoint()
        await ours.aclose()
        with pytest.raises(Failed):
            await asking
        with pytest.raises(Failed):
            await asked(ours)
        assert server.questions == []


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "서버..집", "a" * 80])
async def test_a_name_that_nobody_has(host: str) -> None:
    ours = Connections(f"http://{host}:1", {}, 5)
    with pytest.raises(Unreachable):
        await ours.ask("GET", "/", None)
    await ours.aclose()


async def test_a_password_in_the_url_lets_us_in_and_a_key_goes_before_it() -> None:
    async with talking(WHOLE, WHOLE) as (server, _):
        url = f"http://me:p%40ss@127.0.0.1:{server.port}"
        for headers in ({}, {"Authorization": "Bearer k"}):
            ours = Connections(url, headers, 5)
            assert await asked(ours) == (200, b"hi")
            await ours.aclose()
    assert b"Authorization: Basic bWU6cEBzcw==\r\n" in server.questions[0]
    assert b"Authorization: Bearer k\r\n" in server.questions[1]
    assert b"Basic" not in server.questions[1]


async def test_a_header_cannot_smuggle_another() -> None:
    with pytest.raises(ValueError, match="line break"):
        Connections("http://x", {"Authorization": "a\r\nX: b"}, 5)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    file = tmp_path / "tls.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    return file


async def test_a_certificate_is_checked(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with talking(WHOLE, WHOLE, tls=tls) as (server, ours):
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await asked(ours)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusting = Connections(f"https://127.0.0.1:{server.port}", {}, 5)
        assert await asked(trusting) == (200, b"hi")
        await trusting.aclose()
