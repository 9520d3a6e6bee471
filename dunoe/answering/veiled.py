"""An answer whose numbers and keys are hidden: it goes out by the sentence, masked."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from dunoe.answering.masking import Veil
from dunoe.answering.question import Ended, Event, Piece, Thought
from dunoe.errors import Problem


async def veiled(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The same events; the model may have put a number together out of what it read."""
    thoughts, answer, said = Veil(), Veil(), list[str]()
    async with aclosing(events):
        try:
            async for event in events:
                if isinstance(event, Thought):
                    event = Thought(thoughts.feed(event.text))
                elif text := thoughts.close():
                    yield Thought(text)
                if isinstance(event, Piece):
                    event = Piece(answer.feed(event.text))
                    said.append(event.text)
                elif isinstance(event, Ended):
                    said.append(answer.close())
                    yield Piece(said[-1])
                    event = replace(event, answer="".join(said))
                yield event
        except Problem:
            yield Piece(answer.close())
            raise
