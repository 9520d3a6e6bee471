"""An answer gathered from its events, for callers who want it in one piece."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from dunoe.engines.events import (
    Called,
    Event,
    Extra,
    Finished,
    FinishReason,
    Reading,
    Said,
    Thought,
    Usage,
)
from dunoe.engines.request import Json


@dataclass(slots=True)
class ToolCall:
    """A finished call; arguments is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str

    def parsed(self) -> Json | None:
        """The arguments as an object; None when they are none, as in an answer that was cut off."""
        try:
            found = orjson.loads(self.arguments or "{}")
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) else None


@dataclass(slots=True)
class Choice:
    """One of the n answers."""

    text: str = ""
    reasoning: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[Json] | None = None
    finish: FinishReason = "stop"
    stop: str | None = None


@dataclass(slots=True)
class Answer:
    """All choices, with what the engine counted."""

    choices: list[Choice] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(0, 0))
    extra: Json = field(default_factory=dict)

    def add(self, batch: Iterable[Event]) -> None:
        """Take in one batch."""
        for event in batch:
            match event:
                case Usage():
                    self.usage = event
                case Reading():
                    continue  # Usage says it again
                case Extra():
                    self.extra |= event.fields
                case _:
                    self._add_to(self.choice(event.index), event)

    def choice(self, index: int) -> Choice:
        """Choice number `index`, made when it is first spoken of."""
        while len(self.choices) <= index:
            self.choices.append(Choice())
        return self.choices[index]

    @staticmethod
    def _add_to(choice: Choice, event: Said | Thought | Called | Finished) -> None:
        match event:
            case Said():
                choice.text += event.text
                if event.logprobs is not None:
                    choice.logprobs = (choice.logprobs or []) + event.logprobs
            case Thought():
                choice.reasoning += event.text
            case Called():
                while len(choice.calls) <= event.call:
                    choice.calls.append(ToolCall("", "", ""))
                call = choice.calls[event.call]
                call.id, call.name = call.id or event.id, call.name or event.name
                call.arguments += event.arguments
            case Finished():
                choice.finish, choice.stop = event.reason, event.stop
