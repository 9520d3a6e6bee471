"""Without a model the passages speak for themselves, and are cited."""

from dunoe.answering.citations import Checker
from dunoe.answering.prompts import Prompts
from dunoe.answering.quoting import quote
from tests.answering.making import source


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
