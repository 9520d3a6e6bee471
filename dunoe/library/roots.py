"""The library folders: those of the settings, those that a person added, or dunoe's own guide where there are none."""

import os
from pathlib import Path
from typing import Literal

from dunoe.errors import BadRequest, NotFound, Text
from dunoe.library.folders import is_below, written
from dunoe.library.own import Own, is_own
from dunoe.library.threads import run_sync
from dunoe.settings import LibrarySettings
from dunoe.store.collections import Folders

Source = Literal["settings", "added", "guide"]
GUIDE = (
    Path(__file__).parents[1] / "guide"
)  # read by an empty library, so that the first question works


class Roots:
    """Which folders the library reads, in the order in which they were named."""

    def __init__(self, settings: LibrarySettings, added: Folders, own: Own) -> None:
        self._own = own
        self._set = tuple(str(folder) for folder in settings.folders)
        self._sample = (str(GUIDE),) if settings.sample and GUIDE.is_dir() else ()
        self._rows = added
        self._added: tuple[str, ...] = ()

    async def refresh(self) -> None:
        """See what was added, by another process too."""
        self._added = tuple(await run_sync(self._rows.all))

    def all(self) -> tuple[str, ...]:
        """Absolute paths, each once."""
        return tuple(dict.fromkeys((*self._set, *self._added))) or self._sample

    def have(self, path: str) -> bool:
        """Whether a file or folder lies in the library."""
        return any(is_below(path, folder) for folder in self.all())

    @property
    def are_ours(self) -> bool:
        """Did a person name any, so that the guide is not read?"""
        return bool(self._set or self._added)

    def source(self, path: str) -> Source:
        """Who named it. What stands in the settings, only they can take out."""
        if path in self._set:
            return "settings"
        return "added" if path in self._added else "guide"

    async def add(self, folder: Path) -> str:
        """Add a folder, or a single file, and return its path.

        Raises `NotFound` where there is none, `BadRequest` for the whole machine, for dunoe's own data and for one that
        is in the library already.
        """
        path = str(named(str(folder)))
        if await run_sync(_is_everything, path):
            raise BadRequest(
                Text("컴퓨터 전체는 더할 수 없습니다", "the whole machine cannot be added"),
                Text("문서가 있는 폴더를 고르세요.", "choose the folder that has the documents."),
                param="path",
                code="folder_too_wide",
            )
        if not await run_sync(Path(path).exists):
            raise NotFound(
                Text(f"폴더가 없습니다: {written(path)}", f"no such folder: {written(path)}"),
                Text("경로를 확인하세요.", "check the path."),
                code="folder_not_found",
            )
        if await run_sync(lambda: is_own(path, self._own.inodes())):
            raise BadRequest(
                Text(
                    f"dunoe 자신의 데이터는 라이브러리가 될 수 없습니다: {written(path)}",
                    f"dunoe's own data cannot be a library: {written(path)}",
                ),
                Text(
                    "문서가 있는 다른 폴더를 고르세요.",
                    "choose another folder, one with documents.",
                ),
                param="path",
                code="folder_own",
            )
        if path != written(path):
            raise BadRequest(
                Text(
                    f"UTF-8이 아닌 폴더 이름입니다: {written(path)}",
                    f"the name of this folder is not UTF-8: {written(path)}",
                ),
                Text("폴더의 이름을 바꾸세요.", "rename the folder."),
                code="folder_name",
            )
        inside = next((one for one in (*self._set, *self._added) if is_below(path, one)), None)
        if inside is not None:
            raise BadRequest(
                Text(f"이미 라이브러리에 있습니다: {inside}", f"it is in the library: {inside}"),
                Text(
                    "`dunoe library sync`로 다시 읽습니다.", "`dunoe library sync` reads it again."
                ),
                code="folder_known",
            )
        await run_sync(self._rows.add, path)
        await self.refresh()
        return path

    async def remove(self, folder: Path) -> str:
        """Take a folder out and return its path.

        Raises `NotFound` for one that was not added, `BadRequest` for one of the settings.
        """
        path = str(named(str(folder)))
        if self.source(path) == "settings":
            raise BadRequest(
                Text(f"설정에 있는 폴더입니다: {path}", f"this folder is in the settings: {path}"),
                Text(
                    "dunoe.toml의 [library] folders에서 지우세요.",
                    "delete it from folders in [library] of dunoe.toml.",
                ),
                code="folder_set",
            )
        if not await run_sync(self._rows.remove, path):
            raise NotFound(
                Text(
                    f"라이브러리에 없는 폴더입니다: {written(path)}",
                    f"this folder is not in the library: {written(path)}",
                ),
                Text("`dunoe library status`로 확인하세요.", "see `dunoe library status`."),
                code="folder_not_found",
            )
        await self.refresh()
        return path


def named(folder: str) -> Path:
    """The absolute path that a person wrote. Raises `BadRequest` or `NotFound` where it names none."""
    if not folder.strip() or "\0" in folder:
        raise BadRequest(
            Text("폴더 이름이 비었습니다", "the folder's name is empty"),
            Text("지금 있는 폴더는 `.`으로 쓰세요.", "write `.` for the one you are in."),
            param="path",
            code="folder_name",
        )
    try:
        whole = Path(folder).expanduser()
    except RuntimeError as exc:
        user = folder.partition("/")[0]
        raise NotFound(
            Text(
                f"그런 사용자의 폴더가 없습니다: {user}", f"there is no home of that user: {user}"
            ),
            Text("전체 경로를 쓰세요.", "write the whole path."),
            param="path",
            code="folder_not_found",
        ) from exc
    return Path(os.path.abspath(whole))  # noqa: PTH100 - a link keeps the name that the person gave it


def _is_everything(path: str) -> bool:
    whole = Path(path).resolve()
    return whole == whole.parent
