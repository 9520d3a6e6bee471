"""Conversations: kept, listed, found in Korean, taken along, deleted; each owner sees their own."""

import json
import unicodedata

import pytest

from dunoe.errors import NotFound
from dunoe.store.conversations import NOBODY, Conversations, as_json, as_markdown
from dunoe.store.store import Store, open_store


@pytest.fixture
def conversations(store: Store) -> Conversations:
    return store.conversations


def test_a_turn_is_there_after_a_restart_as_it_was_saved(url: str) -> None:
    sources = [{"file": "a.md", "score": 0.5, "snippet": "글"}]
    with open_store(url) as store:
        kept = store.conversations.save(
            NOBODY, "질문?", "답.", session_id="s", sources=sources, model_used="m"
        )
    with open_store(url) as store:
        assert store.conversations.turns(NOBODY, "s") == [kept]
    assert kept.sources == tuple(sources)
    assert kept.model_used == "m"


def test_a_session_is_called_by_its_first_question(conversations: Conversations) -> None:
    first = conversations.save(NOBODY, "  소유권이\n뭐예요? ", "답")
    conversations.save(NOBODY, "더 자세히", "답", session_id=first.session_id)
    (session,) = conversations.sessions(NOBODY)
    assert (session.title, session.turns) == ("소유권이 뭐예요?", 2)
    conversations.rename(NOBODY, first.session_id, "러스트")
    conversations.save(NOBODY, "또", "답", session_id=first.session_id)
    assert [turn.title for turn in conversations.turns(NOBODY, first.session_id)] == ["러스트"] * 3


def test_what_a_person_thinks_of_an_answer_is_kept(conversations: Conversations) -> None:
    turn = conversations.save("key-a", "q", "a", citations=[{"number": 1}])
    assert (turn.verdict, turn.citations) == (0, ({"number": 1},))
    assert conversations.judge("key-a", turn.id, -1).verdict == -1
    with pytest.raises(NotFound):
        conversations.judge("key-b", turn.id, 1)
    assert conversations.turn("key-a", turn.id).verdict == -1


def test_a_turn_that_moves_stays_itself_and_takes_the_title_of_where_it_goes(
    conversations: Conversations,
) -> None:
    conversations.save("key-a", "첫 물음", "답", session_id="own")
    turn = conversations.save("key-a", "둘째", "답", citations=[{"number": 1}])
    conversations.judge("key-a", turn.id, 1)
    with pytest.raises(NotFound):
        conversations.move("key-b", turn.id, "own")
    moved = conversations.move("key-a", turn.id, "own")
    assert (moved.id, moved.verdict, moved.citations) == (turn.id, 1, turn.citations)
    assert [one.title for one in conversations.turns("key-a", "own")] == ["첫 물음"] * 2


def test_a_long_title_is_cut(conversations: Conversations) -> None:
    assert conversations.save(NOBODY, "가" * 100, "").title == "가" * 39 + "…"


def test_sessions_come_last_used_first(conversations: Conversations) -> None:
    for number, session in enumerate(("a", "b", "a")):
        conversations.save(NOBODY, "q", f"{number}", session_id=session)
    assert [one.session_id for one in conversations.sessions(NOBODY)] == ["a", "b"]
    assert [one.session_id for one in conversations.sessions(NOBODY, limit=1, offset=1)] == ["b"]


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        ("유권", True),
        ("OWNERSHIP", True),
        ("빌림 소유권", True),
        ("빌림 없음", False),
        ("100%", True),
        ("100_", False),
        ("%", True),
        ("", False),
        (unicodedata.normalize("NFD", "소유권"), True),
    ],
)
def test_a_search_finds_parts_of_korean_words(
    conversations: Conversations, words: str, is_found: bool
) -> None:
    conversations.save(NOBODY, "소유권(Ownership)이란?", "빌림과 100% 다릅니다")
    conversations.save(NOBODY, "날씨", "맑음")
    found, total = conversations.search(NOBODY, words)
    assert total == is_found
    assert [turn.question for turn in found] == ["소유권(Ownership)이란?"] * is_found


def test_what_was_typed_on_a_mac_is_found_too(conversations: Conversations) -> None:
    conversations.save(NOBODY, unicodedata.normalize("NFD", "소유권"), "답")
    assert conversations.search(NOBODY, "소유권")[1] == 1


def test_nobody_sees_another_ones_conversations(conversations: Conversations) -> None:
    turn = conversations.save("key-a", "비밀", "답")
    assert conversations.sessions("key-b") == []
    assert conversations.search("key-b", "비밀") == ([], 0)
    assert conversations.recent("key-b") == []
    with pytest.raises(NotFound):
        conversations.turns("key-b", turn.session_id)
    with pytest.raises(NotFound):
        conversations.turn("key-b", turn.id)
    with pytest.raises(NotFound):
        conversations.delete("key-b", turn.id)
    with pytest.raises(NotFound):
        conversations.delete_session("key-b", turn.session_id)
    with pytest.raises(NotFound):
        conversations.rename("key-b", turn.session_id, "x")
    assert conversations.turns("key-a", turn.session_id) == [turn]


def test_a_turn_or_a_whole_session_can_be_deleted(conversations: Conversations) -> None:
    first = conversations.save(NOBODY, "1", "")
    second = conversations.save(NOBODY, "2", "", session_id=first.session_id)
    conversations.delete(NOBODY, first.id)
    assert conversations.turns(NOBODY, first.session_id) == [second]
    conversations.delete_session(NOBODY, first.session_id)
    assert conversations.sessions(NOBODY) == []
    with pytest.raises(NotFound) as gone:
        conversations.delete_session(NOBODY, first.session_id)
    assert gone.value.hint.ko


def test_what_the_server_has_kept_is_not_kept_twice(conversations: Conversations) -> None:
    kept = conversations.save(NOBODY, "1", "답", session_id="s", model_used="m")
    assert conversations.save(NOBODY, "1", "답", session_id="s") == kept
    assert conversations.save(NOBODY, "1", "다른 답", session_id="s").id > kept.id
    assert conversations.save(NOBODY, "1", "답", session_id="s").id > kept.id


def test_letters_that_no_database_takes_are_left_out(conversations: Conversations) -> None:
    kept = conversations.save(NOBODY, "a\0b\ud83d", "c\0")
    assert conversations.turns(NOBODY, kept.session_id) == [kept]
    assert (kept.question, kept.answer) == ("ab?", "c")


def test_a_session_can_be_taken_along(conversations: Conversations) -> None:
    source = {"file": "책/4장.md", "heading": "소유권", "lines": "3-9", "score": 1.0}
    turn = conversations.save(NOBODY, "소유권이란?", "규칙입니다 [1]\n", sources=[source])
    turns = conversations.turns(NOBODY, turn.session_id)
    text = as_markdown(turns)
    assert text.startswith("# 소유권이란?\n\n## 소유권이란?\n")
    assert "\n규칙입니다 [1]\n\n1. 책/4장.md · 소유권 · 3-9\n" in text
    (read,) = json.loads(as_json(turns))
    assert read["sources"] == [source]
    ours = {"file": "a.md", "heading": ["소유권", "규칙"], "lines": [1, 13], "page": None}
    paged: dict[str, object] = {"file": "b.pdf", "heading": [], "lines": None, "page": 3}
    other = conversations.save(NOBODY, "규칙은?", "둘 [1][2]", sources=[ours, paged])
    text = as_markdown(conversations.turns(NOBODY, other.session_id))
    assert "\n1. a.md · 소유권 > 규칙 · L1-13\n2. b.pdf · p.3\n" in text
    assert read["created_at"] == turn.created_at.isoformat()
