"""Several answers at once as one: for engines that give one choice a request."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from dunoe.engines.events import Event, Usage

Answer = AsyncGenerator[list[Event], None]


async def side_by_side(answers: list[Answer]) -> Answer:
    """The batches of every answer as they come, and one Usage of all of them last.

    The prompt counts once. When one answer fails, or this generator is closed, the others are stopped.
    """
    used: list[Usage] = []
    async with aclosing(_merged(answers)) as batches:
        async for batch in batches:
            used += [event for event in batch if isinstance(event, Usage)]
            said: list[Event] = [event for event in batch if not isinstance(event, Usage)]
            if said:
                yield said
    if used:
        yield [_together(used)]


async def _merged(answers: list[Answer]) -> Answer:
    # Not a TaskGroup: around a yield it would cancel whatever task happens to read this generator.
    reads = {asyncio.create_task(_read(answer)): answer for answer in answers}
    try:
        while reads:
            done, _ = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            for read in done:
                batch = read.result()
                answer = reads.pop(read)
                if batch is not None:
                    reads[asyncio.create_task(_read(answer))] = answer
                    yield batch
    finally:
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        for answer in answers:
            await answer.aclose()


async def _read(answer: Answer) -> list[Event] | None:
    return await anext(answer, None)


def _together(used: list[Usage]) -> Usage:
    return Usage(
        prompt_tokens=max(one.prompt_tokens for one in used),
        completion_tokens=sum(one.completion_tokens for one in used),
        cached_tokens=max(one.cached_tokens for one in used),
        prefill_s=max(one.prefill_s for one in used),
        decode_s=max(one.decode_s for one in used),
    )
