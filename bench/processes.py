"""The programs that are measured, each in a process of its own, on a free port, ended at the end."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from dunoe.store.store import open_store

HERE = Path(__file__).parent
LITELLM = HERE.parent / ".venv-bench" / "bin" / "litellm"
PATIENCE_S = 90
MODEL = "bench"


@contextmanager
def upstream(*options: str) -> Iterator[int]:
    """The canned upstream; its port."""
    command = [sys.executable, str(HERE / "upstream.py"), "--port", "0", *options]
    with _running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])


@contextmanager
def dunoe(home: Path, upstream_port: int) -> Iterator[tuple[int, str, int]]:
    """dunoe in front of an upstream: port, a key, process id. Keys are checked, metrics and log lines written."""
    home.mkdir(parents=True, exist_ok=True)
    with open_store(f"sqlite:///{home / 'dunoe.db'}") as store:
        _, key = store.keys.add("bench", ["infer"])
    config = home / "bench.toml"
    config.write_text(
        f'[models.{MODEL}]\nengine = "up"\n'
        f'[engines.up]\nkind = "openai"\nurl = "http://127.0.0.1:{upstream_port}"\n',
        "utf-8",
    )
    port = free_port()
    with started(home, config, port) as process:
        yield port, key, process.pid


@contextmanager
def started(home: Path, config: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`dunoe serve`, once it has answered."""
    command = [
        sys.executable,
        "-m",
        "dunoe.cli.main",
        "serve",
        "--config",
        str(config),
        "--port",
        str(port),
    ]
    with _running(command, stdout=subprocess.DEVNULL, env={"DUNOE_HOME": str(home)}) as process:
        wait_for(port, process)
        urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S).close()
        yield process


@contextmanager
def litellm(home: Path, upstream_port: int) -> Iterator[tuple[int, str, int]]:
    """LiteLLM's proxy in front of the same upstream, one worker, a master key, its own logging quiet."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "litellm.yaml"
    key = "sk-bench"
    config.write_text(
        "model_list:\n"
        f"  - model_name: {MODEL}\n"
        "    litellm_params:\n"
        f"      model: openai/{MODEL}\n"
        f"      api_base: http://127.0.0.1:{upstream_port}/v1\n"
        "      api_key: none\n"
        f"general_settings:\n  master_key: {key}\n",
        "utf-8",
    )
    port = free_port()
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    with _running(command, stdout=subprocess.DEVNULL, env=environment) as process:
        _wait_until_it_answers(port, key, process)
        yield port, key, process.pid


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def rss_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text("ascii").split("\n"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return as soon as somebody listens on the port."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise ChildProcessError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise TimeoutError(f"nobody listens on {port}")


def _wait_until_it_answers(port: int, key: str, process: subprocess.Popen[bytes]) -> None:
    wait_for(port, process)
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "1"}]}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            asked = Request(f"http://127.0.0.1:{port}/v1/chat/completions", body, headers)
            urlopen(asked, timeout=10).close()
        except (URLError, ConnectionError, TimeoutError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


@contextmanager
def _running(
    command: list[str], stdout: int, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
