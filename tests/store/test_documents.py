"""The catalogue: what a sync writes is what search and people read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from dunoe.errors import BadRequest, NotFound, Text
from dunoe.store.documents import Counts, DocumentRow, PassageRow
from dunoe.store.intake import REMEMBERED, Failed, Known, Moved
from dunoe.store.store import Store

FOLDER = "/home/me/문서"


def document(path: str = "a.md", folder: str = FOLDER, **more: str) -> DocumentRow:
    """A document as a sync makes it."""
    return DocumentRow(
        id=more.get("id") or str(uuid4()),
        path=f"{folder}/{path}",
        folder=folder,
        name=path.rpartition("/")[2],
        kind="markdown",
        size=10,
        mtime_ns=2**60 + 1,
        digest=more.get("digest", "d"),
        parser="1",
        title=more.get("title", ""),
        tags=("꼬리표",),
        project="p",
        type="t",
        status="s",
        date="2024-01-02",
        warnings=("그림은 읽지 않았습니다",),
        taken_at=datetime(2024, 1, 2, tzinfo=UTC),
    )


def pieces(of: DocumentRow, *texts: str, ids: Sequence[str] = ()) -> list[PassageRow]:
    """Passages with these texts; two to a section."""
    found, start = [], 0
    for position, text in enumerate(texts):
        found.append(
            PassageRow(
                id=ids[position] if ids else str(uuid4()),
                document=of.id,
                position=position,
                start=start,
                end=start + len(text),
                section=position // 2,
                headings=("가", "나"),
                place={"line": position + 1, "cells": "매출!A1"},
                text=text,
            )
        )
        start += len(text)
    return found


def take(store: Store, of: DocumentRow, *texts: str) -> list[PassageRow]:
    """Take one document in."""
    made = pieces(of, *texts)
    store.intake.take({of: made}, [one.id for one in made], [])
    return made


def test_what_was_taken_in_is_read_as_it_was(store: Store) -> None:
    of = document()
    made = take(store, of, "하나 ", "둘\u2028 ", "셋")
    assert store.documents.document(of.id) == of
    assert store.documents.at(of.path) == of
    assert store.documents.pieces(of.id) == made
    assert store.documents.text(of.id) == "하나 둘\u2028 셋"
    assert store.documents.section(of.id, 0) == made[:2]
    found = store.documents.passages([made[2].id, "nobody"])
    assert found == {made[2].id: (made[2], of)}


def test_neighbours_end_where_the_document_ends(store: Store) -> None:
    made = take(store, document(), *"abcde")
    assert store.documents.neighbours(made[2].id) == made[1:4]
    assert store.documents.neighbours(made[0].id, before=3, after=1) == made[:2]
    assert store.documents.neighbours("nobody") == []


def test_a_document_that_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound) as missing:
        store.documents.document("x")
    assert missing.value.hint.ko
    assert store.documents.at("/x") is None
    assert store.documents.text("x") == ""


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*.md", ["a.md", "b.md", "c.md", "한글.md"]),
        ("**/*.md", ["a.md", "b.md", "c.md", "한글.md"]),
        ("/*.md", ["a.md", "한글.md"]),
        ("sub/", ["b.md", "c.md"]),
        ("sub/*.md", ["b.md"]),
        ("deep", ["c.md"]),
        (f"{FOLDER}/sub/deep/*", ["c.md"]),
        (f"{FOLDER}/sub", ["b.md", "c.md"]),
        (FOLDER, ["a.md", "b.md", "c.md", "d.txt", "한글.md"]),
        ("[ab].md", ["a.md", "b.md"]),
        ("한글.*", ["한글.md"]),
        ("문서/*.md", ["a.md", "한글.md"]),
        ("문서/s*/**", ["b.md", "c.md"]),
        ("/문*/sub/*.md", ["b.md"]),
        ("문서/", ["a.md", "b.md", "c.md", "d.txt", "한글.md"]),
        ("서류/*.md", []),
        ("nothing", []),
    ],
)
def test_globs_are_read_as_in_a_gitignore(store: Store, glob: str, found: list[str]) -> None:
    for path in ("a.md", "sub/b.md", "sub/deep/c.md", "d.txt", "한글.md"):
        take(store, document(path), "x")
    ids = store.documents.matching([glob])
    assert sorted(store.documents.document(id).name for id in ids) == found


def test_globs_are_taken_back_by_a_later_one(store: Store) -> None:
    for path in ("a.md", "b.md"):
        take(store, document(path), "x")
    (id,) = store.documents.matching(["*.md", "!b.md"])
    assert store.documents.document(id).name == "a.md"
    assert store.documents.matching(["*.md", "!문서/b.md"]) == [id]
    with pytest.raises(BadRequest, match="no globs"):
        store.documents.matching(["[z-a]"])


def test_a_file_is_found_by_its_name(store: Store) -> None:
    one = document("sub/Report 2024.md")
    take(store, one, "x")
    take(store, document("Report 2024 draft.md"), "x")
    for name in ("Report 2024.md", "report 2024", "REPORT 2024.MD"):
        assert store.documents.named(name) == [one.id]
    assert store.documents.named("%") == []


def test_documents_are_browsed_by_folder_and_words(store: Store) -> None:
    take(store, document("a.md", title="소유권 이해하기"), "x")
    take(store, document("sub/b.md"), "x")
    take(store, document("a.md", folder="/other"), "x")
    documents = store.documents
    paths = [f"{FOLDER}/a.md", f"{FOLDER}/sub/b.md", "/other/a.md"]
    assert [one.path for one in documents.browse()] == paths
    assert [one.path for one in documents.browse(limit=1, offset=1)] == paths[1:2]
    assert [one.name for one in documents.browse(under=f"{FOLDER}/sub")] == ["b.md"]
    assert [one.path for one in documents.browse(containing="유권 A.MD")] == [f"{FOLDER}/a.md"]
    assert documents.browse(containing="100%") == []


def test_what_there_is_is_counted(store: Store) -> None:
    take(store, document("a.md"), "x", "y")
    take(store, document("b.md", folder="/other"), "x")
    fail(store, "c.pdf")
    assert store.documents.counts() == Counts(documents=2, passages=3, size=20, failures=1)
    assert store.documents.counts(FOLDER) == Counts(1, 2, 10, 1)
    assert store.documents.counts("/other") == Counts(1, 1, 10, 0)
    skipping = store.documents.counts(skipping=["broken"])
    assert (skipping.failures, skipping.skipped) == (0, 1)


def fail(store: Store, path: str, gone: Sequence[str] = ()) -> None:
    """A file that could not be read."""
    why = BadRequest(Text("깨진 PDF", "a broken PDF"), Text("고치세요", "mend it"), code="broken")
    store.intake.fail([Failed(f"{FOLDER}/{path}", FOLDER, 3, 4, "1", why)], gone)


def test_a_failure_is_told_until_the_file_is_taken_in(store: Store) -> None:
    fail(store, "a.md")
    fail(store, "a.md")
    (failure,) = store.documents.failures()
    assert (failure.path, failure.code, failure.size) == (f"{FOLDER}/a.md", "broken", 3)
    assert (failure.message.en, failure.hint.ko) == ("a broken PDF", "고치세요")
    assert store.documents.failures(without=["broken"]) == []
    assert store.documents.failures(codes=["empty_file"]) == []
    assert store.documents.failures(codes=["broken"]) == [failure]
    take(store, document("a.md"), "x")
    assert store.documents.failures() == []


def test_labels_stay_through_edits_moves_and_a_deletion(store: Store) -> None:
    of = document("a.md")
    take(store, of, "x")
    store.documents.label([of.id], " 중요 ")
    store.documents.label([of.id], "중요")
    store.documents.label([of.id], "b")
    assert store.documents.labels() == {"b": 1, "중요": 1}
    take(store, of, "y")
    to = Moved(of.id, f"{FOLDER}/b.md", FOLDER, "b.md", 10, 5)
    store.intake.move([to])
    assert store.documents.document(of.id).labels == ("b", "중요")
    store.intake.part([of.id])
    assert store.documents.labels() == {}
    assert store.documents.browse() == []
    take(store, document("b.md", id=of.id), "y")
    assert store.documents.document(of.id).labels == ("b", "중요")
    store.documents.unlabel([of.id], "b")
    assert store.documents.document(of.id).labels == ("중요",)


def test_a_label_goes_on_what_is_there_alone(store: Store) -> None:
    store.documents.label(["nobody"], "중요")
    assert store.documents.labels() == {}
    for label in ("", " ", "a\nb", "가" * 65):
        with pytest.raises(BadRequest):
            store.documents.label([], label)


def test_documents_may_change_places(store: Store) -> None:
    a, b = document("a.md"), document("b.md")
    take(store, a, "a")
    take(store, b, "b")
    store.intake.move(
        [
            Moved(a.id, b.path, FOLDER, "b.md", 1, 1),
            Moved(b.id, a.path, FOLDER, "a.md", 2, 2),
        ]
    )
    assert store.documents.document(a.id).path == b.path
    assert store.documents.document(b.id).path == a.path


def test_a_document_that_comes_to_the_place_of_a_gone_one_stays(store: Store) -> None:
    a, b = document("a.md"), document("b.md")
    take(store, a, "a")
    take(store, b, "b")
    store.intake.part([b.id])
    store.intake.move([Moved(a.id, b.path, FOLDER, "b.md", 1, 1)])
    assert list(store.intake.known()) == [b.path]


def test_what_is_known_tells_gone_from_there(store: Store) -> None:
    of = document()
    take(store, of, "x")
    assert store.intake.known() == {of.path: Known(of.id, FOLDER, 10, of.mtime_ns, "d", "1")}
    store.intake.touch([store.intake.known()[of.path]._replace(mtime_ns=7)])
    assert store.documents.document(of.id).mtime_ns == 7
    store.intake.part([of.id])
    assert store.intake.known()[of.path].is_gone
    with pytest.raises(NotFound):
        store.documents.document(of.id)


def test_a_document_that_is_gone_for_long_is_forgotten(store: Store) -> None:
    of = document()
    take(store, of, "x")
    store.intake.part([of.id])
    store.intake.purge(datetime.now(UTC) + REMEMBERED - timedelta(minutes=1))
    assert store.intake.known()
    store.intake.purge(datetime.now(UTC) + REMEMBERED + timedelta(minutes=1))
    assert store.intake.known() == {}


def test_passages_that_go_are_left_over_in_every_index(store: Store) -> None:
    store.collections.begin("one", "", 0, "active")
    store.collections.begin("two", "m", 4, "building")
    of = document()
    made = take(store, of, "a", "b")
    store.intake.take({of: made[:1]}, [], [])
    assert store.intake.leftovers("one") == store.intake.leftovers("two") == [made[1].id]
    store.intake.swept("one", [made[1].id])
    assert (store.intake.leftovers("one"), store.intake.leftovers("two")) == ([], [made[1].id])
    store.intake.take({of: made}, [made[1].id], [])
    assert store.intake.leftovers("two") == []


def test_what_an_index_owes_goes_with_the_passage(store: Store) -> None:
    of = document()
    made = pieces(of, "a", "b", "c")
    store.intake.take({of: made}, [made[0].id], ["one"])
    assert store.intake.owed("one", 10) == [made[0]]
    store.intake.owe_all("one")
    store.intake.owe_all("two")
    assert store.intake.debt("one") == 3
    store.intake.paid("one", [made[0].id])
    assert (store.intake.debt("one"), store.intake.debt("two")) == (2, 3)
    store.intake.take({of: made[:2]}, [], [])
    assert store.intake.still_owed("one", [one.id for one in made]) == {made[1].id}
    store.intake.part([of.id])
    assert store.intake.debt("one") == store.intake.debt("two") == 0


def test_one_collection_answers_at_a_time(store: Store) -> None:
    rows = store.collections
    rows.begin("one", "", 0, "active")
    rows.begin("two", "m", 4, "building")
    rows.switch("two")
    assert {one.name: one.state for one in rows.all()} == {"one": "retired", "two": "active"}
    rows.drop("one")
    assert [(one.name, one.model, one.dimensions) for one in rows.all()] == [("two", "m", 4)]


def test_folders_are_remembered_in_the_order_they_were_added(store: Store) -> None:
    assert store.folders.add("/b")
    assert store.folders.add("/a")
    assert not store.folders.add("/b")
    assert store.folders.all() == ["/b", "/a"]
    assert store.folders.remove("/b")
    assert not store.folders.remove("/b")
    assert store.folders.all() == ["/a"]


def test_many_documents_are_taken_in_at_once(store: Store) -> None:
    batch = {one: pieces(one, "x", "y") for one in (document(f"{n}.md") for n in range(1200))}
    store.intake.take(batch, [one.id for some in batch.values() for one in some], ["one"])
    ids = [one.id for some in batch.values() for one in some]
    assert len(store.documents.passages(ids)) == 2400
    assert len(store.intake.passage_ids([one.id for one in batch])) == 2400
    assert len(store.intake.rows([one.id for one in batch])) == 1200
    store.intake.part([one.id for one in batch])
    assert store.documents.counts().passages == 0
