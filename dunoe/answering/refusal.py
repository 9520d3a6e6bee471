"""Whether anything that was found speaks of the question at all."""

import math
import tomllib
from functools import lru_cache
from importlib.resources import files

from dunoe.library.search import Features


def is_relevant(features: Features) -> bool:
    """True when the best passage is probably enough about the question to be read; nothing found never is.

    How probable, and what is enough, are data: `refusal.toml`, measured by `python -m bench.answering`.
    """
    known = {name: getattr(features, name) for name in Features.__slots__}
    measured = {name: value for name, value in known.items() if value is not None}
    if not measured:
        return False
    for mix in ("rerank", "coverage+margin", "coverage"):
        if measured.keys() >= set(mix.split("+")):
            weights = _weights()[mix]
            return probability(weights, measured) >= weights["threshold"]
    return True  # vectors alone: their cosines mean something else in every model


def probability(weights: dict[str, float], measured: dict[str, float]) -> float:
    """A logistic function of what is known, 0 to 1."""
    names = weights.keys() - {"bias", "threshold"}
    total = weights["bias"] + sum(weights[name] * measured[name] for name in names)
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


@lru_cache(maxsize=1)
def _weights() -> dict[str, dict[str, float]]:
    return tomllib.loads(files("dunoe.answering").joinpath("refusal.toml").read_text("utf-8"))
