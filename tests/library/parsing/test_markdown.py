"""Markdown becomes blocks that are the file."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.library.parsing.markdown import parse, plain
from dunoe.library.passage import Parsed


def read(text: str) -> Parsed:
    """A document; its blocks cover its text."""
    parsed = parse(text.encode(), "a.md")
    assert "".join(parsed.text[block.start : block.end] for block in parsed.blocks) == text
    return parsed


def kinds(text: str) -> list[tuple[str, str]]:
    """The blocks without the empty lines below them."""
    parsed = read(text)
    return [(one.kind, parsed.text[one.start : one.end].strip()) for one in parsed.blocks]


def headings(text: str) -> list[tuple[int, str]]:
    """Levels and titles."""
    return [(block.level, block.title) for block in read(text).blocks if block.level]


def test_front_matter_says_what_a_document_is() -> None:
    parsed = read(
        "---\ntitle: 둥지 조사\ntags: [새, '#둥지', 새]\ndate: 2024-03-09 10:00:00\nproject: 숲\n"
        "type: 보고서\nstatus: 초안\nother: {a: 1}\n---\n# 다른 제목\n"
    )
    assert (parsed.title, parsed.tags, parsed.date) == ("둥지 조사", ("새", "둥지"), "2024-03-09")
    assert (parsed.project, parsed.type, parsed.status) == ("숲", "보고서", "초안")
    assert [block.kind for block in parsed.blocks] == ["meta", "heading"]
    assert parsed.warnings == ()


@pytest.mark.parametrize(
    ("said", "tags"),
    [
        ("새, 둥지", ("새", "둥지")),
        ("새 둥지", ("새", "둥지")),
        ("[1, 2.5]", ("1", "2.5")),
        ("{a: b}", ()),
    ],
)
def test_tags_come_in_many_forms(said: str, tags: tuple[str, ...]) -> None:
    assert read(f"---\ntags: {said}\n---\n").tags == tags


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("2024-3-9", "2024-03-09"),
        ("2024년 3월 9일", "2024-03-09"),
        ("2024. 13. 1", ""),
        ("어제", ""),
    ],
)
def test_dates_come_in_many_forms(said: str, date: str) -> None:
    assert read(f"---\ndate: {said}\n---\n").date == date


@pytest.mark.parametrize(
    "yaml",
    [
        "a: [b",
        "a: b: c",
        "- a",
        "a: !!python/object/apply:os.system ['true']",
        "a: " + "[" * 5000,
        "d: 2024-99-99",
    ],
    ids=["open", "colons", "list", "code", "deep", "no date"],
)
def test_broken_front_matter_is_a_warning_and_no_error(yaml: str) -> None:
    parsed = read(f"---\n{yaml}\n---\n# 제목\n")
    assert len(parsed.warnings) == 1
    assert parsed.title == "제목"


def test_a_rule_at_the_top_is_no_front_matter() -> None:
    assert kinds("---\n글\n") == [("paragraph", "---"), ("paragraph", "글")]


def test_headings_of_both_forms_are_found() -> None:
    assert headings("# 하나 #\n둘\n==\n\n셋\n두 줄\n---\n### 넷\n#다섯\n####### 여섯\n#\n") == [
        (1, "하나"), (1, "둘"), (2, "셋 두 줄"), (3, "넷"), (1, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("above", ["하나\n둘\n셋\n넷", "> 하나", "***", "* * *"])
def test_a_rule_under_what_is_no_heading_is_a_rule(above: str) -> None:
    assert headings(f"{above}\n---\n글\n") == []


def test_a_comment_with_text_behind_it_is_text() -> None:
    assert kinds("<!-- 새 --> 둥지\n글\n\n<!-- 새 -->\n글") == [
        ("paragraph", "<!-- 새 --> 둥지\n글"),
        ("meta", "<!-- 새 -->"),
        ("paragraph", "글"),
    ]


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("둥지 {#nest}", "둥지"),
        ("useState {/*usestate*/}", "useState"),
        ("[링크](http://a/(b)) **굵게** _기울여_", "링크 굵게 기울여"),
        ("`a*b*c` *d*", "a*b*c d"),
        ("snake_case_name __init__", "snake_case_name init"),
        ("`__init__` <a name='x'></a>끝", "__init__ 끝"),
        (r"operator\*= &lt;T&gt;", "operator*= <T>"),
        ("![그림](a.png) C#", "그림 C#"),
    ],
)
def test_a_title_is_in_plain_words(title: str, words: str) -> None:
    assert plain(title) == words


@pytest.mark.parametrize(
    "shelter",
    [
        "```sh\n# 아니다\n```", "~~~\n# 아니다\n```\n# 아니다\n~~~", "````\n```\n# 아니다\n````",
        "- 목록\n\n  ```\n# 아니다\n  ```", "<!--\n# 아니다\n-->", "<pre>\n# 아니다\n</pre>", "> # 아니다",
        "```\n# 아니다",
    ],
    ids=["fence", "tildes", "long fence", "in a list", "comment", "pre", "quote", "open fence"],
)  # fmt: skip
def test_what_looks_like_a_heading_in_shelter_is_none(shelter: str) -> None:
    assert headings(f"# 위\n\n{shelter}\n") == [(1, "위")]


def test_code_in_a_line_opens_no_fence() -> None:
    assert headings("```a``` 글\n# 제목\n") == [(1, "제목")]


def test_tables_lists_and_code_are_blocks() -> None:
    table = "| 새 | 알 |\n|:--|--:|\n| 굴뚝새 | 6 |"
    items = "- 하나\n  이어서\n\n  아래\n- 둘\n이어서"
    code = "```py\n\nx = 1\n```"
    text = f"글\n{table}\n\n{items}\n\n{code}\n\n    들여 쓴 코드\n\n***\n끝\n"
    assert kinds(text) == [
        ("paragraph", "글"),
        ("table", table),
        ("list", items),
        ("code", code),
        ("code", "들여 쓴 코드"),
        ("paragraph", "***"),
        ("paragraph", "끝"),
    ]


def test_a_block_knows_its_lines() -> None:
    parsed = read("\n# 하나\r\n\r\n글\r\n글\r\n\r\n\r\n```\n\n```\n")
    assert [(one.place.line, one.place.line_end) for one in parsed.blocks] == [
        (2, 2),
        (4, 5),
        (8, 10),
    ]


def test_the_first_great_heading_is_the_title() -> None:
    assert read("## 작은\n# 큰\n# 다른\n").title == "큰"


LINES = st.sampled_from(
    ["# a", "---", "===", "```", "~~~", "- a", "1. b", "| a | b |", "|---|---|", "    c", "<!--", "-->",
     "<pre>", "</pre>", "가나다", "> q", "", " ", "\u2028", "title: x", "***"]
)  # fmt: skip


@given(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\r", ""])), max_size=25))
def test_the_blocks_cover_the_text(lines: list[tuple[str, str]]) -> None:
    blocks = read("".join(line + end for line, end in lines)).blocks
    assert all(one.place.line and one.place.line_end for one in blocks)
    assert all((one.kind == "heading") == (one.level > 0) for one in blocks)


def test_real_documents_are_joined_from_their_blocks(shared: Path) -> None:
    files = sorted((shared / "data/corpora/react-ko").rglob("*.md"))[::10]
    assert files
    for file in files:
        assert read(file.read_bytes().decode()).warnings == ()
