"""Anthropic's answers: a message of blocks, whole or as typed events."""

from uuid import uuid4

from dunoe.engines.events import Called, Event, Extra, Finished, Said, Thought, Usage
from dunoe.engines.request import Json
from dunoe.errors import Language, Problem
from dunoe.server.answer import Answer
from dunoe.server.jsontext import oneline
from dunoe.server.problems import body as problem_body

_REASONS = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


class MessagesReply:
    """/v1/messages. Blocks follow one another: the one before ends when the next begins."""

    media_type = "text/event-stream"
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'

    def __init__(self, model: str) -> None:
        self.model = model
        self.id = _name("msg")
        self.finished = Finished("stop")
        self.usage = Usage(0, 0)
        self.dropped: Json = {}
        self.blocks = 0
        self.calls: dict[int, int] = {}  # number of the call -> its block
        self._open = ""  # the kind of block that has no end yet
        self._before = b""  # what goes before its next piece of text

    def start(self) -> bytes:
        """The empty message. What it read is not counted yet: message_delta tells."""
        return _event("message_start", message=self._message([], None, None))

    def pieces(self, batch: list[Event]) -> bytes:
        """Events for one batch."""
        return b"".join([self._piece(event) for event in batch])

    def _piece(self, event: Event) -> bytes:
        match event:
            case Said():
                return self._spoken("text", event.text)
            case Thought():
                return self._spoken("thinking", event.text)
            case Called():
                return self._called(event)
            case Finished():
                self.finished = event
            case Usage():
                self.usage = event
            case Extra(fields) if "dropped" in fields:
                self.dropped = {"dropped": fields["dropped"]}
        return b""

    def _spoken(self, kind: str, text: str) -> bytes:
        if not text:
            return b""
        opened = b""
        if self._open != kind:
            signature = {"signature": ""} if kind == "thinking" else {}
            opened = self._next({"type": kind, kind: "", **signature}, f"{kind}_delta", kind)
        return opened + self._before + oneline(text) + b"}}\n\n"

    def _called(self, event: Called) -> bytes:
        opened = b""
        if event.call not in self.calls:
            self.calls[event.call] = self.blocks
            block = {
                "type": "tool_use",
                "id": event.id or _name("toolu"),
                "name": event.name,
                "input": {},
            }
            opened = self._next(block, "input_json_delta", "partial_json")
        if not event.arguments:
            return opened
        before = _delta(self.calls[event.call], "input_json_delta", "partial_json")
        return opened + before + oneline(event.arguments) + b"}}\n\n"

    def _next(self, block: Json, delta: str, field: str) -> bytes:
        """End the open block, begin this one, and make ready for its pieces."""
        ended = self._stop()
        self._open = block["type"]
        self._before = _delta(self.blocks, delta, field)
        self.blocks += 1
        return ended + _event("content_block_start", index=self.blocks - 1, content_block=block)

    def _stop(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("content_block_stop", index=self.blocks - 1)

    def end(self) -> bytes:
        """The end of the last block, why it ended, and the counts."""
        opened = (
            b"" if self.blocks else self._next({"type": "text", "text": ""}, "text_delta", "text")
        )
        reason, stop = _reason(self.finished, has_calls=bool(self.calls))
        delta = {"stop_reason": reason, "stop_sequence": stop}
        counts = _event("message_delta", delta=delta, usage=_usage(self.usage), **self.dropped)
        return opened + self._stop() + counts + _event("message_stop")

    def broken(self, problem: Problem, language: Language) -> bytes:
        """The error event, after which nothing comes."""
        return (
            b"event: error\ndata: "
            + oneline(problem_body(problem, "anthropic", language))
            + b"\n\n"
        )

    def whole(self, answer: Answer) -> Json:
        """The message in one piece."""
        choice = answer.choice(0)
        blocks: list[Json] = []
        if choice.reasoning:
            blocks.append({"type": "thinking", "thinking": choice.reasoning, "signature": ""})
        if choice.text or not (choice.reasoning or choice.calls):
            blocks.append({"type": "text", "text": choice.text})
        for call in choice.calls:
            id_, arguments = call.id or _name("toolu"), call.parsed() or {}
            blocks.append({"type": "tool_use", "id": id_, "name": call.name, "input": arguments})
        finished = Finished(choice.finish, stop=choice.stop)
        reason, stop = _reason(finished, has_calls=bool(choice.calls))
        self.usage = answer.usage
        return self._message(blocks, reason, stop)

    def _message(self, blocks: list[Json], reason: str | None, stop: str | None) -> Json:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": blocks,
            "stop_reason": reason,
            "stop_sequence": stop,
            "usage": _usage(self.usage),
        }


def count_body(tokens: int) -> Json:
    """The answer of /v1/messages/count_tokens."""
    return {"input_tokens": tokens}


def _reason(finished: Finished, *, has_calls: bool) -> tuple[str, str | None]:
    """stop_reason and stop_sequence. Some engines say `stop` after a call too."""
    if finished.reason != "stop":
        return _REASONS[finished.reason], None
    if has_calls:
        return "tool_use", None
    return ("stop_sequence", finished.stop) if finished.stop else ("end_turn", None)


def _usage(usage: Usage) -> Json:
    """All that was read counts as input: the engine's own cache is nothing that a caller asked or pays for."""
    return {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}


def _event(kind: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), oneline({"type": kind, **fields}))


def _delta(index: int, kind: str, field: str) -> bytes:
    """All of a content_block_delta that goes before its text."""
    return (
        'event: content_block_delta\ndata: {"type":"content_block_delta",'
        f'"index":{index},"delta":{{"type":"{kind}","{field}":'
    ).encode()


def _name(kind: str) -> str:
    return f"{kind}_{uuid4().hex[:24]}"
