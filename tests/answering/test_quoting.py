"""Without a model the passages speak for themselves, and are cited."""

from dunoe.answering.citations import Checker
from dunoe.answering.prompts import Prompts
from dunoe.answering.quoting import quote
from dunoe.answering.source import Part, Source
from dunoe.library.passage import Place, Spot
from tests.answering.making import source

HEADER = "| 이름 | 연봉 |\n| --- | --- |\n"


def test_the_best_passages_are_quoted_and_cited() -> None:
    sources = [source(n, f"글 {n}") for n in range(1, 6)]
    checker = Checker(sources)
    text = quote(Prompts("ko", "search"), sources, "글", checker)
    assert "[1]\n\n> 글 1\n" in text
    assert "[4]" not in text
    assert [one.number for one in checker.citations] == [1, 2, 3]
    assert checker.citations[0].part is sources[0].best


def test_a_passage_of_front_matter_alone_gives_way_to_its_source() -> None:
    made = source(1, "---\ntags: [휴가]\n---\n", "# 연차\n\n연차는 열다섯 날이다.\n")
    checker = Checker([made])
    text = quote(Prompts("ko", "search"), [made], "연차", checker)
    assert "> 연차는 열다섯 날이다." in text
    assert "tags" not in text
    assert len(checker.citations) == 1


def test_a_marker_stands_beside_the_name_and_never_in_a_table_or_in_code() -> None:
    sources = [source(1, "| 가 | 나 |\n| --- | --- |\n| 1 | 2 |\n"), source(2, "```\n코드\n```\n")]
    text = quote(Prompts("en", "search"), sources, "코드", Checker(sources))
    assert "line 1** [1]\n\n> | 가 | 나 |" in text
    assert "line 1** [2]\n\n> ```\n> 코드\n> ```" in text


def of_spots(file: str, pieces: list[tuple[str, Place]], meant: int) -> Source:
    """A source of one passage, made of these pieces; one of them is meant."""
    text, spots = "", []
    for piece, place in pieces:
        spots.append(Spot(len(text), len(text + piece), (), place))
        text += piece
    best = Part("a", 0, len(text), text, (), Place(), tuple(spots))
    return Source(1, "d", file, "", 1.0, (best,), best, spots[meant])


def quoted(made: Source, question: str) -> list[str]:
    """The head and the lines of a quote."""
    text = quote(Prompts("ko", "search"), [made], question, Checker([made]))
    head = next(line for line in text.split("\n") if line.startswith("**"))
    return [head, *(line[2:] for line in text.split("\n") if line.startswith("> "))]


def test_the_page_that_is_named_is_the_page_that_is_quoted() -> None:
    names = ["alpha valves", "bravo pumps", "charlie seals", "delta gears", "echo bolts"]
    pages = [(f"Check the {name} weekly.\n\n", Place(page=n)) for n, name in enumerate(names, 1)]
    made = of_spots("manual.pdf", pages, 4)
    assert quoted(made, "echo bolts") == [
        "**manual.pdf > 5쪽** [1]",
        "Check the echo bolts weekly.",
    ]


def table(meant: int) -> Source:
    """Rows of a sheet, whose header stands above every second one."""
    pieces = []
    for n in range(40):
        if n % 2 == 0:
            pieces.append((HEADER, Place(cells=f"급여!A{n + 2}:B{n + 3}")))
        pieces.append((f"| 직원{n} | {3000 + n} |\n", Place(cells=f"급여!A{n + 2}:B{n + 2}")))
    return of_spots("급여.xlsx", pieces, meant)


def test_a_row_of_a_sheet_is_quoted_under_its_header() -> None:
    assert quoted(table(23), "직원15 연봉") == [
        "**급여.xlsx > 급여!A17:B17** [1]",
        *HEADER.strip().split("\n"),
        "| 직원15 | 3015 |",
    ]


def test_a_header_is_quoted_once_with_the_rows_below_it() -> None:
    found = quoted(table(0), "연봉")
    assert found[1:5] == [*HEADER.strip().split("\n"), "| 직원0 | 3000 |", "| 직원1 | 3001 |"]
    assert found.count(HEADER.split("\n", maxsplit=1)[0]) == 1
