"""Words and meaning together with a real embedding model: at least as good as the better of the two."""

from pathlib import Path

import pytest

from bench.hybrid import alone, fused, legs, pairs
from dunoe.library.fusion import DENSE_WEIGHT

DOCUMENTS = 200  # with fewer, chance decides


@pytest.mark.anyio
async def test_both_legs_together_are_no_worse_than_the_better_one(
    tmp_path: Path, minilm: Path
) -> None:
    asked = await legs(pairs(DOCUMENTS), tmp_path, minilm)
    words, meaning = alone(asked)
    assert words.ndcg > 0.5
    assert meaning.ndcg > 0.5
    assert fused(asked, "convex", DENSE_WEIGHT).ndcg >= max(words.ndcg, meaning.ndcg)
