"""`dunoe models`: listed with and without a server, loaded, copied, removed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from tests.program import Dunoe


@pytest.fixture
def pulled(typed: Callable[..., Said], tiny_chat: Path) -> str:
    """A model on the shelf of this person."""
    assert typed("models", "pull", tiny_chat, "--name", "mine").code == 0
    return "mine"


def names(said: Said) -> list[str]:
    """The models of `models list --json`."""
    return [one["name"] for one in json.loads(said.out)]


def test_without_a_server_files_and_settings_are_listed(
    typed: Callable[..., Said], tmp_path: Path, pulled: str
) -> None:
    (tmp_path / "dunoe.toml").write_text(
        '[server]\nport = 9\n[models.far]\nengine = "box"\n[roles]\nbrain = "far"\n'
        '[engines.box]\nkind = "ollama"\nurl = "http://127.0.0.1:9"\n'
    )
    assert names(typed("models", "list", "--json")) == ["far", pulled]
    table = typed("models", "list").out
    assert "brain" in table
    assert "llama.cpp" in table
    assert "대화" in table


def test_a_broken_file_is_listed_with_what_is_wrong(typed: Callable[..., Said], home: Path) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "half.gguf").write_bytes(b"GGUF")
    (one,) = json.loads(typed("models", "list", "--json").out)
    assert one["name"] == "half"
    assert one["problem"]
    assert "half" in typed("models", "list").out


def test_copies_and_removals_need_no_server(
    typed: Callable[..., Said], home: Path, pulled: str
) -> None:
    assert typed("models", "cp", pulled, "yours").code == 0
    assert names(typed("models", "list", "--json")) == ["mine", "yours"]
    assert typed("models", "rm", pulled, "--yes").code == 0
    assert names(typed("models", "list", "--json")) == ["yours"]
    assert not (home / "models" / "mine.gguf").exists()


def test_a_removal_wants_a_yes(typed: Callable[..., Said], pulled: str) -> None:
    done = typed("models", "rm", pulled)
    assert done.code == 1
    assert "--yes" in done.err
    assert names(typed("models", "list", "--json")) == [pulled]


def test_what_is_not_there_is_said_before_anything_is_asked(typed: Callable[..., Said]) -> None:
    done = typed("models", "rm", "nothing")
    assert (done.code, done.out) == (1, "")
    assert "'nothing'" in done.err
    assert "--yes" not in done.err


def test_a_broken_file_can_be_removed(typed: Callable[..., Said], home: Path) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "half.gguf").write_bytes(b"GGUF")
    assert typed("models", "rm", "half", "--yes").code == 0
    assert [*(home / "models").glob("*.gguf")] == []


def test_a_model_of_the_settings_is_not_removed(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(
        f'[server]\nport = 9\n[models.tiny]\nfile = "{tiny_chat}"\n'
    )
    done = typed("models", "rm", "tiny", "--yes")
    assert done.code == 1
    assert "[models.tiny]" in done.err
    assert tiny_chat.exists()


def test_loading_without_a_server_says_how_to_start_one(typed: Callable[..., Said]) -> None:
    done = typed("models", "load", "x")
    assert (done.code, done.out) == (1, "")
    assert "dunoe serve" in done.err


@pytest.fixture
def running(home: Path, tmp_path: Path, tiny_chat: Path, pulled: str) -> Iterator[Path]:
    """The settings by which a running server with two models is found."""
    with Dunoe(home, f'[models.tiny]\nfile = "{tiny_chat}"\ncontext = 256\n') as dunoe:
        config = tmp_path / "dunoe.toml"
        config.write_text(f"[server]\nport = {dunoe.url.rpartition(':')[2]}\n")
        yield config


def test_a_running_server_loads_unloads_copies_and_removes(
    typed: Callable[..., Said], running: Path, pulled: str
) -> None:
    def state(name: str) -> str | None:
        found = json.loads(typed("models", "list", "--json").out)
        return next((str(one["state"]) for one in found if one["name"] == name), None)

    assert state("tiny") == "absent"
    assert typed("models", "load", "tiny").code == 0
    assert state("tiny") == "ready"
    assert typed("models", "unload", "tiny").code == 0
    assert state("tiny") == "absent"
    assert typed("models", "cp", pulled, "copy").code == 0
    assert state("copy") == "absent"
    assert typed("models", "rm", "copy", "--yes").code == 0
    assert state("copy") is None
    done = typed("models", "rm", "nothing")
    assert done.code == 1
    assert "--yes" not in done.err
    done = typed("models", "load", "nothing")
    assert (done.code, done.err.count("\n")) == (1, 2)
