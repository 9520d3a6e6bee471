"""The plan of the card on the page: a bar, who stays and who takes turns, and what the February plan gets wrong."""

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.served import served
from tests.server.browsing import IN_BROWSER, PHONE, fits, visit

pytestmark = IN_BROWSER
MODELS = "#/models"
CARD = '[card]\nvram = "16GiB"\n'


async def test_the_profile_for_this_card_is_drawn_and_another_can_be_tried(
    browser: Browser, tmp_path: Path
) -> None:
    async with served(tmp_path, CARD) as house, visit(browser, house, MODELS) as page:
        seats = page.locator("#plan-seats > li")
        await expect(page.locator("#plan-profile")).to_have_value("korean-2026-11")
        await expect(page.locator("#plan-vram")).to_have_value("16")
        await expect(seats.first).to_contain_text("Qwen3.5-9B")
        await expect(page.locator("#plan-seats .at-turns")).to_have_count(0)
        await expect(page.locator("#plan-bar .at-stays")).to_have_count(await seats.count())
        await expect(page.locator("#plan-bar .at-kept")).to_have_count(1)
        await expect(page.locator("#plan-legend")).to_contain_text("GiB")

        await page.locator("#plan-profile").select_option("plan-2026-02")

        await expect(seats.first).to_contain_text("DeepSeek-R1")
        await expect(page.locator("#plan-seats .at-turns").first).to_have_text("교대")
        await expect(page.locator("#plan-remarks")).to_contain_text("context는 4,096토큰까지")
        await expect(page.locator("#plan-remarks")).to_contain_text(
            "시스템 프롬프트를 받지 않습니다"
        )


async def test_a_larger_card_holds_more(browser: Browser, tmp_path: Path) -> None:
    async with served(tmp_path, CARD) as house, visit(browser, house, MODELS) as page:
        await page.locator("#plan-profile").select_option("plan-2026-02")
        await expect(page.locator("#plan-seats .at-turns").first).to_be_visible()

        await page.locator("#plan-vram").fill("80")
        await page.keyboard.press("Enter")

        await expect(page.locator("#plan-seats .at-turns")).to_have_count(0)
        await expect(page.locator("#plan-seats .at-stays")).to_have_count(6)

        await page.get_by_role("button", name="English").click()
        await expect(page.locator("#plan-title")).to_have_text("What fits the card")
        await expect(page.locator("#plan-seats .at-stays").first).to_have_text("stays")


async def test_another_machine_s_ram_can_be_tried_and_stays(
    browser: Browser, tmp_path: Path
) -> None:
    """There was no field for it: a model that this machine's RAM holds was told to fit every other."""
    async with served(tmp_path, CARD) as house, visit(browser, house, MODELS) as page:
        await page.locator("#plan-vram").fill("0")
        await page.keyboard.press("Enter")
        await expect(page.locator("#plan-free")).to_contain_text("카드 없이")

        await page.locator("#plan-ram").fill("1")
        await page.keyboard.press("Enter")

        await expect(page.locator("#plan-remarks")).to_contain_text("RAM 1.00 GiB 가운데")
        await expect(page.locator("#plan-seats .at-nowhere").first).to_be_visible()
        await expect(page.locator("#plan-vram")).to_have_value("0")

        await page.locator("#plan-vram").fill("80")
        await page.keyboard.press("Enter")

        await expect(page.locator("#plan-seats .at-stays").first).to_be_visible()
        await expect(page.locator("#plan-ram")).to_have_value("1")


async def test_without_a_card_it_says_so(browser: Browser, tmp_path: Path) -> None:
    async with served(tmp_path, CARD) as house, visit(browser, house, MODELS) as page:
        await page.locator("#plan-vram").fill("0")
        await page.keyboard.press("Enter")

        await expect(page.locator("#plan-free")).to_contain_text("카드 없이")
        await expect(page.locator("#plan-bar")).to_be_hidden()


async def test_it_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    async with served(tmp_path, CARD) as house, visit(browser, house, MODELS, **PHONE) as page:
        await page.locator("#plan-profile").select_option("plan-2026-02")
        await expect(page.locator("#plan-seats .at-turns").first).to_be_visible()

        assert await fits(page)
