"""Which files there are: library folders walked with their ignore rules, past links that loop and files that vanish."""

import os
import re
import stat
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pathspec import GitIgnoreSpec, RegexPattern
from pathspec.patterns.gitignore import GitIgnorePatternError

from dunoe.errors import Misconfigured, Text
from dunoe.foreign import reason
from dunoe.library.own import Own, is_own
from dunoe.library.unwanted import unwanted

BAD_GLOB = (GitIgnorePatternError, re.error)  # what pathspec raises
OURS = ".dunoeignore"
IGNORE_FILES = (".gitignore", OURS)  # the later one wins
# Folders that programs fill; hidden ones are skipped without being named here.
_JUNK = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "bower_components"})
_JUNK |= {"$RECYCLE.BIN", "System Volume Information", "__MACOSX"}
# What editors, offices and downloads leave beside a file while it is open.
_PASSING = ("~", ".tmp", ".part", ".partial", ".crdownload", ".swp")

WhyNot = Literal[
    "", "empty_file", "no_file", "link_broken", "link_out", "generated", "secret", "own"
]


class Seen(NamedTuple):
    """One file as the walk found it. path: to open it with. folder: the library folder, as written.

    why_not: nobody has to open it to know that it cannot be read; empty where it may be. Size and time of a link
    that is not followed are its own; the time of what is unwanted is 0, so that it is another file once it is wanted.
    """

    path: str
    folder: str
    size: int
    mtime_ns: int
    why_not: WhyNot = ""

    @property
    def name(self) -> str:
        """What the file is called, in one spelling of Hangul."""
        return unicodedata.normalize("NFC", written(self.path).rpartition("/")[2])


class Untold(NamedTuple):
    """A folder that could not be looked into, as written, and what the system said."""

    path: str
    said: Text


@dataclass(frozen=True, slots=True)
class Scan:
    """What stands in the folders: files by written path, and folders that would not tell."""

    files: dict[str, Seen] = field(default_factory=dict)
    untold: list[Untold] = field(default_factory=list)

    def is_told(self, path: str) -> bool:
        """False for a path below a folder that could not be looked into: nobody knows whether it is there."""
        return not any(is_below(path, one.path) for one in self.untold)


def written(path: str) -> str:
    """A path as text that can be stored and shown: bytes that are no UTF-8 become `\\xff`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_below(path: str, folder: str) -> bool:
    """True for the folder itself and for everything in it."""
    return path == folder or path.startswith(folder if folder.endswith("/") else f"{folder}/")


def is_of_interest(path: str, folder: str) -> bool:
    """False for what a walk through the library folder would never look at; an ignore file is of interest."""
    parts = path[len(folder) :].strip("/").split("/")
    *above, name = parts
    if any(_is_passing(part) or part in _JUNK for part in above):
        return False
    return name in IGNORE_FILES or not (_is_passing(name) or name in _JUNK)


class Rules:
    """Which files are meant; `include` and `exclude` are lines of a `.gitignore`. own: what is never read."""

    def __init__(
        self, include: Iterable[str] = (), exclude: Iterable[str] = (), own: Own | None = None
    ) -> None:
        """Raises `Misconfigured` for a line that is no glob."""
        self.own = own or Own()
        self._include = _settings_spec("include", include)
        self._exclude = _settings_spec("exclude", exclude)

    def takes(self, inside: str) -> bool:
        """May this file be read? inside: its path from the library folder down."""
        if self._exclude is not None and self._exclude.match_file(inside):
            return False
        return self._include is None or self._include.match_file(inside)

    def enters(self, inside: str) -> bool:
        """Is this folder walked into at all? It ends with a slash."""
        return self._exclude is None or not self._exclude.match_file(inside)


class _Ignored:
    """The ignore files from a library folder down to one folder in it; the deepest that has a word decides."""

    def __init__(self, specs: Sequence[tuple[int, str, GitIgnoreSpec]] = ()) -> None:
        """specs: length of the path they lie at, with its slash; the file's name; the rules. Outermost first."""
        self._specs = specs

    def with_those_of(self, folder: str, inside: str) -> "_Ignored":
        more = [
            (len(inside), name, spec)
            for name in IGNORE_FILES
            if (spec := _read_spec(f"{folder}/{name}")) is not None
        ]
        return _Ignored([*self._specs, *more]) if more else self

    def hides(self, inside: str, files: Sequence[str] = IGNORE_FILES) -> bool | None:
        """Whether a path is not wanted; None where none of these files has said."""
        for length, name, spec in reversed(self._specs):
            if name in files and (hidden := _verdict(spec, inside[length:])) is not None:
                return hidden
        return None

    def brings(self, inside: str) -> bool:
        """Was `!name` said to dunoe? What a `.gitignore` says so, it says to git."""
        return self.hides(inside, (OURS,)) is False


class _Folder(NamedTuple):
    """A folder still to be looked into. inside: its path from the library folder down, empty or with a slash."""

    path: str
    inside: str
    ignored: _Ignored


class Walk:
    """One walk through all library folders. What links lead to is seen once, under its real path if it has one.

    A link that leads out of all library folders is noted and not followed: who unpacks an archive that somebody else
    made has not said that his home may be read.
    """

    def __init__(self, rules: Rules, under: Iterable[str] | None = None) -> None:
        """under: look only at these paths, and at what is below them."""
        self._rules = rules
        self._under = None if under is None else tuple(under)
        self._visited: set[tuple[int, int]] = set()  # device and inode of folders
        self._real: set[tuple[int, int]] = set()  # and of files that are no links
        self._linked: list[tuple[tuple[int, int], Seen]] = []
        self._own = rules.own.inodes()
        self._roots: dict[str, str] = {}  # library folders, and where they really are
        self.scan = Scan()

    def look(self, folders: Iterable[str]) -> Scan:
        """What stands in these folders. A library folder may be a single file too."""
        self._roots = {folder: os.path.realpath(folder) for folder in folders}
        for folder in self._roots:
            self._root(folder)
        for inode, seen in self._linked:
            if inode not in self._real:
                self._real.add(inode)
                self.scan.files.setdefault(written(seen.path), seen)
        return self.scan

    def _root(self, folder: str) -> None:
        try:
            found = Path(folder).stat()
        except OSError as exc:
            self._cannot(folder, exc)
            return
        if is_own(folder, self._own):
            self._note_own(folder, folder)
            return
        if stat.S_ISREG(found.st_mode):
            self._file(_seen(folder, folder, found, _why_not(found)), found)
            return
        waiting = [_Folder(folder, "", _Ignored())]
        links = deque[_Folder]()  # behind everything that stands where it says
        while waiting or links:
            one = waiting.pop() if waiting else links.popleft()
            for below, is_link in self._inside(one, folder):
                (links if is_link else waiting).append(below)

    def _inside(self, one: _Folder, root: str) -> Iterator[tuple[_Folder, bool]]:
        """Note the files of a folder; yield the folders in it, and whether a link led there."""
        entries = self._entries(one.path)
        ignored = one.ignored.with_those_of(one.path, one.inside) if entries else one.ignored
        for entry in entries:
            inside = one.inside + entry.name
            if _is_folder(entry):
                if self._enters(entry.name, inside, ignored) and self._is_followed(entry, root):
                    yield _Folder(entry.path, f"{inside}/", ignored), entry.is_symlink()
            elif self._rules.takes(inside) and not ignored.hides(inside):
                with suppress(OSError):  # it vanished
                    self._note(entry, root, is_asked=ignored.brings(inside))

    def _is_followed(self, entry: os.DirEntry[str], root: str) -> bool:
        """May we go in? What a link leads to in another library folder is read there."""
        try:
            own = self._is_own(entry)
        except OSError:  # it vanished
            return False
        if own:
            self._note_own(entry.path, root)
            return False
        if not entry.is_symlink():
            return True
        target = os.path.realpath(entry.path)
        if is_below(target, self._roots[root]):
            return True
        if self._is_out(target):
            with suppress(OSError):
                self._note(entry, root)
        return False

    def _is_own(self, entry: os.DirEntry[str]) -> bool:
        """Is it dunoe's own? Above what is no link we have looked. Raises OSError where it vanished."""
        if entry.is_symlink():
            return is_own(entry.path, self._own)
        at = entry.stat()
        return (at.st_dev, at.st_ino) in self._own

    def _note_own(self, path: str, root: str) -> None:
        self.scan.files.setdefault(written(path), Seen(path, written(root), 0, 0, "own"))

    def _note(self, entry: os.DirEntry[str], root: str, *, is_asked: bool = False) -> None:
        """What is no folder, and links that are not followed. Raises OSError where it vanished.

        is_asked: it is read though nobody wants such files.
        """
        target = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
        if self._is_own(entry):
            self._note_own(entry.path, root)
        elif entry.is_symlink() and not Path(target).exists():
            self._link(entry, root, "link_broken")
        elif entry.is_symlink() and self._is_out(target):
            self._link(entry, root, "link_out")
        else:
            found = entry.stat()
            seen = _seen(entry.path, root, found, _why_not(found))
            if not (is_asked or seen.why_not) and (why := unwanted(target, seen.size)):
                seen = seen._replace(mtime_ns=0, why_not=why)
            if entry.is_symlink():
                self._linked.append(((found.st_dev, found.st_ino), seen))
            else:
                self._file(seen, found)

    def _link(self, entry: os.DirEntry[str], root: str, why_not: WhyNot) -> None:
        itself = entry.stat(follow_symlinks=False)
        self._file(_seen(entry.path, root, itself, why_not), itself)

    def _is_out(self, target: str) -> bool:
        return not any(is_below(target, root) for root in self._roots.values())

    def _entries(self, path: str) -> list[os.DirEntry[str]]:
        """What may be of interest in a folder, by name; nothing when it was seen before."""
        try:
            here = Path(path).stat()
            if (here.st_dev, here.st_ino) in self._visited:
                return []
            self._visited.add((here.st_dev, here.st_ino))
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except FileNotFoundError:  # gone since its parent was read
            return []
        except OSError as exc:
            self._cannot(path, exc)
            return []
        return [one for one in found if not _is_passing(one.name) and self._is_wanted(one.path)]

    def _enters(self, name: str, inside: str, ignored: _Ignored) -> bool:
        return (
            name not in _JUNK
            and self._rules.enters(f"{inside}/")
            and not ignored.hides(f"{inside}/")
        )

    def _file(self, seen: Seen, found: os.stat_result) -> None:
        self._real.add((found.st_dev, found.st_ino))
        self.scan.files.setdefault(written(seen.path), seen)

    def _is_wanted(self, path: str) -> bool:
        if self._under is None:
            return True
        return any(is_below(path, one) or is_below(one, path) for one in self._under)

    def _cannot(self, path: str, exc: OSError) -> None:
        self.scan.untold.append(Untold(written(path), reason(exc)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _seen(path: str, root: str, found: os.stat_result, why_not: WhyNot) -> Seen:
    return Seen(path, written(root), found.st_size, found.st_mtime_ns, why_not)


def _why_not(found: os.stat_result) -> WhyNot:
    """A pipe would never end; an empty file has nothing to read, or nothing yet."""
    if not stat.S_ISREG(found.st_mode):
        return "no_file"
    return "" if found.st_size else "empty_file"


def _verdict(spec: GitIgnoreSpec, path: str) -> bool | None:
    """What the last line that means this very path says of it; None where none does.

    As git goes down folder by folder, a line counts for what it names and not for what lies below: pathspec's own
    check takes `*`, `!*.md`, `!notes/` for nothing but files at the top.
    """
    for pattern in reversed(spec.patterns):
        if not isinstance(pattern, RegexPattern) or pattern.include is None:
            continue
        found = pattern.regex.search(path) if pattern.regex is not None else None
        if found is not None and _is_itself(found, path):
            return pattern.include
    return None


def _is_itself(found: re.Match[str], path: str) -> bool:
    """Did the line mean this path, and not a folder above it? A folder ends with a slash; so pathspec writes them."""
    if not found.re.pattern.startswith("^"):  # `*` or `*/`
        return path.endswith("/") or not found.re.groups
    if not found.re.groups:  # `notes/**`: what is below
        return found.end() < len(path)
    return found["ps_d"] is None or found.end() == len(path)


def _is_passing(name: str) -> bool:
    return name.startswith((".", "~$")) or name.endswith(_PASSING)


def _read_spec(path: str) -> GitIgnoreSpec | None:
    """The rules of an ignore file; None where there is none that can be read. A line that is no glob is skipped."""
    try:
        lines = Path(path).read_text("utf-8", "surrogateescape").split("\n")
    except OSError:
        return None
    try:
        return GitIgnoreSpec.from_lines(lines)
    except BAD_GLOB:
        return GitIgnoreSpec.from_lines(line for line in lines if _is_glob(line))


def _is_glob(line: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([line])
    except BAD_GLOB:
        return False
    return True


def _settings_spec(key: str, lines: Iterable[str]) -> GitIgnoreSpec | None:
    kept = list(lines)
    for line in kept:
        if not _is_glob(line):
            raise Misconfigured(
                Text(
                    f"[library] {key}: 글로브가 아닙니다: '{line}'",
                    f"[library] {key}: '{line}' is no glob",
                ),
                Text(
                    '.gitignore의 한 줄처럼 쓰세요: "*.md", "reports/**/*.pdf", "drafts/".',
                    'write it like a line of a .gitignore: "*.md", "reports/**/*.pdf", "drafts/".',
                ),
            )
    return GitIgnoreSpec.from_lines(kept) if kept else None
