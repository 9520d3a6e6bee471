"""What Korean documents mark as headings without saying so, and what they count by themselves."""

from dunoe.library.parsing import headings
from dunoe.library.parsing.flow import Item, Paragraph, Table
from dunoe.library.parsing.numbering import OUTLINE, Heads, Level, Shape, written
from dunoe.library.parsing.parse import parse
from tests.library.parsing import documents


def levels(*texts: str | Item) -> list[int]:
    """The level that each item is given."""
    items = [Paragraph(item) if isinstance(item, str) else item for item in texts]
    return [item.level if isinstance(item, Paragraph) else 0 for item in headings.found([items])]


def box(*cells: str) -> Table:
    """A table of one row."""
    return Table([[[Paragraph(cell)] for cell in cells]])


def test_marks_of_korean_documents_are_headings() -> None:
    assert levels("\u2160. 개 요", "1. 배경", "글이다.", "□ 문제점", "글이다.", "제2장 총칙", "글이다.") == [
        1, 2, 0, 3, 0, 1, 0,
    ]  # fmt: skip


def test_a_heading_in_a_frame_is_one() -> None:
    assert levels(
        box("\u2161. 추진 계획"), "글", box("1", "", "서비스 혁신"), "글", box("이름", "값")
    ) == [1, 0, 2, 0, 0]


def titles(*items: str | Item) -> list[tuple[int, str]]:
    """The headings that are found, with their levels."""
    given = [Paragraph(item) if isinstance(item, str) else item for item in items]
    return [
        (item.level, item.text)
        for item in headings.found([given])
        if isinstance(item, Paragraph) and item.level
    ]


def frame(*texts: str) -> Table:
    """Paragraphs in a table of one cell."""
    return Table([[[Paragraph(text) for text in texts]]])


def test_an_appendix_ends_the_chapter_before_it() -> None:
    assert titles(
        "\u2162. 일정", "글", box("참고 1", "", "추진 전략"), "글", box("붙임", "우선 과제"), "글",
        "[별표 2] 과태료", "글", "부록 3. 자료", "글", "붙임 1. 신청서 1부.", "글", "참고",
        "글", box("첨부", "사진", "비고"),
    ) == [
        (1, "\u2162. 일정"), (1, "참고 1 추진 전략"), (1, "붙임 우선 과제"), (1, "[별표 2] 과태료"),
        (1, "부록 3. 자료"),
    ]  # fmt: skip


def test_the_line_below_the_number_of_a_form_is_its_title() -> None:
    assert titles(
        "【서식 1】", "", "위  임  장", "글이다.", "[별지 제2호서식]", frame("서약서", "나는 약속한다."),
        "【서식 3】", "여기에 이름을 적는다.",
    ) == [(1, "【서식 1】 위  임  장"), (1, "[별지 제2호서식] 서약서"), (1, "【서식 3】")]  # fmt: skip


def test_a_heading_above_the_text_of_its_frame_is_one_and_the_text_stays() -> None:
    table = Table(
        [[[Paragraph("1")], [], [Paragraph("서비스 혁신")]], [[Paragraph("ㅇ 알린다")], [], []]]
    )
    counted = frame("맞춤형 안내 (20년)      ①", "행안부")
    found = list(headings.found([[table, Paragraph("글"), counted, Paragraph("글")]]))
    assert found[:2] == [
        Paragraph("1 서비스 혁신", 2),
        Table([[[Paragraph("ㅇ 알린다")], [], []]]),
    ]
    assert found[3:5] == [
        Paragraph("맞춤형 안내 (20년)      ①", 3),
        Table([[[Paragraph("행안부")]]]),
    ]


def test_a_table_under_a_header_is_no_frame() -> None:
    table = box("1", "이름")
    table.rows.append(box("2", "값").rows[0])
    items: list[Item] = [Paragraph("글"), table]
    assert list(headings.found([items])) == items


def test_what_the_contents_name_is_a_heading_in_any_section() -> None:
    cover: list[Item] = [
        Paragraph(text)
        for text in (
            "알림",
            "목  차",
            "\u2160. 계획\t1",
            " 1. 우선 과제\t2",
            "① 혁신",
            "[붙임] 자료\t5",
            "알림",
        )
    ]
    body: list[Item] = [
        box("\u2160. 계 획"),
        *map(Paragraph, ("글", "우선 과제", "글")),
        box("1", "혁신"),
        Paragraph("글"),
    ]
    last: list[Item] = [*map(Paragraph, ("자료", "글", "알림"))]
    found = [item for item in headings.found([cover, body, last]) if isinstance(item, Paragraph)]
    assert [(one.level, one.text) for one in found if one.level] == [
        (1, "\u2160. 계 획"), (2, "우선 과제"), (3, "1 혁신"), (1, "자료"),
    ]  # fmt: skip


def test_contents_without_pages_end_where_their_first_entry_comes_again() -> None:
    assert titles("목차", "비전", "인사말", "2", "내용", "비전", "글", "2", "인 사 말", "내용", "내용") == [
        (1, "비전"), (1, "인 사 말"),
    ]  # fmt: skip


def test_a_list_is_not_a_row_of_headings() -> None:
    assert levels("준비물은", "1. 모자", "2. 수건", "3. 물", "이다.") == [0, 0, 0, 0, 0]


def test_contents_sentences_and_values_are_no_headings() -> None:
    assert (
        levels("\u2160. 개요\t 1", "글", "1. 우리는 간다.", "글", "□ 이름 : 홍길동", "글")
        == [0] * 6
    )


def test_a_document_with_styles_keeps_to_them() -> None:
    assert levels(Paragraph("제목", 1), "1. 배경", "글") == [1, 0, 0]


def test_paragraphs_are_counted_as_hangul_counts_them() -> None:
    heads = Heads(
        {"1": [Level("제^1장"), Level("^2.", "HANGUL_SYLLABLE"), Level("^1-^3)", start=3)]}
    )
    heads.outline = "1"
    first, second, third = (Shape(True, OUTLINE, level) for level in range(3))
    shown = [
        heads.before(one) for one in (first, second, second, third, third, first, second, third)
    ]
    assert shown == ["제1장 ", "가. ", "나. ", "1-3) ", "1-4) ", "제2장 ", "가. ", "2-3) "]
    assert heads.before(Shape()) == ""
    assert heads.before(Shape(numbering="7")) == ""


def test_numbers_are_written_in_many_ways() -> None:
    ways = [(4, "ROMAN_SMALL"), (3, "CIRCLED_DIGIT"), (2, "HANGUL_JAMO"), (15, "HANGUL_SYLLABLE"), (3, "IDEOGRAPH"),
            (2, "CIRCLED_HANGUL_SYLLABLE"), (1, "NO_SUCH_WAY")]  # fmt: skip
    assert [written(number, kind) for number, kind in ways] == [
        "iv",
        "③",
        "ㄴ",
        "15",
        "三",
        "㉯",
        "1",
    ]


def test_an_article_of_an_hwpx_file_has_its_number() -> None:
    header = (
        f"<hh:head {documents.HH}><hh:numberings><hh:numbering id='2'>"
        "<hh:paraHead level='1' start='1' numFormat='DIGIT'>제^1조</hh:paraHead></hh:numbering></hh:numberings>"
        "<hh:paraProperties><hh:paraPr id='5'><hh:heading type='NUMBER' idRef='2' level='0'/></hh:paraPr>"
        "</hh:paraProperties></hh:head>"
    )
    paragraph = "<hp:p paraPrIDRef='5'><hp:run><hp:t>{}</hp:t></hp:run></hp:p>"
    section = paragraph.format("(목적) 이 법은 정한다.") + paragraph.format(
        "(정의) 이 법에서 쓴다."
    )
    parsed = parse(documents.hwpx(section, {"Contents/header.xml": header}), "x")
    assert parsed.text == "제1조 (목적) 이 법은 정한다.\n\n제2조 (정의) 이 법에서 쓴다.\n\n"
