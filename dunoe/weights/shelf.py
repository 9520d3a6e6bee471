"""The shelf: the folder of model files, and what is recorded about where they came from."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from dunoe.errors import BadRequest, NotFound, Text, Unavailable
from dunoe.foreign import reason
from dunoe.weights.header import BadModelFile, Header, read_whole
from dunoe.weights.naming import SUFFIX, checked_name, file_names, model_of, part_of
from dunoe.weights.staging import FOLDER, Partial, disk_problems, lock, sync, write_whole

BLOCK = 8 * 2**20  # bytes copied or hashed at once


class Record(BaseModel):
    """Where one file came from.

    size (bytes) and modified_ns, set by `write_record`, tell whether it is still that file.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    source: str
    sha256: str
    size: int = 0
    modified_ns: int = 0
    etag: str | None = None
    pulled_at: datetime


@dataclass(frozen=True)
class ShelfModel:
    """One whole model. path: what an engine loads (the first part); header: that file's.

    size (bytes) and parameter_count are of all parts together.
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    size: int
    modified_at: datetime
    header: Header
    parameter_count: int


class Shelf:
    """The folder of models. A model's name is its file's stem, and files are found by looking, never by
    making a path from a name.

    Headers are read once per file and size and time; a first look costs about 0.1 s per large vocabulary.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._headers: dict[Path, tuple[tuple[int, int], Header | BadModelFile]] = {}

    def models(self) -> list[ShelfModel]:
        """Every whole model, by name."""
        return [found for found in self._look().values() if isinstance(found, ShelfModel)]

    def broken(self) -> dict[str, BadModelFile]:
        """Models that cannot be loaded, and why: cut off, no GGUF, a part missing."""
        return {name: f for name, f in self._look().items() if isinstance(f, BadModelFile)}

    def model(self, name: str) -> ShelfModel:
        """One model; raises `NotFound`, or `BadModelFile` when its file is broken."""
        files = self._files().get(name)
        if files is None:
            raise _unknown(name)
        found = self._inspect(name, files)
        if isinstance(found, BadModelFile):
            raise found
        return found

    def digest(self, name: str) -> str | None:
        """The sha256 recorded when it was pulled; None when nobody recorded one, or the file changed since.

        Of a model in parts: the sha256 over the parts' digests, in order, as ASCII hex.
        """
        records = [recorded(path) for path in self.model(name).files]
        digests = [record.sha256 for record in records if record is not None]
        return joined_digest(digests) if len(digests) == len(records) else None

    def copy(self, source: str, destination: str) -> ShelfModel:
        """Give a model a second name: a hard link where the disk can, else a copy (which takes its time)."""
        model = self.model(source)
        name = checked_name(destination)
        if name in self._files():
            raise BadRequest(
                Text(f"이름 '{name}'은(는) 이미 있습니다", f"the name '{name}' is taken"),
                Text(
                    "다른 이름을 쓰거나 먼저 지우세요.", "choose another name, or remove it first."
                ),
            )
        names = file_names(name, len(model.files))
        with disk_problems(self.folder), lock(self.folder, name):
            for old, new in reversed([*zip(model.files, names, strict=True)]):
                partial = Partial(self.folder, new)
                try:
                    link_or_copy(old, partial.file)
                    partial.file.rename(self.folder / new)
                finally:
                    partial.drop()
                if (record := recorded(old)) is not None:
                    write_record(self.folder / new, record)
            sync(self.folder)
        return self.model(name)

    def remove(self, name: str) -> None:
        """Take a model's files and records away, the first part first, and what is left of a pull that was cut.

        Raises `NotFound`, and `Busy` while it is being pulled.
        """
        files, left = self.removable(name)
        with disk_problems(self.folder), lock(self.folder, name):
            for file in files:
                file.unlink(missing_ok=True)
                file.with_suffix(".json").unlink(missing_ok=True)
            for partial in left:
                partial.drop()

    def removable(self, name: str) -> tuple[list[Path], list[Partial]]:
        """What `remove` would take away: files, and what is left of a pull. Raises `NotFound` for nothing."""
        files, left = self._files().get(name, []), unfinished(self.folder, name)
        if not files and not left:
            raise _unknown(name)
        return files, left

    def _look(self) -> dict[str, ShelfModel | BadModelFile]:
        return {name: self._inspect(name, files) for name, files in sorted(self._files().items())}

    def _files(self) -> dict[str, list[Path]]:
        """The files in the folder by the model they belong to, parts in order.

        Where a file and a set of parts claim one name, the file has it, and the set is called like its first part.
        """
        try:
            found = [Path(entry) for entry in os.scandir(self.folder) if entry.is_file()]
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise Unavailable(
                Text(
                    f"모델 폴더를 읽을 수 없습니다: {self.folder} ({reason(exc).ko})",
                    f"cannot read the folder of models: {self.folder} ({reason(exc).en})",
                ),
                Text(
                    "폴더인지, 읽을 권한이 있는지 확인하세요.",
                    "is it a folder, and may you read it?",
                ),
            ) from exc
        groups: dict[tuple[str, int], list[Path]] = {}
        for file in sorted(found):
            if file.suffix == SUFFIX and not file.name.startswith("."):
                key = (model_of(file.stem), part_of(file.stem)[1])
                groups.setdefault(key, []).append(file)
        models: dict[str, list[Path]] = {}
        for (name, _), files in sorted(groups.items()):
            models[files[0].stem if name in models else name] = files
        return models

    def _inspect(self, name: str, files: Sequence[Path]) -> ShelfModel | BadModelFile:
        numbers = [part_of(file.stem) for file in files]
        if numbers != [(n, len(files)) for n in range(1, len(files) + 1)]:
            return BadModelFile(
                Text(f"'{name}'의 조각이 모자랍니다", f"parts of '{name}' are missing"),
                Text("모든 조각을 다시 받으세요.", "fetch all of its parts again."),
            )
        headers, stats = [], []
        for file in files:
            try:
                stats.append(file.stat())
            except OSError as exc:
                return BadModelFile(
                    Text(f"'{name}' 파일이 사라졌습니다", f"the file of '{name}' went away"),
                    Text(f"확인하세요: {reason(exc).ko}", f"look again: {reason(exc).en}"),
                )
            header = self._header(file, stats[-1])
            if isinstance(header, BadModelFile):
                return header
            headers.append(header)
        return ShelfModel(
            name,
            files[0],
            tuple(files),
            sum(stat.st_size for stat in stats),
            datetime.fromtimestamp(max(stat.st_mtime for stat in stats), UTC),
            headers[0],
            sum(header.parameter_count for header in headers),
        )

    def _header(self, file: Path, stat: os.stat_result) -> Header | BadModelFile:
        stamp = (stat.st_size, stat.st_mtime_ns)
        known = self._headers.get(file)
        if known is None or known[0] != stamp:
            try:
                known = (stamp, read_whole(file))
            except BadModelFile as refusal:
                known = (stamp, refusal)
            self._headers[file] = known
        return known[1]


def _unknown(name: str) -> NotFound:
    return NotFound(
        Text(f"모델 '{name}'이(가) 없습니다", f"there is no model '{name}'"),
        Text(
            "`dunoe models list`로 이름을 보거나 `dunoe models pull`로 받으세요.",
            "see the names with `dunoe models list`, or fetch it with `dunoe models pull`.",
        ),
    )


def unfinished(folder: Path, name: str) -> list[Partial]:
    """What pulls of a model left on the way."""
    notes = (folder / FOLDER).glob(f"*{SUFFIX}.json")
    files = [path.name.removesuffix(".json") for path in notes]
    return [Partial(folder, f) for f in files if model_of(f.removesuffix(SUFFIX)) == name]


def recorded(file: Path) -> Record | None:
    """The record of a file, while it is still the file that was recorded."""
    try:
        record = Record.model_validate_json(file.with_suffix(".json").read_bytes())
        stat = file.stat()
    except (OSError, ValidationError):  # no record, or not ours: nothing is known
        return None
    is_same = (stat.st_size, stat.st_mtime_ns) == (record.size, record.modified_ns)
    return record if is_same else None


def write_record(file: Path, record: Record) -> None:
    """Record where a file on the shelf came from."""
    stat = file.stat()
    fresh = record.model_copy(update={"size": stat.st_size, "modified_ns": stat.st_mtime_ns})
    write_whole(file.with_suffix(".json"), fresh.model_dump_json().encode())


def joined_digest(digests: Sequence[str]) -> str:
    """One digest for a model: its file's own, or one over the digests of its parts."""
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def link_or_copy(source: Path, target: Path, tick: Callable[[int], None] | None = None) -> None:
    """Bring a file to a new place: a hard link on the same disk, else a copy.

    tick: called with the bytes copied so far; what it raises ends the copy.
    """
    # The target may be a link to the source, left by an earlier try: never write through it.
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, a file of somebody else, a file system without links
        with source.open("rb") as old, target.open("wb") as new:
            while block := old.read(BLOCK):
                new.write(block)
                if tick is not None:
                    tick(new.tell())
        shutil.copystat(source, target)
