"""A question that leans on the conversation, made into one that can be searched."""

from collections.abc import Sequence
from contextlib import aclosing

from dunoe.answering.prompts import Prompts, Turn
from dunoe.engines.engine import Engine
from dunoe.engines.events import Said
from dunoe.engines.request import Generation, Json
from dunoe.errors import Problem
from dunoe.portfolio.model import Model

LENGTH = 300  # letters; a rewritten question that is longer is babble
TOKENS = 96
HOPS = 3
TURNS = 3  # earlier turns that a question may lean on


async def rewritten(
    engine: Engine, model: Model, prompts: Prompts, turns: Sequence[Turn], question: str
) -> str:
    """The question so that it stands alone; `together` where the model fails or babbles."""
    said = await _said(engine, model, prompts.rewrite(turns[-TURNS:], question))
    line = next((line.strip(' "“”') for line in said.split("\n") if line.strip()), "")
    return line if 0 < len(line) <= LENGTH else together(turns, question)


def together(turns: Sequence[Turn], question: str) -> str:
    """The last question and this one, for a search without a model."""
    return f"{turns[-1].question} {question}" if turns else question


async def hops(engine: Engine, model: Model, prompts: Prompts, question: str) -> list[str]:
    """What should be looked up to answer a question; [] where the model fails."""
    said = await _said(engine, model, prompts.hops(question), TOKENS * 2)
    lines = (line.strip(' -*•"').lstrip("0123456789.) ") for line in said.split("\n"))
    return [line for line in lines if 0 < len(line) <= LENGTH][:HOPS]


async def _said(engine: Engine, model: Model, messages: list[Json], tokens: int = TOKENS) -> str:
    ask = Generation(
        "chat",
        messages=messages,
        stream=True,
        options={"temperature": 0.0, "max_tokens": tokens},
        think=False,
    )
    said = ""
    try:
        async with aclosing(engine.generate(model, ask)) as batches:
            async for batch in batches:
                said += "".join(event.text for event in batch if isinstance(event, Said))
    except Problem:
        return ""  # the search goes on with the words of the person
    return said
