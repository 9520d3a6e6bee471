"""Whether anything that was found speaks of the question at all. What is enough is data: `refusal.toml`."""

import math
import tomllib
from functools import lru_cache
from importlib.resources import files

from dunoe.library.search import chances
from dunoe.library.sureness import Features


def is_relevant(features: Features) -> bool:
    """True when the best passage is probably enough about the question to be read; nothing found never is.

    A reranker's word counts most, then the question's words, then its vector: a cosine means something else in every
    model, so only how far it stands out is used.
    """
    if features.rerank is not None:
        return chances([features.rerank])[0] >= _data()["rerank"]["threshold"]
    standing, vectors = features.standing, _data()["vectors"]
    if features.coverage is None:
        return standing is not None and standing >= vectors["enough"]
    if standing is not None and standing >= vectors["sure"]:
        return True
    return probability(features.coverage, features.lead or 0.0) >= _data()["words"]["threshold"]


def probability(coverage: float, lead: float) -> float:
    """That a passage with these is about the question, by its words alone, 0 to 1."""
    weights = _data()["words"]
    total = weights["bias"] + weights["coverage"] * coverage + weights["lead"] * lead
    return 1 / (1 + math.exp(-total))


@lru_cache(maxsize=1)
def _data() -> dict[str, dict[str, float]]:
    return tomllib.loads(files("dunoe.answering").joinpath("refusal.toml").read_text("utf-8"))
