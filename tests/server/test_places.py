"""Where a found word stands, as a person would turn to it: its page, slide, cells and heading, in every reply."""

import io
from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

import openpyxl
import pptx
import pytest

from dunoe.engines.request import Json
from tests.library.parsing import documents
from tests.served import Served, served
from tests.server.dialects import call
from tests.server.noted import asked

pytestmark = pytest.mark.anyio

PAGES = (
    "The apple harvest begins in September and lasts six weeks.",
    "Banana imports from Ecuador rose to nine thousand tons.",
    "Cherry trees need eight hundred chill hours each winter.",
    "Durian is banned on the Singapore subway since then.",
)
SLIDES = (
    ("표지", "회사 소개 자료"),
    ("제품", "무선 청소기 블루윈드"),
    ("가격", "소비자가 39만 9천 원"),
    ("보증", "무상 수리 2년"),
)
PARKING = """# 주차 지침

방문객 주차는 지하 2층에 합니다.

## 요금

10분마다 천 원을 냅니다.

### 할인

직원은 반값입니다.
"""
QUESTIONS = (
    ("Durian banned on the subway", {"page": 4}, "Durian"),
    ("cherry chill hours", {"page": 3}, "Cherry"),
    ("apple harvest in September", {"page": 1}, "apple"),
    ("무상 수리는 몇 년인가요?", {"slide": 4, "heading": ["보증"]}, "무상"),
    ("방문객 주차는 몇 층인가요?", {"heading": ["주차 지침"], "lines": [1, 3]}, "지하 2층"),
    ("요금은 10분마다 얼마인가요?", {"heading": ["주차 지침", "요금"], "lines": [5, 7]}, "천 원"),
    ("직원은 반값인가요?", {"heading": ["주차 지침", "요금", "할인"]}, "반값"),
)


def deck() -> bytes:
    """Slides so short that they might share a passage."""
    presentation, buffer = pptx.Presentation(), io.BytesIO()
    for title, text in SLIDES:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, text
    presentation.save(buffer)
    return buffer.getvalue()


def branches() -> bytes:
    """A sheet with a row for each of 120 branches, and a small one about something else."""
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.active.title = "지점별 매출"
    book.active.append(["지점", "담당자", "매출"])
    for number in range(120):
        name = "해운대점" if number == 88 else f"지점 {number}"
        book.active.append([name, f"담당 {number}", number * 1000])
    for row in (["휴가 규정", "일수"], ["연차", 15], ["병가", 60]):
        (book["휴가"] if "휴가" in book.sheetnames else book.create_sheet("휴가")).append(row)
    book.save(buffer)
    return buffer.getvalue()


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server without a model that has read four documents."""
    folder = tmp_path_factory.mktemp("places")
    notes = folder / "notes"
    notes.mkdir()
    (notes / "fruit.pdf").write_bytes(documents.pdf([[(text, 50, 700, 11)] for text in PAGES]))
    (notes / "소개.pptx").write_bytes(deck())
    (notes / "매출.xlsx").write_bytes(branches())
    (notes / "주차.md").write_text(PARKING, "utf-8")
    config = '[library]\nfolders = ["notes"]\nwatch = false\nworkers = 1\n'
    async with served(folder, config) as house:
        await house.brain.library.sync()
        yield house


async def first_hit(house: Served, question: str) -> Json:
    """The first hit of a search."""
    answer = await call(house, "GET", f"/api/search?{urlencode({'q': question})}")
    hit: Json = answer.json["results"][0]
    return hit


async def opened(house: Served, spot: Json) -> Json:
    """The document that a spot is in, with the spot highlighted."""
    told = urlencode({"passage": spot["passage_id"], "start": spot["start"]})
    answer = await call(house, "GET", f"/api/documents/{quote(spot['document_id'])}?{told}")
    document: Json = answer.json
    return document


@pytest.mark.parametrize(("question", "place", "words"), QUESTIONS)
async def test_hit_source_citation_and_highlight_lead_to_the_words(
    house: Served, question: str, place: Json, words: str
) -> None:
    hit = await first_hit(house, question)
    answer = await asked(house, question=question)
    spots = (hit, answer["sources"][0], answer["citations"][0])
    for spot in spots:
        assert {name: spot[name] for name in place} == place
        document = await opened(house, spot)
        lit = document["highlight"]
        assert {name: lit[name] for name in place} == place
        assert words in document["content"][lit["start"] : lit["end"]]
    assert words in hit["snippet"]
    assert words in answer["sources"][0]["snippet"]


async def test_a_source_also_says_what_of_the_document_was_read(house: Served) -> None:
    source = (await asked(house, question="cherry chill hours"))["sources"][0]
    assert (source["page"], source["page_end"]) == (3, None)
    assert (source["read"]["page"], source["read"]["page_end"]) == (1, 4)


async def test_cells_are_those_of_the_row_and_what_was_read_is_told_sheet_by_sheet(
    house: Served,
) -> None:
    question = "해운대점 담당자는 누구인가요?"
    source = (await asked(house, question=question))["sources"][0]
    for spot in (source, await first_hit(house, question)):
        sheet, _, cells = spot["cells"].partition("!")
        first, last = (int(corner[1:]) for corner in cells.split(":"))
        assert sheet == "지점별 매출"
        assert first <= 90 <= last
    assert source["read"]["cells"] == "지점별 매출!A1:C121"


async def test_a_passage_of_several_sections_goes_by_what_they_share(house: Served) -> None:
    hit = await first_hit(house, "방문객 주차는 몇 층인가요?")
    document = await opened(house, hit | {"start": -1})
    assert document["highlight"]["heading"] == ["주차 지침"]
    assert document["highlight"]["lines"] == [1, 11]
