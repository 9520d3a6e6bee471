"""What Korean documents mark as headings without saying so, and what they count by themselves."""

from dunoe.library.parsing import headings
from dunoe.library.parsing.flow import Item, Paragraph, Table
from dunoe.library.parsing.numbering import OUTLINE, Heads, Level, Shape, written
from dunoe.library.parsing.parse import parse
from tests.library.parsing import documents


def levels(*texts: str | Item) -> list[int]:
    """The level that each item is given."""
    items = [Paragraph(item) if isinstance(item, str) else item for item in texts]
    return [item.level if isinstance(item, Paragraph) else 0 for item in headings.found(items)]


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
