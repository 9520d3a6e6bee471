"""Which folders may be added, whoever asks: the terminal and the API come through here."""

from pathlib import Path

import pytest

from dunoe.errors import BadRequest, NotFound, Problem
from dunoe.library.library import Library
from dunoe.library.roots import named

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("folder", ["", "  ", "\0", "a\0b"])
async def test_no_name_is_no_folder(folder: str) -> None:
    with pytest.raises(BadRequest) as raised:
        named(folder)
    assert raised.value.code == "folder_name"


async def test_the_home_of_nobody_is_named() -> None:
    with pytest.raises(NotFound, match="~nobody-here"):
        named("~nobody-here/x")


async def test_the_whole_machine_is_not_added(library: Library, tmp_path: Path) -> None:
    link = tmp_path / "all"
    link.symlink_to("/")
    for folder in ("/", "//", "/tmp/..", str(link)):
        with pytest.raises(Problem) as raised:
            await library.add(named(folder))
        assert raised.value.code == "folder_too_wide"


async def test_our_own_data_is_not_added(library: Library, home: Path, tmp_path: Path) -> None:
    (home / "cache").mkdir()
    (tmp_path / "elsewhere").symlink_to(home / "cache")
    for folder in (home / "cache", home / "library.lock", tmp_path / "elsewhere"):
        folder.touch()
        with pytest.raises(BadRequest) as raised:
            await library.add(folder)
        assert raised.value.code == "folder_own"


async def test_a_home_may_hold_the_documents(library: Library, home: Path) -> None:
    (home / "knowledge").mkdir()
    assert await library.add(home / "knowledge") == str(home / "knowledge")
    assert await library.add(home) == str(home)
