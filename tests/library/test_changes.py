"""What changed: files are opened only where they look different, and documents keep who they are."""

from pathlib import Path

import pytest

from dunoe.errors import Text
from dunoe.library.changes import Before, Changes, changes, digest_of
from dunoe.library.folders import Scan, Seen, Untold
from dunoe.store.intake import Known, Tried

PARSER = "1/300"


def known(id: str, digest: str, size: int = 10, mtime_ns: int = 1, **more: bool) -> Known:
    """A document as the catalogue knows it."""
    return Known(id, "/n", size, mtime_ns, digest, PARSER, more.get("is_gone", False))


class Stage:
    """Files with a digest each, and what is known of them; counts which files are opened."""

    def __init__(self) -> None:
        self.scan = Scan()
        self.known: dict[str, Known] = {}
        self.failed: dict[str, Tried] = {}
        self.digests: dict[str, str] = {}
        self.opened: list[str] = []

    def file(self, path: str, digest: str, size: int = 10, mtime_ns: int = 1) -> None:
        """Put a file there."""
        self.scan.files[path] = Seen(path, "/n", size, mtime_ns)
        self.digests[path] = digest

    def changes(self, under: list[str] | None = None) -> Changes:
        """Compare."""

        def digest(path: str) -> str | None:
            self.opened.append(path)
            return self.digests[path]

        return changes(self.scan, Before(self.known, self.failed, PARSER), under, digest)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def taken(found: Changes) -> dict[str, str]:
    """Which files are read, as which document."""
    return {path: todo.id for path, todo in found.take.items()}


def test_nothing_is_opened_where_nothing_changed(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")
    stage.file("/n/a", "x")
    assert stage.changes() == Changes()
    assert stage.opened == []


def test_a_new_file_is_not_opened_to_be_compared(stage: Stage) -> None:
    stage.file("/n/a", "x")
    assert taken(stage.changes()) == {"/n/a": ""}
    assert stage.opened == []


def test_a_time_alone_is_no_change(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")
    stage.file("/n/a", "x", mtime_ns=2)
    found = stage.changes()
    assert taken(found) == {}
    assert found.touched == [known("A", "x", mtime_ns=2)]


def test_an_edit_is_read_as_the_same_document(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")
    stage.file("/n/a", "y", mtime_ns=2)
    assert taken(stage.changes()) == {"/n/a": "A"}


def test_a_new_parser_reads_everything_again(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")._replace(parser="0/300")
    stage.failed["/n/b"] = Tried(10, 1, "0/300")
    stage.file("/n/a", "x")
    stage.file("/n/b", "y")
    assert taken(stage.changes()) == {"/n/a": "A", "/n/b": ""}


def test_a_document_follows_its_file(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")
    stage.file("/n/sub/a", "x")
    found = stage.changes()
    assert (taken(found), found.gone) == ({}, [])
    assert [(one.id, one.path) for one in found.moved] == [("A", "/n/sub/a")]


def test_another_name_is_read_for_its_words(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")
    stage.file("/n/b", "x")
    found = stage.changes()
    assert (taken(found), found.take["/n/b"].is_renamed) == ({"/n/b": "A"}, True)


def test_of_two_equal_files_each_keeps_its_name(stage: Stage) -> None:
    stage.known |= {"/n/a": known("A", "x"), "/n/b": known("B", "x")}
    stage.file("/n/sub/b", "x")
    stage.file("/n/sub/a", "x")
    found = stage.changes()
    assert {(one.id, one.path) for one in found.moved} == {("A", "/n/sub/a"), ("B", "/n/sub/b")}


def test_a_path_that_is_still_there_keeps_its_document(stage: Stage) -> None:
    stage.known |= {"/n/a": known("A", "x"), "/n/b": known("B", "y")}
    stage.file("/n/a", "y", mtime_ns=2)  # the two changed places
    stage.file("/n/b", "x", mtime_ns=2)
    assert taken(stage.changes()) == {"/n/a": "A", "/n/b": "B"}


def test_what_comes_back_is_who_it_was(stage: Stage) -> None:
    stage.known |= {"/n/a": known("A", "x", is_gone=True), "/n/b": known("B", "y", is_gone=True)}
    stage.file("/n/a", "new", size=7)
    stage.file("/n/c", "y")
    found = stage.changes()
    assert taken(found) == {"/n/a": "A", "/n/c": "B"}
    assert found.gone == []


def test_what_is_not_there_is_gone_unless_nobody_could_look(stage: Stage) -> None:
    stage.known |= {"/n/a": known("A", "x"), "/n/away/b": known("B", "y")}
    stage.failed |= {"/n/c": Tried(1, 1, PARSER), "/n/away/d": Tried(1, 1, PARSER)}
    stage.scan.untold.append(Untold("/n/away", Text("", "input/output error")))
    found = stage.changes()
    assert (found.gone, found.forgotten) == (["A"], ["/n/c"])


def test_a_look_at_a_part_says_nothing_of_the_rest(stage: Stage) -> None:
    stage.known |= {"/n/a": known("A", "x"), "/n/sub/b": known("B", "y")}
    assert stage.changes(under=["/n/sub"]).gone == ["B"]
    assert stage.changes(under=["/n/sub/b"]).gone == ["B"]
    assert stage.changes(under=["/n/su"]).gone == []


def test_a_failure_is_not_tried_again_until_its_file_changes(stage: Stage) -> None:
    stage.failed["/n/a"] = Tried(10, 1, PARSER)
    stage.file("/n/a", "x")
    assert taken(stage.changes()) == {}
    stage.file("/n/a", "x", mtime_ns=2)
    assert taken(stage.changes()) == {"/n/a": ""}


def test_another_library_folder_around_a_file_moves_it(stage: Stage) -> None:
    stage.known["/n/a"] = known("A", "x")
    stage.scan.files["/n/a"] = Seen("/n/a", "/", 10, 1)
    (moved,) = stage.changes().moved
    assert (moved.id, moved.path, moved.folder) == ("A", "/n/a", "/")


def test_a_file_that_cannot_be_opened_has_no_digest(tmp_path: Path) -> None:
    assert digest_of(str(tmp_path / "gone")) is None
    (tmp_path / "a").write_bytes(b"abc")
    assert (digest_of(str(tmp_path / "a")) or "").startswith("ba7816bf")
