"""The models on the page: who is loaded, loading them, trying one, and the frame around every view."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.fake_engine import FakeEngine
from tests.fake_wire import Fault, Turn
from tests.served import served, until
from tests.server.browsing import (
    COPIES,
    EVIL,
    IN_BROWSER,
    PHONE,
    admin,
    elsewhere,
    fits,
    in_flight,
    visit,
)

pytestmark = IN_BROWSER
MODELS = "#/models"


def tiny(file: Path, more: str = "") -> str:
    return f'[card]\nvram = "1GiB"\n[models.tiny]\nfile = "{file}"\nparallel = 2\n{more}'


async def ask(page: Page, question: str = "안녕하세요?") -> None:
    await page.locator("#try-text").fill(question)
    await page.keyboard.press("Control+Enter")


async def test_it_shows_every_model_with_its_role(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    config = tiny(tiny_chat, '[roles]\nbrain = "tiny"\n')
    async with served(tmp_path, config) as house, visit(browser, house, MODELS) as page:
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
        visit(browser, house, MODELS, refused=True) as page,
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
        await expect(page.locator("#memories .bar span")).to_have_count(1)
        assert [one.state for one in house.brain.runner.view()] == ["ready"]
        assert await page.evaluate("JSON.stringify(localStorage)") == "{}"
        await page.get_by_role("button", name="내리기: tiny").click()
        await expect(page.locator(".model .state")).to_have_text("내려가 있음")
        await expect(page.locator("#memories .bar span")).to_have_count(0)


async def test_it_asks_for_a_key_where_everything_needs_one(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house:
        house.brain.store.keys.add("someone", ["infer"])
        await house.brain.ring.refresh()
        async with visit(browser, house, MODELS, refused=True) as page:
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
    async with served(tmp_path, tiny(tiny_chat)) as house, visit(browser, house, MODELS) as page:
        await ask(page)
        answer = page.locator("#try-answer")
        await expect(answer).not_to_be_empty()
        before = await answer.inner_text()
        await expect(answer).not_to_have_text(before)
        assert in_flight(house) == 1
        await page.locator("#try-stop").click()
        await expect(page.locator("#try-speed")).to_contain_text("멈췄습니다")
        await expect(page.locator("#try-speed")).to_contain_text("토큰/초")
        await until(lambda: in_flight(house) == 0)
        await expect(page.locator("#try-problem")).to_be_hidden()


async def test_escape_stops_the_answer_too(browser: Browser, tmp_path: Path) -> None:
    said = Turn(text=["하나", "둘", "셋"], fault="hang", at=2)
    async with FakeEngine("ollama", [said]) as fake:
        config = elsewhere(fake)
        async with served(tmp_path, config) as house, visit(browser, house, MODELS) as page:
            await ask(page)
            await expect(page.locator("#try-answer")).to_have_text("하나둘")
            await expect(page.locator("#try-send")).to_be_disabled()
            await page.keyboard.press("Escape")
            await expect(page.locator("#try-send")).to_be_enabled()
            await (await fake.came("/api/chat")).left.wait()
            await until(lambda: in_flight(house) == 0)


async def test_what_models_say_is_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    said = Turn(text=["<b>굵게</b>", EVIL], thinking=[EVIL])
    async with FakeEngine("ollama", [said]) as fake:
        config = elsewhere(fake, name=EVIL)
        async with served(tmp_path, config) as house, visit(browser, house, MODELS) as page:
            await ask(page, EVIL)
            await expect(page.locator("#try-answer")).to_have_text("".join(said.text))
            await expect(page.locator("#try-thought-text")).to_have_text(EVIL)
            await expect(page.locator(".model h3")).to_have_text(EVIL)
            await expect(page.locator("#try-speed")).to_contain_text("토큰 ·")
            assert await page.locator("main :is(img, b, script)").count() == 0


@pytest.mark.parametrize("fault", ["status", "error", "reset"])
async def test_it_tells_an_error_in_two_lines(
    browser: Browser, tmp_path: Path, fault: Fault
) -> None:
    async with FakeEngine("ollama", [Turn(fault=fault, at=1)]) as fake:
        config = elsewhere(fake)
        async with (
            served(tmp_path, config) as house,
            visit(browser, house, MODELS, refused=True) as page,
        ):
            await ask(page)
            await expect(page.locator("#try-problem .message")).not_to_be_empty()
            await expect(page.locator("#try-problem .hint")).not_to_be_empty()
            await expect(page.locator("#try-send")).to_be_enabled()


async def test_an_answer_without_its_end_is_not_taken_for_whole(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house, visit(browser, house, MODELS) as page:
        piece = 'data: {"choices": [{"delta": {"content": "하나"}}]}\n\n'
        await page.route("**/v1/chat/completions", lambda route: route.fulfill(body=piece))
        await ask(page)
        await expect(page.locator("#try-answer")).to_have_text("하나")
        await expect(page.locator("#try-problem .message")).to_contain_text("도중에 끊겼습니다")


async def test_it_names_the_one_command_where_there_is_no_model(
    browser: Browser, tmp_path: Path
) -> None:
    async with served(tmp_path, "") as house, visit(browser, house, MODELS, **COPIES) as page:
        command = f"dunoe models pull {house.brain.catalogue.first_model}"
        await expect(page.locator("#first-command")).to_have_text(command)
        await page.locator("#first button").click()
        await expect(page.locator("#first button")).to_have_text("복사했습니다")
        assert await page.evaluate("navigator.clipboard.readText()") == command
        await expect(page.locator("#try")).to_be_hidden()


async def test_it_copies_without_a_clipboard_of_the_browser_too(
    browser: Browser, tmp_path: Path
) -> None:
    async with served(tmp_path, "") as house, visit(browser, house, MODELS, **COPIES) as page:
        await page.evaluate(
            "Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})"
        )
        await page.locator("#connect button").first.click()
        await expect(page.locator("#connect button").first).to_have_text("복사했습니다")
        await page.evaluate("delete navigator.clipboard")
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied == f"{house.url}/v1"


async def test_it_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    async with FakeEngine("ollama", [Turn(text=["가" * 300, "a" * 300])]) as fake:
        config = elsewhere(fake, name="long_" * 30)
        async with (
            served(tmp_path, config) as house,
            visit(browser, house, MODELS, **PHONE) as page,
        ):
            await ask(page)
            await expect(page.locator("#try-speed")).to_contain_text("토큰 ·")
            assert await fits(page)


async def test_it_speaks_english_and_remembers_it(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house:
        async with visit(browser, house, MODELS, refused=True) as page:
            await expect(page.locator("#models-title")).to_have_text("모델")
            await page.get_by_role("button", name="English").click()
            await expect(page.locator("#models-title")).to_have_text("Models")
            await page.reload()
            await expect(page.locator(".model .state")).to_have_text("not loaded")
            await expect(page.locator("html")).to_have_attribute("lang", "en")
            await page.get_by_role("button", name="Load: tiny").click()
            await expect(page.locator("#problem .message")).to_contain_text("needs an admin key")
        async with visit(browser, house, MODELS, locale="en-GB") as page:  # Korean first
            await expect(page.locator("#models-title")).to_have_text("모델")


async def test_it_says_when_the_server_is_gone_and_goes_on_when_it_is_back(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with (
        served(tmp_path, tiny(tiny_chat)) as house,
        visit(browser, house, MODELS, refused=True) as page,
    ):
        await page.route("**/api/brain", lambda route: route.abort())
        await expect(page.locator("#problem .message")).to_contain_text("닿지 않습니다")
        await page.unroute("**/api/brain")
        await expect(page.locator("#problem")).to_be_hidden()


async def test_it_looks_only_while_it_is_seen(
    browser: Browser, tmp_path: Path, tiny_chat: Path
) -> None:
    async with served(tmp_path, tiny(tiny_chat)) as house, visit(browser, house, MODELS) as page:
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
