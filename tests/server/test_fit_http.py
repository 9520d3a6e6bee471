"""GET /api/fit: what would fit this machine's card, or that of another one."""

from pathlib import Path

import pytest

from tests.served import served
from tests.server.dialects import call

pytestmark = pytest.mark.anyio
GIB = 2**30
CARD = '[card]\nvram = "16GiB"\n'


async def test_another_machine_is_asked_for_with_its_card_and_its_ram(tmp_path: Path) -> None:
    """The RAM was taken, and this machine's was reckoned with."""
    async with served(tmp_path, CARD) as house:
        said = await call(house, "GET", "/api/fit?profile=cpu&vram=0&ram=2GiB", None)

    told = said.json
    assert (told["vram"], told["ram"], told["ram"] - told["ram_reserve"]) == (0, 2 * GIB, 1.5 * GIB)
    assert "nowhere" in {seat["place"] for seat in told["seats"]}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("vram=99999999999999999999999TiB", "vram"),
        (f"ram={'9' * 400}", "ram"),
        ("vrm=8GiB", "vrm"),
        ("ram=-1", "ram"),
    ],
)
async def test_what_is_no_machine_is_refused_by_name(
    tmp_path: Path, asked: str, field: str
) -> None:
    """A card beyond what JSON can say was a 500."""
    async with served(tmp_path, CARD) as house:
        said = await call(house, "GET", f"/api/fit?{asked}", None)

    assert said.status == 400
    assert said.json["error"]["param"] == field
