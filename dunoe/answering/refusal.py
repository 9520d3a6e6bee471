"""Whether anything that was found speaks of the question at all."""

import math
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a search knows of its best passage; None where that leg did not run.

    coverage: share of the question's term weight that stands in it, 0 to 1. margin: by how much its lexical score
    leads the next document's, 0 to 1. cosine: of the embeddings. rerank: the reranker's score.
    """

    coverage: float | None = None
    margin: float | None = None
    cosine: float | None = None
    rerank: float | None = None


def is_relevant(evidence: Evidence) -> bool:
    """True when the best passage is more probably about the question than not.

    The thresholds are data, measured by `python -m bench.answering`; nothing found is never relevant.
    """
    if evidence == Evidence():
        return False
    return relevance(evidence) >= 0.5


def relevance(evidence: Evidence) -> float:
    """How probable that is, 0 to 1: a logistic function of what is known."""
    known = {name: getattr(evidence, name) for name in Evidence.__slots__}
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
