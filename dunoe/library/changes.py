"""What changed: the folders as they are now against the catalogue as it was."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

from dunoe.library.folders import Scan, Seen, is_below
from dunoe.store.intake import Known, Moved, Tried

Digest = Callable[[str], str | None]
Alike = Callable[[str, str, bool], bool]


@dataclass(frozen=True, slots=True)
class Before:
    """What the catalogue knows, by path: documents (gone ones too) and failures. parser: who reads today."""

    known: Mapping[str, Known]
    failed: Mapping[str, Tried]
    parser: str


class Todo(NamedTuple):
    """A file to read. id: of the document that it is; empty for a new one. is_renamed: it was called otherwise."""

    seen: Seen
    id: str
    is_renamed: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What a sync has to do.

    take: files to read, by written path. touched: the same text under a new time. moved: the same text under a new
    path. gone: documents whose file is not there. forgotten: paths of failures whose file is not there.
    """

    take: dict[str, Todo] = field(default_factory=dict)
    touched: list[Known] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


def digest_of(path: str) -> str | None:
    """The digest of a file as the workers write it; None when it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def nothing_alike(path: str, id: str, has_its_name: bool) -> bool:
    """Where nobody can compare texts."""
    return False


def changes(
    scan: Scan,
    before: Before,
    under: Iterable[str] | None = None,
    digest: Digest = digest_of,
    alike: Alike = nothing_alike,
) -> Changes:
    """Compare; files are only opened where size and time differ. under: the paths that the scan looked at.

    alike: whether a file holds largely the text of a document, which may have had its name.
    """
    looked = None if under is None else tuple(under)

    def is_absent(path: str) -> bool:
        is_looked_at = looked is None or any(is_below(path, one) for one in looked)
        return is_looked_at and path not in scan.files and scan.is_told(path)

    found = _Comparison(scan, before, digest, alike)
    found.absent = [
        path for path, one in before.known.items() if not one.is_gone and is_absent(path)
    ]
    found.compare()
    found.changes.forgotten.extend(path for path in before.failed if is_absent(path))
    return found.changes


class _Comparison:
    """One comparison, step by step."""

    def __init__(self, scan: Scan, before: Before, digest: Digest, alike: Alike) -> None:
        self.scan, self.before, self.digest, self.alike = scan, before, digest, alike
        self.changes = Changes()
        self.absent: list[str] = []
        self.homeless: dict[str, list[str]] = defaultdict(list)  # digest -> paths it was known by
        self.moved_from: set[str] = set()

    def compare(self) -> None:
        edited, new = self._candidates()
        for (
            path
        ) in edited:  # a path that is still there keeps its document: editors save by renaming
            if not self._is_touched(path):
                self._take(path, self.before.known[path].id)
        gone = (path for path, one in self.before.known.items() if one.is_gone)
        for path in (*self.absent, *gone):
            self.homeless[self.before.known[path].digest].append(path)
        sizes = {self.before.known[path].size for some in self.homeless.values() for path in some}
        unknown = [
            path
            for path in new
            if self.scan.files[path].size not in sizes or not self._has_moved(path)
        ]
        for path in self._without_edited(self._without_edited(unknown, _name), _folder_and_kind):
            is_back = path in self.before.known and path not in self.moved_from
            self._take(path, self.before.known[path].id if is_back else "")
        self.changes.gone.extend(
            self.before.known[path].id for path in self.absent if path not in self.moved_from
        )

    def _candidates(self) -> tuple[list[str], list[str]]:
        """Known files that look different, and files that are not known."""
        edited, new = [], []
        for path, seen in self.scan.files.items():
            failed, known = self.before.failed.get(path), self.before.known.get(path)
            if failed is not None and self._is_same(seen, failed):
                continue
            if known is None or known.is_gone:
                new.append(path)
            elif not self._is_same(seen, known):
                edited.append(path)
            elif known.folder != seen.folder:  # the library folder around it is another one now
                self.changes.moved.append(_at(known.id, path, seen))
        return edited, new

    def _is_same(self, seen: Seen, known: Known | Tried) -> bool:
        now = (seen.size, seen.mtime_ns, self.before.parser)
        return now == (known.size, known.mtime_ns, known.parser)

    def _is_touched(self, path: str) -> bool:
        """Another time, or another parser; the same text."""
        seen, known = self.scan.files[path], self.before.known[path]
        if seen.why_not or seen.size != known.size or self.digest(seen.path) != known.digest:
            return False
        if known.parser == self.before.parser:
            self.changes.touched.append(known._replace(mtime_ns=seen.mtime_ns))
        else:
            self._take(path, known.id)
        return True

    def _has_moved(self, path: str) -> bool:
        """Is this the text of a document whose file is not where it was?"""
        seen = self.scan.files[path]
        if seen.why_not:  # never opened: a pipe would not end, a link may lead anywhere
            return False
        origins = self.homeless.get(self.digest(seen.path) or "", [])
        if not origins:
            return False
        origin = next((one for one in origins if _name(one) == _name(path)), origins[0])
        origins.remove(origin)
        self.moved_from.add(origin)
        known = self.before.known[origin]
        if path != origin:
            self.changes.moved.append(_at(known.id, path, seen))
        is_renamed = _name(path) != _name(
            origin
        )  # a name has words, and says what kind of file it is
        if known.is_gone or is_renamed or known.parser != self.before.parser:
            self._take(path, known.id, is_renamed=is_renamed)
        return True

    def _without_edited(self, paths: list[str], key: Callable[[str], str]) -> list[str]:
        """New files, without those that were moved and edited: the only one missing and the only new one are alike."""
        lost, new = (_by(key, some) for some in (set(self.absent) - self.moved_from, paths))
        pairs = {
            new[shared][0]: lost[shared][0]
            for shared in lost.keys() & new.keys()
            if len(lost[shared]) == len(new[shared]) == 1
        }
        for path, origin in pairs.items():
            seen, known = self.scan.files[path], self.before.known[origin]
            if seen.why_not or not self.alike(seen.path, known.id, _name(path) == _name(origin)):
                continue
            self.moved_from.add(origin)
            # with the old size and no time: killed before it was read, it looks edited to the next sync
            self.changes.moved.append(
                _at(known.id, path, seen)._replace(size=known.size, mtime_ns=0)
            )
            self._take(path, known.id, is_renamed=_name(path) != _name(origin))
        return [path for path in paths if path not in self.changes.take]

    def _take(self, path: str, id: str, *, is_renamed: bool = False) -> None:
        self.changes.take[path] = Todo(self.scan.files[path], id, is_renamed)


def _at(id: str, path: str, seen: Seen) -> Moved:
    return Moved(id, path, seen.folder, seen.name, seen.size, seen.mtime_ns)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _folder_and_kind(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/{PurePath(name).suffix}"


def _by(key: Callable[[str], str], paths: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        found[key(path)].append(path)
    return found
