"""What a model's Markdown becomes: elements that the page makes itself, and never HTML of the model's own."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.served import served
from tests.server.browsing import IN_BROWSER, visit

pytestmark = IN_BROWSER
DRAW = """async ([text, numbers]) => {
    const { drawProse } = await import("/page/prose.js");
    document.getElementById("drawn")?.remove();
    const box = document.createElement("div");  // beside the page, which goes on drawing itself
    box.id = "drawn";
    document.body.append(box);
    drawProse(box, text, new Set(numbers));
    return box.innerHTML;
}"""


@pytest.fixture(scope="module")
async def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    home = tmp_path_factory.mktemp("prose")
    nothing = "[library]\nwatch = false\nsample = false\n"
    async with served(home, nothing) as house, visit(browser, house) as page:
        await expect(page.locator("#welcome")).to_be_visible()
        yield page


async def drawn(page: Page, text: str, *numbers: int) -> str:
    return str(await page.evaluate(DRAW, [text, list(numbers)]))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**굵게**는 *기울여*", "<p><strong>굵게</strong>는 <em>기울여</em></p>"),
        ("snake_case_name과 2 * 3 * 4", "<p>snake_case_name과 2 * 3 * 4</p>"),
        ("`a[1]` 뒤", "<p><code>a[1]</code> 뒤</p>"),
        ("# 제목\n글", "<h3>제목</h3><p>글</p>"),
        ("- 가\n  - 나\n- 다", "<ul><li><p>가</p><ul><li><p>나</p></li></ul></li><li><p>다</p></li></ul>"),
        ("3. 셋\n4. 넷", '<ol start="3"><li><p>셋</p></li><li><p>넷</p></li></ol>'),
        ("> 옮김", "<blockquote><p>옮김</p></blockquote>"),
        ("**열린 채", "<p>**열린 채</p>"),
        ("1 \\* 2", "<p>1 * 2</p>"),
    ],
)  # fmt: skip
async def test_markdown_becomes_elements(page: Page, text: str, html: str) -> None:
    assert await drawn(page, text) == html


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "- <b onclick=alert(1)>x</b>",
        "| <i>a</i> |\n|---|\n| <iframe src=//x> |",
        "```<b>\n<script>alert(1)</script>\n```",
        "[x](javascript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "![x](//evil.example/x.png)",
    ],
)
async def test_html_and_strange_addresses_stay_text(page: Page, text: str) -> None:
    await drawn(page, text)
    known = "p, ul, ol, li, code, pre, figure, figcaption, span, button, div, table, thead, tbody, tr, th, td"
    assert await page.locator(f"#drawn *:not({known})").count() == 0
    assert "on" not in "".join(
        await page.evaluate(
            "[...document.querySelectorAll('#drawn *')].flatMap((one) => one.getAttributeNames())"
        )
    ).replace("button", "")


async def test_a_link_shows_where_it_leads_and_tells_nobody_from_where(page: Page) -> None:
    html = await drawn(page, "[공식 문서](https://example.org/a?b=1)")
    assert html == (
        '<p><span>공식 문서 (<a href="https://example.org/a?b=1" rel="noopener noreferrer"'
        ' target="_blank">https://example.org/a?b=1</a>)</span></p>'
    )


async def test_only_markers_of_sources_become_chips(page: Page) -> None:
    await drawn(page, "하나 [1] 둘 [7] 코드 `x[1]`\n\n```\ny[1]\n```", 1, 2)
    assert await page.locator("#drawn .cite").all_inner_texts() == ["[1]"]


async def test_a_growing_text_leaves_what_is_drawn_alone(page: Page) -> None:
    await drawn(page, "첫 문단\n\n둘째")
    kept = await page.evaluate(
        """async () => {
            const { drawProse } = await import("/page/prose.js");
            const box = document.getElementById("drawn");
            const [first, second] = box.children;
            drawProse(box, "첫 문단\\n\\n둘째 문단", new Set());
            return [box.children[0] === first, box.children[1] === second, box.children.length];
        }"""
    )
    assert kept == [True, False, 2]


@pytest.mark.parametrize(
    "text",
    ["*a " * 20_000, "> " * 3000, "- " * 3000, "[" * 20_000, "`" * 19_999 + " x", "|" * 9000],
)
async def test_hostile_markdown_is_drawn_in_a_moment(page: Page, text: str) -> None:
    await drawn(page, text)  # a hang or an overflow of the stack would fail here


async def test_both_languages_have_the_same_words(page: Page) -> None:
    said = await page.evaluate(
        """async () => {
            const kind = (said) => typeof said === "object" ? shape(said)
                : typeof said === "function" ? `of ${said.length}` : "text";
            const shape = (words) => Object.entries(words).map(([name, said]) => `${name} ${kind(said)}`).sort();
            const [ko, en] = await Promise.all(["ko", "en"].map((name) => import(`/page/${name}.js`)));
            return [shape(ko.default), shape(en.default)];
        }"""
    )
    assert said[0] == said[1]


async def test_every_word_that_the_page_asks_for_is_there(page: Page) -> None:
    missing = await page.evaluate(
        """async () => {
            const { default: ko } = await import("/page/ko.js");
            const html = await (await fetch("/", { headers: { Accept: "text/html" } })).text();
            const names = html.matchAll(/data-(?:word|label|tip|copy|verdict)="(\\w+)"/g);
            return [...names].map((found) => found[1]).filter((name) => !(name in ko));
        }"""
    )
    assert missing == []
