"""What every engine that runs real models must do: each function is one behaviour, for any engine and model.

The engine has the model loaded. Its answers are nonsense of random weights: only their form is judged.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import orjson
import pytest

from dunoe.engines.engine import Engine
from dunoe.engines.events import Event, Finished, Said, Usage
from dunoe.engines.request import Counting, Embedding, Generation, Json, Reranking
from dunoe.errors import TooLong
from dunoe.portfolio.model import Model

Behaviour = Callable[[Engine, Model], Awaitable[None]]
ASKED = [{"role": "user", "content": "안녕하세요? 자기소개를 해 주세요."}]
BOOL: Json = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


async def read(answer: AsyncGenerator[list[Event], None]) -> list[Event]:
    """Every event of an answer."""
    async with aclosing(answer) as batches:
        return [event async for batch in batches for event in batch]


def said(events: list[Event], index: int = 0) -> str:
    """The text of one choice."""
    return "".join(e.text for e in events if isinstance(e, Said) and e.index == index)


def finished(events: list[Event]) -> list[Finished]:
    """Why each choice ended, in the order they did."""
    return [event for event in events if isinstance(event, Finished)]


def usage(events: list[Event]) -> Usage:
    """The one usage of an answer."""
    (found,) = [event for event in events if isinstance(event, Usage)]
    return found


def ask(stream: bool, **fields: object) -> Generation:
    """A short chat, the same at every run, with some fields changed."""
    options = {"max_tokens": 8, "seed": 7, "temperature": 0.8} | dict(fields.pop("options", {}))  # type: ignore[call-overload]  # a dict, when given
    whole: Json = {"task": "chat", "messages": ASKED, "stream": stream, "options": options}
    return Generation(**(whole | fields))


async def writes_the_same_streamed_or_whole(engine: Engine, model: Model) -> None:
    await read(engine.generate(model, ask(stream=True)))  # now the prompt is cached for both
    streamed = await read(engine.generate(model, ask(stream=True)))
    batches = [batch async for batch in engine.generate(model, ask(stream=False))]
    assert len(batches) == 1
    assert said(streamed) == said(batches[0]) != ""
    for events in (streamed, batches[0]):
        assert [end.reason for end in finished(events)] == ["length"]
        assert usage(events).completion_tokens == 8


async def counts_a_prompt_as_an_answer_does(engine: Engine, model: Model) -> None:
    counted = await engine.count(model, Counting(messages=ASKED))
    events = await read(engine.generate(model, ask(stream=False)))
    assert counted.count == usage(events).prompt_tokens


async def continues_text_and_tokens_alike(engine: Engine, model: Model) -> None:
    counted = await engine.count(model, Counting(content="가나다 hello"))
    assert counted.tokens is not None and len(counted.tokens) == counted.count
    for prompt in ("가나다 hello", counted.tokens):
        events = await read(engine.generate(model, ask(True, task="complete", prompt=prompt)))
        assert usage(events).prompt_tokens == counted.count
        assert finished(events)[0].reason == "length"


async def fills_the_middle(engine: Engine, model: Model) -> None:
    prefix, suffix = "def add(a, b):\n" * 300, "\n    return total"
    events = await read(
        engine.generate(model, ask(True, task="infill", prompt=prefix, suffix=suffix))
    )
    both = await engine.count(model, Counting(content=prefix + suffix))
    assert said(events)
    assert usage(events).prompt_tokens >= both.count  # nothing was cut, marks were added


async def keeps_to_a_schema(engine: Engine, model: Model) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "ok", "schema": BOOL}}
    for task in ("chat", "complete"):
        events = await read(
            engine.generate(
                model,
                ask(True, task=task, prompt="{", format=schema, options={"max_tokens": 400}),
            )
        )
        assert isinstance(orjson.loads(said(events))["ok"], bool)
        assert finished(events)[0].reason == "stop"


async def stops_at_a_stop_text(engine: Engine, model: Model) -> None:
    for _ in range(2):  # the first reads the prompt, the second has it cached, as the third will
        free = said(await read(engine.generate(model, ask(False))))
    stop = free[3:5]
    events = await read(engine.generate(model, ask(True, options={"stop": [stop]})))
    assert said(events) == free[: free.index(stop)]
    assert finished(events)[0].reason == "stop"


async def writes_nothing_where_nothing_is_wanted(engine: Engine, model: Model) -> None:
    for stream in (True, False):
        none = ask(stream, task="complete", prompt="가나다", options={"max_tokens": 0})
        events = await read(engine.generate(model, none))
        assert said(events) == ""
        assert [end.reason for end in finished(events)] == ["length"]
        assert usage(events).prompt_tokens > 0
        assert usage(events).completion_tokens == 0


async def gives_several_choices(engine: Engine, model: Model) -> None:
    for stream in (True, False):
        events = await read(engine.generate(model, ask(stream, n=3)))
        assert sorted(end.index for end in finished(events)) == [0, 1, 2]
        assert len({said(events, index) for index in range(3)}) == 3
        assert usage(events).completion_tokens == 24


async def tells_probabilities(engine: Engine, model: Model) -> None:
    for alternatives in (0, 2):
        events = await read(engine.generate(model, ask(True, logprobs=alternatives)))
        tokens = [token for e in events if isinstance(e, Said) for token in e.logprobs or []]
        assert len(tokens) == 8
        assert all(token["logprob"] <= 0 for token in tokens)
        assert {len(token["top_logprobs"]) for token in tokens} == {alternatives}


async def refuses_what_is_too_long(engine: Engine, model: Model) -> None:
    words = [{"role": "user", "content": "말 " * 20_000}]
    for stream in (True, False):
        with pytest.raises(TooLong) as refused:
            await read(engine.generate(model, ask(stream, messages=words)))
        assert refused.value.code == "context_length_exceeded"


async def embeds_in_order(engine: Engine, model: Model) -> None:
    texts: list[str | list[int]] = [f"text number {n}" for n in range(5)]
    together = await engine.embed(model, Embedding(texts))
    assert together.prompt_tokens > 5
    for text, vector in zip(texts, together.vectors, strict=True):
        alone = (await engine.embed(model, Embedding([text]))).vectors[0]
        assert sum(a * b for a, b in zip(alone, vector, strict=True)) == pytest.approx(1, abs=1e-3)


async def cuts_a_long_text_only_when_it_may(engine: Engine, model: Model) -> None:
    long: list[str | list[int]] = ["word " * 5000]
    with pytest.raises(TooLong):
        await engine.embed(model, Embedding(long))
    cut = await engine.embed(model, Embedding(long, truncate=True))
    assert len(cut.vectors) == 1


async def ranks_in_the_order_given(engine: Engine, model: Model) -> None:
    documents = ["cats and dogs", "a", "the weather of tomorrow"]
    ranked = await engine.rerank(model, Reranking("cats", documents))
    turned = await engine.rerank(model, Reranking("cats", documents[::-1]))
    assert ranked.scores == pytest.approx(turned.scores[::-1], abs=1e-3)
    assert len(set(ranked.scores)) == 3
    assert ranked.prompt_tokens > 3


async def leaves_after(answer: AsyncGenerator[list[Event], None], busy: asyncio.Event) -> None:
    """Read on until `busy` is set, then be cancelled in the middle of reading, as a leaving client is."""
    reading = asyncio.create_task(read(answer))
    await busy.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


CHAT: list[Behaviour] = [
    writes_the_same_streamed_or_whole,
    counts_a_prompt_as_an_answer_does,
    continues_text_and_tokens_alike,
    fills_the_middle,
    keeps_to_a_schema,
    stops_at_a_stop_text,
    writes_nothing_where_nothing_is_wanted,
    gives_several_choices,
    tells_probabilities,
    refuses_what_is_too_long,
]
EMBEDDING: list[Behaviour] = [embeds_in_order, cuts_a_long_text_only_when_it_may]
RERANK: list[Behaviour] = [ranks_in_the_order_given]
