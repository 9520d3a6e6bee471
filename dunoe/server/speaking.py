"""A model speaks: slot taken, engine asked, events counted and put into the caller's dialect as they come."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress

import anyio

from dunoe.engines.engine import Engine
from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Counted, Counting, Generation, Json
from dunoe.errors import NotFound, NotSupported, Text, Unavailable
from dunoe.portfolio.model import Model
from dunoe.server.answer import Answer
from dunoe.server.call import Left
from dunoe.server.context import fitted
from dunoe.server.endpoint import Asked
from dunoe.server.reply import Reply, Streamed
from dunoe.settings import Mode


async def choose(asked: Asked, name: str | None, mode: Mode | None = None) -> Model:
    """The model that the caller named, noted on the call.

    mode: what it must be good for. Raises NotFound, Unavailable, Forbidden or NotSupported.
    """
    brain, call = asked.brain, asked.call
    try:
        model = brain.catalogue.find(name, mode or "chat")
    except (
        NotFound,
        Unavailable,
    ):  # it may have been pulled a moment ago, here or on another server
        await brain.look_again()
        if name and not brain.catalogue.has(name):
            brain.door.check_model(call.key, (name,))  # a bound key learns no names from us
        model = brain.catalogue.find(name, mode or "chat")
    call.model = model
    call.role = name if name and name in brain.catalogue.roles_of(model.name) else ""
    brain.door.check_model(call.key, brain.catalogue.names_of(model))
    if mode is not None:
        check_mode(model, mode)
    return model


def check_mode(model: Model, mode: Mode) -> None:
    """Raise NotSupported for what llama.cpp would load and then fail, or answer with numbers that mean nothing."""
    if not model.is_embedded or model.settings.mode == mode:
        return
    raise NotSupported(
        Text(
            f"'{model.name}'은(는) {mode} 모델이 아닙니다",
            f"'{model.name}' does not support {mode}",
        ),
        Text(
            f"이 모델의 쓰임은 {model.settings.mode}입니다. 다른 모델을 쓰거나 설정의 mode를 고치세요.",
            f"it is for {model.settings.mode}. Use another model, or correct its mode in the settings.",
        ),
        code="wrong_mode",
        param="model",
    )


@asynccontextmanager
async def slot(asked: Asked, model: Model) -> AsyncIterator[Engine]:
    """A slot of this model, loaded if need be, for as long as the block runs."""
    call = asked.call
    async with asked.brain.runner.lease(model) as lease:
        call.queued_s, call.load_s = lease.queued_s, lease.load_s
        call.granted = time.perf_counter()
        yield lease.engine


async def count(asked: Asked, model: Model, wanted: Counting) -> Counted:
    """Tokens of a text or a chat; the model is loaded only where nobody else can count them."""
    if model.is_embedded:
        with suppress(Unavailable):  # of a vocabulary that we do not read
            return await asked.brain.engines[model.engine].count(model, wanted)
    async with slot(asked, model) as engine:
        return await engine.count(model, wanted)


def counted(asked: Asked, prompt_tokens: int) -> None:
    """Note what a request without an answer text has read."""
    asked.call.usage = Usage(prompt_tokens, 0)


async def speak(
    asked: Asked, model: Model, asks: list[Generation], reply: Reply, truncation: str = ""
) -> None:
    """Answer with what the model writes, streamed or whole.

    asks: more than one for a request of several prompts; their choices are numbered on.
    truncation: what this dialect's body says of prompts that are too long; "" where it says nothing.
    """
    asks, dropped = await fitted(asked, model, asks, truncation)
    if asks[0].stream:
        await _stream(asked, model, asks, reply, dropped)
        return
    answer, heard = Answer(), ear(asked, model)
    async with slot(asked, model) as engine, aclosing(_in_turn(engine, model, asks)) as batches:
        async for batch in batches:
            heard(batch)
            answer.add(batch)
    await asked.wire.json(reply.whole(answer) | ({"dropped": dropped} if dropped else {}))


async def _stream(
    asked: Asked, model: Model, asks: list[Generation], reply: Reply, dropped: list[Json]
) -> None:
    begin = reply.start()  # before any piece: some dialects number their events
    if dropped:
        begin += reply.pieces([Extra({"dropped": dropped})])
    keep_alive(asked, reply, begin)
    heard = ear(asked, model)
    async with slot(asked, model) as engine, aclosing(_in_turn(engine, model, asks)) as batches:
        async for batch in batches:
            heard(batch)
            if piece := reply.pieces(batch):
                await _open(asked, reply, begin)
                await asked.wire.write(piece)
    await _open(asked, reply, begin)
    await asked.wire.end(reply.end())


def keep_alive(asked: Asked, reply: Streamed, begin: bytes = b"") -> None:
    """Ping whoever waits for this stream, from now on."""
    ping_s = asked.brain.settings.server.ping_s
    asked.beside.later(ping_s, lambda: _ping(asked, reply, begin))


async def _open(asked: Asked, reply: Streamed, begin: bytes) -> None:
    """Send the headers and what goes before the first event, once."""
    if not asked.wire.has_begun:
        await asked.wire.stream(reply.media_type, reply.broken)
        await asked.wire.write(begin)


async def _ping(asked: Asked, reply: Streamed, begin: bytes) -> None:
    """A sign of life whenever nothing else went out for `server.ping_s`, until the answer has ended.

    A client that reads nothing keeps its slot no longer than `timeouts.reader_s`.
    """
    wire, settings = asked.wire, asked.brain.settings
    while not wire.has_ended:
        every_s = settings.timeouts.reader_s if wire.is_stuck else settings.server.ping_s
        quiet_s = time.perf_counter() - wire.last_write
        if quiet_s < every_s:
            await anyio.sleep(min(every_s - quiet_s, settings.server.ping_s))
            continue
        if wire.is_stuck:
            raise Left
        await _open(asked, reply, begin)
        await wire.write(reply.ping)


def ear(asked: Asked, model: Model) -> Callable[[list[Event]], None]:
    """What every batch is shown to as it passes, to be counted."""
    call = asked.call
    gaps = asked.brain.books.meters.gap_of(model.name, call.role)

    def heard(batch: list[Event]) -> None:
        gap_s = call.saw(batch, time.perf_counter())
        if gap_s is not None:
            gaps.observe(gap_s)

    return heard


def _in_turn(
    engine: Engine, model: Model, asks: list[Generation]
) -> AsyncGenerator[list[Event], None]:
    return engine.generate(model, asks[0]) if len(asks) == 1 else _several(engine, model, asks)


async def _several(
    engine: Engine, model: Model, asks: list[Generation]
) -> AsyncGenerator[list[Event], None]:
    """Several prompts as one answer: choices numbered on, usage summed up."""
    total = Usage(0, 0)
    for number, ask in enumerate(asks):
        async with aclosing(engine.generate(model, ask)) as batches:
            async for batch in batches:
                for event in batch:
                    match event:
                        case Usage():
                            total.prompt_tokens += event.prompt_tokens
                            total.completion_tokens += event.completion_tokens
                            total.cached_tokens += event.cached_tokens
                        case Said() | Thought() | Called() | Finished():
                            event.index += number * ask.n
                yield [event for event in batch if not isinstance(event, Usage)]
    yield [total]
