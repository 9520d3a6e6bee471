"""What holds for every parser."""

import pytest

from dunoe.library.parsing.parse import LONGEST_TITLE, parse

WORDS = "굴뚝새 " * 1000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", f"<html><title>{WORDS}</title><p>글"),
        ("a.md", f"---\ntitle: {WORDS}\n---\n글"),
        ("a.eml", f"From: a@b.c\nTo: d@e.f\nSubject: {WORDS}\nDate: Mon, 1 Jan 2024 00:00:00 +0900\n\n글"),
        ("a.py", f"def {'f' * 5000}():\n    return 1\n"),
    ],
)  # fmt: skip
def test_a_title_is_short_for_every_passage_is_read_with_it(name: str, text: str) -> None:
    parsed = parse(text.encode(), name)
    titles = [parsed.title, *(block.title for block in parsed.blocks)]
    assert 0 < max(map(len, titles)) <= LONGEST_TITLE
