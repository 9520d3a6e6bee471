"""The items that a response is made of, each with the events that bring it."""

from typing import Literal
from uuid import uuid4

from dunoe.engines.events import Called
from dunoe.engines.request import Json
from dunoe.server.jsontext import oneline


class Sequence:
    """Numbers the events of one response."""

    def __init__(self) -> None:
        self.number = 0

    def event(self, kind: str, fields: Json) -> bytes:
        """One server-sent event."""
        return b"event: %b\ndata: %b\n\n" % (
            kind.encode(),
            oneline({"type": kind, "sequence_number": self.take(), **fields}),
        )

    def take(self) -> int:
        """The next number."""
        self.number += 1
        return self.number - 1


class TextItem:
    """What the model says, or thinks: an item with one part."""

    def __init__(self, kind: Literal["message", "reasoning"], index: int, events: Sequence) -> None:
        self.kind, self.events = kind, events
        self.id = f"{'msg' if kind == 'message' else 'rs'}_{uuid4().hex}"
        self.status = "in_progress"
        self.texts: list[str] = []
        self.logprobs: list[Json] = []
        self.item_at: Json = {"output_index": index}
        self.part_at: Json = {"item_id": self.id, "output_index": index, "content_index": 0}
        self._said = "response.output_text" if kind == "message" else "response.reasoning_text"
        self._before = (
            f'event: {self._said}.delta\ndata: {{"type":"{self._said}.delta","item_id":"{self.id}",'
            f'"output_index":{index},"content_index":0,"sequence_number":'
        ).encode()

    def begin(self) -> bytes:
        """The item and its part, both empty."""
        added = self.events.event(
            "response.output_item.added", {**self.item_at, "item": self.item([])}
        )
        return added + self.events.event(
            "response.content_part.added", {**self.part_at, "part": self._part()}
        )

    def say(self, text: str, logprobs: list[Json] | None) -> bytes:
        """One more piece."""
        self.texts.append(text)
        likely = b""
        if self.kind == "message":
            likely = b',"logprobs":[]'
            if logprobs:
                self.logprobs += [_with_bytes(entry) for entry in logprobs]
                likely = b',"logprobs":' + oneline(logprobs)
        number = b"%d" % self.events.take()
        return self._before + number + likely + b',"delta":' + oneline(text) + b"}\n\n"

    def end(self, status: str) -> bytes:
        """The whole text, the whole part and the whole item."""
        self.status = status
        part = self._part()
        likely = {"logprobs": self.logprobs} if self.kind == "message" else {}
        done = {**self.part_at, "text": part["text"], **likely}
        return (
            self.events.event(f"{self._said}.done", done)
            + self.events.event("response.content_part.done", {**self.part_at, "part": part})
            + self.events.event("response.output_item.done", {**self.item_at, "item": self.item()})
        )

    def item(self, parts: list[Json] | None = None) -> Json:
        """The item as it is now; parts: shown instead of its own."""
        parts = [self._part()] if parts is None else parts
        shown: Json = {"id": self.id, "type": self.kind, "status": self.status}
        if self.kind == "message":
            return {**shown, "role": "assistant", "content": parts}
        return {**shown, "summary": [], "content": parts}

    def _part(self) -> Json:
        text = "".join(self.texts)
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self.logprobs}


class CallItem:
    """A call of one of the caller's functions."""

    def __init__(self, first: Called, index: int, events: Sequence) -> None:
        self.call, self.events = first.call, events
        self.id = f"fc_{uuid4().hex}"
        self.call_id = first.id or f"call_{uuid4().hex[:24]}"
        self.name = first.name
        self.status = "in_progress"
        self.arguments: list[str] = []
        self.item_at: Json = {"output_index": index}

    def begin(self) -> bytes:
        """The item, without arguments so far."""
        return self.events.event(
            "response.output_item.added", {**self.item_at, "item": self.item()}
        )

    def say(self, piece: str) -> bytes:
        """One more piece of the arguments."""
        if not piece:
            return b""
        self.arguments.append(piece)
        at = {"item_id": self.id, **self.item_at}
        return self.events.event("response.function_call_arguments.delta", {**at, "delta": piece})

    def end(self, status: str) -> bytes:
        """The whole arguments and the whole item."""
        self.status = status
        done = {
            "item_id": self.id,
            **self.item_at,
            "name": self.name,
            "arguments": "".join(self.arguments),
        }
        return self.events.event("response.function_call_arguments.done", done) + self.events.event(
            "response.output_item.done", {**self.item_at, "item": self.item()}
        )

    def item(self) -> Json:
        """The item as it is now."""
        return {
            "id": self.id,
            "type": "function_call",
            "status": self.status,
            "call_id": self.call_id,
            "name": self.name,
            "arguments": "".join(self.arguments),
        }


def _with_bytes(entry: Json) -> Json:
    """A token's entry as the finished text has it: with its bytes, and always with its alternatives."""
    token = str(entry.get("token", ""))
    others = [_with_bytes(other) for other in entry.get("top_logprobs") or []]
    return {**entry, "bytes": entry.get("bytes") or list(token.encode()), "top_logprobs": others}
