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
