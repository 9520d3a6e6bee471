"""Searching over HTTP: the calls of an existing web client as it makes them, and every filter on both routes."""

import os
from collections.abc import AsyncIterator
from urllib.parse import urlencode

import orjson
import pytest

from dunoe.engines.request import Json
from tests.served import Served, served
from tests.server.dialects import call

pytestmark = pytest.mark.anyio

NOTES = {
    "work/휴가.md": (
        "---\ntags: [인사]\nproject: 사내\ntype: 규정\nstatus: approved\ndate: 2026-03-01\n---\n"
        "# 휴가\n\n휴가는 열흘이고 병가는 따로 냅니다.\n"
    ),
    "work/출장.md": (
        "---\ntags: [경비]\nproject: 사내\ntype: 안내\nstatus: draft\ndate: 2026-05-01\n---\n"
        "# 출장\n\n출장 중의 휴가는 열흘 안에 신청합니다.\n"
    ),
    "code/leave.py": "def leave_days():\n    '''휴가는 열흘.'''\n    return 10\n",
}
CLIENTS: dict[
    str, type | tuple[type, ...]
] = {  # what the web client reads of a result, and its types
    "document_id": str,
    "file": str,
    "score": (int, float),
    "content": str,
    "snippet": str,
    "highlighted_snippet": str,
    "chunk_index": int,
}


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server that has read three files, the code last; one has a label."""
    folder = tmp_path_factory.mktemp("search")
    for age, (name, text) in enumerate(NOTES.items()):
        file = folder / "notes" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        os.utime(file, (1_700_000_000 + age,) * 2)
    config = '[library]\nfolders = ["notes"]\nwatch = false\nworkers = 1\n'
    async with served(folder, config) as house:
        library = house.brain.library
        await library.sync()
        await library.label([library.documents.shown("notes/work/휴가.md").id], "중요")  # type: ignore[union-attr]  # it is there
        yield house


async def got(house: Served, status: int = 200, /, **said: object) -> Json:
    """GET /api/search."""
    answer = await call(house, "GET", f"/api/search?{urlencode(said, doseq=True)}")
    assert answer.status == status, answer.body
    found: Json = orjson.loads(answer.body)
    return found


async def posted(house: Served, status: int = 200, /, **said: object) -> Json:
    """POST /api/search/advanced."""
    answer = await call(house, "POST", "/api/search/advanced", orjson.dumps(said))
    assert answer.status == status, answer.body
    found: Json = orjson.loads(answer.body)
    return found


def files(found: Json) -> list[str]:
    return sorted(one["file"].removeprefix("notes/") for one in found["results"])


async def test_the_web_clients_search_gets_the_fields_it_reads(house: Served) -> None:
    found = await got(
        house, q="휴가", limit=10, offset=0, search_mode="semantic", status="approved",
        file_path="", project_id="", label_ids="",
    )  # fmt: skip
    assert files(found) == ["work/휴가.md"]
    for name, kind in CLIENTS.items():
        assert isinstance(found["results"][0][name], kind), name
    assert 0 < found["results"][0]["score"] <= 1


async def test_the_web_clients_advanced_search_gets_the_same(house: Served) -> None:
    found = await posted(
        house, query="휴가", operator="AND", file_types=["md"], project_ids=[], label_ids=[],
        date_from=None, date_to=None, limit=20, offset=0,
    )  # fmt: skip
    assert files(found) == ["work/출장.md", "work/휴가.md"]
    for name, kind in CLIENTS.items():
        assert isinstance(found["results"][0][name], kind), name


FILTERS = [
    ({"tag": "인사"}, ["work/휴가.md"]),
    ({"tag": ["인사", "경비"]}, ["work/출장.md", "work/휴가.md"]),
    ({"type": "규정"}, ["work/휴가.md"]),
    ({"status": "draft"}, ["work/출장.md"]),
    ({"kind": "code"}, ["code/leave.py"]),
    ({"kind": [".MD", "xls"]}, ["work/출장.md", "work/휴가.md"]),
    ({"project_id": "사내"}, ["work/출장.md", "work/휴가.md"]),
    ({"label_ids": "중요"}, ["work/휴가.md"]),
    ({"file_path": "**/*.py"}, ["code/leave.py"]),
    ({"file_path": "notes/work/휴가.md"}, ["work/휴가.md"]),
    ({"file_path": "notes/w*/*.md"}, ["work/출장.md", "work/휴가.md"]),
    ({"folder": "notes"}, ["code/leave.py", "work/출장.md", "work/휴가.md"]),
    ({"since": "2026-04-01", "kind": "markdown"}, ["work/출장.md"]),
    ({"until": "2026-04-01", "kind": "markdown"}, ["work/휴가.md"]),
    ({"min_score": 1}, []),
    ({"tag": "인사", "kind": "code"}, []),
]


@pytest.mark.parametrize(("said", "expected"), FILTERS)
async def test_every_filter_holds_on_both_routes(
    house: Served, said: dict[str, object], expected: list[str]
) -> None:
    assert files(await got(house, q="휴가 열흘 없는말", **said)) == expected
    assert files(await posted(house, query="휴가 열흘 없는말", **said)) == expected


async def test_operators_stand_between_the_words(house: Served) -> None:
    every = ["code/leave.py", "work/출장.md", "work/휴가.md"]
    assert files(await posted(house, query="휴가는 병가를")) == every
    assert files(await posted(house, query="휴가는 병가를", operator="AND")) == ["work/휴가.md"]
    without = await posted(house, query="병가 출장", operator="NOT")
    assert files(without) == ["code/leave.py"]
    assert without["results"][0]["score"] == 0
    assert without["results"][0]["match_type"] == "without"


async def test_a_word_to_leave_out_alone_lists_the_rest_newest_first(house: Served) -> None:
    found = await got(house, q="-병가")
    assert [one["file"] for one in found["results"]] == [
        "notes/code/leave.py",
        "notes/work/출장.md",
    ]
    assert found["modes"] == []
    assert files(await got(house, q="-병가", kind="markdown")) == ["work/출장.md"]
    assert len((await got(house, q="-병가", limit=1, offset=1))["results"]) == 1


async def test_a_filter_that_is_none_is_not_left_out_but_told_with_those_there_are(
    house: Served,
) -> None:
    told = await got(house, 400, q="휴가", label="중요")
    assert "'label'" in told["detail"]
    assert "label_ids" in told["hint"]
    for told in (
        await got(house, 400, q="휴가", kind="글"),
        await posted(house, 400, q="휴가", kind="글"),
    ):
        assert "글" in told["detail"]
        assert "markdown, text" in told["hint"]


async def test_a_list_of_documents_knows_kinds_by_their_suffix(house: Served) -> None:
    rows = orjson.loads((await call(house, "GET", "/api/documents?kind=md")).body)
    assert {one["type"] for one in rows} == {"markdown"}
    assert (await call(house, "GET", "/api/documents?kind=mdd")).status == 400


@pytest.mark.parametrize("said", [{"since": "어제"}, {"q": " "}, {"min_score": 2}, {"limit": 0}])
async def test_what_cannot_be_searched_is_told_in_two_lines(
    house: Served, said: dict[str, object]
) -> None:
    told = await got(house, 400, **{"q": "휴가", **said})
    assert told["detail"]
    assert told["hint"]
