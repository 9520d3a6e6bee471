"""Which model a name means."""

from pathlib import Path

import pytest

from dunoe import settings_check
from dunoe.errors import NotFound, Unavailable
from dunoe.portfolio import memory
from dunoe.portfolio.catalogue import SLOTS_ELSEWHERE, Catalogue, mode_of
from dunoe.portfolio.memory import OUR_CARD, RAM, footprint, remember
from dunoe.settings import LLAMA
from dunoe.weights.header import Header, read_model
from dunoe.weights.memory.footprint import Share
from dunoe.weights.memory.measured import Measured
from dunoe.weights.shelf import Shelf
from tests import tiny

OWNERS = """
[models.tiny]
file = "tiny.gguf"
aliases = ["gpt-4o-mini"]
parallel = 2
[models.big]
engine = "box"
name = "deepseek-r1:14b"
[models.vectors]
engine = "box"
mode = "embedding"
[engines.box]
kind = "ollama"
url = "http://192.168.0.100:11434"
discover = true
[roles]
brain = "big"
router = "tiny"
[server]
default = "tiny"
"""


def catalogue(folder: Path, config: str = OWNERS) -> Catalogue:
    (folder / "tiny.gguf").write_bytes(b"x" * 1000)
    file = folder / "dunoe.toml"
    file.write_text(config, "utf-8")
    told = settings_check.load(file, environ={"DUNOE_HOME": str(folder / "home")})
    return Catalogue(told, Shelf(told.models_folder), "hf:owner/repo/first.gguf")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("tiny", "tiny"),
        ("tiny:latest", "tiny"),
        ("gpt-4o-mini", "tiny"),
        ("router", "tiny"),
        ("brain", "big"),
        ("default", "tiny"),
        ("", "tiny"),
        (None, "tiny"),
    ],
)
def test_names_roles_aliases_and_silence_all_mean_a_model(
    tmp_path: Path, said: str | None, meant: str
) -> None:
    assert catalogue(tmp_path).find(said).name == meant


@pytest.mark.parametrize("said", ["nope", "coder", "search", "deepseek-r1:14b", ":latest"])
def test_an_unknown_name_is_not_answered_by_another_model(tmp_path: Path, said: str) -> None:
    with pytest.raises(NotFound) as refused:
        catalogue(tmp_path).find(said)
    assert "tiny" in refused.value.hint.en
    assert not catalogue(tmp_path).has(said)


def test_an_embedding_request_that_names_no_model_gets_an_embedding_model(tmp_path: Path) -> None:
    assert catalogue(tmp_path).find(None, "embedding").name == "vectors"
    named = 'embedding_model = "tiny"\n' + OWNERS
    assert catalogue(tmp_path, named).find(None, "embedding").name == "tiny"
    with pytest.raises(NotFound) as refused:
        catalogue(tmp_path).find(None, "rerank")
    assert 'mode = "rerank"' in refused.value.hint.en


def test_a_house_without_models_says_which_command_brings_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as refused:
        catalogue(tmp_path, "").find("tiny")
    assert "dunoe models pull hf:owner/repo/first.gguf" in refused.value.hint.ko
    with pytest.raises(Unavailable) as refused:
        catalogue(tmp_path, "").find(
            None, "embedding"
        )  # the first model writes, and embeds nothing
    assert "first.gguf" not in refused.value.hint.en
    assert 'mode = "embedding"' in refused.value.hint.en


def test_memory_is_ours_to_plan_only_where_we_load(tmp_path: Path) -> None:
    there = OWNERS + (
        '[models.cluster]\nengine = "vllm"\n[engines.vllm]\nkind = "openai"\nurl = "http://10.0.0.9"\n'
        '[models.here]\nengine = "local"\n[engines.local]\nkind = "ollama"\nurl = "http://localhost:11434"\n'
    )
    house = catalogue(tmp_path, there)
    tiny_, big, cluster, here = (house.find(n) for n in ("tiny", "big", "cluster", "here"))
    assert (tiny_.engine, tiny_.card, tiny_.footprint, tiny_.slots) == (LLAMA, OUR_CARD, 1000, 2)
    assert (big.upstream, big.card, big.slots) == ("deepseek-r1:14b", "box", 1)
    assert (cluster.card, cluster.slots) == (None, SLOTS_ELSEWHERE)
    assert here.card == OUR_CARD  # an Ollama on this machine fills the same card


def test_a_model_beside_the_card_shares_ram_with_others_there(tmp_path: Path) -> None:
    beside = OWNERS.replace("parallel = 2", "gpu_layers = 0")
    told = catalogue(tmp_path, beside)
    carded = Catalogue(told.settings, told.shelf, told.first_model, has_card=True)

    model = carded.find("tiny")

    assert (model.card, model.footprint) == (RAM, 1000)
    assert told.find("tiny").card == OUR_CARD, "without a card there is but one memory"


def test_an_engines_own_models_join_in_and_tell_their_size(tmp_path: Path) -> None:
    house = catalogue(tmp_path)
    house.offer("box", [("qwen3:4b", 3_000), ("deepseek-r1:14b", 9_000), ("tiny", 1)])
    assert house.find("qwen3:4b").footprint == 3_000
    assert house.find("big").footprint == 9_000
    assert house.find("tiny").is_embedded  # the settings win
    house.offer("box", [])
    assert not house.has("qwen3:4b")


def test_a_pulled_file_is_a_model_by_its_own_name(tmp_path: Path, shared: Path) -> None:
    house = catalogue(tmp_path)
    shelf = tmp_path / "home" / "models"
    shelf.mkdir(parents=True)
    tiny.embedding_model(shelf / "found.gguf")
    assert not house.has("found")
    house.refresh()
    found = house.find("found")
    assert found.footprint == footprint(found.settings) > (shelf / "found.gguf").stat().st_size
    (shelf / "found.gguf").unlink()
    house.refresh()
    assert not house.has("found")


def test_a_name_of_the_settings_is_taken_by_no_file_and_no_engine(
    tmp_path: Path, shared: Path
) -> None:
    shelf = tmp_path / "home" / "models"
    shelf.mkdir(parents=True)
    for name in ("gpt-4o-mini", "tiny", "brain", "default"):
        tiny.embedding_model(shelf / f"{name}.gguf")
    house = catalogue(tmp_path)
    house.offer("box", [("gpt-4o-mini", 1), ("router", 1), ("new", 1)])
    assert house.find("gpt-4o-mini").settings.file == tmp_path / "tiny.gguf"
    assert [model.name for model in house.models()] == ["tiny", "big", "vectors", "new"]


def test_a_pulled_file_says_itself_what_it_is_for(
    tmp_path: Path, tiny_chat: Path, tiny_embedding: Path, tiny_rerank: Path
) -> None:
    shelf = tmp_path / "home" / "models"
    shelf.mkdir(parents=True)
    modes = {"chat": tiny_chat, "embedding": tiny_embedding, "rerank": tiny_rerank}
    for mode, file in modes.items():
        (shelf / f"{mode}.gguf").hardlink_to(file)
    found = catalogue(tmp_path, '[models.tiny]\nfile = "tiny.gguf"\n')
    for mode in modes:
        assert found.find(mode).settings.mode == mode


@pytest.mark.parametrize(("family", "mode"), [("t5encoder", "embedding"), ("llama", "chat")])
def test_an_encoder_that_names_no_pooling_writes_nothing_all_the_same(
    family: str, mode: str
) -> None:
    """It was asked to chat, and answered with rubbish; asked for vectors, it was refused."""
    assert mode_of(Header(3, {"general.architecture": family}, (), 0, 0)) == mode


def test_a_file_of_the_settings_says_itself_what_it_is_for(tmp_path: Path, shared: Path) -> None:
    tiny.embedding_model(tmp_path / "e.gguf")
    tiny.rerank_model(tmp_path / "r.gguf")
    house = catalogue(
        tmp_path,
        '[models.e]\nfile = "e.gguf"\n[models.r]\nfile = "r.gguf"\n'
        '[models.told]\nfile = "e.gguf"\nmode = "chat"\n[models.broken]\nfile = "tiny.gguf"\n',
    )
    modes = {model.name: model.settings.mode for model in house.models()}
    assert modes == {"e": "embedding", "r": "rerank", "told": "chat", "broken": "chat"}


def test_what_a_load_took_counts_from_the_next_look(tmp_path: Path) -> None:
    house = catalogue(tmp_path)
    model = house.find("tiny")
    remember(Measured(house.settings.cache_folder), model.settings, Share(host=123))
    assert house.find("tiny").footprint == model.footprint
    house.refresh()
    assert house.find("tiny").footprint == 123


def test_a_list_reads_no_header_twice_not_even_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[Path]()

    def count(file: Path) -> Header:
        read.append(file)
        return read_model(file)

    monkeypatch.setattr(memory, "read_model", count)
    house = catalogue(tmp_path)
    house.refresh()
    assert read == [tmp_path / "tiny.gguf"]
    (tmp_path / "tiny.gguf").write_bytes(b"y" * 2000)
    house.refresh()
    assert house.find("tiny").footprint == 2000
    assert len(read) == 2
