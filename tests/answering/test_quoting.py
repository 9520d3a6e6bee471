"""Without a model the passages speak for themselves, and are cited."""

from dunoe.answering.citations import Checker
from dunoe.answering.prompts import Prompts
from dunoe.answering.quoting import LENGTH, quote, shortened, visible
from tests.answering.making import source


def test_the_best_passages_are_quoted_and_cited() -> None:
    sources = [source(n, f"글 {n}") for n in range(1, 6)]
    checker = Checker(sources)
    text = quote(Prompts("ko", "search"), sources, checker)
    assert "[1]\n\n> 글 1\n" in text
    assert "[4]" not in text
    assert [one.number for one in checker.citations] == [1, 2, 3]
    assert checker.citations[0].part is sources[0].best


def test_markup_that_nobody_sees_is_left_out_and_code_is_not() -> None:
    assert (
        visible('<!-- old -->가 <span class="a">나</span> `Vec<T>` a < b') == "가 나 `Vec<T>` a < b"
    )


def test_a_long_passage_is_cut_at_a_space() -> None:
    cut = shortened("낱말 " * LENGTH)
    assert len(cut) <= LENGTH + 1
    assert cut.endswith("낱말…")
