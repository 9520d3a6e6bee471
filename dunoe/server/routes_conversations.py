"""Conversations: kept, listed, searched, taken along, deleted. Every key sees its own."""

import re
from functools import partial
from typing import Literal
from uuid import uuid4

from anyio.to_thread import run_sync
from pydantic import Field

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, NotFound, Text
from dunoe.server.ask_request import Said, Session, required
from dunoe.server.body import Body
from dunoe.server.endpoint import Asked, Route
from dunoe.server.query import segment
from dunoe.store.conversations import NOBODY, Conversations, Turn, as_json, as_markdown

NEW = 20  # turns among which one is looked for that the client keeps by itself
_BEGUN = re.compile(r"session_[0-9a-f]{32}")
_MOST = 2**53  # the largest number that JSON's readers agree on


class TurnBody(Body):
    """POST /api/conversations."""

    question: Said
    answer: str = Field(max_length=500_000)
    sources: list[Json] | None = Field(None, max_length=100)
    model_used: str | None = Field(None, max_length=200)
    session_id: Session | None = None
    metadata: Json | None = Field(None, description="taken and not kept")


class VerdictBody(Body):
    """POST /api/conversations/{id}/verdict."""

    verdict: Literal[-1, 0, 1] = Field(description="1 good, -1 bad, 0 neither")


class ListQuery(Body):
    """GET /api/conversations."""

    session_id: Session | None = None
    limit: int = Field(50, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=_MOST)


class SearchQuery(Body):
    """GET /api/conversations/search."""

    q: str
    limit: int = Field(20, ge=1, le=100)
    offset: int = Field(0, ge=0, le=_MOST)


class ExportQuery(Body):
    """GET /api/conversations/export."""

    session_id: Session
    format: Literal["markdown", "json"] = "markdown"


class SessionQuery(Body):
    """DELETE /api/conversations."""

    session_id: Session


def owner(asked: Asked) -> str:
    """Whose conversations this caller sees."""
    return NOBODY if asked.call.key is None else asked.call.key.id


def turn_json(turn: Turn) -> Json:
    """A turn as this dialect gives it."""
    return {
        "id": turn.id,
        "question": turn.question,
        "answer": turn.answer,
        "sources": list(turn.sources),
        "citations": list(turn.citations),
        "model_used": turn.model_used,
        "verdict": turn.verdict,
        "session_id": turn.session_id,
        "title": turn.title,
        "created_at": turn.created_at.isoformat(),
    }


def begun() -> str:
    """The name of a conversation that its first question did not name."""
    return f"session_{uuid4().hex}"


async def save(asked: Asked) -> None:
    """POST /api/conversations."""
    body: TurnBody = asked.body
    required(body.question)
    turn = await run_sync(_saved, asked.brain.store.conversations, owner(asked), body)
    await asked.wire.json(turn_json(turn))


def _saved(kept: Conversations, owner: str, body: TurnBody) -> Turn:
    """The turn, kept once: what began a conversation without a name goes into the one that the client names."""
    nameless = _nameless(kept, owner, body)
    if nameless is None:
        return kept.save(
            owner,
            body.question,
            body.answer,
            session_id=body.session_id,
            sources=body.sources or (),
            model_used=body.model_used,
        )
    return kept.move(owner, nameless.id, body.session_id) if body.session_id else nameless


def _nameless(kept: Conversations, owner: str, body: TurnBody) -> Turn | None:
    """This turn, if the server has just kept it as the only one of a conversation that nobody named."""
    for turn in kept.recent(owner, limit=NEW):
        if (turn.question, turn.answer) == (body.question, body.answer):
            session = turn.session_id
            is_begun = session != body.session_id and _BEGUN.fullmatch(session)
            is_alone = is_begun and len(kept.recent(owner, session_id=session, limit=2)) == 1
            return turn if is_alone else None
    return None


async def listed(asked: Asked) -> None:
    """GET /api/conversations: newest first."""
    query: ListQuery = asked.body
    recent = asked.brain.store.conversations.recent
    turns = await run_sync(
        partial(
            recent,
            owner(asked),
            session_id=query.session_id or None,
            limit=query.limit,
            offset=query.offset,
        )
    )
    await asked.wire.json([turn_json(turn) for turn in turns])


async def search(asked: Asked) -> None:
    """GET /api/conversations/search."""
    query: SearchQuery = asked.body
    found = asked.brain.store.conversations.search
    turns, total = await run_sync(
        partial(found, owner(asked), query.q, limit=query.limit, offset=query.offset)
    )
    await asked.wire.json(
        {
            "results": [turn_json(turn) for turn in turns],
            "total_count": total,
            "offset": query.offset,
            "limit": query.limit,
        }
    )


async def sessions(asked: Asked) -> None:
    """GET /api/conversations/sessions: the one that was used last first."""
    query: ListQuery = asked.body
    every = asked.brain.store.conversations.sessions
    rows = await run_sync(partial(every, owner(asked), limit=query.limit, offset=query.offset))
    await asked.wire.json(
        [
            {
                "session_id": row.session_id,
                "title": row.title,
                "turns": row.turns,
                "updated_at": row.last.isoformat(),
            }
            for row in rows
        ]
    )


async def export(asked: Asked) -> None:
    """GET /api/conversations/export: a session as a file."""
    query: ExportQuery = asked.body
    turns = await run_sync(asked.brain.store.conversations.turns, owner(asked), query.session_id)
    is_json = query.format == "json"
    text = as_json(turns) if is_json else as_markdown(turns)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", query.session_id)[:60] or "conversation"
    suffix = "json" if is_json else "md"
    await asked.wire.whole(
        text.encode(),
        "application/json" if is_json else "text/markdown; charset=utf-8",
        more=[(b"content-disposition", f'attachment; filename="{name}.{suffix}"'.encode())],
    )


async def forget_session(asked: Asked) -> None:
    """DELETE /api/conversations: a whole session."""
    query: SessionQuery = asked.body
    conversations = asked.brain.store.conversations
    await run_sync(conversations.delete_session, owner(asked), query.session_id)
    await asked.wire.json({"message": "대화가 삭제되었습니다"})


async def one(asked: Asked) -> None:
    """GET /api/conversations/{id}."""
    conversations = asked.brain.store.conversations
    turn = await run_sync(conversations.turn, owner(asked), _number(asked))
    await asked.wire.json(turn_json(turn))


async def judge(asked: Asked) -> None:
    """POST /api/conversations/{id}/verdict."""
    body: VerdictBody = asked.body
    conversations = asked.brain.store.conversations
    turn = await run_sync(conversations.judge, owner(asked), _number(asked), body.verdict)
    await asked.wire.json(turn_json(turn))


async def forget(asked: Asked) -> None:
    """DELETE /api/conversations/{id}."""
    await run_sync(asked.brain.store.conversations.delete, owner(asked), _number(asked))
    await asked.wire.json({"message": "대화 기록이 삭제되었습니다"})


def _number(asked: Asked) -> int:
    said = segment(asked.scope)
    if said.isascii() and said.isdecimal() and int(said) < _MOST:
        return int(said)
    if said.isprintable() and len(said) < 100:
        raise BadRequest(
            Text(f"대화 번호가 아닙니다: {said}", f"not the number of a turn: {said}"),
            Text("목록의 id를 쓰세요.", "use an id of the list."),
            param="id",
        )
    raise NotFound(Text("그런 대화가 없습니다", "there is no such turn"))


_PATH = "/api/conversations"
ROUTES = [
    Route("POST", _PATH, save, "ask", "library", "대화 저장 · keep a turn", TurnBody),
    Route("GET", _PATH, listed, "ask", "library", "대화 목록 · turns", query=ListQuery),
    Route(
        "DELETE",
        _PATH,
        forget_session,
        "ask",
        "library",
        "세션 삭제 · forget a session",
        query=SessionQuery,
    ),
    Route(
        "GET",
        f"{_PATH}/search",
        search,
        "ask",
        "library",
        "대화 검색 · search turns",
        query=SearchQuery,
    ),
    Route(
        "GET",
        f"{_PATH}/sessions",
        sessions,
        "ask",
        "library",
        "세션 목록 · sessions",
        query=ListQuery,
    ),
    Route(
        "GET", f"{_PATH}/export", export, "ask", "library", "내보내기 · export", query=ExportQuery
    ),
    Route("GET", f"{_PATH}/{{name}}", one, "ask", "library", "대화 하나 · one turn"),
    Route(
        "POST",
        f"{_PATH}/{{name}}/verdict",
        judge,
        "ask",
        "library",
        "평가 · a verdict",
        VerdictBody,
    ),
    Route("DELETE", f"{_PATH}/{{name}}", forget, "ask", "library", "대화 삭제 · forget a turn"),
]
