"""The ask contract, line by line: types, order and status as an existing web client and its tests expect them."""

from collections.abc import AsyncIterator

import orjson
import pytest

from dunoe.answering import followup
from dunoe.engines.request import Json
from tests.fake_engine import FakeEngine
from tests.fake_wire import Fault, Turn
from tests.served import Served
from tests.server.dialects import call
from tests.server.noted import asked, noted

pytestmark = pytest.mark.anyio

NOTES = {
    "소유권.md": "# 소유권\n\n소유권은 러스트가 메모리를 안전하게 다루는 방법입니다.\n",
    "상태.md": "# 상태\n\n컴포넌트의 상태가 바뀌면 화면을 다시 그립니다.\n",
}
ASK = {  # as ask.js sends it
    "question": "소유권이란 무엇인가요?",
    "context_enabled": True,
    "top_k": 5,
    "max_tokens": 500,
    "temperature": 0.7,
}
SAID = "소유권은 메모리를 안전하게 다루는 방법입니다 [1]."
MIDWAY: dict[Fault, int] = {"closed": 10, "reset": 10, "error": 10, "unfinished": 0}


@pytest.fixture(scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeEngine
) -> AsyncIterator[Served]:
    async with noted(tmp_path_factory.mktemp("contract"), fake.url, NOTES) as house:
        yield house


@pytest.fixture(autouse=True)
def no_script(fake: FakeEngine) -> None:
    """What a test before left unsaid."""
    fake.script.clear()


async def sent(house: Served, path: str, **more: object) -> tuple[int, Json]:
    """Status and body of a whole reply."""
    got = await call(house, "POST", path, orjson.dumps({**ASK, **more}))
    return got.status, orjson.loads(got.body)


async def streamed(house: Served, **more: object) -> list[Json]:
    """The events, each one unnamed and of one line."""
    got = await call(house, "POST", "/api/ask/stream", orjson.dumps({**ASK, **more}))
    assert (got.status, got.headers["Content-Type"][:17]) == (200, "text/event-stream")
    assert "no-cache" in got.headers["Cache-Control"]
    assert got.headers["X-Accel-Buffering"] == "no"
    lines = [line for line in got.body.decode().split("\n") if line and line != ": ping"]
    assert all(line.startswith("data: {") for line in lines), lines
    return [orjson.loads(line[6:]) for line in lines]


async def test_every_field_of_a_reply_has_its_type(house: Served, fake: FakeEngine) -> None:
    fake.plan(Turn(text=[*SAID]))
    status, reply = await sent(house, "/api/ask")
    assert status == 200
    assert [*reply][:6] == [
        "answer", "context", "sources", "model_used", "error", "ollama_feedback"
    ]  # fmt: skip
    types = {"answer": str, "context": list, "sources": list, "model_used": str}
    assert {name: type(reply[name]) for name in types} == types
    assert (reply["error"], reply["ollama_feedback"]) == (None, None)
    for source in reply["sources"]:
        assert [*source][:3] == ["file", "score", "snippet"]
        assert source["file"] and isinstance(source["snippet"], str)
        assert isinstance(source["score"], float) and 0 <= source["score"] <= 1


async def test_a_stream_says_sources_chunks_done(house: Served, fake: FakeEngine) -> None:
    fake.plan(Turn(text=[*SAID]))
    told = await streamed(house)
    known = [one for one in told if one["type"] in ("sources", "chunk", "done")]
    assert known[0]["type"] == "sources" and isinstance(known[0]["content"], list)
    assert {one["type"] for one in known[1:-1]} == {"chunk"}
    assert known[-1] == told[-1]
    assert (told[-1]["type"], told[-1]["content"]) == ("done", "")
    assert "".join(one["content"] for one in known[1:-1]) == SAID


@pytest.mark.parametrize("has_context", [True, False])
@pytest.mark.parametrize("fault", MIDWAY)
async def test_an_engine_that_breaks_off_is_a_500_in_the_words_of_the_contract(
    house: Served, fake: FakeEngine, fault: Fault, has_context: bool
) -> None:
    broken = Turn(text=[*SAID], fault=fault, at=MIDWAY[fault], pause_s=0.002)
    fake.plan(broken)
    status, reply = await sent(house, "/api/ask", context_enabled=has_context)
    assert status == 500
    assert reply["detail"].startswith("AI 응답 생성 오류: ")
    assert reply["hint"]
    assert reply["error"] == f"{reply['detail']}\n{reply['hint']}"
    assert (reply["answer"], reply["sources"], reply["context"]) == ("", [], [])
    fake.plan(broken)
    told = await streamed(house, context_enabled=has_context)
    assert [told[0]["type"], told[-1]["type"]] == ["sources", "error"]
    assert told[-1]["content"] == reply["error"]
    assert any(one["type"] == "chunk" for one in told)


@pytest.mark.parametrize("fault", ["status", "error", "garbage"])
async def test_an_engine_that_never_began_gives_feedback_and_the_stream_keeps_its_order(
    house: Served, fake: FakeEngine, fault: Fault
) -> None:
    broken = Turn(text=[*SAID], fault=fault, at=0)
    fake.plan(broken)
    status, reply = await sent(house, "/api/ask")
    assert (status, reply["model_used"]) == (200, None)
    feedback = reply["ollama_feedback"]
    assert [*feedback] == ["available", "message", "detail", "models"]
    assert feedback["available"] is False and feedback["models"] == ["tiny"]
    assert "소유권은 러스트가" in reply["answer"]
    fake.plan(broken)
    told = await streamed(house)
    kinds = [one["type"] for one in told if one["type"] != "citation"]
    assert kinds[:2] == ["sources", "ollama_feedback"] and kinds[-1] == "done"
    assert told[1]["content"] == feedback


async def test_an_answer_without_text_says_why_and_nothing_else(
    house: Served, fake: FakeEngine
) -> None:
    fake.plan(Turn(text=[]))
    _, reply = await sent(house, "/api/ask")
    assert reply["answer"] == ""
    assert reply["error"].startswith("모델이 답을 쓰지 못하고")
    assert reply["warnings"][-1] == reply["error"]


async def test_a_role_that_has_no_model_is_told_with_those_there_are(house: Served) -> None:
    status, reply = await sent(house, "/api/ask", role="coder")
    assert status == 404
    assert "coder" in reply["detail"] and "tiny" in reply["hint"]


@pytest.mark.parametrize("body", ["[]", '"x"', "3", "null"])
@pytest.mark.parametrize(
    ("path", "field"), [("/api/ask", "question"), ("/v1/chat/completions", "model")]
)
async def test_a_body_that_is_no_object_is_told_what_this_route_wants(
    house: Served, path: str, field: str, body: str
) -> None:
    got = await call(house, "POST", path, body.encode())
    assert got.status == 400
    told = orjson.loads(got.body)
    hint = told["error"]["hint"] if field == "model" else told["hint"]
    assert f'{{"{field}": …}}' in hint


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("top_k", 0, "1 이상"),
        ("top_k", -3, "1 이상"),
        ("top_k", 10**9, "50 이하"),
        ("temperature", 9, "2.0 이하"),
        ("role", "writer", "'brain', 'search', 'coder', 'router' 중 하나"),
        ("language", "fr", "'ko', 'en' 중 하나"),
        ("session_id", "s" * 10_000, "200자 이하"),
    ],
)
async def test_a_value_that_is_refused_is_told_what_would_do(
    house: Served, field: str, value: object, said: str
) -> None:
    status, reply = await sent(house, "/api/ask", **{field: value})
    assert status == 400
    assert said in reply["detail"]


@pytest.mark.parametrize(
    "session", ["../../x", "a\0b", "'; drop table dunoe_conversations;--", "가 나"]
)
async def test_any_text_is_a_session(house: Served, fake: FakeEngine, session: str) -> None:
    fake.plan(Turn(text=[*SAID]))
    _, reply = await sent(house, "/api/ask", session_id=session)
    kept = reply["session_id"]
    assert "\0" not in kept
    turn = {"question": ASK["question"], "answer": reply["answer"], "session_id": session}
    got = await call(house, "POST", "/api/conversations", orjson.dumps(turn))
    assert orjson.loads(got.body)["id"] == reply["conversation_id"]
    rows = house.brain.store.conversations.turns("", kept)
    assert [row.answer for row in rows] == [SAID]


@pytest.mark.parametrize("filters", [{}, {"tags": []}, {"tags": [""]}, {"file_path": ""}, None])
async def test_a_filter_that_names_nothing_keeps_nothing_out(
    house: Served, filters: object
) -> None:
    reply = await asked(house, **{**ASK, "filters": filters})
    assert [one["file"] for one in reply["sources"]] == ["notes/소유권.md"]


NONSENSE = [
    Turn(text=["{}"]),
    Turn(text=["안녕하세요! 무엇을 도와드릴까요?"]),
    Turn(text=["알겠습니다. 고친 질문은 다음과 같습니다:\n소유권은 무엇인가요?"]),
    Turn(text=["x" * 2000]),
    Turn(text=[]),
    Turn(fault="status"),
    Turn(text=["소유"], fault="hang", at=1),
]


@pytest.mark.parametrize("rewriting", NONSENSE)
async def test_a_follow_up_is_found_however_badly_it_is_rewritten(
    house: Served, fake: FakeEngine, rewriting: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followup, "WAIT_S", 0.5)
    turn = {"question": "소유권이 뭐예요?", "answer": "다루는 방법입니다.", "session_id": "앞"}
    await call(house, "DELETE", "/api/conversations?session_id=%EC%95%9E")
    await call(house, "POST", "/api/conversations", orjson.dumps(turn))
    fake.plan(rewriting, Turn(text=[*SAID]))
    reply = await asked(house, question="그것은 러스트에서 무엇인가요?", session_id="앞")
    assert "notes/소유권.md" in [one["file"] for one in reply["sources"]]
    assert reply["answer"] == SAID
    assert "소유권" in reply["question_searched"]


@pytest.mark.parametrize(
    "said",
    [
        "Sure! Here is: {}",
        "<think>음, 소유권: 그 규칙은?</think>{}",
        "생각만 하다가\n</think>\n\n{}",
        "```text\n{}\n```",
        "알겠습니다!\n{}",
        '네, 알겠습니다. 고친 질문: "{}"',
        "**질문:** {}",
        "다음은 고친 질문입니다: {}",
    ],
)
async def test_a_rewriting_is_searched_without_what_a_model_says_around_it(
    house: Served, fake: FakeEngine, said: str
) -> None:
    turn = {"question": "소유권이 뭐예요?", "answer": "다루는 방법입니다.", "session_id": "말"}
    await call(house, "DELETE", "/api/conversations?session_id=%EB%A7%90")
    await call(house, "POST", "/api/conversations", orjson.dumps(turn))
    fake.plan(Turn(text=[said.format("소유권의 규칙은 무엇인가요?")]), Turn(text=[*SAID]))
    reply = await asked(house, question="그 규칙은?", session_id="말")
    assert reply["question_searched"] == "소유권의 규칙은 무엇인가요?"


async def test_a_rewriting_that_drops_the_question_is_not_searched(
    house: Served, fake: FakeEngine
) -> None:
    turn = {"question": "소유권이 뭐예요?", "answer": "다루는 방법입니다.", "session_id": "옆"}
    await call(house, "DELETE", "/api/conversations?session_id=%EC%98%86")
    await call(house, "POST", "/api/conversations", orjson.dumps(turn))
    fake.plan(Turn(text=["소유권은 메모리를 다루는 방법이다 [1]."]), Turn(text=[*SAID]))
    reply = await asked(house, question="컴포넌트의 상태가 바뀌면?", session_id="옆")
    assert reply["sources"][0]["file"] == "notes/상태.md"
    assert "상태" in reply["question_searched"]


@pytest.mark.parametrize(
    ("question", "first", "searched"),
    [
        ("컴포넌트의 상태는 무엇으로 만드나요?", "notes/상태.md", "컴포넌트의 상태는"),
        ("메모리는?", "notes/소유권.md", "소유권이 뭐예요? 메모리는?"),
        ("화성 여행 비용은 얼마인가요?", None, "화성"),
        ("주차장은?", None, "주차장은?"),
    ],
)
async def test_a_question_that_nobody_rewrote_is_not_answered_with_the_topic_before(
    house: Served, fake: FakeEngine, question: str, first: str | None, searched: str
) -> None:
    turn = {"question": "소유권이 뭐예요?", "answer": "방법입니다.", "session_id": "뒤"}
    await call(house, "DELETE", "/api/conversations?session_id=%EB%92%A4")
    await call(house, "POST", "/api/conversations", orjson.dumps(turn))
    fake.plan(Turn(text=["x" * 2000]), Turn(text=[*SAID]))
    reply = await asked(house, question=question, session_id="뒤")
    assert reply["is_refusal"] is (first is None)
    assert first is None or reply["sources"][0]["file"] == first
    assert reply["question_searched"].startswith(searched)


async def test_a_long_conversation_and_a_long_question_before_do_no_harm(
    house: Served, fake: FakeEngine
) -> None:
    kept = house.brain.store.conversations
    for n in range(500):
        kept.save("", f"질문 {n}", "답 " * 200, session_id="긴")
    kept.save("", "소유권 " * 40_000, "답", session_id="긴")
    fake.plan(Turn(fault="status"), Turn(text=[*SAID]))
    reply = await asked(house, question="소유권이란 무엇인가요?", session_id="긴")
    assert reply["answer"] == SAID
    assert len(reply["question_searched"]) < 1_000
    assert len(kept.turns("", "긴")) == 502
