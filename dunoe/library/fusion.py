"""Two rankings become one.

Convex combination of normalised scores, after Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
Retrieval" (2022): it beats reciprocal rank fusion with one weight to tune, and how scores are normalised matters little
then. A BM25 score is divided by the best one, for its least is 0. Cosines have no such least in practice (those of
e5 lie between 0.7 and 1, those of others between 0 and 0.8), so their range is that of the candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dunoe.library.index.point import Found

DENSE_WEIGHT = 0.6  # bench.hybrid: flat from 0.5 to 0.7
RANK = 60  # the k of reciprocal rank fusion: how little the first places differ

Way = Literal["convex", "ranks"]


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate. value: 0 to 1 within this question; lexical, dense: its scores, None where that leg lacks it."""

    id: str
    value: float
    lexical: float | None
    dense: float | None


def fuse(
    lexical: Sequence[Found],
    dense: Sequence[Found],
    way: Way = "convex",
    dense_weight: float = DENSE_WEIGHT,
) -> list[Fused]:
    """Every candidate of both legs, best first. A leg that is empty has no say."""
    if not lexical or not dense:
        dense_weight = 1.0 if dense else 0.0
    if way == "ranks":
        words, meanings = _by_rank(lexical), _by_rank(dense)
    else:
        words, meanings = _by_best(lexical), _by_range(dense)
    scores = dict(lexical), dict(dense)
    found = [
        Fused(
            id,
            (1 - dense_weight) * words.get(id, 0.0) + dense_weight * meanings.get(id, 0.0),
            scores[0].get(id),
            scores[1].get(id),
        )
        for id in dict.fromkeys([*scores[0], *scores[1]])
    ]
    return sorted(found, key=lambda one: -one.value)


def _by_best(found: Sequence[Found]) -> dict[str, float]:
    best = max((one.score for one in found), default=0.0)
    return {one.id: max(0.0, one.score / best) if best > 0 else 0.0 for one in found}


def _by_range(found: Sequence[Found]) -> dict[str, float]:
    """The worst candidate still beats what was not found at all."""
    if not found:
        return {}
    best, worst = max(one.score for one in found), min(one.score for one in found)
    if best == worst:
        return {one.id: 1.0 for one in found}
    return {one.id: (one.score - worst) / (best - worst) for one in found}


def _by_rank(found: Sequence[Found]) -> dict[str, float]:
    """1 for the first."""
    return {one.id: (RANK + 1) / (RANK + 1 + place) for place, one in enumerate(found)}
