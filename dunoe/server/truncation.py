"""Making a request shorter by a named policy, never more than needed: docs/design/context.md has the policies.

A request is cut by asking again and again how long it would be, since only the model's own template and vocabulary
know; the cuts are found by halving.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple, get_args

from dunoe.engines.request import Generation, Json
from dunoe.errors import BadRequest, Text

Policy = Literal["oldest", "middle"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
SHORTEST = 200  # characters of a text that are left of it at least, less is no text any more
_STAY = ("system", "developer")

Measure = Callable[[Generation], Awaitable[int]]


class Cut(NamedTuple):
    """What is left of a request, and what was taken out, as the caller is told."""

    ask: Generation
    told: Json


def read_policy(name: str) -> Policy | None:
    """The policy of this name, None for `off`; raises BadRequest for any other word."""
    if name == "off":
        return None
    if name in POLICIES:
        return name
    known = ", ".join(("off", *POLICIES))
    raise BadRequest(
        Text(f"모르는 자르기 방식입니다: '{name[:40]}'", f"there is no way to cut '{name[:40]}'"),
        Text(
            f"x-dunoe-truncate는 다음 중 하나입니다: {known}",
            f"x-dunoe-truncate is one of: {known}",
        ),
        param="x-dunoe-truncate",
    )


async def cut(ask: Generation, policy: Policy, room: int, measure: Measure) -> Cut | None:
    """The request cut down to `room` tokens; None where this policy cannot get there."""
    if ask.task == "chat":
        return await (_oldest if policy == "oldest" else _middle)(ask, room, measure)
    if ask.task == "complete":
        return await _prompt(ask, policy, room, measure)
    return None  # what stands around a gap is the question itself


async def _oldest(ask: Generation, room: int, measure: Measure) -> Cut | None:
    turns = _turns(ask.messages)
    if len(turns) < 2:
        return None

    def without(count: int) -> Generation:
        gone = {at for turn in turns[:count] for at in turn}
        kept = [message for at, message in enumerate(ask.messages) if at not in gone]
        return replace(ask, messages=kept)

    count = await _least(1, len(turns) - 1, lambda n: measure(without(n)), room)
    if count is None:
        return None
    return Cut(without(count), {"messages": [at for turn in turns[:count] for at in turn]})


def _turns(messages: list[Json]) -> list[list[int]]:
    """Which messages belong together: a question and all that follows it; none of those that stay in any case."""
    turns: list[list[int]] = []
    for at, message in enumerate(messages):
        if message.get("role") in _STAY:
            continue
        if message.get("role") == "user" or not turns:
            turns.append([])
        turns[-1].append(at)
    return turns


async def _middle(ask: Generation, room: int, measure: Measure) -> Cut | None:
    places = sorted(
        _texts(ask.messages),
        key=lambda place: (
            ask.messages[place.message].get("role") in _STAY,
            -len(place.text(ask.messages)),
        ),
    )
    told: list[Json] = []
    for place in places:
        most = len(place.text(ask.messages)) - SHORTEST
        if most < 1:
            continue
        count = await _least(1, most, partial(_length, ask, place, measure), room)
        told.append({"message": place.message, "characters": most if count is None else count})
        ask = _shortened(ask, place, most if count is None else count)
        if count is not None:
            return Cut(ask, {"texts": told})
    return None


class _Place(NamedTuple):
    """A text of a chat: the content of a message, or one part of it."""

    message: int
    part: int | None

    def text(self, messages: list[Json]) -> str:
        content = messages[self.message]["content"]
        return str(content if self.part is None else content[self.part]["text"])

    def changed(self, messages: list[Json], text: str) -> list[Json]:
        message = messages[self.message]
        content: str | list[Json] = text
        if self.part is not None:
            content = [*message["content"]]
            content[self.part] = {**content[self.part], "text": text}
        changed = {**message, "content": content}
        return [*messages[: self.message], changed, *messages[self.message + 1 :]]


def _texts(messages: list[Json]) -> list[_Place]:
    places = []
    for at, message in enumerate(messages):
        content = message.get("content")
        if isinstance(content, str):
            places.append(_Place(at, None))
        elif isinstance(content, list):
            parts = enumerate(content)
            places += [_Place(at, n) for n, part in parts if isinstance(part.get("text"), str)]
    return places


async def _length(ask: Generation, place: _Place, measure: Measure, count: int) -> int:
    """How long a request is without so many characters of one text."""
    return await measure(_shortened(ask, place, count))


def _shortened(ask: Generation, place: _Place, count: int) -> Generation:
    text = _without_middle(place.text(ask.messages), count)
    return replace(ask, messages=place.changed(ask.messages, text))


async def _prompt(ask: Generation, policy: Policy, room: int, measure: Measure) -> Cut | None:
    prompt = ask.prompt
    if isinstance(prompt, list):  # of tokens: how many are too many is known
        over = await measure(ask) - room
        if over >= len(prompt):
            return None
        start = 0 if policy == "oldest" else (len(prompt) - over) // 2
        left = prompt[:start] + prompt[start + over :]
        return Cut(replace(ask, prompt=left), {"prompt": True, "tokens": over})

    def shortened(count: int) -> Generation:
        left = prompt[count:] if policy == "oldest" else _without_middle(prompt, count)
        return replace(ask, prompt=left)

    most = len(prompt) - SHORTEST
    count = await _least(1, most, lambda n: measure(shortened(n)), room) if most > 0 else None
    if count is None:
        return None
    return Cut(shortened(count), {"prompt": True, "characters": count})


def _without_middle(text: str, count: int) -> str:
    start = (len(text) - count) // 2
    mark = f"\n[… {count:,}자 생략 · {count:,} characters left out …]\n"
    return text[:start] + mark + text[start + count :]


async def _least(
    low: int, high: int, length: Callable[[int], Awaitable[int]], room: int
) -> int | None:
    """The least number from low to high with which the length is at most `room`; None where `high` is not enough."""
    if await length(high) > room:
        return None
    while low < high:
        middle = (low + high) // 2
        if await length(middle) <= room:
            high = middle
        else:
            low = middle + 1
    return high
