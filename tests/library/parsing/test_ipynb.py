"""Notebooks are read cell by cell."""

import json

import pytest

from dunoe.library.chunking import cut, estimate
from dunoe.library.parsing.parse import parse
from dunoe.library.unreadable import Unreadable
from tests.library.parsing import documents


def test_a_notebook_is_its_markdown_its_code_and_what_that_printed() -> None:
    parsed = parse(documents.notebook(), "새.ipynb")
    assert (parsed.kind, parsed.title) == ("ipynb", "새를 센다")
    assert parsed.text == (
        "# 새를 *센다*\n\n굴뚝새부터 센다.\n\nprint(count('새'))\n\n새 여섯\n끝\n\n"
        "## 둥지\n\n둥근 것만 센다.\n\nlay()\n\nValueError: 알이 없다\n\n날것\n\n"
    )
    assert [one.headings for one in cut(parsed, 60, estimate)] == [
        ("새를 센다",), ("새를 센다", "둥지"),
    ]  # fmt: skip


def test_a_notebook_of_format_3_is_read() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "둥지"},
        {"cell_type": "code", "input": ["짓기()"], "outputs": [{"text": "다 지었다"}]},
    ]
    parsed = parse(
        json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode(), "a.ipynb"
    )
    assert parsed.text == "둥지\n\n짓기()\n\n다 지었다\n\n"


def test_an_endless_output_is_cut() -> None:
    cells = [{"cell_type": "code", "source": "x", "outputs": [{"text": "로그 " * 9_000}]}]
    parsed = parse(json.dumps({"cells": cells}).encode(), "a.ipynb")
    assert len(parsed.text) < 5_000
    assert parsed.text.endswith("…\n\n")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (documents.notebook()[:300], "broken"),
        (b"[" * 100_000, "broken"),
        (b"[]", "broken"),
        (b'{"cells": 7}', "broken"),
        (b"no JSON", "broken"),
        (b'{"cells": [7, {"source": 7}, {"cell_type": "code", "outputs": [7, {"data": 7}]}]}', "empty"),
    ],
)  # fmt: skip
def test_a_broken_notebook_is_named(data: bytes, code: str) -> None:
    with pytest.raises(Unreadable, match="notebook") as raised:
        parse(data, "a.ipynb")
    assert raised.value.code == code
