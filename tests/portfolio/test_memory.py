"""What loaded models may take here, and what one of them takes."""

from pathlib import Path

from dunoe.machine import Card, Machine
from dunoe.portfolio.memory import (
    OUR_CARD,
    RAM,
    RESERVE,
    budget_of,
    budgets,
    footprint,
    has_card,
    of_ram,
    our_card,
    remember,
)
from dunoe.portfolio.plan import plan
from dunoe.settings import Adapter, CardSettings, EngineSettings, ModelSettings, Settings
from dunoe.weights.memory.footprint import CARD_OVERHEAD, Share
from dunoe.weights.memory.measured import Measured
from tests.weights.shapes import Shape, write

GIB = 2**30
BARE = Machine(16 * GIB, 16 * GIB, ())
CARD = Card("card", 8 * GIB, 8 * GIB)


def test_without_a_card_a_quarter_of_ram_is_left_to_the_system() -> None:
    assert budgets(Settings(), BARE) == {OUR_CARD: 12 * GIB}


def test_cards_have_a_budget_and_a_declared_one_goes_before_it_and_ram_has_its_own_beside() -> None:
    carded = Machine(64 * GIB, 64 * GIB, (CARD, CARD))
    assert budgets(Settings(), carded) == {OUR_CARD: 16 * GIB - 2 * RESERVE, RAM: 48 * GIB}
    told = Settings(card=CardSettings(vram=GIB))
    assert budgets(told, carded) == {OUR_CARD: GIB, RAM: 48 * GIB}


def test_a_card_without_room_for_models_is_not_used() -> None:
    """The desktop has it; whatever lies in RAM is bounded by RAM."""
    small = Machine(16 * GIB, 16 * GIB, (Card("card", GIB, GIB),))
    assert not has_card(Settings(), small)
    assert budgets(Settings(card=CardSettings(vram=0)), BARE) == {OUR_CARD: 12 * GIB}


def test_what_a_plan_divides_is_what_the_server_will_give() -> None:
    carded = Machine(64 * GIB, 64 * GIB, (CARD,))
    for told in (Settings(), Settings(card=CardSettings(vram=6 * GIB))):
        planned = plan([], our_card(told, carded), of_ram(carded.ram_bytes))
        assert planned.room == budgets(told, carded)[OUR_CARD]
        assert planned.ram.room == budgets(told, carded)[RAM]


def test_only_an_ollama_on_another_machine_has_a_budget_of_its_own() -> None:
    def engine(kind: str, host: str) -> EngineSettings:
        told = {"kind": kind, "url": f"http://{host}:1", "vram": None}
        return EngineSettings.model_validate(told)

    far = engine("ollama", "10.0.0.9").model_copy(update={"vram": 24 * GIB})
    engines = {
        "far": far,
        "near": engine("ollama", "127.0.0.1"),
        "cluster": engine("openai", "10.0.0.9"),
    }
    assert budgets(Settings(engines=engines), BARE) == {OUR_CARD: 12 * GIB, "far": 24 * GIB}


def test_every_part_of_a_model_takes_memory_and_so_does_what_is_laid_over_it(
    tmp_path: Path,
) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"x-0000{number}-of-00003.gguf").write_bytes(bytes(10**number))
    (tmp_path / "lora.gguf").write_bytes(bytes(7))
    model = ModelSettings(file=tmp_path / "x-00001-of-00003.gguf")
    assert footprint(model) == 1110
    adapted = model.model_copy(update={"adapters": (Adapter(file=tmp_path / "lora.gguf"),)})
    assert footprint(adapted) == 1117
    assert footprint(adapted.model_copy(update={"footprint": 5})) == 5


def test_a_whole_file_takes_its_own_size_whatever_lies_beside_it(tmp_path: Path) -> None:
    for name in ("x.gguf", "x-00001-of-00001.gguf", "x-00002-of-00001.gguf"):
        (tmp_path / name).write_bytes(bytes(9))
        assert footprint(ModelSettings(file=tmp_path / name)) == 9


def test_a_model_takes_what_its_header_promises_and_then_what_it_took(tmp_path: Path) -> None:
    file = write(tmp_path / "x.gguf", Shape(layers=3))
    short, long = (ModelSettings(file=file, context=context) for context in (1024, 8192))
    assert footprint(long) - footprint(short) > 3 * 2 * 2 * 64 * (8192 - 1024) - 1
    measured = Measured(tmp_path)
    remember(measured, short, Share(host=123))
    assert footprint(short, measured=measured) == 123
    assert footprint(long, measured=measured) == footprint(long)


def test_a_model_beside_the_card_takes_ram_and_is_bounded_by_it(tmp_path: Path) -> None:
    """It took nothing of anything once, and `config check` was content with any size of it."""
    file = write(tmp_path / "x.gguf", Shape())
    beside, on_it = (ModelSettings(file=file, gpu_layers=n, context=1024) for n in (0, -1))
    assert budget_of(beside, has_card=True) == RAM
    assert budget_of(on_it, has_card=True) == budget_of(beside, has_card=False) == OUR_CARD
    assert footprint(beside, has_card=True) >= file.stat().st_size // 2
    assert footprint(on_it, has_card=True) > CARD_OVERHEAD


def test_a_figure_of_the_card_counts_the_driver_and_one_of_ram_counts_where_nothing_else_does(
    tmp_path: Path,
) -> None:
    measured = Measured(tmp_path)
    model = ModelSettings(file=write(tmp_path / "x.gguf", Shape()), context=1024)
    remember(measured, model, Share(card=1000, host=10))
    assert footprint(model, measured=measured, has_card=True) == 1000 + CARD_OVERHEAD
    assert footprint(model, measured=measured) == 1010
    remember(measured, model, Share(host=10))  # it was to go to the card, and did not
    assert footprint(model, measured=measured, has_card=True) == 10
    beside = model.model_copy(update={"gpu_layers": 0})
    remember(measured, beside, Share(host=10))
    assert footprint(beside, measured=measured, has_card=True) == 10  # of RAM


def test_a_card_is_one_that_we_see_or_one_that_is_told_of() -> None:
    assert has_card(Settings(), Machine(GIB, GIB, (CARD,)))
    assert has_card(Settings(card=CardSettings(vram=GIB)), BARE)
    assert not has_card(Settings(), BARE)
