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


async def could_cut(ask: Generation, policy: Policy, room: int, measure: Measure) -> bool:
    """Whether `cut` would get there, told by what it leaves at the least: that is counted quickly."""
    shortest = _shortest(ask, policy)
    return shortest is not None and await measure(shortest) <= room


def _shortest(ask: Generation, policy: Policy) -> Generation | None:
    """The request cut as far as the policy ever does; None where there is nothing to take."""
    if ask.task == "complete":
        most = _most(ask)
        return _less(ask, policy, most) if most > 0 else None
    if ask.task != "chat":
        return None
    if policy == "oldest":
        turns = _turns(ask.messages)
        return _without(ask, turns[:-1]) if len(turns) > 1 else None
    places = _places(ask.messages)
    for place, most in places:
        ask = _shortened(ask, place, most)
    return ask if places else None


async def _oldest(ask: Generation, room: int, measure: Measure) -> Cut | None:
    turns = _turns(ask.messages)
    if len(turns) < 2:
        return None
    count = await _least(1, len(turns) - 1, lambda n: measure(_without(ask, turns[:n])), room)
    if count is None:
        return None
    gone = turns[:count]
    return Cut(_without(ask, gone), {"messages": [at for turn in gone for at in turn]})


def _without(ask: Generation, turns: list[list[int]]) -> Generation:
    gone = {at for turn in turns for at in turn}
    kept = [message for at, message in enumerate(ask.messages) if at not in gone]
    return replace(ask, messages=kept)


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
    told: list[Json] = []
    for place, most in _places(ask.messages):
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


def _places(messages: list[Json]) -> list[tuple[_Place, int]]:
    """The texts that can lose their middle, in turn, and how much of it."""

    def turn(found: tuple[_Place, int]) -> tuple[bool, int]:
        return messages[found[0].message].get("role") in _STAY, -found[1]

    found = [(place, len(place.text(messages)) - SHORTEST) for place in _texts(messages)]
    return sorted((one for one in found if one[1] > 0), key=turn)


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
        return Cut(_less(ask, policy, over), {"prompt": True, "tokens": over})
    most = _most(ask)
    count = (
        await _least(1, most, lambda n: measure(_less(ask, policy, n)), room) if most > 0 else None
    )
    if count is None:
        return None
    return Cut(_less(ask, policy, count), {"prompt": True, "characters": count})


def _most(ask: Generation) -> int:
    """How much of a raw prompt may go."""
    return len(ask.prompt) - (SHORTEST if isinstance(ask.prompt, str) else 1)


def _less(ask: Generation, policy: Policy, count: int) -> Generation:
    """A raw prompt without so many characters, or tokens."""
    prompt = ask.prompt
    if policy == "oldest":
        return replace(ask, prompt=prompt[count:])
    if isinstance(prompt, str):
        return replace(ask, prompt=_without_middle(prompt, count))
    start = (len(prompt) - count) // 2
    return replace(ask, prompt=prompt[:start] + prompt[start + count :])


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
