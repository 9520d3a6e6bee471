"""The folders of a library over HTTP, as somebody who has just started adds, sees and takes out theirs."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from tests.served import Served, served
from tests.server.browsing import admin
from tests.server.dialects import Got, call

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Served]:
    """A server whose library is empty."""
    async with served(tmp_path, "[library]\nsample = false\nwatch = false\nworkers = 1\n") as house:
        yield house


async def told(house: Served, method: str, path: object, language: str = "ko") -> Got:
    """POST or DELETE /api/library/folders, by somebody who may change what is read."""
    body = orjson.dumps({"path": str(path)})
    return await call(
        house,
        method,
        "/api/library/folders",
        body,
        {"accept-language": language, "authorization": f"Bearer {admin(house)}"},
    )


async def documents(house: Served) -> list[str]:
    """The names of what is in the library."""
    answer = await call(house, "GET", "/api/documents")
    return [one["name"] for one in orjson.loads(answer.body)]


async def test_a_folder_comes_in_is_read_and_goes_out_again(house: Served, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "사과.md").write_text("# 사과\n\n사과의 색은 빨강이다.\n", "utf-8")

    added = await told(house, "POST", notes)
    assert added.status == 200
    assert [one["path"] for one in added.json["folders"]] == [str(notes)]
    listed = (await call(house, "GET", "/api/library")).json
    assert (listed["folders"][0]["source"], listed["folders"][0]["is_there"]) == ("added", True)

    await call(house, "POST", "/api/library/sync", b'{"stream": false}')
    assert await documents(house) == ["사과.md"]

    removed = await told(house, "DELETE", notes)
    assert (removed.status, removed.json["folders"]) == (200, [])
    assert await documents(house) == []
    assert (notes / "사과.md").exists()


async def test_what_is_no_folder_to_add_or_remove_is_told_in_both_languages(
    house: Served, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    await told(house, "POST", notes)
    for method, path, status, code, ko, en in (
        ("POST", tmp_path / "없다", 404, "folder_not_found", "폴더가 없습니다", "no such folder"),
        ("POST", " ", 400, "folder_name", "비었습니다", "is empty"),
        ("POST", "/", 400, "folder_too_wide", "전체", "whole machine"),
        ("POST", notes, 400, "folder_known", "이미", "is in the library"),
        ("DELETE", tmp_path, 404, "folder_not_found", "라이브러리에 없는", "not in the library"),
    ):
        for language, said in (("ko", ko), ("en", en)):
            refused = await told(house, method, path, language)
            assert (refused.status, refused.json["code"]) == (status, code)
            assert said in refused.json["detail"]
            assert refused.json["hint"]
    assert [one["path"] for one in (await call(house, "GET", "/api/library")).json["folders"]] == [
        str(notes)
    ]
