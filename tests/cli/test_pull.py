"""`dunoe models pull`: from a file, from a web server, through an Ollama, and stopped half-way."""

import functools
import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio.to_thread
import pytest

from tests.cli.conftest import Said
from tests.fake_engine import FakeEngine
from tests.program import environment


class Site(ThreadingHTTPServer):
    """A web server with one file. served: bytes it has sent; hold: it stops sending after so many."""

    daemon_threads = True

    def __init__(self, content: bytes, hold: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.hold, self.served = content, hold, 0
        self.is_held, self.go = threading.Event(), threading.Event()

    @property
    def url(self) -> str:
        """The address of the file."""
        return f"http://127.0.0.1:{self.server_address[1]}/web.gguf"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        """The file or a range of it."""
        content, start, stop = self.server.content, 0, len(self.server.content)
        wanted = self.headers.get("Range")
        if wanted:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1 if last else stop, stop)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", '"one"')
        self.end_headers()
        for at in range(start, stop, 2**16):
            if self.server.hold is not None and self.server.served >= self.server.hold:
                self.server.is_held.set()
                self.server.go.wait(30)
                return
            piece = content[at : min(at + 2**16, stop)]
            self.wfile.write(piece)
            self.server.served += len(piece)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def site(content: bytes, hold: int | None = None) -> Iterator[Site]:
    """A web server for as long as the block runs."""
    with Site(content, hold) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.05))
        thread.start()
        try:
            yield server
        finally:
            server.go.set()
            server.shutdown()
            thread.join()


def test_a_file_becomes_a_model_with_its_digest(
    typed: Callable[..., Said], tiny_chat: Path, home: Path
) -> None:
    done = typed("models", "pull", tiny_chat, "--name", "mine", "--json")
    digest = hashlib.sha256(tiny_chat.read_bytes()).hexdigest()
    path = home / "models" / "mine.gguf"
    assert json.loads(done.out) == {"name": "mine", "path": str(path), "sha256": digest}
    assert path.stat().st_size == tiny_chat.stat().st_size


def test_a_wrong_digest_leaves_nothing(
    typed: Callable[..., Said], tiny_chat: Path, home: Path
) -> None:
    done = typed("models", "pull", tiny_chat, "--sha256", "0" * 64)
    assert (done.code, done.out) == (1, "")
    assert "sha256" in done.err
    assert [*(home / "models").glob("*.gguf")] == []


def test_a_digest_that_is_none_is_refused_before_anything_is_fetched(
    typed: Callable[..., Said], tiny_chat: Path
) -> None:
    with site(tiny_chat.read_bytes()) as web:
        done = typed("models", "pull", web.url, "--sha256", "g" * 64)
        assert (done.code, done.err.count("\n"), web.served) == (1, 2, 0)
    assert "64" in done.err


def test_ctrl_c_leaves_a_pull_that_goes_on(
    typed: Callable[..., Said], tiny_chat: Path, home: Path
) -> None:
    content = tiny_chat.read_bytes()
    with site(content, hold=len(content) // 2) as web:
        process = subprocess.Popen(
            [sys.executable, "-m", "dunoe.cli.main", "models", "pull", web.url],
            env=environment(home, {"LANG": "ko_KR.UTF-8"}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert web.is_held.wait(60)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (130, b"")
        assert err.decode().startswith("멈췄습니다")
        assert [*(home / "models").glob("*.gguf")] == []
        web.go.set()
        web.hold, before = None, web.served
        assert typed("models", "pull", web.url).code == 0
        assert web.served - before < len(content)  # the first half was not fetched again
    assert (home / "models" / "web.gguf").read_bytes() == content


def test_nobody_is_asked_in_a_script(typed: Callable[..., Said]) -> None:
    done = typed("models", "pull")
    assert (done.code, done.out) == (1, "")
    assert "--yes" in done.err


@pytest.mark.parametrize(
    "source", ["hf:nonsense", "https://127.0.0.1:9/x.txt", "no.gguf", "http://example.org/x.gguf"]
)
def test_a_source_that_is_none_is_refused_in_two_lines(
    typed: Callable[..., Said], source: str
) -> None:
    done = typed("models", "pull", source)
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 2


def test_no_network_is_said_and_leaves_nothing(typed: Callable[..., Said], home: Path) -> None:
    with site(b"") as web:
        url = web.url
    done = typed("models", "pull", url)
    assert (done.code, done.err.count("\n")) == (1, 2)
    assert [*(home / "models").glob("*.gguf")] == []


@pytest.mark.anyio
async def test_a_plain_name_is_pulled_by_the_ollama(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with FakeEngine("ollama") as fake:
        (tmp_path / "dunoe.toml").write_text(
            f'[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\n', "utf-8"
        )
        done = await anyio.to_thread.run_sync(lambda: told("models", "pull", "qwen3:4b"))
        assert (done.code, done.err) == (0, "")
        assert fake.at("/api/pull")[0].body["model"] == "qwen3:4b"


def test_a_plain_name_without_an_ollama_asks_which(typed: Callable[..., Said]) -> None:
    done = typed("models", "pull", "qwen3:4b")
    assert done.code == 1
    assert "--engine" in done.err
