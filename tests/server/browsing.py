"""A visit to the page in a real browser, and what no visit may ever do."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, expect

from dunoe.engines.request import Json
from tests.fake_engine import FakeEngine
from tests.served import PATIENCE_S, Served

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), "")
ALONE = [  # a browser in a container, that calls nobody by itself
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
PHONE: Json = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
COPIES: Json = {"permissions": ["clipboard-read", "clipboard-write"]}

IN_BROWSER = [
    pytest.mark.anyio,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium"),
]
expect.set_options(timeout=PATIENCE_S * 1000)


@asynccontextmanager
async def visit(
    browser: Browser,
    house: Served,
    at: str = "",
    *,
    refused: bool = False,
    **how: Any,  # Any: options of a browser context
) -> AsyncIterator[Page]:
    """The page of this server. At the end nothing may have gone to another host, nor complained on the console.

    at: the part of the address after the host. refused: the server will say no, which the browser notes on its console.
    """
    context = await browser.new_context(**{"locale": "ko-KR", **how})
    page = await context.new_page()
    asked: list[str] = []
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        asked.append(request.url)

    def note_complaint(message: ConsoleMessage) -> None:
        is_refusal = refused and message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not is_refusal:
            complaints.append(message.text)

    page.on("request", note_request)
    page.on("console", note_complaint)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(f"{house.url}/{at}")
        yield page
    finally:
        await context.close()
    assert complaints == [], complaints
    assert {url for url in asked if not url.startswith((f"{house.url}/", "data:"))} == set()


def elsewhere(fake: FakeEngine, name: str = "tiny") -> str:
    """One model of a scripted Ollama."""
    return (
        f'[models."{name}"]\nengine = "box"\nname = "tiny"\nfootprint = "1GiB"\n'
        f'[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\nvram = "2GiB"\n'
    )


def admin(house: Served) -> str:
    """A key that may do everything."""
    return house.brain.door.local.token


def in_flight(house: Served) -> int:
    """Answers that are being written."""
    return sum(one.in_flight for one in house.brain.runner.view())


async def fits(page: Page) -> bool:
    """Nothing that can be seen reaches past the right edge, except inside what scrolls for itself."""
    found = await page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((one) => {
            const { right, width } = one.getBoundingClientRect();
            const isSeen = width > 1 && getComputedStyle(one).visibility === "visible";
            return isSeen && right > innerWidth + 1 && !one.closest("pre, .table, #sessions");
        }).map((one) => `${one.tagName}#${one.id}.${one.className}`)"""
    )
    width = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return not found and width == 0
