"""Better one document too many for a model that may decline than one hidden; but nothing is not something."""

import pytest

from dunoe.answering.refusal import is_relevant
from dunoe.library.sureness import Features


@pytest.mark.parametrize(
    ("features", "is_read"),
    [
        (Features(), False),
        (Features(coverage=0.9, lead=0.5), True),
        (Features(coverage=0.1, lead=0.0), False),
        (Features(coverage=0.1, lead=0.9), False),  # alone with one word of many
        (Features(coverage=0.4, lead=2.0), True),
        (Features(coverage=0.1, lead=0.0, standing=5.0), True),
        (Features(coverage=0.1, lead=0.0, standing=3.0), False),
        (Features(standing=3.0), True),
        (Features(standing=1.0), False),
        (Features(coverage=0.9, lead=0.9, standing=9.0, rerank=-6.0), False),
        (Features(coverage=0.0, lead=0.0, rerank=3.0), True),
        (Features(coverage=0.0, lead=0.0, rerank=0.9), True),
        (Features(coverage=0.9, lead=0.9, rerank=0.01), False),
    ],
)
def test_what_search_knows_decides_whether_it_is_read(features: Features, is_read: bool) -> None:
    assert is_relevant(features) is is_read
