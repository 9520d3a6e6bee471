"""`dunoe search`: hits with file, heading and place; filters; phrases and words that must not occur."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Said


@pytest.fixture
def library(typed: Callable[..., Said], tmp_path: Path) -> Callable[..., Said]:
    """A command line beside two documents that were read, and no server."""
    notes = tmp_path / "notes"
    (notes / "sub").mkdir(parents=True)
    (notes / "과일.md").write_text(
        "---\ntags: [먹을것]\nproject: 과수원\ntype: 글\nstatus: 끝\ndate: 2024-05-06\n---\n# 과일\n\n"
        + "사과는 빨갛고 달콤한 과일이다. " * 12
        + "\n",
        "utf-8",
    )
    (notes / "sub" / "plan.txt").write_text("사과 농장을 여는 계획\n", "utf-8")
    (tmp_path / "dunoe.toml").write_text('[server]\nport = 9\n[library]\nfolders = ["notes"]\n')
    return typed


def files(said: Said) -> list[str]:
    """The files of hits that were printed as JSON."""
    assert said.code == 0, said.err
    return [hit["file"] for hit in json.loads(said.out)["results"]]


def test_the_first_search_reads_the_library_and_shows_where_it_stands(
    library: Callable[..., Said],
) -> None:
    done = library("search", "빨갛고 달콤한")
    first, snippet, *_ = done.out.splitlines()
    assert first.startswith("1. notes/과일.md > 과일  ")
    assert "행" in first
    assert "(낱말 " in first
    assert "«빨갛고» «달콤한»" in snippet
    assert "읽는 중" in done.err
    assert "임베딩 모델이 없어" in done.err
    assert "읽는 중" not in library("search", "빨갛고").err


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["사과"], {"notes/과일.md", "notes/sub/plan.txt"}),
        (["사과", "--kind", "text"], {"notes/sub/plan.txt"}),
        (["사과", "--path", "*.md"], {"notes/과일.md"}),
        (["사과", "--tag", "먹을것"], {"notes/과일.md"}),
        (["사과", "--project", "과수원", "--type", "글", "--status", "끝"], {"notes/과일.md"}),
        (["사과", "--until", "2024-05-06", "--since", "2024-05-06"], {"notes/과일.md"}),
        (["사과 우주선 발사대", "--min-score", "0.9"], set()),
        (["사과", "--since", "2999-01-01"], set()),
        (["사과 -농장"], {"notes/과일.md"}),
        (['"농장을 여는"'], {"notes/sub/plan.txt"}),
        (["사과", "--mode", "lexical", "--top-k", "2"], {"notes/과일.md", "notes/sub/plan.txt"}),
    ],
)
def test_filters_and_signs_choose(
    library: Callable[..., Said], words: list[str], found: set[str]
) -> None:
    assert set(files(library("search", *words, "--json"))) == found


def test_a_folder_chooses_by_its_path(library: Callable[..., Said], tmp_path: Path) -> None:
    inside = tmp_path / "notes" / "sub"
    assert files(library("search", "사과", "--folder", inside, "--json")) == ["notes/sub/plan.txt"]


def test_nothing_found_is_said(library: Callable[..., Said]) -> None:
    done = library("search", "qwertyuiop")
    assert (done.code, done.out) == (0, "찾지 못했습니다.\n")


def test_a_deleted_file_is_found_no_more_though_nobody_synced(
    library: Callable[..., Said], tmp_path: Path
) -> None:
    assert "notes/과일.md" in files(library("search", "사과", "--json"))
    (tmp_path / "notes" / "과일.md").unlink()
    assert files(library("search", "사과", "--json")) == ["notes/sub/plan.txt"]


@pytest.mark.parametrize("words", [[" "], ["사과", "--since", "어제"], ["사과", "--mode", "magic"]])
def test_what_cannot_be_searched_is_refused_in_two_lines(
    library: Callable[..., Said], words: list[str]
) -> None:
    done = library("search", *words, "--json")
    assert done.code != 0
    assert done.out == ""
    assert done.err.splitlines()[-2].startswith("오류: ")
    assert done.err.splitlines()[-1].startswith("  해결: ")


def test_a_kind_that_is_none_is_told_with_those_that_are_read(library: Callable[..., Said]) -> None:
    done = library("search", "사과", "--kind", "nope")
    assert done.code != 0
    assert "nope" in done.err.splitlines()[-2]
    assert "markdown, text, code" in done.err.splitlines()[-1]


@pytest.mark.parametrize("words", [["--kind", "pdf"], ["--folder", "/nope"]])
def test_a_kind_or_folder_that_is_not_there_names_those_that_are(
    library: Callable[..., Said], tmp_path: Path, words: list[str]
) -> None:
    done = library("search", "사과", *words)
    assert done.code == 0
    assert done.out.splitlines() == [
        "찾지 못했습니다.",
        "있는 종류: markdown, text",
        f"있는 폴더: {tmp_path / 'notes'}",
    ]
