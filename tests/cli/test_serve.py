"""`dunoe serve`: what a person sees first, and how it ends."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from dunoe.cli.serve import way_to_the_command
from tests.cli.conftest import Said
from tests.program import environment


@contextmanager
def serving(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A server started as a person does it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dunoe.cli.main", "serve", "--port", "0", *words],
        env=environment(home, {"LANG": "ko_KR.UTF-8", "PYTHONUTF8": "1"}), cwd=home,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def greeting(process: subprocess.Popen[str]) -> str:
    """Everything up to the last line of the greeting."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C" in line:
            return said
    raise AssertionError(said + (process.stderr.read() if process.stderr else ""))


def test_without_a_model_it_serves_and_names_the_command_that_brings_one(home: Path) -> None:
    home.mkdir()
    with serving(home) as process:
        said = greeting(process)
        assert "아직 모델이 없습니다" in said
        assert "\n  dunoe models pull hf:" in said
        url = next(word for word in said.split() if word.startswith("http://"))
        with urlopen(f"{url}/healthz") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Traceback" not in out + err


def test_it_serves_on_when_nobody_reads_its_greeting(home: Path) -> None:
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serving(home, "--port", str(port)) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        for _ in range(600):
            with (
                contextlib.suppress(OSError),
                urlopen(f"http://127.0.0.1:{port}/healthz") as answer,
            ):
                assert answer.status == 200
                break
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert "Traceback" not in process.stderr.read()


def test_commands_find_the_server_of_this_home_whatever_its_port(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text("[server]\nport = 9\n")
    (home / "models").mkdir(parents=True)
    (home / "models" / "tiny.gguf").hardlink_to(tiny_chat)
    with serving(home) as process:
        greeting(process)
        assert typed("models", "load", "tiny").code == 0
        assert "올라감" in typed("models", "list").out
        with serving(home) as second:
            greeting(second)
            assert "올라감" in typed("models", "list").out  # the first is still the one
        process.kill()
        process.wait()
        assert (home / "server.url").exists()
        gone = typed("models", "load", "tiny")
        assert gone.code == 1 and "http://127.0.0.1:9에 실행 중인 dunoe가 없습니다" in gone.err


def test_it_tells_its_models_and_what_is_next(home: Path, tiny_chat: Path) -> None:
    home.mkdir()
    (home / "dunoe.toml").write_text(
        f'[models.tiny]\nfile = "{tiny_chat}"\n[models.vectors]\nfile = "{tiny_chat}"\nmode = "embedding"\n'
    )
    with serving(home) as process:
        said = greeting(process)
        assert [line.split()[:3] for line in said.splitlines()[2:4]] == [
            ["tiny", "llama.cpp", "대화"],
            ["vectors", "llama.cpp", "임베딩"],
        ]
        assert "dunoe chat" in said


def test_any_address_and_any_name_can_be_greeted(home: Path, tiny_chat: Path) -> None:
    home.mkdir()
    (home / "dunoe.toml").write_text(f'[models."a[/b]"]\nfile = "{tiny_chat}"\n')
    with serving(home, "--host", "::1") as process:
        said = greeting(process)
    assert "http://[::1]:" in said
    assert "a[/b]" in said


def test_where_the_command_is_not_found_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "my env" / "bin"
    folder.mkdir(parents=True)
    (folder / "activate").touch()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    hint = way_to_the_command()
    assert hint is not None
    assert f". '{folder}/activate'" in hint.ko
    (tmp_path / "dunoe").touch(0o755)
    assert way_to_the_command() is None


def test_a_taken_port_is_two_lines(typed: Callable[..., Said]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = typed("serve", "--port", str(taken.getsockname()[1]))
    assert (done.code, done.out) == (2, "")
    assert "--port" in done.err


def test_an_open_server_wants_a_key_first(typed: Callable[..., Said]) -> None:
    done = typed("serve", "--host", "0.0.0.0", "--port", "0")
    assert (done.code, done.out) == (2, "")
    assert "dunoe keys add" in done.err
