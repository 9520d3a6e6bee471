"""Ollama's messages made into OpenAI's, which every engine reads.

Ollama's calls of tools may lack an id, and their results may name the tool alone; here each gets its id.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from dunoe.engines.request import Json
from dunoe.server.body import Body
from dunoe.server.jsontext import written
from dunoe.server.pictures import picture


class _Function(Body):
    name: str
    arguments: dict[str, Any] | str | None = None  # Any: JSON


class _Call(Body):
    id: str | None = None
    function: _Function


def _lower(role: object) -> object:
    return role.lower() if isinstance(role, str) else role


class Message(Body):
    """One message of a chat."""

    role: Annotated[Literal["system", "user", "assistant", "tool"], BeforeValidator(_lower)]
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[_Call] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


def canonical(given: list[Message]) -> list[Json]:
    """The same messages in OpenAI's form. Raises BadRequest for what cannot be said in it."""
    thread = _Thread()
    return [thread.canonical(number, message) for number, message in enumerate(given)]


class _Thread:
    """What of the earlier messages the later ones need: the calls that wait for their results."""

    def __init__(self) -> None:
        self.calls = 0
        self.waiting: list[tuple[str, str]] = []  # (id, name) of calls without a result so far

    def canonical(self, number: int, message: Message) -> Json:
        where = f"messages.{number}"
        content = content_of(message.content or "", message.images, f"{where}.images")
        found: Json = {"role": message.role, "content": content}
        if message.thinking:
            found["reasoning_content"] = message.thinking
        if message.tool_calls:
            found["tool_calls"] = [self._call(call, where) for call in message.tool_calls]
        if message.role == "tool":
            found["tool_call_id"] = self._answered(message.tool_call_id, message.tool_name)
            if message.tool_name:
                found["name"] = message.tool_name
        return found

    def _call(self, call: _Call, where: str) -> Json:
        self.calls += 1
        id_ = call.id or f"call_{self.calls}"
        self.waiting.append((id_, call.function.name))
        arguments = call.function.arguments or {}
        if not isinstance(arguments, str):
            arguments = written(arguments, f"{where}.tool_calls")
        function = {"name": call.function.name, "arguments": arguments}
        return {"id": id_, "type": "function", "function": function}

    def _answered(self, id_: str | None, name: str | None) -> str:
        """The id of the call that this is the result of: named by it, or the first that waits."""
        found = [call for call in self.waiting if call[0] == id_]
        found = found or [call for call in self.waiting if call[1] == name]
        found = found or self.waiting
        if id_ is None and found:
            id_ = found[0][0]
        self.waiting = [call for call in self.waiting if call[0] != id_]
        return id_ or "call_0"


def content_of(text: str, images: list[str] | None, where: str) -> str | list[Json]:
    """The text, or text and pictures as parts. where: the field that holds the images."""
    if not images:
        return text
    said = [{"type": "text", "text": text}] if text else []
    return said + [picture(image, f"{where}.{number}") for number, image in enumerate(images)]
