"""Bytes become characters, and characters paragraphs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.library.parsing.text import Lines, decode, parse
from dunoe.library.unreadable import Unreadable

KOREAN = "둥지는 새의 집이다.\r\n굴뚝새는 “둥근” 집을 짓는다.\r\n"


def pieces(text: str) -> list[tuple[str, int | None, int | None]]:
    """The blocks of a text with their lines."""
    parsed = parse(text.encode(), "a.txt")
    return [
        (parsed.text[block.start : block.end], block.place.line, block.place.line_end)
        for block in parsed.blocks
    ]


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949", "euc-kr"],
)
def test_korean_is_read_in_every_encoding_it_comes_in(encoding: str) -> None:
    assert decode(KOREAN.encode(encoding)) == (KOREAN, ())


def test_syllables_that_only_cp949_has_are_read() -> None:
    assert decode("펲시콜라와 똠방각하".encode("cp949"))[0] == "펲시콜라와 똠방각하"


def test_accents_of_the_west_are_read() -> None:
    assert decode("naïve café © déjà vu".encode("cp1252"))[0] == "naïve café © déjà vu"


@pytest.mark.parametrize(
    "data",
    [
        "日本語の文章です。これは読めません。".encode("shift_jis"),
        "这是中文文本。不应该变成韩文。".encode("gbk"),
        bytes(range(256)) * 4,
        b"\0\0\0\0\0\0",
        b"\xff\xfe\x00",
        ("一龘鱀" * 20).encode("utf-16-le"),  # no mark: it may be anything
    ],
    ids=["shift-jis", "gbk", "bytes", "nothing", "half a letter", "unmarked"],
)
def test_what_would_be_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(data)
    assert caught.value.code == "garbled"


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_one_broken_byte_in_a_log_is_a_warning(encoding: str) -> None:
    text, warnings = decode(("둥지를 짓는다. " * 500).encode(encoding) + b"\xff\n")
    assert text.startswith("둥지를 짓는다. ")
    assert text.count("\ufffd") == 1
    assert len(warnings) == 1


def test_paragraphs_end_with_the_empty_lines_below_them() -> None:
    assert pieces("\n\n가\r\n나\r\n \t\r\n\r\n다\n") == [
        ("\n\n가\r\n나\r\n \t\r\n\r\n", 3, 4),
        ("다\n", 7, 7),
    ]


def test_a_line_separator_of_unicode_ends_no_line() -> None:
    assert pieces("가\u2028나\x85다\n\n라") == [("가\u2028나\x85다\n\n", 1, 1), ("라", 3, 3)]


def test_nothing_is_a_document_without_blocks() -> None:
    assert parse(b"", "a.txt").blocks == ()


@given(st.text(alphabet=st.sampled_from("가a \t\r\n\u2028"), max_size=60))
def test_the_blocks_cover_the_text(text: str) -> None:
    assert "".join(piece for piece, _, _ in pieces(text)) == text


@given(st.text(alphabet=st.sampled_from("a\r\n"), max_size=30))
def test_lines_are_counted_as_an_editor_does(text: str) -> None:
    unified = text.replace("\r\n", "\0\n").replace("\r", "\n")
    lines = Lines(text)
    for position, letter in enumerate(text):
        if letter == "a":
            assert lines.at(position) == unified[:position].count("\n") + 1
