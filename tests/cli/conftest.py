"""A person at a terminal: `typed` runs one command line in this process, `told` in a process of its own."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from pathlib import Path

import pytest

from dunoe.cli.main import main
from tests.program import OURS, environment


@dataclass(frozen=True)
class Said:
    """What came of a command line."""

    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where this person's dunoe keeps everything."""
    return tmp_path / "home"


@pytest.fixture
def typed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Run a command line here: quick, and an unexpected exception fails the test."""
    for name in (*OURS, "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DUNOE_HOME", str(home))
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path, stdin: str = "") -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as left:
            copy_context().run(main, [str(word) for word in words])
        out, err = capsys.readouterr()
        return Said(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def told(home: Path, tmp_path: Path) -> Callable[..., Said]:
    """Run a command line as its user does, in a process of its own."""

    def run(*words: str | Path, stdin: str = "", **more: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "dunoe.cli.main", *map(str, words)],
            env=environment(home, {"LANG": "ko_KR.UTF-8", **more}),
            cwd=tmp_path,
            input=stdin.encode(),
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
