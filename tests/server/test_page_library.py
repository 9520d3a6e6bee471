"""The library on the page: folders, a sync as it runs, files that cannot be read, documents and what became of them."""

from pathlib import Path

import anyio
import pytest
from playwright.async_api import Browser, Page, expect

from dunoe.library.taken import Taken
from dunoe.library.workers import Workers
from tests.served import Served, served
from tests.server.browsing import EVIL, IN_BROWSER, PHONE, admin, fits, visit

pytestmark = IN_BROWSER
LIBRARY = "#/library"


def shelf(home: Path, files: dict[str, str | bytes]) -> Path:
    folder = home / "docs"
    folder.mkdir()
    for name, said in files.items():
        content = said.encode() if isinstance(said, str) else said
        (folder / name).write_bytes(content)
    return folder


def config(*folders: Path) -> str:
    named = ", ".join(f'"{folder}"' for folder in folders)
    return f"[library]\nfolders = [{named}]\nwatch = false\nworkers = 1\nsample = false\n"


async def let_in(page: Page, house: Served) -> None:
    """Folders are for an admin: give the page such a key, as a person would."""
    await page.get_by_label("API 키").fill(admin(house))
    await page.keyboard.press("Enter")


async def test_a_sync_shows_its_progress_and_the_file_it_could_not_read(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = anyio.Event()  # the last file is not read before the page was looked at

    async def read(workers: Workers, path: Path, limit_tokens: int) -> Taken:
        if path.name == "문서 9.md":
            await seen.wait()
        return await read_at_once(workers, path, limit_tokens)

    read_at_once = Workers.read
    monkeypatch.setattr(Workers, "read", read)
    files: dict[str, str | bytes] = {f"문서 {n}.md": f"# 제목 {n}\n\n내용 {n}" for n in range(30)}
    files["깨진 계약서.pdf"] = b"%PDF-1.7\n" + bytes(range(256)) * 8
    folder = shelf(tmp_path, files)
    async with (
        served(tmp_path, config(folder)) as house,
        visit(browser, house, LIBRARY) as page,
    ):
        await page.get_by_role("button", name="바뀐 파일 읽기").click()
        await expect(page.locator("#progress")).to_be_visible()
        await expect(page.locator("#progress-phase")).to_contain_text("파일을 읽는 중")
        await expect(page.locator("#progress-facts")).to_contain_text("31개 중")
        await expect(page.locator("#progress-current")).to_contain_text("docs/")
        seen.set()
        await expect(page.locator("#progress")).to_be_hidden()
        await expect(page.locator("#library-amounts")).to_contain_text("문서 30개")
        await expect(page.locator("#folder-list .aside")).to_contain_text("dunoe.toml")
        failure = page.locator("#failure-list li")
        await expect(failure.locator(".name")).to_have_text("깨진 계약서.pdf")
        await expect(failure.locator(".message")).not_to_be_empty()
        await expect(failure.locator(".hint")).not_to_be_empty()
        await expect(page.locator("#failures-title")).to_contain_text("1개")


async def test_progress_is_drawn_as_it_is_told(browser: Browser, tmp_path: Path) -> None:
    line = (
        '{"phase": "reading", "is_running": true, "done": 150, "total": 600, "files_per_s": 41.3,'
        ' "seconds_left": 75.2, "current": "/문서/긴 이름.hwp", "failures": 2}\n'
    )
    async with (
        served(tmp_path, config(shelf(tmp_path, {}))) as house,
        visit(browser, house, LIBRARY) as page,
    ):
        await page.route("**/api/library", lambda route: route.continue_())
        await page.evaluate(
            """(line) => {
                const real = window.fetch;
                window.fetch = (path, how) => path !== "/api/library/sync" ? real(path, how)
                    : Promise.resolve(new Response(new ReadableStream({ start(stream) {
                        window.say = (text) => stream.enqueue(new TextEncoder().encode(text));
                        window.say(line);
                    } })));
            }""",
            line,
        )
        await page.get_by_role("button", name="바뀐 파일 읽기").click()
        facts = page.locator("#progress-facts")
        await expect(facts).to_have_text(
            "600개 중 150개 · 1초에 41개 · 1분 남음 · 못 읽은 파일 2개"
        )
        await expect(page.locator("#progress-current")).to_have_text("/문서/긴 이름.hwp")
        bar = page.locator("#progress-bar")
        assert [await bar.get_attribute(name) for name in ("value", "max")] == ["150", "600"]
        await expect(page.get_by_role("button", name="읽기 멈추기")).to_be_visible()


async def test_a_folder_is_added_read_and_removed(browser: Browser, tmp_path: Path) -> None:
    folder = shelf(tmp_path, {"약속.md": "# 약속\n\n금요일 세 시"})
    async with (
        served(tmp_path, config()) as house,
        visit(browser, house, LIBRARY, refused=True) as page,
    ):
        await expect(page.locator("#library-empty")).to_contain_text("아직 문서가 없습니다")
        field = page.get_by_label("더할 폴더의 경로")
        await field.fill(str(folder))
        await page.keyboard.press("Enter")
        await let_in(page, house)
        await expect(page.locator("#library-amounts")).to_contain_text("문서 1개")
        await expect(page.locator("#library-empty")).to_be_hidden()
        await page.get_by_role("button", name=f"빼기: {folder}").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("파일은 그대로 있습니다")
        await dialog.get_by_role("button", name="빼기").click()
        await expect(page.locator("#folder-list li")).to_have_count(0)
        await expect(page.locator("#document-list li")).to_have_count(0)
        assert (folder / "약속.md").is_file()


async def test_a_folder_that_is_not_there_is_told_in_two_lines(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        served(tmp_path, config()) as house,
        visit(browser, house, LIBRARY, refused=True) as page,
    ):
        await page.get_by_label("더할 폴더의 경로").fill(str(tmp_path / "없는 폴더"))
        await page.keyboard.press("Enter")
        await let_in(page, house)
        await expect(page.locator("#library-problem .message")).to_contain_text("없는 폴더")
        await expect(page.locator("#library-problem .hint")).not_to_be_empty()
        async with page.expect_response("**/api/library"):  # looking again does not wipe it away
            pass
        await expect(page.locator("#library-problem .message")).to_be_visible()


async def test_documents_are_found_labelled_and_shown_as_text(
    browser: Browser, tmp_path: Path
) -> None:
    page_text = f"# 배포 {EVIL}\n\n배포는 금요일에 합니다. {EVIL}\n"
    folder = shelf(tmp_path, {"배포.md": page_text, "메모.txt": "우유를 산다"})
    async with served(tmp_path, config(folder)) as house:
        await house.brain.library.sync()
        async with visit(browser, house, LIBRARY) as page:
            rows = page.locator("#document-list li.document")
            await expect(rows).to_have_count(2)
            await page.get_by_role("searchbox", name="제목·파일 이름·본문에서 찾기").fill("금요일")
            await expect(page.locator("#hit-list mark")).to_have_text("금요일")
            await expect(rows).to_have_count(0)
            await page.keyboard.press("Control+A")
            await page.keyboard.type("배포")
            await expect(rows).to_have_count(1)
            await rows.get_by_label("라벨 더하기").fill("급함")
            await page.keyboard.press("Enter")
            await expect(rows.locator(".labels")).to_contain_text("급함")
            await rows.get_by_role("button", name="라벨 떼기: 급함").click()
            await expect(rows.locator(".labels li")).to_have_count(0)
            await rows.locator(".name.link").click()
            await expect(page.locator("#panel-text")).to_have_text(page_text)
            assert await page.locator("main :is(img, script)").count() == 0
            assert await page.locator("#panel :is(img, script)").count() == 0
            await page.get_by_role("button", name="이 문서에만 묻기").click()
            await expect(page.locator("#chips")).to_contain_text("배포.md")


async def test_a_place_is_found_by_letters_even_behind_an_emoji(
    browser: Browser, tmp_path: Path
) -> None:
    text = "# 😀😀😀 웃음\n\n" + "가나다라 마바사. " * 200 + "\n\n## 끝\n\n소파는 파란색입니다.\n"
    async with served(tmp_path, config(shelf(tmp_path, {"웃음.md": text}))) as house:
        await house.brain.library.sync()
        async with visit(browser, house, LIBRARY) as page:
            await page.get_by_role("searchbox", name="제목·파일 이름·본문에서 찾기").fill("파란색")
            await page.locator("#hit-list .name").first.click()
            mark = page.locator("#panel-mark")
            await expect(mark).to_contain_text("소파는 파란색입니다.")
            found = await page.evaluate("fetch('/api/search?q=파란색').then((r) => r.json())")
            assert await mark.text_content() == found["results"][0]["content"]


async def test_a_thousand_documents_come_in_pieces_and_fit_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    async with (
        served(tmp_path, config(shelf(tmp_path, {}))) as house,
        visit(browser, house, **PHONE) as page,
    ):

        def document(n: int) -> dict[str, object]:
            path = f"docs/{'아주-긴-이름-' * 9}{n}.md"
            return {
                "id": str(n), "file_path": path, "name": path, "size": n, "title": "",
                "modified": 1.0, "type": "markdown", "labels": ["라벨" * 20], "tags": [],
            }  # fmt: skip

        documents = [document(n) for n in range(1000)]
        status = await page.evaluate("fetch('/api/library').then((r) => r.json())")
        status |= {"documents": 1000}
        await page.route("**/api/library", lambda route: route.fulfill(json=status))
        await page.route(
            "**/api/documents?limit=100&offset=0",
            lambda route: route.fulfill(json=documents[:100]),
        )
        await page.route(
            "**/api/documents?limit=100&offset=100",
            lambda route: route.fulfill(json=documents[100:150]),
        )
        await page.get_by_role("link", name="문서", exact=True).click()
        await expect(page.locator("#document-list > li")).to_have_count(100)
        assert await fits(page)
        await page.locator("#document-more").click()
        await expect(page.locator("#document-list > li")).to_have_count(150)
        await expect(page.locator("#document-more")).to_be_hidden()
