"""`dunoe fit` and `dunoe init`: what fits, told before anything is loaded, and the first settings of a machine."""

import json
import re
import resource
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dunoe.portfolio.entries import entry
from dunoe.portfolio.memory import footprint
from dunoe.settings_check import load
from tests.cli.conftest import Said
from tests.cli.test_pull import Site
from tests.tiny import VOCAB
from tests.weights.shapes import Shape, write

GIB = 2**30


def test_the_plan_of_february_on_16_gib_says_what_is_wrong_with_it(
    typed: Callable[..., Said],
) -> None:
    said = typed("fit", "--profile", "plan-2026-02", "--vram", "16GiB").out

    assert "4,096 (≠ 16,384)" in said  # EEVE's context
    assert "교대" in said and "상주" in said
    assert "DeepSeek-R1-Distill-Qwen-14B + Qwen2.5-Coder-14B-Instruct: 함께 못 있음" in said
    assert "] 16.00 GiB" in said  # the bar
    assert "시스템 프롬프트를 받지 않습니다" in said


def test_a_program_reads_the_same_as_json(typed: Callable[..., Said]) -> None:
    told = json.loads(typed("fit", "--profile", "plan-2026-02", "--vram", "16GiB", "--json").out)

    assert (
        told["stays"] + told["turns"] + told["free"] + told["reserve"] == told["vram"] == 16 * GIB
    )
    places = {seat["name"]: seat["place"] for seat in told["seats"]}
    assert places["DeepSeek-R1-Distill-Qwen-14B"] == "turns"
    assert len(told["corrections"]) >= 4


def test_files_of_ones_own_with_what_one_wishes(
    typed: Callable[..., Said], tmp_path: Path, tiny_embedding: Path
) -> None:
    own = write(tmp_path / "own.gguf", Shape())
    sized = ["--vram", "1GiB", "--json"]

    plain = json.loads(typed("fit", own, tiny_embedding, *sized).out)
    wishes = ["--context", "512", "--parallel", "4", "--kv", "q8_0"]
    wider = json.loads(typed("fit", own, *wishes, *sized).out)

    (chat,), (_, vectors) = wider["seats"], plain["seats"]
    assert (chat["context"], chat["parallel"], chat["kv_type"]) == (512, 4, "q8_0")
    assert plain["seats"][0]["context"] == 8192
    assert vectors["bytes"]["kv"] == {"card": 0, "host": 0}  # it keeps nothing between two texts
    kv, wide = (one["seats"][0]["bytes"]["kv"]["card"] for one in (plain, wider))
    assert kv * 34 * 512 * 4 == wide * 64 * 8192


def test_a_name_of_the_portfolio_needs_no_file(typed: Callable[..., Said]) -> None:
    told = json.loads(typed("fit", "eeve-10.8b", "--vram", "0", "--json").out)

    assert told["seats"][0]["limit"] == 4096
    assert told["seats"][0]["place"] == "ram" and told["seats"][0]["card"] == 0


def test_what_ram_cannot_hold_is_said_with_its_numbers(typed: Callable[..., Said]) -> None:
    """Both stood there as "RAM", without a remark, on a machine of 24 GB."""
    asked = ["fit", "qwen3.5-35b-a3b", "qwen3.5-27b", "--vram", "0", "--ram", "23.5GiB"]

    table, told = typed(*asked).out, json.loads(typed(*asked, "--json").out)

    assert {seat["place"] for seat in told["seats"]} == {"nowhere"}
    assert told["ram"] - told["ram_reserve"] == int(17.625 * GIB)
    assert "RAM에 혼자서도 들어가지 않습니다" in table and "모델의 몫 17.62 GiB" in table
    assert "이 컴퓨터의 것" not in table
    assert "이 컴퓨터의 것" in typed("fit", "qwen3-0.6b", "--vram", "0").out


def test_on_another_card_a_model_is_not_reckoned_as_this_machine_loads_it(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(f'[models.mine]\nfile = "{tiny_chat}"\n', "utf-8")

    (seat,) = json.loads(typed("fit", "mine", "--vram", "8GiB", "--json").out)["seats"]

    assert seat["place"] == "stays" and seat["bytes"]["weights"]["card"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "무엇을"),
        (["nobody"], "nobody"),
        (["--profile", "nobody"], "nobody"),
        (["eeve-10.8b", "--vram", "many"], "many"),
        (["eeve-10.8b", "--ram", "much"], "much"),
        (["eeve-10.8b", "--kv", "f17"], "f17"),
        (["eeve-10.8b", "--context", "0"], "context"),
    ],
)
def test_what_cannot_be_reckoned_is_told_in_two_lines(
    typed: Callable[..., Said], words: list[str], said: str
) -> None:
    got = typed("fit", *words)

    error = got.err.splitlines()
    assert got.code != 0
    assert len(error) == 2 and said in error[0]


def test_init_writes_settings_that_the_server_takes(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    """A model that is here already is put to work; one that is not stands there as a comment."""
    brain = entry("qwen3.5-9b").file
    (home / "models").mkdir(parents=True)
    shutil.copy(tiny_chat, home / "models" / brain)

    got = typed("init", "--vram", "16GiB", "--no-download")

    assert got.code == 0, got.err
    text = (tmp_path / "dunoe.toml").read_text("utf-8")
    assert "dunoe models pull hf:" in text
    settings = load(tmp_path / "dunoe.toml", environ={"DUNOE_HOME": str(home)})
    name = brain.removesuffix(".gguf")
    assert settings.roles == {"brain": name, "search": name}
    assert settings.models[name].context == 32_768
    assert settings.card.vram == 15 * GIB, "what the plan gave to models"
    assert "korean-2026-11" in got.out and "dunoe serve" in got.out


def test_init_overwrites_nothing(typed: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "dunoe.toml").write_text("# mine\n", "utf-8")

    got = typed("init", "--vram", "0", "--no-download")

    assert got.code == 1 and "dunoe.toml" in got.err
    assert (tmp_path / "dunoe.toml").read_text("utf-8") == "# mine\n"


def test_init_without_a_card_proposes_what_a_processor_bears(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    got = typed(
        "init", "--vram", "0", "--ram", "32GiB", "--no-download", "--json", "--config", "small.toml"
    )

    told = json.loads(got.out)
    assert told["profile"] == "cpu"
    assert {seat["place"] for seat in told["plan"]["seats"]} == {"ram"}
    assert told["left_out"] == []
    assert (tmp_path / "small.toml").is_file() and told["written"] == "small.toml"


def test_init_offers_a_small_machine_what_it_can_hold(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    """4 GB of RAM: the brain of the profile does not fit, a smaller one does."""
    small = ["--vram", "0", "--ram", "4GiB", "--no-download"]

    got = typed("init", *small)
    told = json.loads(typed("init", *small, "--json", "--config", "other.toml").out)

    assert "Qwen3.5-4B은(는) 여기에 들어가지 않아 Qwen3.5-2B을(를) 고릅니다" in got.out
    assert "Qwen3.5-2B" in (tmp_path / "dunoe.toml").read_text("utf-8")
    assert {seat["place"] for seat in told["plan"]["seats"]} <= {"ram", "ram_turns"}
    room = told["plan"]["ram"] - told["plan"]["ram_reserve"]
    assert told["plan"]["in_ram"] <= room == 3 * GIB
    tiny = typed("init", "--vram", "0", "--ram", "2GiB", "--no-download", "--config", "tiny.toml")
    assert "설정에서 뺍니다: Qwen3.5-2B" in tiny.out or "설정에서 뺍니다: Qwen3.5-4B" in tiny.out
    assert "Qwen3.5" not in (tmp_path / "tiny.toml").read_text("utf-8")
    nothing = typed("init", "--vram", "0", "--ram", "512MiB", "--config", "none.toml")
    assert nothing.code == 1 and len(nothing.err.splitlines()) == 2


def test_init_does_not_use_a_card_without_room(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    """It wrote vram = "0GiB", and every other model was refused as too big."""
    (home / "models").mkdir(parents=True)
    shutil.copy(tiny_chat, home / "models" / entry("qwen3.5-4b").file)

    got = typed("init", "--vram", "1GiB", "--ram", "32GiB", "--no-download")

    assert got.code == 0, got.err
    settings = load(tmp_path / "dunoe.toml", environ={"DUNOE_HOME": str(home)})
    assert settings.card.vram is None
    assert {one.gpu_layers for one in settings.models.values()} == {0}


MINE = """
name = "mine"
title = { ko = "내 것", en = "mine" }
about = { ko = "둘", en = "two" }
[[seat]]
role = "search"
model = "eeve-10.8b"
context = 4096
[[seat]]
role = "embedding"
model = "kure-v1"
context = 1024
"""
INIT = ("init", "--profile", "./mine.toml", "--vram", "24GiB")


class Meanwhile(Site):
    """A hub that has every file, and a person who does something else while the first one comes."""

    def __init__(self, content: bytes, work: Callable[[], object]) -> None:
        super().__init__(content)
        self.work: Callable[[], object] | None = work

    def process_request(self, request: Any, client_address: Any) -> None:  # Any: socketserver's
        """Answer in a thread, as ever; the person is done before it."""
        if self.work is not None:
            self.work()
            self.work = None
        super().process_request(request, client_address)


@contextmanager
def hub(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """That site is where models come from."""
    monkeypatch.setenv("HF_ENDPOINT", site.url.removesuffix("/web.gguf"))
    with site:
        serving = threading.Thread(target=site.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield
        finally:
            site.shutdown()
            serving.join()


def test_what_a_person_writes_while_models_come_stays(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were written over with what was proposed before the download."""
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    config = tmp_path / "dunoe.toml"

    def edit() -> None:
        text = config.read_text("utf-8").replace("#context = 4096", "#context = 3000")
        config.write_text(text + "[server]\nport = 4321  # mine\n", "utf-8")

    with hub(Meanwhile(tiny_chat.read_bytes(), edit), monkeypatch):
        got = typed(*INIT, "--yes")

    assert got.code == 0, got.err
    assert "port = 4321  # mine" in config.read_text("utf-8")
    settings = load(config)
    search = entry("eeve-10.8b").file.removesuffix(".gguf")
    assert settings.models[search].context == 3000
    assert settings.roles == {"search": search}
    assert settings.library.embedding == entry("kure-v1").file.removesuffix(".gguf")
    assert [one.name for one in tmp_path.glob(".*")] == []


def test_an_init_that_was_cut_short_goes_on(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command was refused, since the file was there already."""
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    cut = typed(*INIT, "--yes")
    assert cut.code == 1
    assert ".. " not in cut.err and re.search(r"받지 못했습니다: .+\. ", cut.err)

    with hub(Site(tiny_chat.read_bytes()), monkeypatch):
        again = typed(*INIT, "--yes")

    assert again.code == 0, again.err
    assert len(load(tmp_path / "dunoe.toml").models) == 2
    assert typed(*INIT, "--yes").code == 1, "there is nothing left to do"


OTHER = MINE.replace('"mine"', '"other"').replace('"eeve-10.8b"', '"qwen3.5-9b"')


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_another_proposal_does_not_go_on_with_the_settings_of_this_one(
    typed: Callable[..., Said], tmp_path: Path, form: list[str]
) -> None:
    """It was taken for a continuation, since both want KURE: another plan, "written", and the file as before."""
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    (tmp_path / "other.toml").write_text(OTHER, "utf-8")
    assert typed(*INIT, "--no-download").code == 0
    before = (tmp_path / "dunoe.toml").read_bytes()

    got = typed("init", "--profile", "./other.toml", "--vram", "24GiB", "--no-download", *form)
    (tmp_path / "mine.toml").write_text(OTHER.replace('"other"', '"mine"'), "utf-8")
    renamed = typed(*INIT, "--no-download", *form)

    assert (got.code, got.out) == (1, "") and len(got.err.splitlines()) == 2
    assert "'mine'" in got.err and "'other'" in got.err
    assert (renamed.code, renamed.out) == (1, "") and "이미 있습니다" in renamed.err
    assert (tmp_path / "dunoe.toml").read_bytes() == before


def test_init_says_what_it_did_and_no_more(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    """It said that it wrote a file which nothing had come for."""
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    assert "썼습니다" in typed(*INIT, "--no-download").out
    again = typed(*INIT, "--no-download")
    idle = json.loads(typed(*INIT, "--no-download", "--json").out)
    (home / "models").mkdir(parents=True)
    shutil.copy(tiny_chat, home / "models" / entry("kure-v1").file)
    came = json.loads(typed(*INIT, "--no-download", "--json").out)

    assert "썼습니다" not in again.out and "그대로입니다" in again.out
    assert (idle["written"], came["written"]) == (None, "dunoe.toml")


def test_what_init_writes_as_a_comment_holds_once_the_model_was_pulled(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    """It named a file beside the settings, and a pulled one lies in the home."""
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    assert typed(*INIT, "--no-download").code == 0
    config = tmp_path / "dunoe.toml"
    for id in ("eeve-10.8b", "kure-v1"):
        assert typed("models", "pull", tiny_chat, "--name", entry(id).file[:-5]).code == 0
    config.write_text(re.sub(r"^#(?! )", "", config.read_text("utf-8"), flags=re.M), "utf-8")

    assert len(load(config).models) == 2


def test_a_card_of_any_size_is_written_as_it_is_read(
    typed: Callable[..., Said], tmp_path: Path
) -> None:
    """8388607 GiB became 8.38861e+06GiB, which no settings may say."""
    for size in ("8388608GiB", "16.5GiB", "17179869185"):
        config = tmp_path / f"{size}.toml"
        got = typed("init", "--vram", size, "--no-download", "--config", config)
        assert got.code == 0, got.err
        asked = json.loads(typed("fit", "qwen3-0.6b", "--vram", size, "--json").out)
        assert load(config).card.vram == asked["vram"] - asked["reserve"]
    more = typed("fit", "qwen3-0.6b", "--vram", "8388609GiB")
    assert more.code == 1 and "8 PiB" in more.err and len(more.err.splitlines()) == 2


def test_a_mistake_in_settings_that_init_fills_in_is_told_of_that_file(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    """It was told of a file beside them that was gone again."""
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    assert typed(*INIT, "--no-download").code == 0
    config = tmp_path / "dunoe.toml"
    name = entry("kure-v1").file
    (home / "models").mkdir(parents=True)
    shutil.copy(tiny_chat, home / "models" / name)
    table = f'[models.mine]\nfile = "{tiny_chat}"\naliases = ["{name[:-5]}"]\n'
    config.write_text(config.read_text("utf-8") + table, "utf-8")
    before = config.read_bytes()

    got = typed(*INIT, "--no-download")

    assert got.code == 2 and "dunoe.toml: " in got.err and ".new" not in got.err
    assert config.read_bytes() == before


def test_a_full_disk_leaves_the_settings_as_they_were(
    typed: Callable[..., Said], tmp_path: Path, home: Path, tiny_chat: Path
) -> None:
    (tmp_path / "mine.toml").write_text(MINE, "utf-8")
    assert typed(*INIT, "--no-download").code == 0
    before = (tmp_path / "dunoe.toml").read_bytes()
    (home / "models").mkdir(parents=True)
    shutil.copy(tiny_chat, home / "models" / entry("kure-v1").file)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        full = typed(*INIT, "--no-download")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert full.code == 2 and len(full.err.splitlines()) == 2 and "디스크를 비우" in full.err
    assert (tmp_path / "dunoe.toml").read_bytes() == before
    assert [one.name for one in tmp_path.glob(".*")] == []
    assert typed(*INIT, "--no-download").code == 0
    assert (tmp_path / "dunoe.toml").read_bytes() != before


def test_init_asks_before_it_fetches_and_fails_without_loss(
    typed: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there to ask; and a hub that is not there costs nothing but the download."""
    asked = typed("init", "--vram", "8GiB")
    assert asked.code == 1 and "--yes" in asked.err
    assert not (tmp_path / "dunoe.toml").exists()

    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    failed = typed("init", "--vram", "8GiB", "--download")

    assert failed.code == 1
    assert "받지 못했습니다" in failed.err
    assert (tmp_path / "dunoe.toml").is_file()


def test_a_program_that_wants_json_gets_nothing_fetched_unasked(
    typed: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    unasked = typed("init", "--vram", "8GiB", "--json")
    asked = typed("init", "--vram", "8GiB", "--json", "--yes", "--config", "other.toml")

    told = [json.loads(one.out)["models"] for one in (unasked, asked)]
    assert unasked.code == 0 and {one["problem"] for one in told[0]} == {None}
    assert asked.code == 1 and None not in {one["problem"] for one in told[1]}


def test_where_nothing_can_be_written_nothing_is_fetched(
    typed: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    got = typed("init", "--vram", "8GiB", "--yes", "--config", "nowhere/dunoe.toml")

    assert got.code == 2 and "nowhere" in got.err
    assert "받지 못했습니다" not in got.err


def test_a_vocabulary_alone_is_no_model(typed: Callable[..., Said]) -> None:
    got = typed("fit", VOCAB / "ggml-vocab-qwen2.gguf")

    assert got.code == 1 and "가중치가 없습니다" in got.err


def test_a_model_of_the_settings_is_reckoned_as_the_server_loads_it(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path
) -> None:
    (tmp_path / "dunoe.toml").write_text(
        f'[card]\nvram = "16GiB"\n[models.here]\nfile = "{tiny_chat}"\ngpu_layers = 0\n'
        f'[models.wide]\nfile = "{tiny_chat}"\ncontext = 1024\nparallel = 4\n',
        "utf-8",
    )

    here, wide = json.loads(typed("fit", "here", "wide", "--json").out)["seats"]

    assert (here["place"], here["card"]) == ("ram", 0)
    assert (wide["place"], wide["context"], wide["parallel"]) == ("stays", 1024, 4)


@pytest.mark.parametrize("card", ["16GiB", "0"])
def test_a_model_of_the_settings_takes_what_the_scheduler_counts(
    typed: Callable[..., Said], tmp_path: Path, tiny_chat: Path, card: str
) -> None:
    """A projector was left out here, and a footprint of 900 GiB was told to stay."""
    with (tmp_path / "eye.gguf").open("wb") as eye:
        eye.truncate(GIB)
    told = [
        f'[models.{name}]\nfile = "{tiny_chat}"\ncontext = 1024\n{more}\n'
        for name, more in (
            ("plain", ""),
            ("sees", 'projector = "eye.gguf"'),
            ("told", 'footprint = "3GiB"\nprojector = "eye.gguf"'),
            ("vast", 'footprint = "900GiB"'),
        )
    ]
    (tmp_path / "dunoe.toml").write_text(f'[card]\nvram = "{card}"\n' + "".join(told), "utf-8")

    seats = json.loads(
        typed("fit", "plain", "sees", "told", "vast", "--ram", "32GiB", "--json").out
    )["seats"]

    models = load(tmp_path / "dunoe.toml").models
    counted = [footprint(models[seat["name"]], has_card=card != "0") for seat in seats]
    assert [seat["card"] or seat["ram"] for seat in seats] == counted
    assert counted[1] - counted[0] == GIB and counted[2] == 3 * GIB
    assert seats[3]["place"] == "nowhere" and seats[3]["basis"] == "told"
    assert "footprint대로" in typed("fit", "told").out
