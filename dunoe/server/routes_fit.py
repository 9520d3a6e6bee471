"""What would fit the card: a profile laid out, before anything is fetched or loaded."""

from typing import Annotated

import anyio
from pydantic import ConfigDict, Field

from dunoe.engines.request import Json
from dunoe.portfolio.memory import has_card, of_card, of_ram, our_card
from dunoe.portfolio.plan import candidates, plan, told
from dunoe.portfolio.profiles import profile, profiles
from dunoe.portfolio.proposal import fitting
from dunoe.server.body import Body
from dunoe.server.endpoint import Asked, Route
from dunoe.settings import Size


class FitQuery(Body):
    """GET /api/fit. profile: the one that is proposed for this machine unless another is named.

    vram, ram: of another machine.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)  # else a typo is this machine

    profile: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")] = None
    vram: Size | None = None
    ram: Size | None = None


async def fit(asked: Asked) -> None:
    """GET /api/fit: who sits on the card together, at which context; sizes in bytes, texts in both languages."""
    body: FitQuery = asked.body
    await asked.wire.json(await anyio.to_thread.run_sync(_laid_out, asked, body))


def _laid_out(asked: Asked, body: FitQuery) -> Json:
    brain = asked.brain
    card = our_card(brain.settings, brain.machine) if body.vram is None else of_card(body.vram)
    chosen = fitting(card.size) if body.profile is None else profile(body.profile)
    if body.vram is None and not has_card(brain.settings, brain.machine):
        card = of_card(chosen.vram or 0)  # to see on a laptop what a card would hold
    ram = of_ram(brain.machine.ram_bytes if body.ram is None else body.ram)
    return {
        "profiles": [
            {"name": one.name, "title": one.title._asdict(), "vram": one.vram or 0}
            for one in profiles()
        ],
        "profile": chosen.name,
        "about": chosen.about._asdict(),
        "corrections": [one._asdict() for one in chosen.corrections],
        **told(plan(candidates(chosen), card, ram)),
    }


ROUTES = [
    Route("GET", "/api/fit", fit, "openai", "infer", "카드 계획 · what fits", query=FitQuery),
]
