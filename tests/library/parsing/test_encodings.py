"""Korean is read whatever encoding it is in, and whatever is said of that."""

import pytest

from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable

KOREAN = "굴뚝새는 둥근 둥지를 짓고 알을 여섯 개 낳는다.\n" * 3
MAIL = (
    "From: a@b.kr\nTo: b@c.kr\nSubject: hi\nDate: today\nContent-Type: text/plain; charset={}\n\n"
)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("words", [KOREAN, "짧은 글\n", "漢字와 한글, 그리고 English.\r\n"])
def test_korean_in_utf_16_without_its_mark_is_read(encoding: str, words: str) -> None:
    assert parse(words.encode(encoding), "a.txt").text == words


@pytest.mark.parametrize("named", ["utf-8", "euc-kr", "ks_c_5601-1987", "iso-8859-1", "x-none"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_page_or_mail_that_names_a_wrong_encoding_is_read(encoding: str, named: str) -> None:
    page = f'<!doctype html><meta charset="{named}"><p>{KOREAN}'.encode(encoding)
    assert parse(page, "a.html").text.startswith("굴뚝새는 둥근")
    mail = MAIL.format(named).encode() + KOREAN.encode(encoding)
    assert KOREAN in parse(mail, "a.eml").text


def test_a_page_in_a_western_encoding_is_not_taken_for_korean() -> None:
    page = '<!doctype html><meta charset="iso-8859-1"><p>Le café où naît Noël, ça va très bien'
    assert "où naît Noël" in parse(page.encode("latin-1"), "a.html").text


@pytest.mark.parametrize("letter", ["\ufffd", "\ue000"])
def test_letters_that_nobody_knows_are_no_text(letter: str) -> None:
    with pytest.raises(Unreadable) as raised:
        parse(f"{letter * 3} 글 ".encode() * 99, "a.txt")
    assert raised.value.code == "garbled"


def test_korean_in_a_chinese_encoding_is_no_western_text() -> None:
    with pytest.raises(Unreadable) as raised:
        parse(("굴뚝새는 둥근 둥지를 짓고 알을 여섯 개 낳는다.\n" * 9).encode("gb18030"), "a.txt")
    assert raised.value.code == "garbled"


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("utf-7", KOREAN),
        ("utf-7", "これは日本語です。1+1=2\n"),
        ("iso2022_jp", "これは日本語です。\n"),
    ],
)
def test_an_encoding_whose_bytes_are_all_ascii_is_read_as_what_it_is(
    encoding: str, words: str
) -> None:
    assert parse(words.encode(encoding), "a.txt").text == words


@pytest.mark.parametrize(
    "words",
    [
        "let total = first+second+AQID;\n",
        "MIIB+AAB/wAB\n+rAA=\n",
        "x +AGE- y\n",
        "\x1b$Bx\x1b(B $(cmd)\n",
    ],
)
def test_ascii_that_only_looks_shifted_stays_as_it_is(words: str) -> None:
    assert parse(words.encode(), "a.txt").text == words


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("gb18030", "这是一个中文文档。请启动服务器并打开页面。我们的国家有很多人在学习中文。\n"),
        ("euc_jp", "これは日本語の文章です。私たちは学生で、毎日大学で勉強します。\n"),
    ],
)
def test_chinese_and_japanese_do_not_become_syllables_that_no_korean_says(
    encoding: str, words: str
) -> None:
    with pytest.raises(Unreadable) as raised:
        parse((words * 9).encode(encoding), "a.txt")
    assert raised.value.code == "garbled"


def test_a_list_of_names_in_an_old_encoding_is_korean() -> None:
    names = (
        "김민준 이서연 박도윤 최지우 정하은 강시우 조서준 윤지호 장수아 임예은 한지민 오세훈\n" * 5
    )
    assert parse(names.encode("cp949"), "a.csv").text == names
