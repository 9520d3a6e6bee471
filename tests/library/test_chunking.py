"""Documents become passages that are the document."""

from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.library.borders import is_border
from dunoe.library.chunking import LONGEST, cut, estimate
from dunoe.library.parsing import code, markdown, text
from dunoe.library.passage import Block, Parsed, Passage, Place
from dunoe.library.sections import READING_TOKENS, Section, sections

SENTENCE = "굴뚝새는 둥근 둥지를 짓는다. "  # 17 letters
Count = Callable[[str], int]


def letters(piece: str) -> int:
    """A token is a letter."""
    return len(piece)


def words(piece: str) -> int:
    """A token is a word."""
    return len(piece.split())


def superadditive(piece: str) -> int:
    """A tokenizer that surprises: a whole has more tokens than its parts had."""
    return len(piece) + (15 if len(piece) > 30 else 0)


def check(parsed: Parsed, passages: list[Passage], limit: int, count: Count) -> None:
    """What holds of every document."""
    assert "".join(one.text for one in passages) == parsed.text
    assert [one.start for one in passages[1:]] == [one.end for one in passages[:-1]]
    for one in passages:
        assert one.text == parsed.text[one.start : one.end]
        assert count(one.text) <= limit or len(one.text) <= 64  # one letter of many characters
        assert len(one.text) <= limit * LONGEST
        assert one.section <= one.start
    for one, next_one in pairwise(passages):
        assert next_one.section in (one.section, next_one.start)
        assert is_border(parsed.text, one.end) or count(one.text) > 20


def passages_of(document: str, limit: int = 100, name: str = "a.md") -> list[Passage]:
    """A Markdown, code or text file in passages, counted by letters."""
    parser = markdown if name.endswith(".md") else code if code.language_of(name) else text
    parsed = parser.parse(document.encode(), name)
    passages = cut(parsed, limit, letters)
    check(parsed, passages, limit, letters)
    return passages


LETTERS = st.text(
    alphabet=st.one_of(
        # a text of letters that nobody knows is refused (test_encodings.py), so it is no document
        st.characters(exclude_categories=["Cs", "Cc", "Co"], exclude_characters="\ufffd"),
        st.sampled_from("가나다 .\n\r\t#`|-\u1112\u1161\u11ab\u0301\u200d👩🇰🇷a"),
    ),
    max_size=300,
)
PIECES = st.sampled_from(
    [
        "# 제목\n", "## 작은 제목\n", "### 깊이\n글\n\n", "\n", "\r\n\r\n", " " * 90, "- 항목\n", "가" * 150,
        SENTENCE, SENTENCE * 12, "| a | b |\n|---|---|\n", "| 가 | 나 |\n" * 9, "e\u0301" * 60,
        "```\n" + "코드 = 1\n" * 30 + "```\n",
    ]
)  # fmt: skip
DOCUMENTS = st.one_of(LETTERS, st.lists(PIECES, max_size=30).map("".join))


@given(DOCUMENTS, st.integers(20, 120), st.sampled_from([letters, words, superadditive, estimate]))
def test_the_passages_are_the_document(document: str, limit: int, count: Count) -> None:
    plain = Parsed("text", document, tuple(text.paragraphs(document)))
    for parsed in (
        plain,
        markdown.parse(document.encode(), "a"),
        code.parse(document.encode(), "a.py"),
    ):
        check(parsed, cut(parsed, limit, count), limit, count)


@pytest.mark.parametrize("document", ["", "\n", " \r\n\t\n", "가"])
def test_next_to_nothing_is_a_document_too(document: str) -> None:
    assert len(passages_of(document)) == (1 if document else 0)


@pytest.mark.parametrize(
    "letter",
    ["a", "가", "가 나 ", "\n", " ", "\u0301", "\u1112\u1161\u11ab", "🇰🇷", "👩\u200d", "| a "],
)
def test_a_line_of_a_megabyte_is_cut(letter: str) -> None:
    parsed = text.parse((letter * (1_000_000 // len(letter.encode()))).encode(), "a.txt")
    passages = cut(parsed, 400, estimate)
    check(parsed, passages, 400, estimate)
    assert len(passages) > 1


@pytest.mark.parametrize(
    "letter",
    ["\u1112\u1161\u11ab", "e\u0301\u0323", "👩\u200d👧", "🇰🇷", "👍🏽", "ก\u0e49", "각\u11a8"],
)
def test_letters_are_never_cut(letter: str) -> None:
    for odd in ("", "a"):
        passages = passages_of(odd + letter * 200, name="a.txt")
        assert len(passages) > 3
        assert all(
            one.text.startswith(letter) and one.text.endswith(letter) for one in passages[1:]
        )


@pytest.mark.parametrize(
    ("before", "after"), ["\r\n", "\u1112\u1161", "\u1161\u11ab", "가\u11ab", "a\u0301", "🇰🇷"]
)
def test_these_are_one_letter(before: str, after: str) -> None:
    assert not is_border(before + after, 1)


@pytest.mark.parametrize(
    ("before", "after"), ["\n\r", "가나", "\u11ab\u1112", "a🇰", "a가", "\u11ab가", "  "]
)
def test_these_are_two_letters(before: str, after: str) -> None:
    assert is_border(before + after, 1)


def test_a_long_paragraph_is_cut_behind_sentences_into_even_pieces() -> None:
    passages = passages_of(SENTENCE * 13, limit=100)
    assert all(one.text.endswith(". ") for one in passages)
    assert min(len(one.text) for one in passages) >= 60


def test_a_sentence_too_long_is_cut_behind_a_word() -> None:
    passages = passages_of("굴뚝새가 지은 둥근 둥지 " * 40)
    assert all(one.text.endswith(" ") for one in passages)


def test_a_long_table_is_cut_behind_rows_and_code_behind_lines() -> None:
    table = "| 새 | 알 |\n|---|---|\n" + "| 굴뚝새. 작다 | 여섯 |\n" * 40
    assert all(one.text.endswith("|\n") for one in passages_of(table))
    source = "값 = f(하나, 둘)  # 셋. 넷\n" * 40
    assert all(one.text.endswith("넷\n") for one in passages_of(source, name="a.py"))


def test_short_neighbours_share_a_passage() -> None:
    passages = passages_of(f"# 새\n\n{(SENTENCE + chr(10) * 2) * 12}", limit=100)
    assert all(60 <= len(one.text) <= 100 for one in passages)


def test_a_heading_stays_with_what_it_is_about() -> None:
    for length in range(1, 12):
        document = (
            f"# 새\n\n{SENTENCE * length}\n\n## 둥지\n\n{SENTENCE * 4}\n\n## 알\n\n{SENTENCE * 4}\n"
        )
        for passage in passages_of(document, limit=120):
            assert passage.text.strip().split("\n")[-1].startswith("굴뚝새")


def test_headings_of_small_sections_stay_with_their_text_too() -> None:
    document = "# 새\n\n" + "## 둥지와 알\n\n굴뚝새가 짓는다.\n\n" * 30
    for limit in range(40, 140):
        for passage in passages_of(document, limit):
            assert passage.text.strip().split("\n")[-1].startswith("굴뚝새")


def test_a_section_beside_another_is_found_and_cited_by_its_own_heading() -> None:
    ends = [
        f"굴뚝새는 {end}.\n"
        for end in ("가는 풀과 이끼로 둥글게 짓는다", "여섯 개나 일곱 개를 낳는다")
    ]
    document = "# 새\n\n## 둥지\n\n{}\n## 알\n\n{}".format(*ends)
    found = [(one.headings, one.text.strip().split("\n")[-1]) for one in passages_of(document, 70)]
    assert found == [(("새", "둥지"), ends[0].strip()), (("새", "알"), ends[1].strip())]


def test_sections_with_little_in_them_share_a_passage_and_all_of_their_names() -> None:
    document = f"# 새\n\n{SENTENCE * 4}\n\n## 둥지\n\n둥글다.\n\n## 알\n\n### 색\n\n희다.\n\n# 나무\n\n크다.\n"
    found = [(one.headings, one.text.strip("# ")[0]) for one in passages_of(document)]
    assert found == [(("새",), "새"), (("새", "둥지 · 알 · 색"), "둥"), (("나무",), "나")]


def test_of_many_names_as_many_are_kept_as_are_read_at_a_glance() -> None:
    document = "".join(f"# {'새' * 50}{n}\n\n" for n in range(4))
    (passage,) = passages_of(document, 300)
    assert passage.headings == (f"{'새' * 50}0 · {'새' * 50}1 …",)


def test_what_stands_above_the_first_heading_is_named_by_it() -> None:
    source = "import os\n\n\ndef 둥지():\n    return os\n\n\ndef 알():\n    return 6\n\n\n둥지()\n"
    assert [one.headings for one in passages_of(source, name="a.py")] == [("둥지",), ("알",)]


SMALL_FILES = {
    "a.py": "class A:\n    def f(self):\n        return 1\n\n    def g(self):\n        return 2\n\n\ndef h():\n    x\n",
    "a.js": "class A {\n  f() {\n    return 1;\n  }\n  g() {\n    return 2;\n  }\n}\nconst h = () => {\n  x();\n};\n",
    "a.ts": "class A {\n  f(): T {\n    return 1;\n  }\n  g() {\n    return 2;\n  }\n}\nfunction h() {\n  x();\n}\n",
    "A.java": "class A {\n  int f() {\n    return 1;\n  }\n  int g() {\n    return 2;\n  }\n}\nclass h {\n}\n",
    "a.cpp": "class A {\n  int f() {\n    return 1;\n  }\n  int g() {\n    return 2;\n  }\n};\nint h() {\n}\n",
    "a.rs": "impl A {\n  fn f() {\n    1\n  }\n  fn g() {\n    2\n  }\n}\nfn h() {\n}\n",
}


@pytest.mark.parametrize("name", SMALL_FILES)
def test_small_methods_and_functions_keep_their_names(name: str) -> None:
    found = [one.headings for one in passages_of(SMALL_FILES[name], 300, name)]
    assert found == [("A", "f"), ("A", "g"), ("h",)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.go", "func f() {\n}\n\nfunc g() {\n}\n"),
        ("a.c", "int f() {\n}\n\nint g() {\n}\n"),
        ("a.sh", "f() {\n  :\n}\ng() {\n  :\n}\n"),
        ("a.sql", "CREATE TABLE f (\n id int\n);\nCREATE TABLE g (\n id int\n);\n"),
        ("a.yaml", "f:\n  a: 1\ng:\n  b: 1\n"),
        ("a.toml", "[f]\na = 1\n\n[g]\nb = 1\n"),
        ("a.json", '{\n"f": {\n"a": 1\n},\n"g": {\n"b": 1\n}}\n'),
    ],
)
def test_small_definitions_keep_their_names(name: str, text: str) -> None:
    assert [one.headings for one in passages_of(text, 300, name)] == [("f",), ("g",)]


def test_definitions_of_one_line_share_a_passage() -> None:
    lines = "".join(f"k{n}: '굴뚝새는 둥근 둥지를 짓는다'\n" for n in range(9))
    assert [one.headings for one in passages_of(lines, 300, "a.yaml")] == [
        ("k0 · k1 · k2 · k3 · k4 · k5 · k6 · k7 · k8",)
    ]


def test_empty_space_that_has_no_tokens_is_cut_all_the_same() -> None:
    parsed = _parsed([*[(" " * 90, 0)] * 50, ("가 " * 15, 0)])
    check(parsed, cut(parsed, 20, words), 20, words)


def test_a_whole_that_has_more_tokens_than_its_parts_is_cut_again() -> None:
    parsed = _parsed([("가나다라 " * 5, 0)] * 4)
    passages = cut(parsed, 110, superadditive)
    check(parsed, passages, 110, superadditive)


@pytest.mark.parametrize(
    ("blocks", "together"),  # tokens and level of blocks; a section below 33 tokens is small
    [
        ([(50, 1), (50, 1)], [1, 1]),  # nobody is small
        ([(50, 1), (10, 2)], [2]),  # to the one before
        ([(50, 1), (10, 1), (50, 2)], [1, 2]),  # to its child
        ([(10, 1), (50, 1)], [2]),  # to the next of its kind
        ([(50, 2), (10, 3), (20, 4), (50, 1)], [3, 1]),  # not to what stands above
        ([(1000, 1), (10, 2), (10, 3), (1000, 1)], [3, 1]),
        ([(1495, 1), (10, 1)], [1, 1]),
        ([(1490, 1), (10, 2), (10, 3), (50, 1)], [1, 3]),  # not into what would be too long
    ],
)
def test_a_small_section_joins_the_neighbour_it_belongs_to(
    blocks: list[tuple[int, int]], together: list[int]
) -> None:
    leaves = [Section(n, n + 1, level, tokens) for n, (tokens, level) in enumerate(blocks)]
    assert [len(one) for one in sections(leaves, 100)] == together


def _parsed(pieces: list[tuple[str, int]]) -> Parsed:
    """A document of blocks with these texts and levels."""
    ends = list(accumulate(len(piece) for piece, _ in pieces))
    blocks = [
        Block(end - len(piece), end, level=level, title="x" if level else "")
        for end, (piece, level) in zip(ends, pieces, strict=True)
    ]
    return Parsed("text", "".join(piece for piece, _ in pieces), tuple(blocks))


def test_a_passage_knows_the_headings_above_it() -> None:
    document = f"# 새\n\n{SENTENCE * 5}\n\n## 둥지\n\n{SENTENCE * 9}\n\n# 알\n\n{SENTENCE * 5}\n"
    found = [(one.headings, one.text.lstrip("# ")[0]) for one in passages_of(document)]
    assert found == [
        (("새",), "새"), (("새", "둥지"), "둥"), (("새", "둥지"), "굴"), (("알",), "알"),
    ]  # fmt: skip


def test_small_sections_are_read_together() -> None:
    document = f"# 새\n\n{SENTENCE * 5}\n\n" + "".join(f"## 둘 {n}\n\n작다.\n\n" for n in range(2))
    passages = passages_of(document, limit=100)
    assert [one.headings for one in passages[:2]] == [("새",), ("새", "둘 0 · 둘 1")]
    assert {one.section for one in passages} == {0}


def test_methods_stand_under_their_class() -> None:
    body = f'        """{SENTENCE * 3}"""\n\n'
    source = f"class 둥지:\n    x = '{SENTENCE * 4}'\n\n    def 짓기(self):\n{body}y = '{SENTENCE * 4}'\n"
    found = [one.headings for one in passages_of(source, name="a.py")]
    assert found == [("둥지",), ("둥지", "짓기"), ()]


def test_a_section_is_what_is_read_together_and_never_too_long() -> None:
    document = f"# 새\n\n{SENTENCE * 20}\n\n# 둥지\n\n{(SENTENCE * 4 + chr(10) * 2) * 100}"
    passages = passages_of(document)
    sections: dict[int, int] = {}
    for one in passages:
        sections[one.section] = sections.get(one.section, 0) + len(one.text)
    assert list(sections)[:2] == [0, document.index("# 둥지")]
    assert max(sections.values()) <= READING_TOKENS
    assert min(list(sections.values())[1:]) >= READING_TOKENS / 2


def test_a_passage_knows_its_lines() -> None:
    lines = [f"{n}번째 줄이다" if n % 5 else "" for n in range(1, 200)]
    for ends in ("\n", "\r\n"):
        for name in ("a.md", "a.txt", "a.py"):
            for one in passages_of(ends.join(lines), name=name):
                first, last = one.text.strip().split(ends)[0], one.text.strip().split(ends)[-1]
                assert one.place.line and one.place.line_end
                assert first in lines[one.place.line - 1]
                assert last in lines[one.place.line_end - 1]


def test_pieces_of_one_long_paragraph_know_their_own_lines() -> None:
    passages = passages_of(
        "\n\n" + "\n".join(f"{n}번 줄 이다" for n in range(3, 100)), name="a.txt"
    )
    assert [one.place.line for one in passages[1:]] == [
        (one.place.line_end or 0) + 1 for one in passages[:-1]
    ]
    assert (passages[0].place.line, passages[-1].place.line_end) == (3, 99)


def test_a_passage_lies_on_all_the_pages_slides_and_cells_of_its_blocks() -> None:
    places = [
        Place(page=2, slide=3, cells="매출!A1:C5"),
        Place(page=3, page_end=4, slide=3, cells="매출!A6:C9"),
    ]
    blocks = tuple(Block(n * 10, n * 10 + 10, place=place) for n, place in enumerate(places))
    (passage,) = cut(Parsed("xlsx", "가" * 20, blocks), 100, letters)
    assert passage.place == Place(page=2, page_end=4, slide=3, slide_end=3, cells="매출!A1:C9")


def test_cells_of_several_sheets_are_one_range_of_each() -> None:
    ranges = ["매출!A1:AB5", "매출!B6:C12", "비용!A1", "매출!A13:C13"]
    blocks = tuple(
        Block(n * 10, n * 10 + 10, place=Place(cells=cells)) for n, cells in enumerate(ranges)
    )
    (passage,) = cut(Parsed("xlsx", "가" * 40, blocks), 100, letters)
    assert passage.place.cells == "매출!A1:AB13, 비용!A1"
    assert [one.place.cells for one in passage.spots] == ranges


def test_a_passage_of_several_sections_knows_where_each_begins() -> None:
    document = "앞말\n\n# 주차\n\n지하 2층\n\n## 요금\n\n천 원\n"
    (passage,) = passages_of(document, 300)
    found = [(one.headings, one.place.line, document[one.start :][:4]) for one in passage.spots]
    assert found == [((), 1, "앞말\n\n"), (("주차",), 3, "# 주차"), (("주차", "요금"), 7, "## 요")]
    assert passages_of("# 주차\n\n지하 2층\n\n무료\n", 300)[0].spots == ()


def test_lines_of_the_source_that_are_not_those_of_the_text_are_left_as_they_are() -> None:
    block = Block(0, 300, place=Place(line=7, line_end=40))
    for passage in cut(Parsed("html", "가 나" * 100, (block,)), 100, letters):
        assert (passage.place.line, passage.place.line_end) == (7, 40)


def test_real_documents_fill_their_passages(shared: Path) -> None:
    sizes = []
    for file in sorted((shared / "data/corpora/rust-book-ko/src").rglob("*.md")):
        parsed = markdown.parse(file.read_bytes(), file.name)
        passages = cut(parsed, 480, estimate)
        check(parsed, passages, 480, estimate)
        sizes += [estimate(one.text) for one in passages]
    sizes.sort()
    assert sizes[len(sizes) // 2] >= 0.6 * 480
    assert sizes[len(sizes) // 20] >= 0.25 * 480


@given(LETTERS, LETTERS)
def test_the_estimate_adds_up(one: str, other: str) -> None:
    assert 0 <= estimate(one) + estimate(other) - estimate(one + other) <= 1


@pytest.mark.parametrize(
    ("piece", "real"),  # counted with the vocabulary of XLM-R
    [
        ("안녕하세요 반갑습니다 hello world", 7),
        ("The wren builds a round nest.", 8),
        ("getElementById(x)", 9),
    ],
)
def test_the_estimate_is_about_right(piece: str, real: int) -> None:
    assert 0.8 * real <= estimate(piece) <= 2 * real + 2
