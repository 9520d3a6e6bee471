"""A conversation without a model: each follow-up is found, and leads to what it asks for itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dunoe.engines.request import Json
from tests.served import Served, served
from tests.server.noted import asked

pytestmark = pytest.mark.anyio

NOTES = {
    "주차.md": "# 주차 지침\n\n방문객 주차는 지하 2층에 합니다. 방문객은 차 번호를 먼저 적습니다.\n\n"
    "## 요금\n\n10분마다 천 원을 냅니다.\n\n### 할인\n\n직원은 반값 할인을 받습니다.\n",
    "휴가.md": "# 휴가\n\n연차는 3년을 일하면 16일입니다.\n",
    "병가.md": "# 병가\n\n병가는 진단서를 내면 60일까지 쓸 수 있습니다.\n",
    "식당.md": "# 식당\n\n점심은 지하 1층에서 열두 시부터 먹습니다.\n",
}


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A server without a model that has read three notes."""
    folder = tmp_path_factory.mktemp("follow")
    (folder / "notes").mkdir()
    for name, text in NOTES.items():
        (folder / "notes" / name).write_text(text, "utf-8")
    config = '[library]\nfolders = ["notes"]\nwatch = false\nworkers = 1\n'
    async with served(folder, config) as house:
        await house.brain.library.sync()
        yield house


async def talk(house: Served, session: str, *questions: str) -> list[Json]:
    """The replies of one conversation."""
    return [await asked(house, question=one, session_id=session) for one in questions]


async def test_a_follow_up_leads_to_what_it_asks_for_and_not_to_the_old_topic(
    house: Served,
) -> None:
    first, second = await talk(house, "곳", "방문객 주차는 몇 층인가요?", "할인은?")
    assert first["sources"][0]["heading"] == ["주차 지침"]
    assert second["sources"][0]["heading"] == ["주차 지침", "요금", "할인"]
    assert second["citations"][0]["heading"] == ["주차 지침", "요금", "할인"]


async def test_a_question_with_no_word_of_its_own_stays_where_the_talk_is(house: Served) -> None:
    replies = await talk(house, "왜", "방문객 주차는 몇 층인가요?", "할인은?", "그건 왜?", "왜?")
    assert [one["sources"][0]["file"] for one in replies] == ["notes/주차.md"] * 4
    assert not any(one["is_refusal"] for one in replies)
    assert "주차" in replies[-1]["question_searched"]


async def test_a_new_topic_ends_the_reach_of_the_old_one(house: Served) -> None:
    *_, last = await talk(
        house, "새", "방문객 주차는 몇 층인가요?", "3년을 일하면 연차는 며칠인가요?", "왜?", "그건?"
    )
    assert last["sources"][0]["file"] == "notes/휴가.md"
    assert "주차" not in last["question_searched"]


async def test_a_topic_that_came_up_in_passing_is_what_is_spoken_of(house: Served) -> None:
    *_, last = await talk(
        house, "그럼", "3년을 일하면 연차는 며칠인가요?", "그럼 병가는 며칠이야?", "왜?"
    )
    assert [one["file"] for one in last["sources"]] == ["notes/병가.md"]


@pytest.mark.parametrize(
    "question", ["왜?", "그건?", "어떻게?", "예시는?", "뭐가 달라?", "네 이름이 뭐야?"]
)
async def test_a_question_about_nothing_is_asked_back(house: Served, question: str) -> None:
    for _ in range(2):  # what was asked back is no topic
        (reply,) = await talk(house, question, question)
        assert (reply["is_refusal"], reply["sources"]) == (True, [])
        assert "무엇에 대한 질문인지" in reply["answer"]


async def test_a_question_about_nothing_is_asked_back_in_english(house: Served) -> None:
    reply = await asked(house, question="What is the difference?", language="en")
    assert reply["is_refusal"]
    assert "what this question is about" in reply["answer"]


async def test_what_was_refused_stays_refused_when_it_goes_on(house: Served) -> None:
    *_, last = await talk(house, "화성", "화성 여행 비용은 얼마인가요?", "그건 왜?", "예시는?")
    assert last["is_refusal"]
    assert "화성" in last["question_searched"]


@pytest.mark.parametrize(
    ("question", "is_refusal"),
    [
        ("연차는 며칠이야?", False),
        ("이월은 몇 일까지 돼?", False),
        ("화성은 며칠 만에 도나요?", True),
    ],
)
async def test_the_only_note_of_a_library_is_enough_for_a_first_question(
    question: str, is_refusal: bool, tmp_path: Path
) -> None:
    """Where there is one document, its words are not rare; "며칠" is no word that it lacks."""
    (tmp_path / "notes").mkdir()
    note = "# 휴가 규정\n\n연차는 1년에 15일이다. 이월은 최대 5일까지 가능하다.\n"
    (tmp_path / "notes" / "휴가.md").write_text(note, "utf-8")
    config = '[library]\nfolders = ["notes"]\nwatch = false\nworkers = 1\n'
    async with served(tmp_path, config) as house:
        await house.brain.library.sync()
        assert (await asked(house, question=question))["is_refusal"] is is_refusal
