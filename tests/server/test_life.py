"""The life of the program: it starts or says why not, stops politely, and leaves nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import orjson
import pytest

from dunoe.engines.request import Json
from tests.program import Dunoe, environment
from tests.served import PATIENCE_S
from tests.server.dialects import DIALECTS, Dialect

pytestmark = pytest.mark.anyio

LONG = 4000  # tokens; no test waits for them
CHAT = DIALECTS["openai"]


@pytest.fixture
def config(tiny_chat: Path) -> str:
    return f'language = "en"\n[models.tiny]\nfile = "{tiny_chat}"\ncontext = 8192\nparallel = 2\n'


@pytest.fixture
def program(tmp_path: Path, config: str) -> Iterator[Dunoe]:
    with Dunoe(tmp_path / "home", config + "[server]\nstop_s = 0.05\n") as program:
        yield program


def children(program: Dunoe) -> list[int]:
    """The processes that it started."""
    listed = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    return [int(pid) for pid in listed.read_text("ascii").split()]


def is_gone(pid: int) -> bool:
    """True for a process that has ended, buried or not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text("utf-8").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def eventually(what: Callable[[], bool]) -> bool:
    """Wait until it holds, as long as patience lasts."""
    until_s = time.monotonic() + PATIENCE_S
    while not what():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.01)
    return True


async def ask(program: Dunoe, dialect: Dialect, body: bytes) -> tuple[int, str]:
    """Status and body."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(program.url + dialect.path, data=body) as answer,
    ):
        return answer.status, await answer.text()


async def test_asked_to_stop_while_idle_it_leaves_nothing_and_ends_well(program: Dunoe) -> None:
    assert (await ask(program, CHAT, CHAT.body()))[0] == 200
    models = children(program)
    assert models
    assert program.stop() == 0
    assert eventually(lambda: all(is_gone(pid) for pid in models))
    assert not [line for line in program.log if "Traceback" in line or "ERROR" in line]


async def test_every_stream_that_a_stop_cuts_says_so(tmp_path: Path, tiny_chat: Path) -> None:
    config = f'language = "en"\n[models.tiny]\nfile = "{tiny_chat}"\ncontext = 4096\nparallel = 6\n'
    with Dunoe(tmp_path / "home", config + "[server]\nstop_s = 0.05\n") as program:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession(program.url))
            streams = {
                name: await stack.enter_async_context(
                    session.post(one.path, data=one.body(stream=True, tokens=LONG))
                )
                for name, one in DIALECTS.items()
            }  # each has begun, for a stream's headers go out with its first token
            models = children(program)
            program.process.send_signal(signal.SIGTERM)
            for name, answer in streams.items():
                told = DIALECTS[name].broke(await answer.text())
                assert "the server stopped before the answer was whole" in told
        assert program.stop() == 0
    assert models and eventually(lambda: all(is_gone(pid) for pid in models))
    assert not [line for line in program.log if "Traceback" in line or "ERROR" in line]
    ended = [orjson.loads(line) for line in program.log if line.startswith("{")]
    assert [line["problem"] for line in ended] == ["stopping"] * len(DIALECTS)
    assert all(line["tokens_out"] > 0 for line in ended)


async def test_a_short_answer_may_finish(tmp_path: Path, config: str) -> None:
    with Dunoe(tmp_path / "home", config + "[server]\nstop_s = 20\n") as program:
        async with (
            aiohttp.ClientSession() as session,
            session.post(program.url + CHAT.path, data=CHAT.body(stream=True, tokens=30)) as answer,
        ):
            text = (await answer.content.readany()).decode()
            program.process.send_signal(signal.SIGTERM)
            text += (await answer.read()).decode()
        assert CHAT.ends in text
        assert program.stop() == 0


async def test_killed_it_leaves_no_model_behind(program: Dunoe) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(program.url + CHAT.path, data=CHAT.body(stream=True, tokens=LONG)) as answer,
    ):
        await answer.content.readany()
        models = children(program)
        assert models
        program.process.kill()
        program.process.wait()
        assert eventually(lambda: all(is_gone(pid) for pid in models))


@pytest.mark.parametrize("name", DIALECTS)
async def test_a_model_that_dies_says_so_and_the_next_request_works(
    shared_program: Dunoe, name: str
) -> None:
    program, dialect = shared_program, DIALECTS[name]
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            program.url + dialect.path, data=dialect.body(stream=True, tokens=LONG)
        ) as answer,
    ):
        text = (await answer.content.readany()).decode()
        (model,) = [pid for pid in children(program) if not is_gone(pid)]
        os.kill(model, signal.SIGKILL)
        text += (await answer.read()).decode()
    assert "tiny" in dialect.broke(text) and "SIGKILL" in dialect.broke(text)
    status, whole = await ask(program, dialect, dialect.body())
    assert status == 200, whole
    assert not [line for line in program.log if "Traceback" in line]


@pytest.fixture(scope="module")
def shared_program(tmp_path_factory: pytest.TempPathFactory, tiny_chat: Path) -> Iterator[Dunoe]:
    config = f'language = "en"\n[models.tiny]\nfile = "{tiny_chat}"\ncontext = 8192\n'
    with Dunoe(tmp_path_factory.mktemp("life"), config) as program:
        yield program


def refused(home: Path, *arguments: str, config: str = "") -> list[str]:
    """What a start that is refused says: two lines, and exit code 2."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "refused.toml").write_text(config, "utf-8")
    command = [
        sys.executable,
        "-m",
        "dunoe.cli.main",
        "serve",
        "--config",
        str(home / "refused.toml"),
    ]
    ended = subprocess.run(
        [*command, *arguments],
        env=environment(home, {"LANG": "en_US.UTF-8"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    said = ended.stderr.rstrip("\n").split("\n")
    assert ended.returncode == 2 and len(said) == 2, ended
    return said


async def test_without_a_key_it_does_not_open_to_the_network(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::"):
        said = refused(tmp_path, "--host", host, "--port", "0")
        assert host in said[0] and "dunoe keys add" in said[1]


async def test_a_port_that_is_taken(program: Dunoe, tmp_path: Path) -> None:
    port = program.url.rpartition(":")[2]
    said = refused(tmp_path / "other", "--port", port)
    assert port in said[0] and "--port" in said[1]


async def test_two_servers_may_share_a_home(shared_program: Dunoe, config: str) -> None:
    with Dunoe(shared_program.home, config) as second:
        assert second.url != shared_program.url
        assert second.local_key == shared_program.local_key
        for one in (shared_program, second):
            assert (await ask(one, CHAT, CHAT.body()))[0] == 200
        assert second.stop() == 0
    assert (await ask(shared_program, CHAT, CHAT.body()))[0] == 200


async def test_without_a_model_it_runs_and_tells_how_to_get_one(tmp_path: Path) -> None:
    with Dunoe(tmp_path, 'language = "en"\n') as program:
        async with aiohttp.ClientSession(program.url) as session:
            async with session.get("/v1/models") as answer:
                assert await answer.json() == {"object": "list", "data": []}
            async with session.get("/readyz") as answer:
                said: Json = await answer.json()
                assert answer.status == 200 and said["checks"]["models"] == "there is no model"
        for dialect in DIALECTS.values():
            status, whole = await ask(program, dialect, dialect.body())
            assert status == 503
            assert "there is no model" in dialect.message(orjson.loads(whole))
            assert "dunoe models pull hf:" in whole
