"""Asking: a question from the library, streamed or whole."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from anyio.to_thread import run_sync

from dunoe.answering.ask import Answerer
from dunoe.answering.prompts import Turn
from dunoe.answering.question import Ended, Event, Question
from dunoe.answering.reader import Reader
from dunoe.errors import EngineFailed, EngineTimeout, NotFound, Problem, Text, Unavailable
from dunoe.portfolio.model import Model
from dunoe.server.ask_reply import AskReply
from dunoe.server.ask_request import AskBody, decode
from dunoe.server.context import asked_policy
from dunoe.server.endpoint import Asked, Route, language_of
from dunoe.server.routes_conversations import begun, owner
from dunoe.server.searching import filter_of
from dunoe.server.speaking import choose, ear, keep_alive, slot

TURNS = 20  # of a session that may still matter
NO_MODEL = "no_model"  # the code of the Problem: nothing is there to ask
ROLE = "search"  # who answers where the caller names nobody and the settings have one


async def ask(asked: Asked) -> None:
    """POST /api/ask."""
    question, reply = await _begun(asked)
    async with aclosing(_answer(asked, question)) as events:
        async for event in events:
            reply.piece(event)
    await _keep(asked, question, reply)
    await asked.wire.json(reply.whole())


async def ask_stream(asked: Asked) -> None:
    """POST /api/ask/stream."""
    question, reply = await _begun(asked)
    keep_alive(asked, reply)
    async with aclosing(_answer(asked, question)) as events:
        async for event in events:
            if isinstance(event, Ended):
                reply.ended = event
                await _keep(asked, question, reply)
            if piece := reply.piece(event):
                await asked.wire.stream(reply.media_type, reply.broken)
                await asked.wire.write(piece)
    await asked.wire.end()


async def _begun(asked: Asked) -> tuple[Question, AskReply]:
    body: AskBody = asked.body
    brain = asked.brain
    asked_policy(asked)  # sources are packed, nothing is cut; but a slip is told
    question = decode(body, await filter_of(brain, body.filters), language_of(brain, asked.call))
    models = [one.name for one in brain.models_for(asked.call.key) if one.settings.mode == "chat"]
    if not question.session:  # the reply names it, so its first turn is kept, too
        question = replace(question, session=begun())
    return question, AskReply(question.language, question.session, models, masks=question.masks)


async def _answer(asked: Asked, question: Question) -> AsyncGenerator[Event, None]:
    """The events."""
    brain = asked.brain
    turns = await _turns(asked, question)
    model = await _model(asked, question)
    reader = Reader(brain.search, brain.store.documents, brain.library.first)
    heard = (lambda _: None) if isinstance(model, Problem) else ear(asked, model)
    answerer = Answerer(
        reader, partial(slot, asked), brain.engines, heard, brain.counts, brain.reading_tokens
    )
    try:
        async with aclosing(answerer.answer(question, turns, model)) as events:
            async for event in events:
                yield event
    except (EngineFailed, EngineTimeout) as problem:
        raise _broken(problem) from problem


def _broken(problem: Problem) -> Problem:
    """An answer that was begun and not finished, in the words and with the status that the contract has for it."""
    said = problem.message
    return Problem(
        Text(f"AI 응답 생성 오류: {said.ko}", f"the answer broke off: {said.en}"),
        problem.hint,
        code=problem.code,
        upstream=problem.upstream,
    )


async def _model(asked: Asked, question: Question) -> Model | Problem:
    """Who answers: the role that was asked for, the `search` role, or the default; or why there is no model."""
    catalogue = asked.brain.catalogue
    name = question.role or (ROLE if catalogue.has(ROLE) else None)
    try:
        return await choose(asked, name, "chat")
    except Unavailable as problem:
        if problem.code != NO_MODEL:
            raise
        return problem
    except NotFound as problem:
        if name is not None:
            raise
        return problem


async def _turns(asked: Asked, question: Question) -> list[Turn]:
    """The session so far, oldest turn first."""
    recent = asked.brain.store.conversations.recent
    rows = await run_sync(partial(recent, owner(asked), session_id=question.session, limit=TURNS))
    return [Turn(row.question, row.answer) for row in reversed(rows)]


async def _keep(asked: Asked, question: Question, reply: AskReply) -> None:
    """Keep the turn; a client that posts it again gets this one back."""
    ended = reply.ended
    if ended is None:
        return
    turn = await run_sync(
        partial(
            asked.brain.store.conversations.save,
            owner(asked),
            question.text,
            ended.answer,
            session_id=question.session,
            **reply.kept(ended),
        )
    )
    reply.turn = turn.id


ROUTES = [
    Route("POST", "/api/ask", ask, "ask", "library", "문서에 묻기 · ask", AskBody),
    Route(
        "POST",
        "/api/ask/stream",
        ask_stream,
        "ask",
        "library",
        "흘려 묻기 · ask, streamed",
        AskBody,
    ),
]
