"""Source code is cut where its definitions begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunoe.library.parsing.code import LANGUAGES, language_of, parse
from dunoe.library.parsing.grammars import GRAMMARS
from dunoe.library.passage import Parsed
from dunoe.library.sections import paths


def read(name: str, text: str) -> Parsed:
    """A source file; its blocks cover its text."""
    parsed = parse(text.encode(), name)
    assert parsed.kind == "code"
    assert "".join(parsed.text[block.start : block.end] for block in parsed.blocks) == text
    return parsed


def parts(name: str, text: str) -> list[tuple[str, str]]:
    """What each part of a file is called, and its first word."""
    parsed = read(name, text)
    return [
        (" > ".join(path), parsed.text[block.start : block.end].split(maxsplit=1)[0])
        for path, block in zip(paths(parsed.blocks), parsed.blocks, strict=True)
    ]


PYTHON = '''"""머리말."""
import os


# 새의 집
@dataclass
class 둥지(Base):
    """설명 🪺."""

    알: int = 0

    # 센다
    @property
    def 세기(self) -> int:
        def inner() -> None: ...
        return self.알

    def 짓기(self): ...

    끝 = 1

async def main():
    pass
main()
'''


def test_python_is_cut_at_classes_and_functions_with_what_stands_above_them() -> None:
    assert parts("a.py", PYTHON) == [
        ("", '"""머리말."""'),
        ("둥지", "#"),
        ("둥지 > 세기", "#"),
        ("둥지 > 짓기", "def"),
        ("둥지", "끝"),
        ("main", "async"),
        ("", "main()"),
    ]


def test_a_definition_knows_its_lines() -> None:
    places = [block.place for block in read("a.py", PYTHON).blocks]
    assert [(place.line, place.line_end) for place in places] == [
        (1, 2), (5, 10), (12, 16), (18, 18), (20, 20), (22, 23), (24, 24),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        (
            "a.js",
            "import x from 'x';\n// 둥지\nexport default function f() {}\nexport const g = async () => {};\n"
            "module.exports = function () {};\nclass A {\n  m() {}\n  #p = () => 1;\n}\nvar n = 1;\n",
            ["", "f", "g", "module.exports", "A", "A > m", "A > #p", ""],
        ),
        (
            "a.ts",
            "interface I { a: string }\ntype T = 1;\nenum E { A }\nnamespace N {\n  export function q() {}\n}\n"
            "abstract class Z {\n  abstract f(): void;\n}\n",
            ["I", "T", "E", "N", "N > q", "Z", "Z > f"],
        ),
        ("a.tsx", "export const View: FC = () => <div>둥지</div>;\n", ["View"]),
        (
            "a.go",
            "package a\n\n// M 둥지\nfunc (t *T[K]) M() {}\ntype (\n\tA int\n\tB struct{}\n)\nfunc f() {}\n",
            ["", "T.M", "", "A", "B", "f"],
        ),
        (
            "a.rs",
            "use a;\n/// 둥지\n#[derive(Debug)]\nstruct S;\nimpl<T> Tr for S<T> {\n    fn a(&self) {}\n}\nmod m {\n"
            "    pub fn x() {}\n}\nmod k;\nmacro_rules! z { () => {} }\n",
            ["", "S", "Tr for S<T>", "Tr for S<T> > a", "m", "m > x", "", "z"],
        ),
        (
            "A.java",
            "package x;\n/** 둥지\n * 집 */\n@A\npublic class K {\n  public K() {}\n  void m() {}\n  enum E { A }\n}\n",
            ["", "K", "K > K", "K > m", "K > E"],
        ),
        (
            "a.c",
            "#include <x.h>\nstruct P { int x; };\nstruct P p;\ntypedef struct { int y; } Q;\n#define M(x) x\n"
            "static int *f(void (*g)(int)) { return 0; }\n",
            ["", "P", "", "Q", "M", "f"],
        ),
        (
            "a.h",
            "namespace a::b {\n// 둥지\ntemplate <class T>\nclass X {\n public:\n  int f() const { return 1; }\n"
            "  int n;\n};\n}\nint &a::X::g() { }\n",
            ["a::b", "a::b > X", "a::b > X > f", "a::b > X", "a::X::g"],
        ),
        (
            "a.sql",
            "-- 둥지\nCREATE TABLE 숲.둥지 (id int);\nINSERT INTO t VALUES (1);\nCREATE VIEW v AS SELECT 1;\n",
            ["숲.둥지", "", "v"],
        ),
        ("a.sh", "set -e\n# 둥지\nf() { echo; }\nfunction g { :; }\nf\n", ["", "f", "g", ""]),
        ("a.yml", "# 둥지\na: 1\nb:\n  c: |\n    d: 1\n'e f': 2\n", ["", "a", "b", "e f"]),
        ("a.toml", "a = 1\ns = '''\n[no]\n'''\n[둥지.알]\nb = 1\n[[x]]\n", ["a", "s", "둥지.알", "x"]),
        ("a.json", '{\n  "a": {"no": 1},\n  "b\\"": [1, "no"]\n}\n', ["", "a", 'b\\"']),
        ("b.json", '[{"a": 1}, {"b": [2]}]', ["", "", ""]),
    ],
)  # fmt: skip
def test_every_language_is_cut_at_its_definitions(name: str, text: str, found: list[str]) -> None:
    assert [path for path, _ in parts(name, text)] == found


def test_every_language_has_a_name_and_a_reader() -> None:
    assert GRAMMARS.keys() | {"yaml", "toml", "json"} == LANGUAGES.keys()


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.py", "python"), ("A.TSX", "tsx"), (".bashrc", "shell"), ("a.md", None), ("py", None)],
)
def test_a_file_tells_its_language_by_its_name(name: str, language: str | None) -> None:
    assert language_of(name) == language


@pytest.mark.parametrize("ending", [ending.split()[0] for ending in LANGUAGES.values()])
@pytest.mark.parametrize(
    "text", ["", " \n", "def f(:\n한글 ((((\nclass {{{ '\"", "\u2028가나\r\n}}"]
)
def test_broken_code_is_read_all_the_same(ending: str, text: str) -> None:
    read(f"a.{ending}", text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "(" * 100_000),
        ("a.js", "function f(){" * 5000),
        ("a.cpp", "namespace a{" * 5000),
        ("a.json", "[" * 100_000),
        ("a.min.js", "var f=function(a){return a+1};" * 5000),
    ],
)
def test_deep_and_long_files_are_read(name: str, text: str) -> None:
    assert read(name, text).blocks


def test_a_file_of_no_language_is_paragraphs() -> None:
    assert len(read("a.zig", "fn f() void {}\n\nfn g() void {}\n").blocks) == 2


PIECES = st.sampled_from(
    ["class 가:\n", "    def 나(self):\n", "        x = '다'\n", "@d\n", "# 라\n", "\n", "def f(): pass\n",
     "class A { ", "m() {} ", "}\n", "x = 1;", "\r\n", "🪺", '"k": {', "[", "]", "a: b\n", "- c\n", "[t]\n", "'''"]
)  # fmt: skip


@given(
    st.sampled_from(["a.py", "a.js", "a.yaml", "a.toml", "a.json"]), st.lists(PIECES, max_size=20)
)
def test_the_blocks_cover_the_text(name: str, pieces: list[str]) -> None:
    read(name, "".join(pieces))
