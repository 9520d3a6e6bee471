"""The status page in a real browser: what it shows, what it lets a person do, and what it must never do."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

from dunoe.engines.request import Json
from tests.fake_engine import FakeEngine
from tests.fake_wire import Fault, Turn
from tests.served import PATIENCE_S, Served, served, until

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
EVIL = "<img src=x onerror=alert(1)>"
PHONE: Json = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium: apt-get install chromium"),
]
expect.set_options(timeout=PATIENCE_S * 1000)


@pytest.fixture(scope="module")
async def browser(anyio_backend: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser,
    house: Served,
    *,
    refused: bool = False,
    **how: Any,  # Any: options of a browser context
) -> AsyncIterator[Page]:
    """The page of this server. At the end nothing may have gone to another host, nor complained on the console.

    refused: the server will say no, which the browser notes on its console.
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
        await page.goto(house.url)
        yield page
    finally:
        await context.close()
    assert complaints == []
    assert {url for url in asked if not url.startswith((f"{house.url}/", "data:"))} == set()


def tiny(file: Path, more: str = "") -> str:
    return f'[card]\nvram = "1GiB"\n[models.tiny]\nfile = "{file}"\nparallel = 2\n{more}'


def elsewhere(fake: FakeEngine, name: str = "tiny") -> str:
    """One model of a scripted Ollama."""
    return (
        f'[models."{name}"]\nengine = "box"\nname = "tiny"\nfootprint = "1GiB"\n'
        f'[engines.box]\nkind = "ollama"\nurl = "{fake.url}"\nvram = "2GiB"\n'
    )


def admin(house: Served) -> str:
    return house.brain.door.local.token


async def ask(page: Page, question: str = "안녕하세요?") -> None:
    await page.get_by_label("질문").fill(question)
    await page.keyboard.press("Control+Enter")


def in_flight(house: Served) -> int:
    return sum(one.in_flight for one in house.brain.runner.view())


async def test_it_shows_every_model_with_its_role(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    config = tiny(tiny_chat, '[roles]\nbrain = "tiny"\n')
    async with served(tmp_path, config) as house, visit(browser, house) as page:
        card = page.locator(".model")
        await expect(card.locator("h3")).to_have_text("tiny")
        await expect(card.locator(".roles")).to_have_text("brain")
        await expect(card.locator(".state")).to_have_text("내려가 있음")
        await expect(card.locator(".facts")).to_contain_text("llama.cpp · 대화")
        await expect(card.locator(".work")).to_have_text("답변 중 0 / 2")
        await expect(page.locator("#version")).to_contain_text("0.")
        await expect(page.locator("#first")).to_be_hidden()


async def test_it_loads_and_unloads_a_model_for_whoever_has_an_admin_key(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with (
        served(tmp_path, tiny(tiny_chat)) as house,
        visit(browser, house, refused=True) as page,
    ):
        await page.get_by_role("button", name="올리기: tiny").click()
        await expect(page.locator("#problem .message")).to_contain_text("admin 키가 필요")
        await expect(page.locator("#problem .hint code")).to_contain_text("dunoe keys add")
        await expect(page.get_by_label("API 키")).to_be_focused()
        await page.get_by_label("API 키").fill(admin(house))
        await page.keyboard.press("Enter")
        await expect(page.locator(".model .state")).to_have_text("준비됨")
        await expect(page.locator("#problem")).to_be_hidden()
        await expect(page.locator("#key")).to_be_hidden()
        await expect(page.locator(".bar span")).to_have_count(1)
        assert [one.state for one in house.brain.runner.view()] == ["ready"]
        assert await page.evaluate("JSON.stringify(localStorage)") == "{}"
        await page.get_by_role("button", name="내리기: tiny").click()
        await expect(page.locator(".model .state")).to_have_text("내려가 있음")
        await expect(page.locator(".bar span")).to_have_count(0)


async def test_it_asks_for_a_key_where_everything_needs_one(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house:
        house.brain.store.keys.add("someone", ["infer"])
        await house.brain.ring.refresh()
        async with visit(browser, house, refused=True) as page:
            await page.get_by_label("API 키").fill("dn-wrong")
            await page.keyboard.press("Enter")
            await expect(page.locator("#problem .message")).to_contain_text("키를 알 수 없")
            await expect(page.locator(".model")).to_have_count(0)
            await page.get_by_label("API 키").fill(admin(house))
            await page.keyboard.press("Enter")
            await expect(page.locator(".model h3")).to_have_text("tiny")
            await expect(page.locator("#curl")).to_contain_text("Bearer $DUNOE_KEY")


async def test_it_streams_an_answer_and_the_stop_button_frees_the_slot(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house, visit(browser, house) as page:
        await ask(page)
        answer = page.locator("#answer")
        await expect(answer).not_to_be_empty()
        before = await answer.inner_text()
        await expect(answer).not_to_have_text(before)
        assert in_flight(house) == 1
        await page.get_by_role("button", name="멈추기").click()
        await expect(page.locator("#speed")).to_contain_text("멈췄습니다")
        await expect(page.locator("#speed")).to_contain_text("토큰/초")
        await until(lambda: in_flight(house) == 0)
        await expect(page.locator("#ask-problem")).to_be_hidden()


async def test_escape_stops_the_answer_too(browser: Browser, tmp_path: Path) -> None:
    said = Turn(text=["하나", "둘", "셋"], fault="hang", at=2)
    async with FakeEngine("ollama", [said]) as fake:
        config = elsewhere(fake)
        async with served(tmp_path, config) as house, visit(browser, house) as page:
            await ask(page)
            await expect(page.locator("#answer")).to_have_text("하나둘")
            await expect(page.get_by_role("button", name="보내기")).to_be_disabled()
            await page.keyboard.press("Escape")
            await expect(page.get_by_role("button", name="보내기")).to_be_enabled()
            await (await fake.came("/api/chat")).left.wait()
            await until(lambda: in_flight(house) == 0)


async def test_what_models_say_is_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    said = Turn(text=["<b>굵게</b>", f"{EVIL}<script>alert(2)</script>"], thinking=[EVIL])
    async with FakeEngine("ollama", [said]) as fake:
        config = elsewhere(fake, name=EVIL)
        async with served(tmp_path, config) as house, visit(browser, house) as page:
            await ask(page, EVIL)
            await expect(page.locator("#answer")).to_have_text("".join(said.text))
            await expect(page.locator("#thought-text")).to_have_text(EVIL)
            await expect(page.locator(".model h3")).to_have_text(EVIL)
            await expect(page.locator("#speed")).to_contain_text("토큰 ·")
            assert await page.locator("main :is(img, b, script)").count() == 0


@pytest.mark.parametrize("fault", ["status", "error", "reset"])
async def test_it_tells_an_error_in_two_lines(
    browser: Browser, tmp_path: Path, fault: Fault
) -> None:
    async with FakeEngine("ollama", [Turn(fault=fault, at=1)]) as fake:
        config = elsewhere(fake)
        async with served(tmp_path, config) as house, visit(browser, house, refused=True) as page:
            await ask(page)
            await expect(page.locator("#ask-problem .message")).not_to_be_empty()
            await expect(page.locator("#ask-problem .hint")).not_to_be_empty()
            await expect(page.get_by_role("button", name="보내기")).to_be_enabled()


async def test_an_answer_without_its_end_is_not_taken_for_whole(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house, visit(browser, house) as page:
        piece = 'data: {"choices": [{"delta": {"content": "하나"}}]}\n\n'
        await page.route("**/v1/chat/completions", lambda route: route.fulfill(body=piece))
        await ask(page)
        await expect(page.locator("#answer")).to_have_text("하나")
        await expect(page.locator("#ask-problem .message")).to_contain_text("도중에 끊겼습니다")


async def test_it_names_the_one_command_where_there_is_no_model(
    browser: Browser, tmp_path: Path
) -> None:
    reads: Json = {"permissions": ["clipboard-read", "clipboard-write"]}
    async with served(tmp_path, "") as house, visit(browser, house, **reads) as page:
        command = f"dunoe models pull {house.brain.catalogue.first_model}"
        await expect(page.locator("#first-command")).to_have_text(command)
        await page.locator("#first button").click()
        await expect(page.locator("#first button")).to_have_text("복사했습니다")
        assert await page.evaluate("navigator.clipboard.readText()") == command
        await expect(page.locator("#try")).to_be_hidden()


async def test_it_copies_without_a_clipboard_of_the_browser_too(
    browser: Browser, tmp_path: Path
) -> None:
    reads: Json = {"permissions": ["clipboard-read", "clipboard-write"]}
    async with served(tmp_path, "") as house, visit(browser, house, **reads) as page:
        await page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        await page.locator("#connect button").first.click()
        await expect(page.locator("#connect button").first).to_have_text("복사했습니다")
        await page.evaluate("delete navigator.clipboard")
        copied = await page.evaluate("getSelection().toString()")
        assert copied == f"{house.url}/v1"


async def test_it_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    async with FakeEngine("ollama", [Turn(text=["가" * 300, "a" * 300])]) as fake:
        config = elsewhere(fake, name="long_" * 30)
        async with served(tmp_path, config) as house, visit(browser, house, **PHONE) as page:
            await ask(page)
            await expect(page.locator("#speed")).to_contain_text("토큰 ·")
            assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_it_speaks_english_and_remembers_it(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house:
        async with visit(browser, house, refused=True) as page:
            await expect(page.locator("#models-title")).to_have_text("모델")
            await page.get_by_role("button", name="English").click()
            await expect(page.locator("#models-title")).to_have_text("Models")
            await page.reload()
            await expect(page.locator(".model .state")).to_have_text("not loaded")
            await expect(page.locator("html")).to_have_attribute("lang", "en")
            await page.get_by_role("button", name="Load: tiny").click()
            await expect(page.locator("#problem .message")).to_contain_text("needs an admin key")
        async with visit(browser, house, locale="en-GB") as page:
            await expect(page.locator("#models-title")).to_have_text("Models")


async def test_it_says_when_the_server_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with (
        served(tmp_path, tiny(tiny_chat)) as house,
        visit(browser, house, refused=True) as page,
    ):
        await page.route("**/api/brain", lambda route: route.abort())
        await expect(page.locator("#problem .message")).to_contain_text("닿지 않습니다")
        await page.unroute("**/api/brain")
        await expect(page.locator("#problem")).to_be_hidden()


async def test_it_looks_only_while_it_is_seen(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house, visit(browser, house) as page:
        await page.clock.install()
        await page.reload()
        await expect(page.locator(".model")).to_have_count(1)
        await _become(page, is_hidden=True)
        looks: list[str] = []
        page.on("request", lambda request: looks.append(request.url))
        await page.clock.run_for(60_000)
        assert looks == []
        await _become(page, is_hidden=False)

        async def has_looked_twice() -> bool:
            await page.clock.run_for(2000)
            return len(looks) >= 2

        await until(has_looked_twice)


async def _become(page: Page, *, is_hidden: bool) -> None:
    told = str(is_hidden).lower()
    await page.evaluate(
        f"Object.defineProperty(document, 'hidden', {{value: {told}, configurable: true}});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
