"""What the tests of the server share."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from tests.fake_engine import FakeEngine
from tests.server.browsing import ALONE, CHROMIUM


@pytest.fixture(scope="module")
async def fake() -> AsyncIterator[FakeEngine]:
    """A server with OpenAI's dialect, which says what its script says."""
    async with FakeEngine("openai") as fake:
        yield fake


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    """Debian's Chromium, driven by Playwright."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield browser
        await browser.close()
