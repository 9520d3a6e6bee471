"""/api/ps: what is loaded, and how much of it lies on a card."""

from pathlib import Path

import orjson
import pytest

from dunoe import machine
from dunoe.machine import Card, Machine
from tests.served import served
from tests.server.dialects import call

pytestmark = pytest.mark.anyio
GIB = 2**30


async def test_a_model_kept_in_ram_takes_nothing_of_the_card(
    tmp_path: Path, tiny_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Machine(32 * GIB, 32 * GIB, (Card("NVIDIA GeForce RTX 5070 Ti", 16 * GIB, 15 * GIB),))
    monkeypatch.setattr(machine, "look", lambda: card)
    config = f'[models.aside]\nfile = "{tiny_chat}"\ngpu_layers = 0\n[models.there]\nfile = "{tiny_chat}"\n'
    async with served(tmp_path, config) as house:
        for name in ("aside", "there"):
            body = {"model": name, "prompt": "가", "options": {"num_predict": 1}, "stream": False}
            assert (await call(house, "POST", "/api/generate", orjson.dumps(body))).status == 200
        loaded = (await call(house, "GET", "/api/ps", None)).json["models"]

    on_card = {one["name"].partition(":")[0]: one["size_vram"] for one in loaded}
    assert on_card["aside"] == 0 < on_card["there"]
