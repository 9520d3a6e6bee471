"""HWP 5, HWPX and HWP 3."""

from pathlib import Path

import pytest

from bench import office
from dunoe.library.parsing.builder import CUT_OFF
from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents

RUN = "<hp:p><hp:run>{}</hp:run></hp:p>"


def code_of(data: bytes, name: str = "x") -> str | None:
    """Why a file is refused."""
    with pytest.raises(Unreadable) as raised:
        parse(data, name)
    return raised.value.code


def sample(shared: Path, name: str) -> bytes:
    """A file of hwplib's samples."""
    return (shared / "data/office/hwplib/sample_hwp" / name).read_bytes()


@pytest.mark.filterwarnings("ignore")  # those of the second readers
def test_nothing_that_a_second_reader_finds_is_lost(shared: Path) -> None:
    kinds: dict[str, office.Line] = {}
    for path, line in office.measure(shared / "data/office"):
        office.added(kinds.setdefault(path.suffix, office.Line()), line)
    refused = {code for line in kinds.values() for code in line.refused}
    assert refused == {"empty", "locked"}
    for suffix in (".hwp", ".hwpx"):
        assert min(kinds[suffix].recall(), kinds[suffix].recall(1)) >= office.FLOOR
        assert kinds[suffix].missing["letters"] == 0
        assert kinds[suffix].missing["digits"] <= 9  # pages 3 to 10 of a report
        assert kinds[suffix].garbage == 0
        assert kinds[suffix].texts >= 30


def test_a_table_of_hwp_5_is_markdown_below_its_caption(shared: Path) -> None:
    parsed = parse(sample(shared, "basic/표.hwp"), "표")
    assert parsed.kind == "hwp"
    assert "| ABC 123 | DEF | GHI |\n| --- | --- | --- |\n| LMN | OPQ | STR |" in parsed.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("basic/각주미주.hwp", "[미주] sssd"),
        ("basic/숨은설명.hwp", "[숨은 설명] 우리는 우리다."),
        ("basic/머리글꼬리글.hwp", "[머리말] 개요1"),
        ("basic/덧말.hwp", "ABC(1234)"),
        ("basic/글상자.hwp", "ABC"),
        ("basic/수식.hwp", "(a+b) ^{2}"),
    ],
)
def test_what_stands_beside_the_text_of_hwp_5_is_read(shared: Path, name: str, words: str) -> None:
    assert words in parse(sample(shared, name), "x").text


def test_an_outline_of_hwp_5_is_headings(shared: Path) -> None:
    parsed = parse(sample(shared, "basic/머리글꼬리글.hwp"), "x")
    assert {block.level for block in parsed.blocks if block.kind == "heading"} >= {1, 2, 3}


def test_a_plan_is_parted_as_its_contents_say(shared: Path) -> None:
    plan = shared / "data/office/langchain-kr/06-DocumentLoader/data/디지털 정부혁신 추진계획.hwp"
    parsed = parse(plan.read_bytes(), plan.name)
    titles = [(block.level, block.title) for block in parsed.blocks if block.kind == "heading"]
    assert [title for level, title in titles if level == 1] == [
        "\u2160. 개 요",
        "Ⅱ. 디지털 정부혁신 추진계획",
        "Ⅲ. 추진체계 및 일정",
        "참고 1 디지털 정부혁신 추진전략",
        "참고 2 주요 과제별·연도별 추진일정",
        "참고 3 디지털 정부혁신 기대효과",
        "붙임 디지털 정부혁신 우선 추진과제(상세)",
        "참고 4 주요 서비스별 변화 모습",
    ]
    assert (2, "우선 추진과제") in titles


def test_a_distribution_document_is_locked(shared: Path) -> None:
    assert code_of(sample(shared, "distribution.hwp")) == "locked"


@pytest.mark.parametrize(("flag", "code"), [(2, "encrypted"), (4, "locked"), (16, "locked")])
def test_a_protected_hwp_5_is_named(shared: Path, flag: int, code: str) -> None:
    data = bytearray(sample(shared, "basic/표.hwp"))
    data[data.index(b"HWP Document File") + 36] |= flag
    assert code_of(bytes(data)) == code


def everything_in_hwp_5() -> documents.Records:
    """A section with all that may stand beside its text."""
    paragraph, listed, table = (
        documents.hwp5_paragraph, documents.hwp5_list, documents.hwp5_table,
    )  # fmt: skip
    beside = [
        listed("fn  ", "각주의 글", "둘째 문단"),
        listed("en  ", "미주의 글"),
        listed("tcmt", "설명의 글"),
        listed("head", "위의 글"),
        listed("foot", "아래의 글"),
        documents.hwp5_equation("a over b"),
    ]
    inner = table([[paragraph("속1"), paragraph("속2")], [paragraph("속3"), paragraph("속4")]])
    noted = paragraph("라", listed("fn  ", "표의 각주"))
    cells = [[paragraph("가"), paragraph("나")], [paragraph("다", inner), noted]]
    memo = [(1, 93, bytes(4)), (1, 72, bytes(16)), *paragraph("첫 메모", level=1)]
    deeper = [(1, 93, bytes(4)), (2, 72, bytes(16)), *paragraph("둘째 메모", level=2)]
    newer = [(1, 900, bytes(30)), (2, 901, b"abc"), *paragraph("새 상자의 글", level=3)]
    table_below = paragraph("표 앞", table(cells))
    return paragraph("첫 문단", *beside) + table_below + paragraph("끝") + newer + memo + deeper


@pytest.mark.parametrize("flags", [0, 1])
def test_no_text_of_hwp_5_is_lost_wherever_it_hangs(flags: int) -> None:
    parsed = parse(documents.hwp5(everything_in_hwp_5(), flags), "x")
    assert parsed.text == (
        "첫 문단 a over b\n\n[각주] 각주의 글 둘째 문단\n\n[미주] 미주의 글\n\n[숨은 설명] 설명의 글\n\n"
        "[머리말] 위의 글\n\n[꼬리말] 아래의 글\n\n표 앞\n\n| 가 | 나 |\n| --- | --- |\n"
        "| 다 속1 속2 속3 속4 | 라 표의 각주 |\n\n끝\n\n새 상자의 글\n\n[메모] 첫 메모\n\n[메모] 둘째 메모\n\n"
    )
    assert parsed.warnings == ()


@pytest.mark.parametrize("flags", [0, 1])
@pytest.mark.parametrize("tenth", range(10))
def test_hwp_5_that_is_cut_off_is_what_stands_before_the_cut_or_named(
    tenth: int, flags: int
) -> None:
    texts = [f"{number}번 굴뚝새의 둥지 {number * 7919 % 1000}" for number in range(3000)]
    body = [one for text in texts for one in documents.hwp5_paragraph(text)]
    data = documents.hwp5(body, flags, cut=tenth / 10.1)
    if tenth == 0:
        assert code_of(data) == ("broken" if flags else "empty")
        return
    parsed = parse(data, "x")
    found = parsed.text.split("\n\n")[:-1]
    assert found == texts[: len(found)]
    assert len(found) > 3000 * tenth / 10 * 0.7
    assert parsed.warnings == (CUT_OFF,)


def test_hwpx_is_read_in_the_order_of_the_eye() -> None:
    cell = '<hp:tc><hp:subList>{}</hp:subList><hp:cellAddr colAddr="{}" rowAddr="{}"/></hp:tc>'
    rows = "".join(
        f"<hp:tr>{''.join(cell.format(RUN.format(f'<hp:t>{row}{column}</hp:t>'), column, row) for column in range(2))}"
        "</hp:tr>"
        for row in range(2)
    )
    note = f"<hp:ctrl><hp:footNote><hp:subList>{RUN.format('<hp:t>주석</hp:t>')}</hp:subList></hp:footNote></hp:ctrl>"
    section = (
        RUN.format(f"<hp:t>앞<hp:tab/>글<hp:lineBreak/>둘째 줄</hp:t>{note}")
        + RUN.format(f"<hp:tbl>{rows}</hp:tbl>")
        + RUN.format("<hp:t>뒤</hp:t>")
    )
    parsed = parse(documents.hwpx(section), "x")
    assert parsed.kind == "hwpx"
    assert parsed.text == (
        "앞\t글\n둘째 줄\n\n[각주] 주석\n\n| 00 | 01 |\n| --- | --- |\n| 10 | 11 |\n\n뒤\n\n"
    )


def test_letters_that_were_deleted_with_changes_tracked_are_gone() -> None:
    text = '<hp:t>남은 <hp:deleteBegin Id="1"/>지운 <hp:deleteEnd Id="1"/>글</hp:t>'
    assert parse(documents.hwpx(RUN.format(text)), "x").text == "남은 글\n\n"


def test_an_encrypted_hwpx_is_named() -> None:
    manifest = "<m><file-entry><encryption-data/></file-entry></m>"
    data = documents.hwpx(RUN.format("<hp:t>x</hp:t>"), {"META-INF/manifest.xml": manifest})
    assert code_of(data) == "encrypted"


def test_hwpx_brings_nothing_from_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("비밀", "utf-8")
    section = (
        f'<!DOCTYPE sec [<!ENTITY a SYSTEM "{secret.as_uri()}">]><hs:sec {documents.HP}>'
        f"{RUN.format('<hp:t>글 &a;</hp:t>')}</hs:sec>"
    )
    data = documents.zipped({"mimetype": "application/hwp+zip", "Contents/section0.xml": section})
    assert "비밀" not in parse(data, "x").text


@pytest.mark.parametrize("packed", [False, True])
def test_hwp_3_is_read_with_its_table(packed: bool) -> None:
    sign, behind = documents.hwp3_table([["도시", "인구"], ["부산", "330만"]])
    before, after = (
        documents.hwp3_paragraph(documents.hwp3_letters(text))
        for text in ("똠방각하 韓國의 글 ABC", "끝")
    )
    # a sign is four letters wide and what belongs to it stands behind it
    table = bytearray(documents.hwp3_paragraph(sign))
    table[-2:] = behind + b"\r\0"
    parsed = parse(documents.hwp3([before, bytes(table), after], packed, title="옛 문서"), "x.hwp")
    assert parsed.kind == "hwp"
    assert parsed.title == "옛 문서"
    assert parsed.text == (
        "똠방각하 韓國의 글 ABC\n\n| 도시 | 인구 |\n| --- | --- |\n| 부산 | 330만 |\n\n끝\n\n"
    )


def test_an_hwp_3_that_is_cut_off_says_so() -> None:
    paragraphs = [
        documents.hwp3_paragraph(documents.hwp3_letters(f"문단 {number}")) for number in range(3)
    ]
    parsed = parse(documents.hwp3(paragraphs)[:-60], "x")
    assert parsed.text.startswith("문단 0\n\n문단 1\n\n")
    assert parsed.warnings == ("파일이 중간에서 끊겨 그 뒤는 읽지 못했습니다",)


def test_a_password_on_hwp_3_is_named() -> None:
    data = bytearray(documents.hwp3([]))
    data[30 + 96] = 1
    assert code_of(bytes(data)) == "encrypted"
