"""A question finds passages: what is found, in which order, and what is told about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dunoe.errors import Unavailable
from dunoe.library import search
from dunoe.library.index.point import Filter
from dunoe.library.search import Hit, Results, Wish, chances, spread
from tests.library.shelfful import Shelfful

pytestmark = pytest.mark.anyio

EAST, NORTH, UP = [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelfful]:
    """A library whose collection has vectors."""
    shelf = Shelfful(tmp_path / "index")
    yield shelf
    shelf.index.close()


@pytest.fixture
def wordy(tmp_path: Path) -> Iterator[Shelfful]:
    """A library without an embedding model."""
    shelf = Shelfful(tmp_path / "index", model="")
    yield shelf
    shelf.index.close()


def files(results: Results) -> list[str]:
    return [hit.document.name for hit in results.hits]


async def test_words_find_passages_and_say_how_well(wordy: Shelfful) -> None:
    wordy.add(
        "rust.md", "소유권은 값을 누가 가지는지 정하는 규칙이다", "빌림은 참조를 만드는 일이다"
    )
    wordy.add("java.md", "자바는 쓰레기를 모아서 버린다")
    found = await wordy.search.find(Wish("소유권 규칙이 뭐야?"))
    assert files(found) == ["rust.md"]
    assert "소유권" in found.hits[0].passage.text
    assert found.hits[0].match_type == "lexical"
    assert 0.3 < found.hits[0].score <= 1
    assert found.modes == ("lexical",)
    assert "임베딩" in found.warnings[0].ko


async def test_a_question_that_the_library_does_not_know_scores_low(wordy: Shelfful) -> None:
    wordy.add("rust.md", "소유권은 값을 누가 가지는지 정하는 규칙이다")
    wordy.add("java.md", "자바는 쓰레기를 모아서 버린다")
    knows = await wordy.search.find(Wish("소유권 규칙"))
    guesses = await wordy.search.find(Wish("제주도 감귤 수확 시기의 규칙"))
    assert guesses.hits[0].score < knows.hits[0].score / 2
    assert guesses.features.coverage is not None
    assert knows.features.coverage is not None
    assert guesses.features.coverage < 0.4
    assert knows.features.coverage > 0.7  # the passage writes the two words apart


async def test_being_alone_with_a_frequent_word_is_no_lead(wordy: Shelfful) -> None:
    for n in range(40):
        wordy.add(f"{n}.md", f"가격 {n} 이야기" if n % 2 else f"저녁 {n} 이야기")
    wordy.add("rust.md", "소유권은 값을 누가 가지는지 정하는 규칙이다")
    rare = (await wordy.search.find(Wish("소유권 규칙"))).features
    frequent = (await wordy.search.find(Wish("가격 경주마", Filter(names=("1.md",))))).features
    assert rare.lead is not None
    assert frequent.lead is not None
    assert frequent.lead < rare.lead / 2  # the only hit of its search, and no surer for that


async def test_how_sure_a_search_is_does_not_hang_on_how_many_hits_are_wanted(
    wordy: Shelfful,
) -> None:
    wordy.add("a.md", "소유권 규칙은 이렇다")
    wordy.add("b.md", "소유권 규칙은 저렇다 그리고 길다")
    one = await wordy.search.find(Wish("소유권 규칙", top_k=1))
    two = await wordy.search.find(Wish("소유권 규칙", top_k=2))
    assert len(one.hits) == 1
    assert one.features == two.features


async def test_as_long_as_vectors_are_being_made_nobody_says_that_there_is_no_model(
    wordy: Shelfful,
) -> None:
    wordy.add("rust.md", "소유권 규칙")
    wordy.embedding = "e5"
    found = await wordy.search.find(Wish("소유권"))
    assert files(found) == ["rust.md"]
    assert [warning.ko for warning in found.warnings] == [
        "벡터를 아직 만드는 중이라 낱말로만 찾았습니다"
    ]


async def test_meaning_finds_what_says_it_in_other_words(shelf: Shelfful) -> None:
    shelf.add("cat.md", ("고양이는 잠을 잔다", EAST), ("강아지가 논다", NORTH))
    shelf.meanings["야옹이의 수면"] = EAST
    found = await shelf.search.find(Wish("야옹이의 수면", mode="semantic", top_k=1))
    assert found.hits[0].passage.text == "고양이는 잠을 잔다"
    assert found.hits[0].match_type == "dense"
    assert found.hits[0].score == pytest.approx(1, abs=0.01)
    assert found.modes == ("dense",)
    assert found.features.standing is not None


async def test_both_legs_together_put_first_what_both_found(shelf: Shelfful) -> None:
    shelf.add("both.md", ("소유권과 빌림", EAST))
    shelf.add("words.md", ("소유권", NORTH))
    shelf.add("meaning.md", ("값의 주인", EAST))
    shelf.meanings["소유권 빌림"] = EAST
    found = await shelf.search.find(Wish("소유권 빌림"))
    assert files(found)[0] == "both.md"
    assert {hit.document.name: hit.match_type for hit in found.hits}["both.md"] == "both"
    assert found.modes == ("lexical", "dense")
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)


async def test_the_name_of_a_thing_in_code_is_not_diluted_by_meaning(shelf: Shelfful) -> None:
    shelf.add("errors.md", ("E0382 오류는 옮겨진 값을 쓸 때 난다", NORTH))
    shelf.add("other.md", ("전혀 다른 이야기", EAST))
    shelf.meanings["E0382"] = EAST
    assert files(await shelf.search.find(Wish("E0382"))) == ["errors.md"]


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_without_the_engine_words_still_find(shelf: Shelfful, mode: str) -> None:
    shelf.add("rust.md", ("소유권 규칙", EAST))
    shelf.is_away = True
    found = await shelf.search.find(Wish("소유권", mode=mode))  # type: ignore[arg-type]  # a parameter
    assert files(found) == ["rust.md"]
    assert found.modes == ("lexical",)
    assert "the engine is down" in found.warnings[0].en


async def test_a_phrase_must_stand_word_for_word(shelf: Shelfful) -> None:
    shelf.add("a.md", ("값의 소유권 이전은 대입으로 일어난다", NORTH))
    shelf.add("b.md", ("이전에 소유권을 배웠다", EAST))
    found = await shelf.search.find(Wish('"소유권 이전"'))
    assert files(found) == ["a.md"]
    assert found.hits[0].match_type == "phrase"


async def test_an_excluded_word_must_not_occur(shelf: Shelfful) -> None:
    shelf.add("a.md", ("휴가는 열흘이다", EAST))
    shelf.add("b.md", ("휴가와 병가는 다르다", EAST))
    assert files(await shelf.search.find(Wish("휴가 -병가"))) == ["a.md"]


async def test_words_to_leave_out_alone_list_the_other_documents_newest_first(
    wordy: Shelfful,
) -> None:
    wordy.add("old.md", "휴가는 열흘이다", "연차는 따로다", mtime_ns=1)
    wordy.add("new.md", "출장비를 청구한다", mtime_ns=2)
    wordy.add("sick.md", "첫 쪽", "병가는 두 달이다", mtime_ns=3)
    wordy.add("code.py", "휴가 = 10", kind="code", mtime_ns=4)
    found = await wordy.search.find(Wish("-병가"))
    assert files(found) == ["code.py", "new.md", "old.md"]  # one place each, no passage may say it
    assert [hit.passage.position for hit in found.hits] == [0, 0, 0]
    assert {(hit.score, hit.match_type) for hit in found.hits} == {(0.0, "without")}
    assert found.modes == ()
    assert "뺄 말" in found.warnings[0].ko
    only = Wish("-병가", Filter(kinds=("markdown",)), top_k=1)
    assert files(await wordy.search.find(only)) == ["new.md"]
    assert files(await wordy.search.find(Wish("휴가 연차", operator="NOT"))) == [
        "sick.md",
        "new.md",
    ]
    assert (await wordy.search.find(Wish("-병가", min_score=0.1))).hits == ()


async def test_words_to_leave_out_alone_do_not_read_a_whole_library(
    wordy: Shelfful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LISTED", 2)
    monkeypatch.setattr(search, "LOOKED_THROUGH", 4)
    wordy.add("old.md", "출장비를 청구한다", mtime_ns=0)
    for n in range(9):
        wordy.add(f"{n}.md", "휴가는 열흘이다", mtime_ns=n + 1)
    found = await wordy.search.find(Wish("-휴가"))
    assert found.hits == ()
    assert "구절" in found.warnings[-1].ko
    assert len(found.warnings) == 2


async def test_all_words_are_there_when_all_are_demanded(shelf: Shelfful) -> None:
    shelf.add("both.md", ("소유권을 빌려서 쓴다", NORTH))
    shelf.add("apart.md", ("소유권은 규칙이다", EAST), ("빌려서 쓴다", EAST))
    shelf.meanings["빌리다 소유권은 어떻게"] = EAST
    assert files(await shelf.search.find(Wish("빌리다 소유권은 어떻게", operator="AND"))) == [
        "both.md"
    ]
    assert len((await shelf.search.find(Wish("빌리다 소유권은 어떻게"))).hits) == 3


async def test_a_demanded_word_is_there_where_it_is_spelled_however_its_particle_is_read(
    wordy: Shelfful,
) -> None:
    wordy.add("leave.md", "연차 이월은 최대 5일까지입니다")  # Kiwi reads 이 and 월 in 이월은
    wordy.add("month.md", "연차는 이번 월말까지 냅니다")
    wordy.add("parts.md", "이 월 연차는 없다")
    for question in ("연차 이월", "이월", "(이월), 연차?"):
        assert files(await wordy.search.find(Wish(question, operator="AND"))) == ["leave.md"]


@pytest.mark.parametrize(
    "question", ["asdfqwer", "ㅋㅋㅋㅋ", "\U0001f600", "는", "가", "the", "이 는 을"]
)
async def test_what_says_nothing_finds_nothing_for_sure(wordy: Shelfful, question: str) -> None:
    wordy.add("rust.md", "소유권 가 는 규칙이다", "늘 가는 길")
    wordy.add("en.md", *(f"the rule number {n}" for n in range(9)))
    for hit in (await wordy.search.find(Wish(question))).hits:
        assert hit.score < 0.5


async def test_a_file_that_is_named_comes_first(shelf: Shelfful) -> None:
    shelf.add("Report.hwp", ("이 문서는 예산을 다룬다", NORTH), ("둘째 쪽", NORTH))
    shelf.add("other.md", ("예산 예산 예산", EAST))
    shelf.meanings["report.hwp 예산"] = EAST
    found = await shelf.search.find(Wish("report.hwp 예산"))
    assert files(found)[0] == "Report.hwp"
    assert found.hits[0].match_type == "name"
    assert found.hits[0].score > 0.5


async def test_a_bare_file_name_finds_how_the_file_begins(wordy: Shelfful) -> None:
    wordy.add("회의록.hwp", *(f"{n}번째 안건을 다루었다" for n in range(9)))
    wordy.add("other.md", "전혀 다른 이야기")
    found = await wordy.search.find(Wish("회의록.hwp"))
    assert [hit.passage.position for hit in found.hits] == [0, 1, 2]


async def test_a_named_file_still_passes_the_filter(wordy: Shelfful) -> None:
    wordy.add("main.py", "세상의 인사", tags=("old",))
    wordy.add("other.py", "원주율의 인사", tags=("new",))
    assert files(await wordy.search.find(Wish("main.py 인사", Filter(tags=("new",))))) == [
        "other.py"
    ]


async def test_filters_hold_in_every_mode(shelf: Shelfful) -> None:
    shelf.add("a.md", ("소유권", EAST), project="one")
    shelf.add("b.md", ("소유권", NORTH), project="two")
    shelf.meanings["소유권"] = NORTH
    for mode in ("lexical", "semantic", "hybrid"):
        wish = Wish("소유권", Filter(projects=("one",)), mode)
        assert files(await shelf.search.find(wish)) == ["a.md"]


async def test_what_the_catalogue_does_not_know_is_no_hit(wordy: Shelfful) -> None:
    wordy.add("gone.md", "소유권 규칙")
    wordy.rows.clear()
    assert (await wordy.search.find(Wish("소유권"))).hits == ()


async def test_the_same_text_is_shown_once(wordy: Shelfful) -> None:
    wordy.add("a.md", "소유권은 규칙이다")
    wordy.add("copy.md", "소유권은  규칙이다")
    assert len((await wordy.search.find(Wish("소유권"))).hits) == 1


@pytest.mark.parametrize("order", [1, -1])
async def test_of_copies_the_first_path_is_shown_whatever_came_first(
    wordy: Shelfful, order: int
) -> None:
    for n in range(9)[::order]:
        wordy.add(f"copy{n}.md", "소유권은 규칙이다")
    assert files(await wordy.search.find(Wish("소유권"))) == ["copy0.md"]


async def test_a_list_of_links_does_not_answer_before_what_it_leads_to(wordy: Shelfful) -> None:
    wordy.add("SUMMARY.md", "- [소유권](ch04.md)\n- [빌림](ch05.md)\n- [소유권과 함수](ch06.md)")
    wordy.add(
        "ch04.md",
        "소유권은 러스트에서 가장 특별한 기능이라 언어 곳곳에 깊이 스며 있습니다. 값마다 주인이 하나 있고, "
        "주인이 범위를 벗어나면 값은 버려집니다. [빌림](ch05.md)은 다음 장에서 다룹니다.",
    )
    assert files(await wordy.search.find(Wish("소유권"))) == ["ch04.md", "SUMMARY.md"]


async def test_one_document_does_not_take_every_place(wordy: Shelfful) -> None:
    wordy.add("big.md", *(f"소유권 {n} 소유권" for n in range(10)))
    wordy.add("small.md", "소유권에 관한 다른 글도 있다")
    names = files(await wordy.search.find(Wish("소유권", top_k=4)))
    assert sorted(names) == ["big.md"] * 3 + ["small.md"]
    names = files(await wordy.search.find(Wish("소유권", top_k=8)))
    assert len(names) == 8  # nothing else is there to show


async def test_a_reranker_has_the_last_word(shelf: Shelfful) -> None:
    shelf.add("a.md", ("소유권 하나", EAST))
    shelf.add("b.md", ("소유권 둘", EAST))
    shelf.reranks = {"둘": 4.0, "하나": -1.0}
    found = await shelf.search.find(Wish("소유권", use_reranking=True))
    assert files(found) == ["b.md", "a.md"]
    assert found.hits[0].scores.rerank == 4.0
    assert found.hits[0].score == pytest.approx(0.982, abs=0.001)
    assert found.modes == ("lexical", "dense", "rerank")
    assert found.features.rerank == 4.0
    found = await shelf.search.find(Wish("소유권"))
    assert "rerank" not in found.modes


async def test_who_wants_a_reranker_where_there_is_none_is_told(wordy: Shelfful) -> None:
    wordy.add("a.md", "소유권 하나")
    found = await wordy.search.find(Wish("소유권", use_reranking=True))
    assert files(found) == ["a.md"]
    assert any("재정렬 모델이 없" in warning.ko for warning in found.warnings)
    assert not (await wordy.search.find(Wish("소유권", mode="lexical"))).warnings


async def test_a_reranker_that_is_away_changes_nothing(wordy: Shelfful) -> None:
    wordy.add("a.md", "소유권 하나")
    wordy.reranks, wordy.is_away = {}, True
    found = await wordy.search.find(Wish("소유권", use_reranking=True))
    assert files(found) == ["a.md"]
    assert any("재정렬" in warning.ko for warning in found.warnings)


async def test_what_scores_too_little_is_left_out(wordy: Shelfful) -> None:
    wordy.add("a.md", "소유권 규칙은 이렇다")
    wordy.add("b.md", "규칙은 많다 그리고 길다 참으로 길고 길다")
    every = (await wordy.search.find(Wish("소유권 규칙"))).hits
    assert len(every) == 2
    between = (every[0].score + every[1].score) / 2
    assert files(await wordy.search.find(Wish("소유권 규칙", min_score=between))) == ["a.md"]


@pytest.mark.parametrize(
    "question", ["", "  ", "?!…", '"', "-", "그리고 그러나", "\U0001f600", "a" * 20_000]
)
async def test_any_question_gets_an_answer(shelf: Shelfful, question: str) -> None:
    shelf.add("a.md", ("소유권", EAST))
    await shelf.search.find(Wish(question))


async def test_an_empty_library_finds_nothing(shelf: Shelfful) -> None:
    found = await shelf.search.find(Wish("소유권"))
    assert found.hits == ()
    assert found.features.coverage is None


async def test_a_closed_index_is_told_as_itself(shelf: Shelfful) -> None:
    shelf.index.close()
    with pytest.raises(Unavailable) as caught:
        await shelf.search.find(Wish("소유권"))
    assert caught.value.code == "index_closed"


def test_logits_become_chances_and_chances_stay() -> None:
    assert chances([0.2, 0.9]) == [0.2, 0.9]
    assert chances([-900.0, 0.0, 900.0]) == pytest.approx([0, 0.5, 1])


def test_spreading_nothing_is_nothing() -> None:
    none: list[Hit] = []
    assert spread(none, 5) == []
