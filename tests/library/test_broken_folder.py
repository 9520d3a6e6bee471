"""A folder of broken files: each is a document without garbage, or is named with two lines."""

import json
import random
import zipfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO

import pytest

from dunoe.library.parsing.clean import is_garbage
from dunoe.library.unreadable import Unreadable
from dunoe.library.workers import Workers
from tests.library.parsing import documents

pytestmark = pytest.mark.anyio

SEED, VARIANTS = 7, 13
KOREAN = "굴뚝새는 둥근 둥지를 짓고 알을 여섯 개 낳는다.\n" * 9
SUFFIXES = ("txt", "md", "py", "html", "pdf", "docx", "hwp", "json", "eml", "ipynb", "xlsx")
GARBAGE_SHARE = 0.01  # a text file is kept letter by letter, some bent ones too

WHOLE = {
    "a.docx": documents.word(),
    "a.pptx": documents.slides(),
    "a.xlsx": documents.workbook(),
    "a.epub": documents.book(),
    "a.eml": documents.mail(),
    "a.ipynb": documents.notebook(),
    "a.pdf": documents.pdf([[("words", 60, 660, 10)]], grid=(50, 610, 250, 680, 2, 2)),
    "a.hwpx": documents.hwpx("<hp:p><hp:run><hp:t>글</hp:t></hp:run></hp:p>"),
    "a.hwp": documents.hwp3([documents.hwp3_paragraph(documents.hwp3_letters("옛글"))]),
    "a.html": f"<!doctype html><meta charset=x><h1>둥지</h1><p>{KOREAN}".encode(),
    "a.md": f"# 새\n\n{KOREAN}\n| 새 | 알 |\n|---|---|\n| 가 | 6 |\n".encode(),
    "a.py": f"def f():\n    '''{KOREAN}'''\n    return 1\n".encode(),
    "a.json": json.dumps({"a": [KOREAN] * 9}, ensure_ascii=False).encode(),
    "a.cp949.txt": KOREAN.encode("cp949"),
    "a.utf16.txt": KOREAN.encode("utf-16-le"),
}
DEEP = {
    "deep.json": b"[" * 100_000,
    "deep.ipynb": b'{"cells":' + b"[" * 100_000,
    "deep.html": b"<!doctype html><html>" + b"<ul><li>" * 10_000,
    "deep.md": b"> " * 20_000,
    "deep.yaml": b"a: " + b"[" * 50_000,
    "deep.py": b"(" * 100_000,
    "deep.js": b"function f(){" * 5_000,
    "spaces.md": b" " * 300_000 + b"x",
    "title.html": f"<title>{'새 ' * 99_999}</title><p>{'둥지 ' * 99_999}".encode(),
    "lines.txt": b"\n" * 1_000_000,
    "line.txt": b"a" * 1_000_000,
    "noise.txt": bytes(random.Random(SEED).randrange(128, 256) for _ in range(30_000)),
    "zeros.md": bytes(10_000),
    "private.txt": "\ue000\uf8ff ".encode() * 2_000,
    "huge.pdf": b"%PDF-1.7\n" + b"1 0 obj<</Length 99999999999>>stream\n" * 99,
}


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut off, with bits turned, with a hole of zeros, or with a part of it again."""
    broken, at = bytearray(data), chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            del broken[at:]
        case 1:
            for _ in range(chance.choice((1, 9, 99))):
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        case 2:
            broken[at : at + 200] = bytes(len(broken[at : at + 200]))
        case _:
            broken[at:at] = broken[at : at + 900] * 3
    return bytes(broken)


def bomb(member: str) -> bytes:
    """A small archive, 80 MB of zeros in it."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<a/>")
        archive.writestr(member, bytes(80 << 20))
    return packed.getvalue()


def folder() -> Iterator[tuple[str, bytes]]:
    """Names and bytes."""
    chance = random.Random(SEED)
    for name, data in WHOLE.items():
        for _ in range(VARIANTS):
            other = f"a.{chance.choice(SUFFIXES)}"
            yield (name if chance.random() < 0.7 else other), damaged(data, chance)
    yield from DEEP.items()
    yield "bomb.docx", bomb("word/document.xml")
    yield "bomb.xlsx", bomb("xl/workbook.xml")


async def test_each_broken_file_is_a_document_without_garbage_or_says_why_not() -> None:
    outcomes: Counter[str] = Counter()
    async with Workers(1, 512 << 20, 60) as pool:
        for name, data in folder():
            try:
                taken = await pool.read_bytes(data, name, 300)
            except Unreadable as problem:
                assert all([*problem.message, *problem.hint]), name
                outcomes[problem.code or ""] += 1
                continue
            text = "".join(one.text for one in taken.passages)
            garbage = sum(is_garbage(one) and one not in "\t\r\n\x0b\x0c" for one in text)
            assert garbage <= GARBAGE_SHARE * len(text) + 1, name
            outcomes["read"] += 1
    assert set(outcomes) <= {
        "read",
        "broken",
        "unsupported",
        "empty",
        "garbled",
        "too_big",
        "locked",
    }
    assert min(outcomes["read"], outcomes["broken"], outcomes["too_big"]) > 0
