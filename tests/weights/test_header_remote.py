"""A header is read from afar with the first bytes of its file, however the server behaves."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from dunoe.errors import BadRequest, EngineFailed, Forbidden, NotFound, Problem, Unavailable
from dunoe.weights import remote
from dunoe.weights.header import BadModelFile, read_header, read_model
from dunoe.weights.remote import read_remote
from dunoe.weights.web import Web, Wire
from tests.weights.file_server import FileServer, serving
from tests.weights.parts import written_in_parts

MakeModel = Callable[..., Path]

pytestmark = pytest.mark.anyio

FIRST = 16 * 2**10


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header of 50 KB takes several questions."""
    monkeypatch.setattr(remote, "FIRST", FIRST)


@pytest.fixture
def path(make_model: MakeModel) -> Path:
    return make_model(size=2**20)


@pytest.fixture
def model(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
async def server(model: bytes) -> AsyncIterator[FileServer]:
    async with serving(FileServer(files={"/tiny.gguf": model})) as running:
        yield running


def wire(**habits: object) -> Wire:
    return Wire(**{"backoff_s": 0.001, "attempts": 3, **habits})  # type: ignore[arg-type]  # checked by the dataclass


async def test_a_header_comes_without_its_tensors(server: FileServer, path: Path) -> None:
    assert await read_remote(server.url + "/tiny.gguf", wire=wire()) == read_header(path)
    header = read_header(path)
    assert server.sent < 2 * header.data_start + FIRST < header.file_size / 4
    assert [asked.start for asked in server.asked] == [0, FIRST, 2 * FIRST, 4 * FIRST][
        : len(server.asked)
    ]
    assert len(server.asked) > 1


async def test_the_vocabulary_comes_when_it_is_asked_for(server: FileServer, path: Path) -> None:
    header = await read_remote(server.url + "/tiny.gguf", arrays=True, wire=wire())
    assert header == read_header(path, arrays=True)


async def test_a_server_without_ranges_is_left_when_the_header_is_here(
    server: FileServer, path: Path
) -> None:
    server.has_ranges = False
    server.files["/tiny.gguf"] += bytes(64 * 2**20)
    header = await read_remote(server.url + "/tiny.gguf", wire=wire())
    assert header.tensors == read_header(path).tensors
    assert header.file_size == len(server.files["/tiny.gguf"])
    assert len(server.asked) == 1
    assert server.sent < 32 * 2**20  # what the sockets between us hold


@pytest.mark.parametrize("has_ranges", [True, False])
async def test_a_server_that_tells_no_size_leaves_it_unknown(
    server: FileServer, path: Path, has_ranges: bool
) -> None:
    server.tells_size, server.has_ranges = False, has_ranges
    header = await read_remote(server.url + "/tiny.gguf", wire=wire())
    assert header.tensors == read_header(path).tensors
    assert header.file_size == (len(server.files["/tiny.gguf"]) if has_ranges else 0)


@pytest.mark.parametrize("has_ranges", [True, False])
@pytest.mark.parametrize("tells_size", [True, False])
async def test_a_file_that_ends_inside_its_header_is_refused(
    server: FileServer, has_ranges: bool, tells_size: bool
) -> None:
    server.tells_size, server.has_ranges = tells_size, has_ranges
    server.files["/tiny.gguf"] = server.files["/tiny.gguf"][: FIRST + 100]
    with pytest.raises(BadModelFile, match="ends inside its header") as caught:
        await read_remote(server.url + "/tiny.gguf", wire=wire())
    assert "server" in caught.value.hint.en


async def test_a_file_that_lost_its_tensors_is_refused(server: FileServer) -> None:
    server.files["/tiny.gguf"] = server.files["/tiny.gguf"][:-1]
    with pytest.raises(BadModelFile, match="cut off"):
        await read_remote(server.url + "/tiny.gguf", wire=wire())


async def test_a_line_that_is_cut_goes_on_where_it_was(server: FileServer, path: Path) -> None:
    server.cut_after = [5000, 5000, 0, 5000]
    assert await read_remote(server.url + "/tiny.gguf", wire=wire()) == read_header(path)
    assert [asked.start for asked in server.asked[:5]] == [0, 5000, 10000, 10000, 15000]


async def test_a_line_that_is_always_cut_is_given_up(server: FileServer) -> None:
    server.cut_after = [0] * 99
    with pytest.raises(Unavailable, match="lost the connection"):
        await read_remote(server.url + "/tiny.gguf", wire=wire())
    assert len(server.asked) == 3


async def test_a_server_that_asks_for_patience_gets_it(server: FileServer, path: Path) -> None:
    server.statuses = [503, 429]
    assert await read_remote(server.url + "/tiny.gguf", wire=wire()) == read_header(path)


async def test_nobody_waits_for_ever(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "WAIT_S", 0.2)
    server.hold, server.hold_after = asyncio.Event(), 5000
    with pytest.raises(Unavailable, match="did not arrive"):
        await read_remote(server.url + "/tiny.gguf", wire=wire())
    server.hold.set()


async def test_the_token_stays_with_the_hub(server: FileServer, path: Path, model: bytes) -> None:
    async with serving(FileServer(files={"/far.gguf": model})) as cdn:
        server.redirects["/o/r/resolve/main/tiny.gguf"] = cdn.url + "/far.gguf"
        known = wire(hub=server.url, token="secret")
        assert await read_remote("hf:o/r/tiny.gguf", wire=known) == read_header(path)
        assert {asked.authorization for asked in server.asked} == {"Bearer secret"}
        assert {asked.authorization for asked in cdn.asked} == {None}


async def test_what_is_no_model_is_refused_in_words(server: FileServer) -> None:
    server.files |= {"/page.gguf": b"<!DOCTYPE html>" * 99, "/empty.gguf": b"", "/gg.gguf": b"GG"}
    for name in ("page", "empty", "gg"):
        with pytest.raises(BadModelFile):
            await read_remote(f"{server.url}/{name}.gguf", wire=wire())
    server.refusals["/gated.gguf"] = (403, {})
    expected: dict[str, type[Problem]] = {
        server.url + "/gated.gguf": Forbidden,
        server.url + "/nothing.gguf": NotFound,
        "http://127.0.0.1:9/x.gguf": Unavailable,
        "http://example.com/x.gguf": BadRequest,
        "hf:nonsense": BadRequest,
    }
    for source, kind in expected.items():
        with pytest.raises(kind):
            await read_remote(source, wire=wire())


async def test_a_file_that_changes_is_begun_again(
    server: FileServer, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_model("other.gguf", size=2**21)
    content = other.read_bytes()

    async def pause(web: Web, failures: int, cut: BaseException | None) -> None:
        server.files["/tiny.gguf"] = content

    monkeypatch.setattr(Web, "pause", pause)
    server.cut_after = [5000]
    assert await read_remote(server.url + "/tiny.gguf", wire=wire()) == read_header(other)
    assert [asked.start for asked in server.asked[:3]] == [0, 5000, 0]


class Fickle(FileServer):
    """Has another version at every question."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers = {"ETag": f'"{len(self.asked)}"'}
        return await super().answer(request)


async def test_a_file_that_keeps_changing_is_given_up(
    model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FIRST", 1024)
    async with serving(Fickle(files={"/tiny.gguf": model})) as server:
        with pytest.raises(EngineFailed, match="keeps changing"):
            await read_remote(server.url + "/tiny.gguf", wire=wire())
        assert [asked.start for asked in server.asked] == [0, 1024, 0, 2048, 0, 4096]


async def test_a_header_without_end_is_refused(server: FileServer) -> None:
    strings = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    strings += struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 8, 2**21)
    server.files["/endless.gguf"] = strings + (struct.pack("<Q", 2**16) + bytes(2**16)) * 64
    server.tells_size = server.has_ranges = False
    with pytest.raises(BadModelFile):
        await read_remote(server.url + "/endless.gguf", wire=wire())


async def test_parts_are_one_model(server: FileServer, tmp_path: Path) -> None:
    paths = written_in_parts(tmp_path)
    server.files |= {f"/{path.name}": path.read_bytes() for path in paths}
    whole = read_model(paths[0])
    assert await read_remote(f"{server.url}/{paths[1].name}", wire=wire()) == whole
    assert await read_remote(str(paths[2])) == whole
    del server.files[f"/{paths[2].name}"]
    with pytest.raises(NotFound):
        await read_remote(f"{server.url}/{paths[0].name}", wire=wire())
