"""Whether anything that was found speaks of the question at all."""

import math
import tomllib
from functools import lru_cache
from importlib.resources import files

from dunoe.library.search import Features


def is_relevant(features: Features) -> bool:
    """True when the best passage is more probably about the question than not.

    The thresholds are data, measured by `python -m bench.answering`; nothing found is never relevant.
    """
    if features == Features():
        return False
    return relevance(features) >= 0.5


def relevance(features: Features) -> float:
    """How probable that is, 0 to 1: a logistic function of what is known."""
    known = {name: getattr(features, name) for name in Features.__slots__}
    measured = {name: value for name, value in known.items() if value is not None}
    weights = _weights().get("+".join(measured))
    if weights is None:  # a mix that was not measured: one leg alone decides, the surest that was
        name = next(leg for leg in ("rerank", "coverage", "cosine", "margin") if leg in measured)
        weights, measured = _weights()[name], {name: measured[name]}
    total = weights["bias"] + sum(weights[name] * value for name, value in measured.items())
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, total))))


@lru_cache(maxsize=1)
def _weights() -> dict[str, dict[str, float]]:
    return tomllib.loads(files("dunoe.answering").joinpath("refusal.toml").read_text("utf-8"))
