"""dunoe as a program: started as its users start it, on a free port, with a home of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

OURS = (
    "OLLAMA_BASE_URL",
    "OLLAMA_MODEL",
    "OLLAMA_MODEL_LIGHT",
    "OLLAMA_AUTH_HEADER",
    "DATABASE_URL",
)
START_S = 60


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a test's dunoe: this machine's, without what would steer dunoe."""
    mine = {name: value for name, value in os.environ.items() if name not in OURS}
    return {**mine, "DUNOE_HOME": str(home), "PYTHONUNBUFFERED": "1", **(more or {})}


class Dunoe:
    """One running `dunoe serve`. Its stderr is read all along, so that it never blocks.

    Its library is empty unless the config says so. url: where it listens; log: the lines of its stderr so far.
    """

    def __init__(self, home: Path, config: str = "", more: Mapping[str, str] | None = None) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "test.toml"
        if "[library]" not in config:
            config += "\n[library]\nsample = false\nwatch = false\n"
        self.config.write_text(config, "utf-8")
        self.more = more
        self.url = ""
        self.log: list[str] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "dunoe.cli.main",
                "serve",
                "--config",
                str(self.config),
                "--port",
                "0",
            ],
            env=environment(self.home, self.more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._readers = [
            threading.Thread(target=self._read_log, daemon=True),
            threading.Thread(target=self._read_out, daemon=True),
        ]
        self._is_up = threading.Event()
        for reader in self._readers:
            reader.start()
        if not self._is_up.wait(START_S) or not self.url:
            self.process.kill()
            self.process.wait()
            raise AssertionError("dunoe did not start:\n" + "\n".join(self.log))
        return self

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def _read_out(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if not self.url and (found := re.search(r"http://127\.0\.0\.1:\d+", line)):
                self.url = found[0]
                self._is_up.set()
        self._is_up.set()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """Ask it to stop, as systemd would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        finally:
            self.process.kill()
            for reader in self._readers:
                reader.join(10)
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()
        return code

    @property
    def local_key(self) -> str:
        """The key that the dunoe command of this user has."""
        return (self.home / "local.key").read_text("ascii").strip()

    @property
    def admin(self) -> dict[str, str]:
        """Headers that may manage models."""
        return {"Authorization": f"Bearer {self.local_key}"}
