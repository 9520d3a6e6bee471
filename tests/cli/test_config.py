"""`dunoe config`: what is doubtful is said, what is in force is shown, secrets are not."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import anyio.to_thread
import pytest

from tests.cli.conftest import Said
from tests.fake_engine import FakeEngine
from tests.weights.shapes import Shape, write


def findings(said: Said) -> dict[str, tuple[bool, str]]:
    """What `config check --json` found, by key."""
    return {one["what"]: (one["is_fine"], one["why"]) for one in json.loads(said.out)}


def test_models_that_will_not_do_are_named_with_the_reason(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "half.gguf").write_bytes(b"GGUF")
    (tmp_path / "dunoe.toml").write_text(
        f'[models.good]\nfile = "{tiny_chat}"\n[models.half]\nfile = "half.gguf"\n'
        f'[models.long]\nfile = "{tiny_chat}"\ncontext = 99999\n'
        f'[models.large]\nfile = "{tiny_chat}"\nfootprint = "900TiB"\n'
    )
    done = typed("config", "check", "--json")
    assert done.code == 1
    found = findings(done)
    assert found["models.good"][0]
    assert not found["models.half"][0]
    assert "8192" in found["models.long"][1]
    assert not found["models.long"][0]
    assert "메모리보다 큽니다" in found["models.large"][1]
    told = typed("config", "check")
    assert told.code == 1
    table = told.out
    assert "괜찮음  models.good" in table
    assert "확인 필요  models.half" in table


@pytest.mark.anyio
async def test_a_llama_server_that_is_none_is_said(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with FakeEngine("openai") as fake:
        (tmp_path / "dunoe.toml").write_text(
            f'[engines.other]\nkind = "llama"\nurl = "{fake.url}"\n'
            f'[engines.right]\nkind = "openai"\nurl = "{fake.url}"\n'
        )
        done = await anyio.to_thread.run_sync(lambda: told("config", "check", "--json"))
    found = findings(done)
    assert not found["engines.other"][0] and 'kind = "openai"' in found["engines.other"][1]
    assert found["engines.right"][0]


def test_a_model_in_parts_is_looked_at_whole(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "x-00001-of-00002.gguf").hardlink_to(tiny_chat)
    size = tiny_chat.stat().st_size
    (tmp_path / "dunoe.toml").write_text(
        f'[card]\nvram = {size + 1000}\n[models.x]\nfile = "x-00001-of-00002.gguf"\n'
    )
    is_fine, why = findings(typed("config", "check", "--json"))["models.x"]
    assert not is_fine and "x-00002-of-00002.gguf" in why
    (tmp_path / "x-00002-of-00002.gguf").hardlink_to(tiny_chat)
    is_fine, why = findings(typed("config", "check", "--json"))["models.x"]
    assert not is_fine and "메모리보다 큽니다" in why


def test_a_model_beside_the_card_is_looked_at_with_ram(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    """It was fine with "0 bytes", whatever it was."""
    (tmp_path / "dunoe.toml").write_text(
        f'[card]\nvram = "1MB"\n[models.x]\nfile = "{tiny_chat}"\ngpu_layers = 0\n'
        f'[models.large]\nfile = "{tiny_chat}"\ngpu_layers = 0\nfootprint = "900TiB"\n'
    )

    found = findings(typed("config", "check", "--json"))

    assert found["models.x"][0] and "MB" in found["models.x"][1]
    assert not found["models.large"][0] and "메모리보다 큽니다" in found["models.large"][1]


def test_a_cache_that_llama_refuses_is_said_before_loading(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    file = write(tmp_path / "x.gguf", Shape("qwen2", width=192, head=48, has_bias=True))
    (tmp_path / "dunoe.toml").write_text(f'[models.x]\nfile = "{file}"\nkv_type = "q8_0"\n')

    is_fine, why = findings(typed("config", "check", "--json"))["models.x"]
    fit = typed("fit", file, "--kv", "q4_0")

    assert not is_fine and "48" in why and "q8_0" in why
    assert fit.code == 1 and "48" in fit.err.splitlines()[0] and len(fit.err.splitlines()) == 2
    assert typed("fit", file, "--kv", "bf16").code == 0


def test_a_pulled_file_whose_name_is_taken_is_said(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    (home / "models").mkdir(parents=True)
    for name in ("alias", "own", "free"):
        (home / "models" / f"{name}.gguf").hardlink_to(tiny_chat)
    (tmp_path / "dunoe.toml").write_text(
        f'[models.mine]\nfile = "{tiny_chat}"\naliases = ["alias"]\n'
        f'[models.own]\nfile = "{home}/models/own.gguf"\n'
    )
    found = findings(typed("config", "check", "--json"))
    assert {what for what, (is_fine, _) in found.items() if not is_fine} == {
        str(home / "models" / "alias.gguf")
    }


@pytest.mark.anyio
async def test_engines_are_asked_whether_they_answer(
    tmp_path: Path, told: Callable[..., Said]
) -> None:
    async with FakeEngine("ollama") as fake:
        (tmp_path / "dunoe.toml").write_text(
            f'[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\n'
            f'[engines.far]\nkind = "ollama"\nurl = "{fake.url}"\nshares_card = false\n'
            '[engines.gone]\nkind = "openai"\nurl = "http://127.0.0.1:9"\napi_key = "env:NOT_SET"\n'
        )
        done = await anyio.to_thread.run_sync(lambda: told("config", "check", "--json"))
    found = findings(done)
    assert found["engines.box"][0]
    assert "vram" in found["engines.far"][1]
    assert not found["engines.gone"][0]
    assert "NOT_SET" in found["engines.gone.api_key"][1]


def test_pulled_models_are_models(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    (home / "models").mkdir(parents=True)
    (home / "models" / "free.gguf").hardlink_to(tiny_chat)
    done = typed("config", "check", "--json")
    assert (done.code, list(findings(done))) == (0, [str(home / "models" / "free.gguf")])
    (home / "models" / "half.gguf").write_bytes(b"GGUF")
    (tmp_path / "dunoe.toml").write_text("[card]\nvram = 1000\n")
    found = findings(typed("config", "check", "--json"))
    assert "메모리보다 큽니다" in found[str(home / "models" / "free.gguf")][1]
    assert not found[str(home / "models" / "half")][0]


def test_an_open_door_and_an_empty_house_are_pointed_out(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    assert "dunoe models pull" in findings(typed("config", "check", "--json"))["models"][1]
    (tmp_path / "dunoe.toml").write_text('[server]\nhost = "0.0.0.0"\n')
    assert "keys add" in findings(typed("config", "check", "--json"))["server.host"][1]
    typed("keys", "add", "me")
    done = typed("config", "check", "--json")
    assert (done.code, findings(done)["server.host"][0]) == (0, True)


def test_all_that_is_fine_is_a_success(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(f'[models.good]\nfile = "{tiny_chat}"\n')
    assert typed("config", "check").code == 0


def test_a_variable_that_is_set_in_vain_is_pointed_out(told: Callable[..., Said]) -> None:
    done = told("config", "check", OLLAMA_MODEL="qwen3")
    assert done.code == 1
    assert "OLLAMA_MODEL: OLLAMA_BASE_URL이 설정되지 않아" in done.out


SECRET = """
[store]
url = "postgresql://me:hunter2@db/dunoe"
[qdrant]
api_key = "hunter2"
[hub]
token = "hunter2"
[engines."큰 상자"]
kind = "openai"
url = "http://127.0.0.1:9"
api_key = "hunter2"
auth_header = "Bearer hunter2"
"""


def test_a_library_of_our_own_data_is_found(
    typed: Callable[..., Said], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(f'[library]\nfolders = ["{home}/models"]\n')
    for command in (("config", "check"), ("library", "sync"), ("search", "사과"), ("serve",)):
        said = typed(*command)
        assert said.code == 2
        assert len(said.err.splitlines()) == 2
        assert "라이브러리가 될 수 없습니다" in said.err


def test_what_is_in_force_is_shown_as_toml_without_secrets(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path, home: Path
) -> None:
    model = f'[models.tiny]\nfile = "{tiny_chat}"\n[[models.tiny.adapters]]\nfile = "{tiny_chat}"\n'
    (tmp_path / "dunoe.toml").write_text(SECRET + model, "utf-8")
    shown = typed("config", "show").out
    assert "hunter2" not in shown + typed("config", "show", "--json").out
    tree = tomllib.loads(shown)
    assert tree == json.loads(typed("config", "show", "--json").out)
    assert f"# home: {home}\n" in shown
    assert tree["server"]["port"] == 11435
    assert tree["engines"]["큰 상자"]["api_key"] == "***"
    assert tree["models"]["tiny"]["adapters"] == [{"file": str(tiny_chat), "scale": 1.0}]
    (tmp_path / "again.toml").write_text(shown, "utf-8")
    again = typed("config", "show", "--config", "again.toml").out
    assert tomllib.loads(again) == tree


def test_it_says_how_a_model_wants_to_be_asked(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(
        f'[models."deepseek-r1:14b"]\nfile = "{tiny_chat}"\n', "utf-8"
    )

    assert "시스템 프롬프트와 예시를 넣지 마세요" in typed("config", "check").out
