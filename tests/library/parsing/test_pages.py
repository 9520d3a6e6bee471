"""HTML, books and mails: what a person reads of them."""

import codecs

import pytest

from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents

PAGE = """<!doctype html><html><head><title>제목 &amp; 부제</title><style>p {}</style><script>let a = "비밀"</script>
</head><body><nav>메뉴</nav><div role="navigation">차림</div><h1>큰 <b>제목</b><a>¶</a></h1>앞의 글<p>문단과
<a href="x">링크</a>, 이어진 줄<br>새 줄</p><ul><li>하나<li>둘 <p>둘의 문단</p><ul><li>속</ul></ul>뒤<pre>def f():
    return 1
</pre><table><caption>표 제목</caption><tr><th>a<th>b<tr><td rowspan=2>1<td>2<tr><td>3</table>
<div hidden>숨은 글</div><p style="display: none">안 보이는 글</p></body></html>"""


def test_a_page_is_read_without_what_is_not_for_reading() -> None:
    parsed = parse(PAGE.encode(), "아무 이름")
    assert parsed.kind == "html"
    assert parsed.title == "제목 & 부제"
    assert parsed.text == (
        "큰 제목\n\n앞의 글\n\n문단과 링크, 이어진 줄\n새 줄\n\n- 하나\n- 둘\n  둘의 문단\n  - 속\n\n뒤\n\n"
        "def f():\n    return 1\n\n표 제목\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n|  | 3 |\n\n"
    )
    assert [block.kind for block in parsed.blocks] == [
        "heading", "paragraph", "paragraph", "list", "paragraph", "code", "paragraph", "table",
    ]  # fmt: skip


def test_the_main_part_of_a_page_is_the_page() -> None:
    page = "<html><body><div>옆줄 광고</div><main><p>본문</p></main></body></html>"
    assert parse(page.encode(), "x.html").text == "본문\n\n"


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_a_page_is_read_in_its_own_encoding(encoding: str) -> None:
    page = '<html><head><meta charset="{}"></head><body><p>똠방각하의 한국어 문서</p></body></html>'
    named = "euc-kr" if encoding == "cp949" else encoding
    data = page.format(named).encode(encoding)
    assert "똠방각하의 한국어 문서" in parse(data, "x.html").text


def test_a_table_that_lays_out_a_page_is_what_stands_in_it() -> None:
    page = "<html><body><table><tr><td>왼쪽<td><h2>가운데</h2><p>글</table></body></html>"
    parsed = parse(page.encode(), "x")
    assert parsed.text == "왼쪽\n\n가운데\n\n글\n\n"


def test_cells_that_reach_over_thousands_of_others_take_no_more_room_than_they_have_words() -> None:
    cells = "<td rowspan=60000 colspan=60000>칸" * 500
    parsed = parse(f"<html><body><table><tr>{cells}<tr><td>아래</table>".encode(), "x")
    assert parsed.text.count("칸") == 500
    assert len(parsed.text) < 20_000


def test_cells_that_reach_down_into_each_row_below_leave_no_table_of_empty_ones() -> None:
    rows = "".join(f"<tr><td rowspan=65534 colspan=1000>칸{row}칸" for row in range(3000))
    parsed = parse(f"<html><body><table>{rows}</table>".encode(), "x")
    assert all(f"칸{row}칸" in parsed.text for row in range(3000))
    assert len(parsed.text) < 100_000


def test_a_cell_beside_hundreds_of_rows_leaves_each_in_its_column() -> None:
    rows = "<td>이름<td>값" + "".join(f"<tr><td>이름{row}<td>값{row}" for row in range(300))
    parsed = parse(f"<html><body><table><tr><td rowspan=301>모두{rows}</table>".encode(), "x")
    assert "|  | 이름299 | 값299 |" in parsed.text


SENTENCES = [f"{number}번 굴뚝새는 둥지를 짓는다." for number in range(400)]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("".join(f"<font><b><p>{one}" for one in SENTENCES), id="never closed"),
        pytest.param("".join(f"<div>{one}" for one in SENTENCES), id="boxes in boxes"),
        pytest.param(
            "<div title='a>b'>" * 5000 + "".join(map("<p>{}</p>".format, SENTENCES)), id="too deep"
        ),
        pytest.param("".join(f"<table><tr><td>{one}" for one in SENTENCES), id="tables in tables"),
        pytest.param(
            f"<p>{'문장이다. ' * 800_000}</p>" + "".join(map("<p>{}</p>".format, SENTENCES)),
            id="a paragraph above ten megabytes",
        ),
        pytest.param("<main>앞</main>" + " ".join(SENTENCES), id="a main part of one word"),
        pytest.param("".join(f"<main>{one}</main>" for one in SENTENCES), id="many main parts"),
        pytest.param(f"<title>{' '.join(SENTENCES)}</title>끝", id="a title of pages"),
    ],
)
def test_no_sentence_of_a_page_is_lost(page: str) -> None:
    read = parse(f"<html><body>{page}</body></html>".encode(), "x.html").text
    assert [one for one in SENTENCES if one not in read] == []
    assert "a>b" not in read


def test_a_page_of_a_hundred_thousand_boxes_in_boxes_is_read() -> None:
    page = b"<html><body>" + b"<div>" * 100_000 + "깊은 글".encode()
    assert parse(page, "x").text == "깊은 글\n\n"


def test_a_page_that_nobody_can_read_to_its_end_is_named() -> None:
    with pytest.raises(Unreadable) as raised:
        parse(b"<html><body>" + b"<object>" * 100_000 + "깊은 글".encode(), "x")
    assert raised.value.code == "broken"


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    parsed = parse(documents.book(), "책")
    assert parsed.kind == "epub"
    assert parsed.title == "작은 책"
    assert parsed.text == "첫째 장\n\n처음에 읽는 글\n\n둘째\n\n나중에 읽는 글\n\n"
    assert [block.kind for block in parsed.blocks] == [
        "heading",
        "paragraph",
        "heading",
        "paragraph",
    ]


def test_a_mail_is_read_with_who_wrote_it_and_what_came_with_it() -> None:
    parsed = parse(documents.mail(), "편지.eml")
    assert parsed.kind == "eml"
    assert parsed.title == "회의 안내"
    assert parsed.date == "2026-11-23T09:00:00+09:00"
    assert parsed.text.startswith(
        "제목: 회의 안내\n보낸 사람: 홍길동 <hong@example.com>\n받는 사람: kim@"
    )
    assert "내일 세 시에 만납니다.\n\n장소는 본관입니다.\n\n첨부: 자료.pdf" in parsed.text
    assert "HTML 쪽의 글" not in parsed.text


def test_a_mail_of_an_old_program_that_named_no_encoding_is_read() -> None:
    raw = "Subject: 안내문입니다\r\nFrom: 김 <k@x.kr>\r\nTo: b@c\r\n\r\n본문도 한국어입니다.\r\n".encode(
        "cp949"
    )
    parsed = parse(raw, "old.eml")
    assert parsed.title == "안내문입니다"
    assert "본문도 한국어입니다." in parsed.text


def test_a_page_with_a_byte_order_mark_has_none_in_its_text() -> None:
    page = codecs.BOM_UTF8 + "<html><body><p>글</p></body></html>".encode()
    assert parse(page, "x.html").text == "글\n\n"
