"""What embedding models want written before their texts, and how much they read: `embedders.toml`."""

import re
import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from dunoe.portfolio.model import Model

UNKNOWN_WINDOW = 512  # tokens; what nearly every embedding model reads


class Habits(BaseModel):
    """One row of `embedders.toml`. window: tokens, the prefix among them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    match: tuple[str, ...] = ()
    query: str = ""
    passage: str = ""
    window: int = Field(UNKNOWN_WINDOW, ge=16)


def habits(model: Model) -> Habits:
    """What this model wants; the settings of the model go before the table, and an unknown one wants nothing."""
    settings = model.settings
    file = "" if settings.file is None else settings.file.name
    known = _look_up(tuple(map(_plain, (model.name, model.upstream, file))))
    told: dict[str, str | int | None] = {
        "query": settings.query_prefix,
        "passage": settings.passage_prefix,
    }
    if settings.context is not None:
        told["window"] = min(known.window, settings.context) if known.match else settings.context
    return known.model_copy(update={key: value for key, value in told.items() if value is not None})


def _look_up(names: tuple[str, ...]) -> Habits:
    fitting = (
        row for row in _table() if any(match in name for match in row.match for name in names)
    )
    return next(fitting, Habits())


def _plain(name: str) -> str:
    return re.sub(r"[_\s]+", "-", name.lower())


@cache
def _table() -> tuple[Habits, ...]:
    tree = tomllib.loads(files("dunoe.portfolio").joinpath("embedders.toml").read_text("utf-8"))
    return TypeAdapter(tuple[Habits, ...]).validate_python(tree["embedder"])
