"""Word, PowerPoint, Excel: what stands where."""

import re
from itertools import pairwise

import pytest

from dunoe.library.chunking import cut, estimate
from dunoe.library.parsing.parse import parse
from dunoe.library.passage import Place
from dunoe.library.places import meant
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents


def test_a_word_document_keeps_its_tables_between_its_paragraphs() -> None:
    parsed = parse(documents.word(), "여름.docx")
    assert [(block.kind, block.level) for block in parsed.blocks] == [
        ("heading", 1), ("paragraph", 0), ("table", 0), ("paragraph", 0), ("heading", 2), ("list", 0),
    ]  # fmt: skip
    assert parsed.title == "여름 계획"
    assert (
        "표 앞의 문단입니다.\n\n| 도시 | 날짜 |\n| --- | --- |\n| 부산 | 8월 1일 |\n\n표 뒤의"
        in parsed.text
    )


WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def word_of(body: str, more: dict[str, bytes | str] | None = None) -> bytes:
    return documents.zipped(
        {
            "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
            **(more or {}),
        }
    )


def test_words_that_were_deleted_with_changes_tracked_are_gone() -> None:
    body = (
        "<w:p><w:r><w:t>남은 </w:t></w:r><w:del><w:r><w:delText>지운 </w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>넣은 글</w:t></w:r></w:ins></w:p>"
    )
    assert parse(word_of(body), "x").text == "남은 넣은 글\n\n"


def test_a_footnote_stands_behind_its_paragraph() -> None:
    body = (
        '<w:p><w:r><w:t>본문</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
        "<w:p><w:r><w:t>다음 문단</w:t></w:r></w:p>"
    )
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
        'Id="a" Type="http://x/relationships/footnotes" Target="footnotes.xml"/></Relationships>'
    )
    notes = f'<w:footnotes {WORD}><w:footnote w:id="2"><w:p><w:r><w:t>출처</w:t></w:r></w:p></w:footnote></w:footnotes>'
    data = word_of(body, {"word/_rels/document.xml.rels": relations, "word/footnotes.xml": notes})
    parsed = parse(data, "x")
    assert parsed.text == "본문\n\n[각주] 출처\n\n다음 문단\n\n"
    assert [block.kind for block in parsed.blocks] == ["paragraph", "note", "paragraph"]


def test_a_table_of_one_cell_is_a_frame() -> None:
    cell = "<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>"
    inner = "<w:p><w:r><w:t>틀 속의 문단</w:t></w:r></w:p>"
    assert parse(word_of(cell.format(inner)), "x").text == "틀 속의 문단\n\n"


def test_tables_in_tables_end_somewhere() -> None:
    data = word_of("<w:tbl><w:tr><w:tc>" * 70 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 70)
    with pytest.raises(Unreadable) as raised:
        parse(data, "x")
    assert raised.value.code == "empty"


def test_slides_know_their_number_and_have_notes() -> None:
    parsed = parse(documents.slides(), "보고.pptx")
    assert [(block.kind, block.place.slide) for block in parsed.blocks] == [
        ("heading", 1), ("paragraph", 1), ("heading", 2), ("table", 2), ("note", 2),
    ]  # fmt: skip
    assert "매출이 늘었다\n비용은 줄었다" in parsed.text
    assert "| 지역 | 매출 |\n| --- | --- |\n| 서울 | 120억 |" in parsed.text
    assert "[발표자 노트] 서울을 먼저 말한다" in parsed.text


def test_each_slide_is_a_passage_of_its_own_with_its_title_and_number() -> None:
    passages = cut(parse(documents.slides(), "보고.pptx"), 300, estimate)
    assert [(one.headings, one.place) for one in passages] == [
        (("분기 보고",), Place(slide=1, slide_end=1)),
        (("지역별",), Place(slide=2, slide_end=2)),
    ]


def test_a_slide_without_a_title_goes_by_its_number() -> None:
    passages = cut(parse(documents.slides(titles=("", "지역별")), "보고.pptx"), 300, estimate)
    assert [one.headings for one in passages] == [("슬라이드 1",), ("지역별",)]


def test_each_sheet_is_a_passage_of_its_own() -> None:
    passages = cut(parse(documents.workbook(), "매출.xlsx"), 300, estimate)
    assert [(one.headings, one.place.cells) for one in passages] == [
        (("매출",), "매출!A1:D5"),
        (("메모",), "메모!A1:A1"),
    ]


def test_a_sheet_knows_its_cells() -> None:
    parsed = parse(documents.workbook(), "매출.xlsx")
    table = parsed.blocks[1]
    assert table.place == Place(cells="매출!B2:D5")
    assert parsed.text[table.start : table.end] == (
        "| 품목 | 수량 | 단가 |\n| --- | --- | --- |\n| 품목0 | 0 | 0 |\n| 품목1 | 1 | 1000.5 |\n"
        "| 품목2 | 2 | 2001 |\n\n"
    )
    assert parsed.blocks[-1].place == Place(cells="메모!A1:A1")


def test_a_long_sheet_is_cut_between_rows_and_repeats_its_header() -> None:
    parsed = parse(documents.workbook(rows=200), "매출.xlsx")
    tables = [block for block in parsed.blocks if block.kind == "table"][:-1]
    ranges = [str(block.place.cells).partition("!B")[2].split(":D") for block in tables]
    rows = [(int(first), int(last)) for first, last in ranges]
    assert rows[0][0] == 2
    assert rows[-1][1] == 202
    assert all(after[0] == before[1] + 1 for before, after in pairwise(rows))
    assert all(
        parsed.text[block.start :].startswith("| 품목 | 수량 | 단가 |\n") for block in tables
    )
    assert all(block.end - block.start < 1000 for block in tables)


@pytest.mark.parametrize(
    ("question", "cells"),
    [
        ("품목57 단가는 얼마인가요?", "매출!B60:D60"),  # a row behind the first piece, by its words
        ("품목3의 수량과 단가", "매출!B6:D6"),  # its columns are those of every row
        ("수량과 단가", "매출!B2:D2"),
    ],
)
def test_a_citation_names_the_row_of_the_words(question: str, cells: str) -> None:
    passages = cut(parse(documents.workbook(rows=200), "매출.xlsx"), 300, estimate)
    word = re.split("[의과 ]", question)[0]
    passage = next(one for one in passages if word in one.text)
    assert meant(passage.spots, passage.text, question).place.cells == cells


def test_the_rows_of_a_sheet_are_all_somewhere() -> None:
    passages = cut(parse(documents.workbook(rows=200), "매출.xlsx"), 300, estimate)[:-1]
    for passage in passages:
        assert "".join(passage.text[one.start - passage.start : one.end - passage.start]
                       for one in passage.spots) == passage.text  # fmt: skip
    rows = [str(one.place.cells) for passage in passages for one in passage.spots]
    assert {f"매출!B{row}:D{row}" for row in range(2, 203)} <= set(rows)


TABLE: list[list[object]] = [
    ["이름", "부서", "나이"],
    ["김하나", "개발", 31],
    ["이두리", "영업", 42],
]


@pytest.mark.parametrize(
    "below",
    [
        [["박세찬", "개발", 27], ["최네모", "영업", 35]],  # more of the same
        [["박세찬", "개발", 27]],
        [["박세찬", "개발"], ["최네모", "영업"]],  # nobody asked them how old they are
        [["합계", None, 135]],
    ],
)
def test_a_row_behind_an_empty_row_is_still_a_row(below: list[list[object]]) -> None:
    parsed = parse(documents.sheet([*TABLE, [], *below]), "직원.xlsx")
    table = [block for block in parsed.blocks if block.kind == "table"][1]
    assert parsed.text[table.start :].startswith("| 이름 | 부서 | 나이 |\n| --- | --- | --- |\n")
    assert table.place.cells == f"직원!A5:C{4 + len(below)}"


@pytest.mark.parametrize(
    "below",
    [
        [["도시", "인구"], ["서울", 940], ["부산", 330]],  # all text, and numbers below
        [["도시", "구", "동", "인구", "면적"], ["서울", "중구", "명동", "-", "-"]],  # wider
    ],
)
def test_a_table_below_another_has_its_own_header(below: list[list[object]]) -> None:
    parsed = parse(documents.sheet([*TABLE, [], *below]), "직원.xlsx")
    table = [block for block in parsed.blocks if block.kind == "table"][1]
    assert parsed.text[table.start :].startswith("| 도시 |")


def test_a_title_above_a_table_is_not_its_header() -> None:
    parsed = parse(documents.sheet([["직원 명부"], [], *TABLE]), "직원.xlsx")
    _, title, table = parsed.blocks
    assert title.place.cells == "직원!A1:A1"
    assert parsed.text[table.start :].startswith("| 이름 | 부서 | 나이 |\n")
