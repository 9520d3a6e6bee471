"""The folder of models: what lies there whole, under which name, and since when."""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from dunoe.errors import BadRequest, Busy, NotFound, Unavailable
from dunoe.weights.header import BadModelFile
from dunoe.weights.shelf import Record, Shelf, write_record
from dunoe.weights.staging import Journal, Partial, lock

MakeModel = Callable[..., Path]


def record(path: Path) -> str:
    digest = sha256(path.read_bytes()).hexdigest()
    write_record(path, Record.model_validate({"source": "here", "sha256": digest, "pulled_at": 0}))
    return digest


def names(shelf: Shelf) -> list[str]:
    return [model.name for model in shelf.models()]


def test_a_folder_that_is_not_there_is_an_empty_shelf(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "none")
    assert (shelf.models(), shelf.broken()) == ([], {})
    with pytest.raises(NotFound):
        shelf.model("x")


def test_what_lies_there_is_listed_by_name(make_model: MakeModel) -> None:
    made = make_model("b.gguf", size=8192)
    make_model("가 (1).gguf")
    (made.parent / "notes.txt").write_text("no model")
    (made.parent / ".hidden.gguf").write_text("no model")
    (made.parent / "folder.gguf").mkdir()
    shelf = Shelf(made.parent)
    assert names(shelf) == ["b", "가 (1)"]
    model = shelf.model("b")
    assert (model.path, model.size) == (made, made.stat().st_size)
    assert model.modified_at.timestamp() == pytest.approx(made.stat().st_mtime)
    assert model.header.architecture == "llama"
    assert model.parameter_count == model.header.parameter_count


def test_a_header_is_read_again_only_when_the_file_changed(make_model: MakeModel) -> None:
    made = make_model("a.gguf")
    shelf = Shelf(made.parent)
    first = shelf.model("a").header
    assert shelf.model("a").header is first
    make_model("a.gguf", size=9000, seed=1)
    assert shelf.model("a").header.parameter_count > first.parameter_count


def test_what_is_not_whole_is_named_apart(make_model: MakeModel) -> None:
    good = make_model("good.gguf")
    short = make_model("short.gguf")
    os.truncate(short, short.stat().st_size - 1)
    (good.parent / "page.gguf").write_text("<html>")
    make_model("set-00001-of-00003.gguf")
    make_model("set-00003-of-00003.gguf")
    shelf = Shelf(good.parent)
    assert names(shelf) == ["good"]
    assert sorted(shelf.broken()) == ["page", "set", "short"]
    with pytest.raises(BadModelFile, match="missing"):
        shelf.model("set")
    make_model("set-00002-of-00003.gguf")
    assert shelf.model("set").path.name == "set-00001-of-00003.gguf"
    assert len(shelf.model("set").files) == 3


def test_a_file_and_parts_of_one_name_do_not_hide_each_other(make_model: MakeModel) -> None:
    made = make_model("x.gguf")
    make_model("x-00001-of-00002.gguf")
    make_model("x-00002-of-00002.gguf")
    shelf = Shelf(made.parent)
    assert names(shelf) == ["x", "x-00001-of-00002"]
    assert shelf.model("x").path == made


@pytest.mark.parametrize("name", ["../secret", "/etc/x", "", ".", "a/../good"])
def test_a_name_is_never_a_path(make_model: MakeModel, name: str) -> None:
    good = make_model("good.gguf")
    (good.parent.parent / "secret.gguf").write_bytes(good.read_bytes())
    shelf = Shelf(good.parent)
    with pytest.raises(NotFound):
        shelf.model(name)
    with pytest.raises(NotFound):
        shelf.remove(name)


def test_a_digest_is_of_the_file_that_was_recorded(make_model: MakeModel) -> None:
    made = make_model("a.gguf")
    shelf = Shelf(made.parent)
    assert shelf.digest("a") is None
    digest = record(made)
    assert shelf.digest("a") == digest
    make_model("a.gguf", seed=3)
    assert shelf.digest("a") is None
    made.with_suffix(".json").write_text("{}")
    assert shelf.digest("a") is None


def test_a_copy_is_a_second_name_for_the_same_bytes(make_model: MakeModel) -> None:
    made = make_model("a.gguf")
    digest = record(made)
    shelf = Shelf(made.parent)
    copied = shelf.copy("a", "두번째")
    assert copied.path.samefile(made)
    assert names(shelf) == ["a", "두번째"]
    assert shelf.digest("두번째") == digest
    shelf.remove("a")
    assert names(shelf) == ["두번째"]
    assert shelf.digest("두번째") == digest


def test_a_copy_of_parts_has_all_of_them(make_model: MakeModel) -> None:
    made = make_model("x-00001-of-00002.gguf")
    make_model("x-00002-of-00002.gguf")
    copied = Shelf(made.parent).copy("x", "y")
    assert [file.name for file in copied.files] == [
        "y-00001-of-00002.gguf",
        "y-00002-of-00002.gguf",
    ]


def test_a_copy_takes_no_name_that_is_taken_or_none(make_model: MakeModel) -> None:
    made = make_model("a.gguf")
    make_model("b.gguf")
    shelf = Shelf(made.parent)
    for destination in ("a", "b", "../c", ""):
        with pytest.raises(BadRequest):
            shelf.copy("a", destination)
    with pytest.raises(NotFound):
        shelf.copy("none", "c")
    assert names(shelf) == ["a", "b"]


def test_a_model_goes_with_its_record_and_what_a_pull_left(make_model: MakeModel) -> None:
    made = make_model("a.gguf")
    record(made)
    folder = made.parent
    with lock(folder, "a"):
        Partial(folder, "a.gguf").begin(Journal(source="somewhere"))
        Partial(folder, "half-00002-of-00002.gguf").begin(Journal(source="somewhere"))
        with pytest.raises(Busy):
            Shelf(folder).remove("a")
    assert names(Shelf(folder)) == ["a"]
    Shelf(folder).remove("a")
    Shelf(folder).remove("half")  # nothing of it ever came to the shelf
    assert [path.name for path in folder.iterdir()] == [".pulling"]
    assert list((folder / ".pulling").iterdir()) == []
    with pytest.raises(NotFound):
        Shelf(folder).remove("half")


def test_a_broken_model_can_be_removed(make_model: MakeModel) -> None:
    folder = make_model("a.gguf").parent
    (folder / "page.gguf").write_text("<html>")
    Shelf(folder).remove("page")
    assert Shelf(folder).broken() == {}


def test_a_shelf_that_is_no_folder_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("I am a file", "utf-8")
    with pytest.raises(Unavailable) as refused:
        Shelf(tmp_path / "models").models()
    assert "models" in refused.value.message.en
