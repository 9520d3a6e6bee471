"""What a person may write as the source of a model."""

from pathlib import Path

import pytest

from dunoe.errors import BadRequest, Problem
from dunoe.weights.naming import checked_name
from dunoe.weights.sources import is_source, read_source


@pytest.mark.parametrize(
    ("text", "url", "model"),
    [
        ("hf:Qwen/Q2-GGUF/q4.gguf", "/Qwen/Q2-GGUF/resolve/main/q4.gguf", "q4"),
        ("hf:a/b/in ner/모델.gguf", "/a/b/resolve/main/in%20ner/%EB%AA%A8%EB%8D%B8.gguf", "모델"),
        ("hf:a/b/x.gguf@v1.0", "/a/b/resolve/v1.0/x.gguf", "x"),
        ("hf:a/b/x.gguf@refs/pr/3", "/a/b/resolve/refs%2Fpr%2F3/x.gguf", "x"),
        ("https://huggingface.co/a/b/blob/main/x.gguf", "/a/b/resolve/main/x.gguf", "x"),
    ],
)
def test_a_file_of_the_hub(text: str, url: str, model: str) -> None:
    source = read_source(text)
    assert [str(place) for place in source.places] == ["https://huggingface.co" + url]
    assert source.model == model


def test_an_address_keeps_its_signature_and_does_not_tell_it() -> None:
    source = read_source("https://me:pw@h.io/a%20b/x.gguf?sig=a%2Fb%2B#top")
    assert str(source.places[0]) == "https://me:pw@h.io/a%20b/x.gguf?sig=a%2Fb%2B"
    assert source.label == "https://h.io/a%20b/x.gguf"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_any_part_stands_for_all_of_them(number: int) -> None:
    source = read_source(f"hf:a/b/q/x-0000{number}-of-00003.gguf@v1")
    assert source.label == "hf:a/b/q/x-00001-of-00003.gguf@v1"
    assert source.model == "x"
    assert [str(place)[-21:] for place in source.places] == [
        f"x-0000{n}-of-00003.gguf" for n in (1, 2, 3)
    ]


def test_a_path_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.gguf").touch()
    assert read_source("~/x.gguf").places == (tmp_path / "x.gguf",)


@pytest.mark.parametrize(
    "text",
    ["hf:o/r/x.gguf", "hf:x", "https://h.io/x", "x.gguf", "a/X.GGUF", "/x", "./x", "../x", "~/x"],
)
def test_an_address_or_a_file_is_ours_to_fetch(text: str) -> None:
    assert is_source(text) and is_source(f" {text} ")


@pytest.mark.parametrize("text", ["qwen3", "qwen3:4b", "someone/qwen3:4b", "hf.co/o/r-GGUF:Q4_K_M"])
def test_a_plain_name_is_an_ollamas_even_where_a_file_is_called_so(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qwen3").mkdir()
    assert not is_source(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hf:",
        "hf:a/b",
        "hf:a/b/",
        "hf:a/b/x.bin",
        "hf:a/b/../../x.gguf",
        "hf:../../x.gguf",
        "hf:a/b/x-00004-of-00003.gguf",
        "hf:a/b/x-00001-of-99999.gguf",
        "hf:a/b/.gguf",
        "http://example.com/x.gguf",
        "http://localhost.example.com/x.gguf",
        "ftp://example.com/x.gguf",
        "file:///x.gguf",
        "https:///x.gguf",
        "https://h:99999/x.gguf",
        "https://[/x.gguf",
        "https://h.io/",
        "https://h.io/a%2Fx.gguf",
        "qwen2.5:7b",
        "/etc/passwd",
        "x.gguf\0",
        "/no/such/x.gguf",
    ],
)
def test_everything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Problem) as caught:
        read_source(text)
    assert "gguf" in caught.value.hint.en or "https" in caught.value.hint.en


@pytest.mark.parametrize("name", ["qwen2.5-7b:Q4_K_M", "모델", "a", "a" * 180, "x+y_1"])
def test_names_that_are_names(name: str) -> None:
    assert checked_name(name) == name


def test_hangul_is_composed() -> None:
    assert checked_name("\u1106\u1169\u1103\u1166\u11af") == "모델"


NO_NAMES = ["", ".", "..", ".x", "-x", "a/b", "../x", "a\\b", "a b", "a\nb", "a\0b", "x" * 181]
NO_NAMES += ["가" * 61, "x-00001-of-00002", "\ud800", "한글🙂"]
NO_NAMES += ["brain", "search", "coder", "router", "default"]  # they mean another model


@pytest.mark.parametrize("name", NO_NAMES)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(BadRequest):
        checked_name(name)
