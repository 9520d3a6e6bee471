"""What a file is stands in it; its name tells kinds of text apart and nothing else."""

from pathlib import Path

import pytest

from dunoe.library.parsing.sniff import kind_of
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents

MAIL = b"Received: by x\r\nFrom: a@b.kr\r\nSubject: hi\r\nDate: today\r\n\r\nhello\r\n"
HTML = b"\n<!-- a --><!-- b -->\n<!DOCTYPE html>\n<html><body>x</body></html>"


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (documents.word(), "x.pdf", "docx"),
        (documents.slides(), "x.zip", "pptx"),
        (documents.workbook(), "x.hwp", "xlsx"),
        (documents.book(), "x.txt", "epub"),
        (documents.hwpx("<a/>"), "x.hwp", "hwpx"),
        (documents.hwp3([]), "x.hwp", "hwp3"),
        (documents.ole({"FileHeader": b"HWP Document File"}), "x.doc", "hwp"),
        (documents.pdf([[("a", 1, 1, 9)]]), "x.md", "pdf"),
        (b"%PDF-1.7 is how a PDF begins, says this note.", "note.pdf", "pdf"),
        (b"# A note\n\n%PDF-1.7 is how a PDF begins.", "note.md", "markdown"),
        (MAIL, "x", "eml"),
        (b"From a@b Mon Nov 23\n" + MAIL, "x", "eml"),
        (b"From: here\nit goes on to: there\n", "x.txt", "text"),
        (HTML, "x.txt", "html"),
        (b"<p>a piece of a page</p>", "x.html", "html"),
        (b"<p>a piece of a page</p>", "x.txt", "text"),
        (HTML, "about-html.md", "markdown"),
        (documents.notebook(), "x.json", "ipynb"),
        (b'{"cells": [1, 2], "cell": 3}', "x.json", "code"),
        (b"def f(): ...", "x.py", "code"),
        (b"def f(): ...", "x", "text"),
        ("안녕하세요".encode("cp949"), "x.txt", "text"),
        ("안녕하세요 한글".encode("utf-16"), "x.txt", "text"),
        (("hello, " * 20).encode("utf-16-le"), "x.txt", "text"),
        (b"", "x.txt", "text"),
        (b"", "x.py", "code"),
    ],
)
def test_a_kind_is_found(data: bytes, name: str, kind: str) -> None:
    assert kind_of(data, name) == kind


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (documents.ole({"EncryptedPackage": b"1"}), "encrypted"),
        (documents.ole({"WordDocument": b"1"}), "unsupported"),
        (documents.ole({"Workbook": b"1"}), "unsupported"),
        (documents.ole({"PowerPoint Document": b"1"}), "unsupported"),
        (documents.ole({"Something": b"1"}), "unsupported"),
        (documents.ole({})[:700], "broken"),
        (b"\x9b DRMONE  This Document is encrypted and protected", "locked"),
        (b"<## NASCA DRM FILE - VER1.00 ##>", "locked"),
        (documents.zipped({"a.txt": "x"}), "unsupported"),
        (documents.word()[:900], "broken"),
        (b"\x89PNG\r\n\x1a\n....", "unsupported"),
        (b"\x00\x00\x00\x20ftypisom", "unsupported"),
        (b"{\\rtf1 text}", "unsupported"),
        (b"HWP Document File V2.00 \x1a", "unsupported"),
        (bytes(range(256)) * 10, "unsupported"),
        (b"<?xml version='1.0'?><HWPML Version='2.8'>", "unsupported"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as raised:
        kind_of(data, "x.docx")
    assert raised.value.code == code
    assert all([*raised.value.message, *raised.value.hint])


def test_ten_thousand_comments_are_looked_over_once() -> None:
    assert kind_of(b"<!-- -->" * 8_000 + b"no page", "x") == "text"


def test_a_picture_of_the_samples_is_refused(shared: Path) -> None:
    picture = shared / "data/office/unstructured/example-docs/img/english-and-korean.png"
    with pytest.raises(Unreadable, match="picture"):
        kind_of(picture.read_bytes(), "notes.txt")
