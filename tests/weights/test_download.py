"""A model arrives whole, or not at all; what was cut goes on where it stopped."""

import asyncio
import errno
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from dunoe.errors import (
    BadRequest,
    Busy,
    EngineFailed,
    Forbidden,
    NotFound,
    Problem,
    Unavailable,
)
from dunoe.weights.download import fetch
from dunoe.weights.header import BadModelFile
from dunoe.weights.pull import Phase
from dunoe.weights.shelf import Shelf, link_or_copy
from dunoe.weights.staging import Partial, lock
from dunoe.weights.web import Wire
from tests.weights.file_server import FileServer, serving

MakeModel = Callable[..., Path]

pytestmark = pytest.mark.anyio

SIZE = 3 * 2**20
RANGE = 256 * 2**10


@pytest.fixture
def model(make_model: MakeModel) -> bytes:
    return make_model(size=SIZE).read_bytes()


@pytest.fixture
async def server(model: bytes) -> AsyncIterator[FileServer]:
    async with serving(FileServer(files={"/tiny.gguf": model})) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def wire(**habits: object) -> Wire:
    quick = {"range_bytes": RANGE, "journal_bytes": RANGE, "backoff_s": 0.001, "attempts": 3}
    return Wire(**{**quick, **habits})  # type: ignore[arg-type]  # checked by the dataclass


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def left(folder: Path) -> list[str]:
    """What a pull left on the way."""
    return sorted(path.name for path in (folder / ".pulling").iterdir())


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def check_two_lines(problem: Problem) -> None:
    for line in (*problem.message, *problem.hint):
        assert line
        assert "\n" not in line


async def test_a_model_comes_in_ranges_and_is_whole(
    server: FileServer, folder: Path, model: bytes
) -> None:
    seen: list[tuple[Phase, int, int | None]] = []
    pulled = await fetch(
        server.url + "/tiny.gguf", folder, progress=lambda *step: seen.append(step), wire=wire()
    )
    assert (pulled.name, pulled.path) == ("tiny", folder / "tiny.gguf")
    assert (pulled.size, pulled.sha256) == (len(model), digest(model))
    assert pulled.path.read_bytes() == model
    assert Shelf(folder).digest("tiny") == digest(model)
    assert len(server.ranges()) == -(-len(model) // RANGE)
    assert server.sent == len(model) + 4
    assert left(folder) == []
    assert [*dict.fromkeys(phase for phase, _, _ in seen)] == [
        "connecting", "downloading", "verifying", "done",
    ]  # fmt: skip
    counts = [done for phase, done, _ in seen if phase == "downloading"]
    assert counts == sorted(counts)
    assert seen[-1] == ("done", len(model), len(model))


@pytest.mark.parametrize("tells_size", [True, False])
async def test_a_server_without_ranges_sends_one_stream(
    server: FileServer, folder: Path, model: bytes, tells_size: bool
) -> None:
    server.has_ranges, server.tells_size = False, tells_size
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert pulled.path.read_bytes() == model
    assert pulled.size == len(model)


@pytest.mark.parametrize("tells_size", [True, False])
async def test_one_stream_that_is_cut_begins_again(
    server: FileServer, folder: Path, model: bytes, tells_size: bool
) -> None:
    server.has_ranges, server.tells_size = False, tells_size
    server.cut_after = [4, SIZE // 2]  # the first answer is to the question for 4 bytes
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert pulled.path.read_bytes() == model


async def test_a_pulled_cable_costs_only_the_bytes_that_were_under_way(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.cut_after = [RANGE, RANGE, 100_000, *[0] * 20]
    with pytest.raises(Unavailable, match="lost the connection") as caught:
        await fetch(server.url + "/tiny.gguf", folder, wire=wire(connections=1))
    check_two_lines(caught.value)
    assert Shelf(folder).models() == []
    have = Partial(folder, "tiny.gguf").completed
    assert 2 * RANGE < have < len(model)

    server.cut_after, server.asked = [], []
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert pulled.path.read_bytes() == model
    assert sum(stop - start for start, stop in server.ranges()) == len(model) - have
    assert min(start for start, _ in server.ranges()) == have


async def test_a_line_that_is_cut_now_and_then_is_no_failure(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.cut_after = [70_000 + 1000 * n for n in range(20)]
    server.statuses = [503, 500, 429]
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire(attempts=4))
    assert pulled.path.read_bytes() == model


async def test_a_server_that_falls_silent_is_asked_again(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.hold, server.hold_after = asyncio.Event(), 65536
    pull = asyncio.ensure_future(
        fetch(server.url + "/tiny.gguf", folder, wire=wire(stall_s=0.1, attempts=50))
    )
    await server.holding.wait()
    server.hold_after = SIZE * 2  # the connections that hang go on hanging; new ones do not
    pulled = await pull
    server.hold.set()
    assert pulled.path.read_bytes() == model


async def test_another_file_under_the_same_address_begins_anew(
    server: FileServer, folder: Path, make_model: MakeModel
) -> None:
    server.cut_after = [RANGE, *[0] * 20]
    with pytest.raises(Unavailable):
        await fetch(server.url + "/tiny.gguf", folder, wire=wire(connections=1))
    other = make_model("other.gguf", size=SIZE, seed=7).read_bytes()
    server.files["/tiny.gguf"], server.cut_after = other, []
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert pulled.path.read_bytes() == other


async def test_a_file_that_changes_while_it_comes_is_never_mixed(
    server: FileServer, folder: Path, make_model: MakeModel
) -> None:
    other = make_model("other.gguf", size=SIZE, seed=7).read_bytes()

    def change(phase: Phase, completed: int, total: int | None) -> None:
        if completed > SIZE // 2:
            server.files["/tiny.gguf"] = other

    pulled = await fetch(server.url + "/tiny.gguf", folder, progress=change, wire=wire())
    assert pulled.path.read_bytes() == other


async def test_a_file_that_never_stands_still_is_refused(
    server: FileServer, folder: Path, make_model: MakeModel
) -> None:
    versions = [make_model(f"v{n}.gguf", size=SIZE, seed=n).read_bytes() for n in range(2)]
    flips = 0

    def change(phase: Phase, completed: int, total: int | None) -> None:
        nonlocal flips
        if completed > RANGE:
            flips += 1
            server.files["/tiny.gguf"] = versions[flips % 2]

    with pytest.raises(EngineFailed, match="keeps changing"):
        await fetch(server.url + "/tiny.gguf", folder, progress=change, wire=wire(connections=1))
    assert Shelf(folder).models() == []


async def test_a_cancelled_pull_goes_on_later(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.hold, server.hold_after = asyncio.Event(), 2**20 + 65536
    slow = wire(journal_bytes=SIZE * 2, range_bytes=SIZE, connections=1)
    arrived = asyncio.Event()

    def look(phase: Phase, completed: int, total: int | None) -> None:
        if completed > 0:
            arrived.set()

    pull = asyncio.ensure_future(fetch(server.url + "/tiny.gguf", folder, progress=look, wire=slow))
    await arrived.wait()
    pull.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pull
    have = Partial(folder, "tiny.gguf").completed
    assert have >= 2**20
    assert left(folder) == ["tiny.gguf.json", "tiny.gguf.part"]
    server.hold, server.asked = None, []
    await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert sum(stop - start for start, stop in server.ranges()) == len(model) - have


PULLING = """
import asyncio, sys
from pathlib import Path
from dunoe.weights.download import fetch
from dunoe.weights.web import Wire
wire = Wire(range_bytes=2**18, journal_bytes=2**18)
say = lambda phase, done, total: print(done, flush=True)
asyncio.run(fetch(sys.argv[1], Path(sys.argv[2]), progress=say, wire=wire))
"""


async def test_a_process_killed_while_it_pulls_leaves_what_it_had(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.hold, server.free = asyncio.Event(), 2
    address = server.url + "/tiny.gguf"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PULLING, address, str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async for _ in process.stdout:  # each line follows an entry in the journal
        if Partial(folder, "tiny.gguf").completed == 2 * RANGE:
            break
    with pytest.raises(Busy, match="another dunoe"):
        await fetch(address, folder, wire=wire())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    server.hold.set()
    assert Shelf(folder).models() == []
    have = Partial(folder, "tiny.gguf").completed
    assert have == 2 * RANGE
    server.hold, server.asked = None, []
    pulled = await fetch(address, folder, wire=wire())
    assert pulled.path.read_bytes() == model
    assert sum(stop - start for start, stop in server.ranges()) == len(model) - have


async def test_the_token_stays_with_the_hub(folder: Path, model: bytes) -> None:
    cdn = FileServer(files={"/blob": model})
    hub = FileServer(headers={"X-Linked-Etag": f'"{digest(model)}"'})
    async with serving(cdn), serving(hub):
        hub.redirects = {"/owner/repo/resolve/v1/q/tiny.gguf": cdn.url + "/blob?signed=a%2Fb"}
        pulled = await fetch(
            "hf:owner/repo/q/tiny.gguf@v1", folder, wire=wire(hub=hub.url, token="secret")
        )
        assert pulled.sha256 == digest(model)
        assert {asked.authorization for asked in hub.asked} == {"Bearer secret"}
        assert {asked.authorization for asked in cdn.asked} == {None}
        assert "secret" not in repr(wire(token="secret"))
        assert len(hub.asked) == 1

        again = await fetch(
            "hf:owner/repo/q/tiny.gguf@v1", folder, wire=wire(hub=hub.url, token="secret")
        )
        assert again == pulled
        assert len(cdn.ranges()) == -(-len(model) // RANGE)  # nothing came twice


async def test_bytes_that_are_not_what_the_hub_promised_are_thrown_away(
    folder: Path, model: bytes
) -> None:
    hub = FileServer(
        files={"/o/r/resolve/main/tiny.gguf": model}, headers={"X-Linked-Etag": f'"{"0" * 64}"'}
    )
    async with serving(hub):
        with pytest.raises(EngineFailed, match="sha256 is wrong") as caught:
            await fetch("hf:o/r/tiny.gguf", folder, wire=wire(hub=hub.url))
    check_two_lines(caught.value)
    assert Shelf(folder).models() == []
    assert left(folder) == []


async def test_a_digest_that_was_given_is_compared(
    server: FileServer, folder: Path, model: bytes
) -> None:
    address = server.url + "/tiny.gguf"
    with pytest.raises(EngineFailed, match="sha256 is wrong"):
        await fetch(address, folder, sha256="1" * 64, wire=wire())
    assert left(folder) == []
    await fetch(address, folder, sha256=digest(model).upper(), wire=wire())
    with pytest.raises(EngineFailed, match="sha256 is wrong"):
        await fetch(address, folder, sha256="1" * 64, wire=wire())
    assert Shelf(folder).digest("tiny") == digest(model)


async def test_a_signed_address_that_ran_out_is_asked_for_again(folder: Path, model: bytes) -> None:
    cdn = FileServer(files={"/blob": model})
    hub = FileServer(headers={"X-Linked-Etag": f'"{digest(model)}"'})
    async with serving(cdn), serving(hub):
        hub.redirects = {"/o/r/resolve/main/tiny.gguf": cdn.url + "/blob"}
        cdn.statuses = [403, 403]
        pulled = await fetch("hf:o/r/tiny.gguf", folder, wire=wire(hub=hub.url, connections=2))
        assert pulled.path.read_bytes() == model
        assert len(hub.asked) == 2  # both workers ran into it; one asked


REFUSALS: dict[str, tuple[int, dict[str, str], type[Problem], str]] = {
    "gated": (401, {"X-Error-Code": "GatedRepo"}, Forbidden, "accept the terms"),
    "forbidden": (403, {}, Forbidden, "token"),
    "no repository": (401, {"X-Error-Code": "RepoNotFound"}, NotFound, "private"),
    "no revision": (404, {"X-Error-Code": "RevisionNotFound"}, NotFound, "revision"),
    "no file": (404, {"X-Error-Code": "EntryNotFound"}, NotFound, "list of files"),
    "nothing": (404, {}, NotFound, "spelling"),
    "a teapot": (418, {}, EngineFailed, "address"),
    "broken": (500, {}, Unavailable, "again"),
    "busy": (429, {}, Unavailable, "again"),
    "empty": (416, {}, BadModelFile, "gguf"),
    "a redirect to http": (302, {"Location": "http://example.com/x"}, EngineFailed, "https"),
    "a redirect to a file": (302, {"Location": "file:///etc/passwd"}, EngineFailed, "https"),
    "a redirect to nonsense": (302, {"Location": "http://[/"}, EngineFailed, "https"),
    "a circle": (302, {"Location": "/o/r/resolve/main/x.gguf"}, EngineFailed, "address"),
}


@pytest.mark.parametrize("what", REFUSALS)
async def test_every_refusal_says_what_to_do(folder: Path, what: str) -> None:
    status, headers, kind, hint = REFUSALS[what]
    hub = FileServer(refusals={"/o/r/resolve/main/x.gguf": (status, headers)})
    async with serving(hub):
        with pytest.raises(kind) as caught:
            await fetch("hf:o/r/x.gguf", folder, wire=wire(hub=hub.url))
    assert hint in caught.value.hint.en
    check_two_lines(caught.value)
    assert left(folder) == []


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (b"<!DOCTYPE html><p>sign in", {"Content-Type": "text/html; charset=utf-8"}, "web page"),
        (b"PK\x03\x04 a zip", {}, "not a GGUF"),
        (b"GG", {}, "not a GGUF"),
        (b"GGUF" + bytes(200), {}, "version"),
    ],
)
async def test_what_is_no_model_is_not_fetched_to_its_end(
    folder: Path, content: bytes, headers: dict[str, str], words: str
) -> None:
    async with serving(FileServer(files={"/x.gguf": content}, headers=headers)) as server:
        with pytest.raises(BadModelFile, match=words) as caught:
            await fetch(server.url + "/x.gguf", folder, wire=wire())
    check_two_lines(caught.value)
    assert left(folder) == []


async def test_a_model_that_is_cut_off_on_the_server_is_refused(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.files["/tiny.gguf"] = model[:-1000]
    with pytest.raises(BadModelFile, match="cut off"):
        await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert Shelf(folder).models() == []
    assert left(folder) == []


async def test_nobody_there_is_said_at_once(server: FileServer, folder: Path) -> None:
    gone = FileServer()
    async with serving(gone):
        address = gone.url + "/x.gguf"
    with pytest.raises(Unavailable, match="cannot connect") as caught:
        await fetch(address, folder, wire=Wire())
    assert caught.value.code == "no_network"
    check_two_lines(caught.value)


async def test_a_disk_without_room_is_said_before_anything_comes(
    server: FileServer, folder: Path
) -> None:
    with pytest.raises(Unavailable, match="disk is full") as caught:
        await fetch(server.url + "/tiny.gguf", folder, wire=wire(spare=2**60))
    assert server.ranges() == []
    check_two_lines(caught.value)


@contextmanager
def no_file_longer_than(limit: int) -> Iterator[None]:
    """The nearest thing to a full disk that a test can have for itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_fills_up_keeps_what_has_arrived(
    server: FileServer, folder: Path, model: bytes
) -> None:
    with no_file_longer_than(2**20), pytest.raises(Unavailable, match="disk is full") as caught:
        await fetch(server.url + "/tiny.gguf", folder, wire=wire(connections=1))
    assert caught.value.code == "disk_full"
    have = Partial(folder, "tiny.gguf").completed
    assert have == 2**20
    server.asked = []
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    assert pulled.path.read_bytes() == model
    assert sum(stop - start for start, stop in server.ranges()) == len(model) - have


async def test_a_folder_that_cannot_be_written_is_a_problem_in_words(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file, where the folder should be")
    with pytest.raises(Problem, match="cannot write to the models folder") as caught:
        await fetch(server.url + "/tiny.gguf", tmp_path / "taken", wire=wire())
    check_two_lines(caught.value)


async def test_two_who_want_the_same_share_one_pull(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.hold, server.hold_after = asyncio.Event(), 65536
    address, seen = server.url + "/tiny.gguf", [0, 0]

    def look(who: int) -> Callable[[Phase, int, int | None], None]:
        def keep(phase: Phase, completed: int, total: int | None) -> None:
            seen[who] = completed

        return keep

    first = asyncio.ensure_future(fetch(address, folder, progress=look(0), wire=wire()))
    await server.holding.wait()
    second = asyncio.ensure_future(fetch(address, folder, progress=look(1), wire=wire()))
    with pytest.raises(Busy, match="from elsewhere"):
        await fetch(server.url + "/other.gguf", folder, name="tiny", wire=wire())
    server.hold.set()
    assert await first == await second
    assert seen == [len(model), len(model)]
    assert server.sent == len(model) + 4


async def test_when_the_first_leaves_the_second_goes_on(
    server: FileServer, folder: Path, model: bytes
) -> None:
    server.hold, server.hold_after = asyncio.Event(), 65536
    address = server.url + "/tiny.gguf"
    pulls = [asyncio.ensure_future(fetch(address, folder, wire=wire())) for _ in range(3)]
    await server.holding.wait()
    pulls[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulls[0]
    server.hold.set()
    assert await pulls[1] == await pulls[2]
    assert (folder / "tiny.gguf").read_bytes() == model


async def test_a_failure_is_told_to_everybody(server: FileServer, folder: Path) -> None:
    pulls = [fetch(server.url + "/none.gguf", folder, wire=wire()) for _ in range(3)]
    results = await asyncio.gather(*pulls, return_exceptions=True)
    assert [type(result) for result in results] == [NotFound] * 3
    assert len(server.asked) == 1


async def test_a_name_is_never_taken_over(
    server: FileServer, folder: Path, make_model: MakeModel
) -> None:
    pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
    before = pulled.path.stat()
    server.files["/else/tiny.gguf"] = make_model("b.gguf", seed=5).read_bytes()
    with pytest.raises(BadRequest, match="another model") as caught:
        await fetch(server.url + "/else/tiny.gguf", folder, wire=wire())
    assert caught.value.code == "name_taken"
    assert pulled.path.stat() == before
    other = await fetch(server.url + "/else/tiny.gguf", folder, name="둘째", wire=wire())
    assert other.path == folder / "둘째.gguf"
    assert [m.name for m in Shelf(folder).models()] == ["tiny", "둘째"]


async def test_a_newer_file_of_the_same_source_takes_the_place_of_the_old(
    server: FileServer, folder: Path, make_model: MakeModel, model: bytes
) -> None:
    address = server.url + "/tiny.gguf"
    await fetch(address, folder, wire=wire())
    newer = make_model("newer.gguf", size=SIZE, seed=9).read_bytes()
    server.files["/tiny.gguf"] = newer
    with (folder / "tiny.gguf").open("rb") as reader:  # an engine that still runs the old one
        await fetch(address, folder, wire=wire())
        assert reader.read() == model
    assert (folder / "tiny.gguf").read_bytes() == newer
    assert Shelf(folder).digest("tiny") == digest(newer)


@pytest.fixture
async def parts(make_model: MakeModel) -> AsyncIterator[FileServer]:
    """A model in three parts."""
    names = [f"/big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    files = {
        name: make_model(name[1:], size=400_000, seed=n, number=n, count=3).read_bytes()
        for n, name in enumerate(names)
    }
    async with serving(FileServer(files=files)) as server:
        yield server


async def test_a_model_in_parts_comes_with_all_of_them(parts: FileServer, folder: Path) -> None:
    seen: list[int] = []
    pulled = await fetch(
        parts.url + "/big-00002-of-00003.gguf",
        folder,
        progress=lambda phase, completed, total: seen.append(completed),
        wire=wire(),
    )
    contents = list(parts.files.values())
    assert pulled.path == folder / "big-00001-of-00003.gguf"
    assert pulled.size == sum(map(len, contents)) == seen[-1] == max(seen)
    [model] = Shelf(folder).models()
    assert (model.name, model.path, model.size) == ("big", pulled.path, pulled.size)
    assert [file.read_bytes() for file in model.files] == contents
    assert Shelf(folder).digest("big") == pulled.sha256
    assert pulled.sha256 == digest("".join(map(digest, contents)).encode())


async def test_some_parts_are_no_model(parts: FileServer, folder: Path) -> None:
    last = parts.files.pop("/big-00003-of-00003.gguf")
    with pytest.raises(NotFound):
        await fetch(parts.url + "/big-00001-of-00003.gguf", folder, wire=wire())
    parts.files["/big-00003-of-00003.gguf"] = last[:-100]
    with pytest.raises(BadModelFile):
        await fetch(parts.url + "/big-00001-of-00003.gguf", folder, wire=wire())
    assert files_in(folder) == []
    parts.files["/big-00003-of-00003.gguf"] = last
    parts.asked = []
    await fetch(parts.url + "/big-00001-of-00003.gguf", folder, name="새-이름", wire=wire())
    assert [m.name for m in Shelf(folder).models()] == ["새-이름"]
    parts.asked = []
    await fetch(parts.url + "/big-00001-of-00003.gguf", folder, wire=wire())
    assert {path[-19:-14] for path in {a.path for a in parts.asked if a.stop - a.start > 4}} == {
        "00003"
    }  # the two good ones had stayed


async def test_parts_of_two_versions_never_stand_together(
    parts: FileServer, folder: Path, make_model: MakeModel
) -> None:
    address = parts.url + "/big-00001-of-00003.gguf"
    await fetch(address, folder, wire=wire())
    newer = make_model("n.gguf", size=400_000, seed=33, number=2, count=3).read_bytes()
    parts.files["/big-00003-of-00003.gguf"] = newer
    parts.cut_after = [1000, *[0] * 20]
    old = Shelf(folder).digest("big")
    with pytest.raises(Unavailable):
        await fetch(address, folder, wire=wire(connections=1))
    assert Shelf(folder).digest("big") == old  # the old one is still whole
    parts.cut_after, parts.asked = [], []
    pulled = await fetch(address, folder, wire=wire())
    assert {a.path for a in parts.asked if a.stop - a.start > 4} == {"/big-00003-of-00003.gguf"}
    model = Shelf(folder).model("big")
    assert [file.read_bytes() for file in model.files] == list(parts.files.values())
    assert Shelf(folder).digest("big") == pulled.sha256 != old
    assert left(folder) == []


async def test_a_crash_among_the_new_names_leaves_no_mixture(
    parts: FileServer, folder: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = parts.url + "/big-00001-of-00003.gguf"
    await fetch(address, folder, wire=wire())
    for n, name in enumerate(parts.files):
        newer = make_model(f"n{n}.gguf", size=400_000, seed=40 + n, number=n, count=3)
        parts.files[name] = newer.read_bytes()
    renamed: list[str] = []
    replace = Path.replace

    def crash(self: Path, target: Path) -> Path:
        if target.suffix == ".gguf":
            renamed.append(target.name)
        if len(renamed) == 2:
            raise OSError(errno.EIO, "the power is gone")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(Problem, match="cannot write"):
            await fetch(address, folder, wire=wire())
    assert renamed == ["big-00003-of-00003.gguf", "big-00002-of-00003.gguf"]
    assert Shelf(folder).models() == []
    parts.asked = []
    await fetch(address, folder, wire=wire())
    assert parts.ranges() == []
    files = Shelf(folder).model("big").files
    assert [file.read_bytes() for file in files] == list(parts.files.values())


async def test_a_crash_between_the_name_and_the_record_is_mended(
    server: FileServer, folder: Path, model: bytes
) -> None:
    address = server.url + "/tiny.gguf"
    await fetch(address, folder, wire=wire())
    record = folder / "tiny.json"
    etag = digest(model)[:8]
    partial = Partial(folder, "tiny.gguf")
    partial.journal.source, partial.journal.etag = address, etag
    partial.journal.size, partial.journal.sha256 = len(model), digest(model)
    partial.save()
    record.unlink()
    assert Shelf(folder).digest("tiny") is None
    server.asked = []
    await fetch(address, folder, wire=wire())
    assert server.ranges() == []
    assert Shelf(folder).digest("tiny") == digest(model)


async def test_a_spoiled_journal_promises_nothing(
    server: FileServer, folder: Path, model: bytes
) -> None:
    (folder / ".pulling").mkdir(parents=True)
    for spoiled in (b"", b"{", b'{"done": "all"}', b"\xff", b'{"done": [[0, 99999999]]}'):
        (folder / ".pulling" / "tiny.gguf.json").write_bytes(spoiled)
        (folder / ".pulling" / "tiny.gguf.part").write_bytes(b"nonsense")
        pulled = await fetch(server.url + "/tiny.gguf", folder, wire=wire())
        assert pulled.path.read_bytes() == model
        Shelf(folder).remove("tiny")


async def test_a_file_of_this_machine_is_linked_and_not_copied(
    folder: Path, make_model: MakeModel, tmp_path: Path
) -> None:
    made = make_model()
    pulled = await fetch(str(made), folder, wire=wire())
    assert pulled.path.samefile(made)
    assert pulled.sha256 == digest(made.read_bytes())
    assert await fetch(str(made), folder, wire=wire()) == pulled
    made.write_bytes(b"edited in place")
    assert Shelf(folder).models() == []
    assert "tiny" in Shelf(folder).broken()
    with pytest.raises(NotFound, match="no such file"):
        await fetch(str(tmp_path / "none.gguf"), folder, wire=wire())


async def test_a_file_that_lies_on_the_shelf_already_is_recorded(
    make_model: MakeModel,
) -> None:
    placed = make_model("placed.gguf")
    folder = placed.parent
    assert Shelf(folder).digest("placed") is None
    await fetch(str(placed), folder, wire=wire())
    assert Shelf(folder).digest("placed") == digest(placed.read_bytes())
    assert left(folder) == []


async def test_a_local_file_that_is_no_model_never_gets_a_name(
    folder: Path, make_model: MakeModel
) -> None:
    made = make_model()
    os.truncate(made, made.stat().st_size - 10)
    with pytest.raises(BadModelFile, match="cut off"):
        await fetch(str(made), folder, wire=wire())
    assert files_in(folder) == []
    assert made.exists()


def test_another_disk_gets_a_copy_and_the_source_is_never_written_through(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, target = make_model(), tmp_path / "copy.gguf"
    content = made.read_bytes()
    target.hardlink_to(made)  # left over from an earlier try

    def refuse(self: Path, source: Path) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    ticks: list[int] = []
    link_or_copy(made, target, ticks.append)
    assert made.read_bytes() == target.read_bytes() == content
    assert not target.samefile(made)
    assert ticks == [len(content)]


async def test_the_lock_is_for_one_at_a_time(folder: Path) -> None:
    with lock(folder, "tiny"):
        with pytest.raises(Busy) as caught, lock(folder, "tiny"):
            raise AssertionError("both hold it")
        with lock(folder, "other"):
            check_two_lines(caught.value)
    with lock(folder, "tiny"):
        assert left(folder) == ["tiny.lock"]
    assert left(folder) == []
