"""Whatever the bytes: a document, or a reason why there is none."""

import pickle
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents

WHOLE = {
    "docx": documents.word(),
    "pptx": documents.slides(),
    "xlsx": documents.workbook(),
    "epub": documents.book(),
    "eml": documents.mail(),
    "html": "<!doctype html><html><body><h1>가</h1><table><tr><td colspan=9>나</table></body></html>".encode(),
    "hwpx": documents.hwpx("<hp:p><hp:run><hp:t>글</hp:t></hp:run></hp:p>"),
    "hwp3": documents.hwp3([documents.hwp3_paragraph(documents.hwp3_letters("옛글"))]),
    "pdf": documents.pdf([[("words", 60, 660, 10)]], grid=(50, 610, 250, 680, 2, 2)),
}


def outcome(data: bytes) -> str:
    """The kind of what was read, or why nothing was."""
    try:
        parsed = parse(data, "x")
    except Unreadable as problem:
        assert problem.code
        return problem.code
    assert "".join(parsed.text[block.start : block.end] for block in parsed.blocks) == parsed.text
    return parsed.kind


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut off, or with some bits turned."""
    broken = bytearray(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
    for _ in range(chance.choice((0, 1, 5, 30)) if broken else 0):
        broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
    return bytes(broken)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_damaged_file_is_a_document_or_a_named_problem(kind: str) -> None:
    chance = random.Random(kind)
    outcomes = Counter(outcome(damaged(WHOLE[kind], chance)) for _ in range(60))
    assert len(outcomes) > 1  # some were hurt, and some were not


@pytest.mark.parametrize("name", ["basic/표.hwp", "merging-cell.hwp"])
def test_a_damaged_hwp_5_is_a_document_or_a_named_problem(shared: Path, name: str) -> None:
    data = (shared / "data/office/hwplib/sample_hwp" / name).read_bytes()
    chance = random.Random(name)
    outcomes = Counter(outcome(damaged(data, chance)) for _ in range(60))
    assert {"broken", "hwp"} <= set(outcomes)


def test_a_reason_crosses_from_one_process_to_another_whole() -> None:
    with pytest.raises(Unreadable) as raised:
        parse(WHOLE["docx"][:500], "x")
    copy = pickle.loads(pickle.dumps(raised.value))
    assert (copy.code, copy.message, copy.hint) == (
        "broken",
        raised.value.message,
        raised.value.hint,
    )


def test_what_grows_beyond_all_limits_is_not_unpacked() -> None:
    bomb = documents.hwpx("<hp:t>" + " " * (40 << 20) + "</hp:t>")
    assert len(bomb) < 100_000
    assert outcome(bomb) == "too_big"
    sheet = documents.zipped(
        {"xl/workbook.xml": "<a/>", "xl/worksheets/sheet1.xml": " " * (40 << 20)}
    )
    assert outcome(sheet) == "too_big"


def test_entities_of_entities_are_not_unfolded() -> None:
    names = "abcdefghij"
    entities = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in pairwise(names)
    )
    paragraph = "<hp:p><hp:run><hp:t>글&j;</hp:t></hp:run></hp:p>"
    section = f"<!DOCTYPE s [{entities}]><hs:sec {documents.HP}>{paragraph}</hs:sec>"
    data = documents.zipped({"mimetype": "application/hwp+zip", "Contents/section0.xml": section})
    assert outcome(data) in ("hwpx", "broken")
