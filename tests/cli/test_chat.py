"""`dunoe chat`: a real server, a scripted engine behind it, and a person at a real terminal."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.cli.conftest import Said
from tests.fake_engine import FakeEngine
from tests.fake_openai import OpenAI
from tests.fake_wire import Turn
from tests.program import Dunoe, environment
from tests.served import PATIENCE_S, Served, served

# Makes the terminal on stdin the controlling one, so that Ctrl-C typed there becomes SIGINT, as for a person.
AT_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execv(sys.executable, [sys.executable, '-m', 'dunoe.cli.main', *sys.argv[1:]])"
)


class Terminal:
    """A pseudo-terminal with `dunoe chat` in it."""

    def __init__(self, fd: int) -> None:
        self.fd, self.seen = fd, ""
        self._bytes = b""

    async def type(self, text: str) -> None:
        """Press these keys."""
        await anyio.to_thread.run_sync(os.write, self.fd, text.encode())

    async def shows(self, wanted: str) -> str:
        """Wait until this (a regular expression) appears, and forget what was before its end."""
        with anyio.fail_after(PATIENCE_S):
            while (found := re.search(wanted, self.seen)) is None:
                read = await anyio.to_thread.run_sync(
                    os.read, self.fd, 4096, abandon_on_cancel=True
                )
                self._bytes += read
                self.seen = self._bytes.decode("utf-8", "ignore")
        before = self.seen[: found.end()]
        self._bytes = self.seen[found.end() :].encode()
        self.seen = self._bytes.decode()
        return before


@contextmanager
def terminal(home: Path, *words: str) -> Iterator[tuple[Terminal, subprocess.Popen[bytes]]]:
    """`dunoe chat` where a person sits."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", AT_A_TERMINAL, "chat", *words],
        env=environment(home, {"LANG": "ko_KR.UTF-8", "PYTHONUTF8": "1", "TERM": "xterm"}),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, cwd=home,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours), process
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@asynccontextmanager
async def behind(tmp_path: Path, *script: Turn) -> AsyncIterator[tuple[FakeEngine, Served]]:
    """A server whose models are those of a scripted engine."""
    async with FakeEngine("openai", script, face=OpenAI(["하나", "둘"])) as fake:
        config = (
            f'[engines.box]\nkind = "openai"\nurl = "{fake.url}"\n'
            '[models."하나"]\nengine = "box"\n[models."둘"]\nengine = "box"\n'
        )
        async with served(tmp_path, config) as server:
            yield fake, server


@pytest.mark.anyio
async def test_a_person_sees_the_answer_grow_and_the_thinking_dimmed(tmp_path: Path) -> None:
    turn = Turn(thinking=["음", "…"], text=["안녕", "하세요!"], fault="hang", at=4)
    async with behind(tmp_path, turn) as (fake, server):
        with terminal(tmp_path / "home", "--url", server.url) as (screen, process):
            await screen.shows(r"> ")
            await screen.type("반가워요\r")
            before = await screen.shows("안녕")  # the rest is still to come
            assert "\x1b[2m음…\x1b[0m" in before
            seen = await fake.came("/v1/chat/completions")
            assert seen.body["messages"] == [{"role": "user", "content": "반가워요"}]
            seen.go.set()
            await screen.shows("하세요!")
            await screen.shows(r"> ")
            await screen.type("\x04")
            assert await anyio.to_thread.run_sync(process.wait, PATIENCE_S) == 0


@pytest.mark.anyio
async def test_ctrl_c_stops_the_answer_and_not_the_program(tmp_path: Path) -> None:
    script = Turn(text=["가", "나", "다"], fault="hang", at=3), Turn(text=["라"])
    async with behind(tmp_path, *script) as (fake, server):
        with terminal(tmp_path / "home", "--url", server.url) as (screen, process):
            await screen.shows(r"> ")
            await screen.type("세어 봐\r")
            await screen.shows("가나")
            await screen.type("\x03")
            seen = await fake.came("/v1/chat/completions")
            with anyio.fail_after(PATIENCE_S):
                await seen.left.wait()  # the engine itself was told to stop
            await screen.shows("멈췄습니다")
            await screen.shows(r"> ")
            await screen.type("\x03")  # at the prompt it only begins a new line
            await screen.shows(r"> ")
            await screen.type("계속\r")
            await screen.shows("라")
            again = await fake.came("/v1/chat/completions", 2)
            said = [one["content"] for one in again.body["messages"]]
            assert said == ["세어 봐", "가나", "계속"]
            await screen.type("/exit\r")
            assert await anyio.to_thread.run_sync(process.wait, PATIENCE_S) == 0


@pytest.mark.anyio
async def test_orders_change_the_model_the_system_and_the_memory(tmp_path: Path) -> None:
    async with behind(tmp_path) as (fake, server):
        with terminal(tmp_path / "home", "--url", server.url, "--model", "하나") as (screen, _):
            await screen.shows("하나> ")
            await screen.type("/model\r")
            await screen.shows(r"\* 하나\s+둘")
            await screen.type("/model 셋\r")
            await screen.shows("'셋'이\\(가\\) 없습니다")
            await screen.type("/model 둘\r")
            await screen.shows("둘> ")
            await screen.type("/system 짧게 답해\r")
            await screen.shows("둘> ")
            await screen.type("첫째\r")
            await screen.shows("안녕하세요.")
            await screen.shows("둘> ")
            await screen.type("/save 대화.md\r")
            await screen.shows("둘> ")
            await screen.type("/clear\r")
            await screen.shows("둘> ")
            await screen.type("둘째\r")
            await screen.shows("안녕하세요.")
            body = (await fake.came("/v1/chat/completions", 2)).body
    assert body["model"] == "둘"
    assert [one["content"] for one in body["messages"]] == ["짧게 답해", "둘째"]
    saved = (tmp_path / "home" / "대화.md").read_text("utf-8")
    assert re.findall(r"^[^#\n].*", saved, re.M) == ["짧게 답해", "첫째", "안녕하세요."]


@pytest.mark.anyio
async def test_every_line_of_a_pipe_is_a_question(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    script = Turn(text=["하", "나"], thinking=["?"]), Turn(text=["둘\x1b[31m"])
    async with behind(tmp_path, *script) as (fake, server):

        def ask() -> Said:
            return told("chat", "--url", server.url, stdin="1?\n\n2?\n")

        done = await anyio.to_thread.run_sync(ask)
        assert (done.code, done.out, done.err) == (0, "하나\n둘[31m\n", "")
        assert len(fake.at("/v1/chat/completions")[1].body["messages"]) == 3


@pytest.mark.anyio
async def test_an_answer_that_breaks_off_is_said_and_is_no_success(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with behind(tmp_path, Turn(fault="closed", at=2)) as (_, server):
        done = await anyio.to_thread.run_sync(lambda: told("chat", "--url", server.url, stdin="?"))
    assert done.code == 1
    assert done.out == "안녕\n"
    assert done.err.startswith("오류: ")


def test_without_a_server_it_says_how_to_start_one(typed: Callable[..., Said]) -> None:
    done = typed("chat", "--url", "http://127.0.0.1:9", stdin="?")
    assert (done.code, done.out) == (1, "")
    assert "http://127.0.0.1:9" in done.err
    assert "dunoe serve" in done.err


@pytest.mark.parametrize("url", ["notaurl", "ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_none_is_called_so(typed: Callable[..., Said], url: str) -> None:
    done = typed("chat", "--url", url, stdin="?")
    assert (done.code, done.err.count("\n")) == (1, 2)
    assert f"주소가 아닙니다: {url}" in done.err
    assert "http://127.0.0.1:11435" in done.err


def test_a_server_that_dies_is_said_in_our_words(typed: Callable[..., Said]) -> None:
    def die() -> None:
        caller, _ = listener.accept()
        caller.recv(2**16)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        caller.sendall(head + b"5\r\ndata:\r\n")
        caller.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=die)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = typed("chat", "--url", url, stdin="?")
        thread.join()
    assert done.code == 1
    assert done.err.startswith("오류: 서버와의 연결이 끊어졌습니다\n")


def test_a_real_model_answers_through_a_real_server(
    tmp_path: Path, tiny_chat: Path, told: Callable[..., Said]
) -> None:
    config = f'[models.tiny]\nfile = "{tiny_chat}"\ncontext = 256\n'
    with Dunoe(tmp_path / "home", config) as dunoe:
        done = told("chat", "--url", dunoe.url, stdin="안녕?\n")
        assert (done.code, done.err) == (0, "")
        assert done.out.strip()
        lines = [json.loads(line) for line in dunoe.log if line.startswith("{")]
        assert lines[-1]["model"] == "tiny"
