"""`dunoe version`, and what a command must not wait for."""

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

from dunoe.version import VERSION
from tests.cli.conftest import Said


def test_the_version_names_dunoe_and_its_engine(typed: Callable[..., Said]) -> None:
    assert typed("version").out.startswith(f"dunoe {VERSION}\nxllamacpp {version('xllamacpp')}\n")
    assert json.loads(typed("version", "--json").out)["dunoe"] == VERSION


def imported_by(*words: str) -> set[str]:
    """The top-level modules that a command line loads."""
    program = (
        "import sys; from dunoe.cli.main import main\n"
        f"try: main({list(words)!r})\n"
        "finally: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(done.stderr.decode().split())


def test_the_version_waits_for_nothing_heavy() -> None:
    heavy = {"aiohttp", "rich", "sqlalchemy", "uvicorn", "xllamacpp"}
    assert imported_by("version") & heavy == set()


def test_the_server_process_never_holds_the_embedded_engine() -> None:
    assert "xllamacpp" not in imported_by("serve", "--help")
