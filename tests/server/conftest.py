"""What the tests of the server share."""

from collections.abc import AsyncIterator

import pytest

from tests.fake_engine import FakeEngine


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[FakeEngine]:
    """A server with OpenAI's dialect, which says what its script says."""
    async with FakeEngine("openai") as fake:
        yield fake
