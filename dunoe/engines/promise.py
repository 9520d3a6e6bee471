"""What was asked and engines do not keep by themselves: no token, one call at a time, a call that must come."""

from dataclasses import replace

from dunoe.engines.events import Called, Event, Finished, Said, Thought, Usage
from dunoe.engines.request import Generation
from dunoe.engines.tool_choice import must_call
from dunoe.errors import EngineFailed, Text


class Promise:
    """Holds the events of one choice to what was asked.

    max_tokens 0: engines write one token all the same; nothing of it is said or counted.
    One call at a time: the first one of an answer.
    A call that must come: models may speak first, which OpenAI's never do; that is left out.
    stop: a text that the caller did not ask to stop at (a template has its own) is not told.
    """

    def __init__(self, engine: str, ask: Generation) -> None:
        self.engine = engine
        self.is_mute = ask.options.get("max_tokens") == 0
        self.calls_once = ask.options.get("parallel_tool_calls") is False
        self.must_call = must_call(ask)
        stop = ask.options.get("stop")
        self.stops = stop if isinstance(stop, list) else [stop]
        self._has_called = False

    def kept(self, events: list[Event]) -> list[Event]:
        """The events that may be told. Raises EngineFailed when a call had to come and none did."""
        return [kept for event in events if (kept := self._one(event)) is not None]

    def _one(self, event: Event) -> Event | None:
        match event:
            case Said():
                return None if self.is_mute or self.must_call else event
            case Thought():
                return None if self.is_mute else event
            case Called():
                self._has_called = True
                return None if self.is_mute or (self.calls_once and event.call) else event
            case Finished():
                return self._end(event)
            case Usage() if self.is_mute:
                return replace(event, completion_tokens=0)
        return event

    def _end(self, end: Finished) -> Finished:
        if self.is_mute:
            return Finished("length", end.index)
        if self.must_call and not self._has_called and end.reason in ("stop", "tool_calls"):
            raise EngineFailed(
                Text(
                    f"엔진 '{self.engine}'의 모델이 도구를 부르지 않고 답을 끝냈습니다",
                    f"the model on engine '{self.engine}' ended its answer without the tool call that was required",
                ),
                Text(
                    '다시 시도하거나, 도구를 잘 부르는 모델을 쓰거나, tool_choice를 "auto"로 하세요.',
                    'try again, use a model that is good at calling tools, or set tool_choice to "auto".',
                ),
                code="no_tool_call",
                upstream=self.engine,
            )
        return end if end.stop in self.stops else replace(end, stop=None)
