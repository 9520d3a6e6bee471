"""The items of a Responses request made into OpenAI chat messages, which every engine reads.

What the model said in one turn comes as several items (reasoning, text, calls); here it is one message again.
"""

from typing import Literal

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text
from dunoe.server.body import Body
from dunoe.server.pictures import linked_picture
from dunoe.server.refusals import unsupported

_HINT = Text(
    "message, reasoning, function_call, function_call_output 항목을 보내세요.",
    "send message, reasoning, function_call and function_call_output items.",
)
_PARTS = Text("텍스트와 이미지(data URI)를 보내세요.", "send text and pictures (data URI).")
_TEXTS = ("input_text", "output_text", "text", "refusal", "summary_text", "reasoning_text")


class Part(Body):
    """A piece of an item's content; which fields count, its type says."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None


class Item(Body):
    """One item of the input; without a type it is a message."""

    type: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Part] | None = None
    summary: list[Part] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Part] | None = None


def canonical(given: str | list[Item]) -> list[Json]:
    """The same conversation as chat messages. Raises BadRequest for items that cannot be said in them."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    past = _Past()
    for number, item in enumerate(given):
        past.add(item, f"input.{number}")
    past.show()
    return past.messages


class _Past:
    """The messages so far, and the pictures of results that wait until all results are in."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.pictures: list[Json] = []

    def add(self, item: Item, where: str) -> None:
        if item.type == "function_call_output":
            self._result(item, where)
            return
        self.show()
        match item.type:
            case None | "message":
                self._message(item, where)
            case "reasoning":
                parts = item.content or item.summary or []
                self._turn("content", "tool_calls")["reasoning_content"] = _text(parts, where)
            case "function_call":
                self._call(item, where)
            case other:
                raise unsupported(other, where, _HINT)

    def show(self) -> None:
        """A tool's message holds text alone, so its pictures follow as the user's."""
        if self.pictures:
            self.messages.append({"role": "user", "content": self.pictures})
            self.pictures = []

    def _message(self, item: Item, where: str) -> None:
        content = _content(item.content or "", f"{where}.content")
        if item.role == "assistant":
            self._turn("content", "tool_calls")["content"] = content
        elif item.role is None:
            raise _lacking("role", where)
        else:
            role = "system" if item.role == "developer" else item.role
            self.messages.append({"role": role, "content": content})

    def _call(self, item: Item, where: str) -> None:
        if not item.call_id or not item.name:
            raise _lacking("call_id, name", where)
        function = {"name": item.name, "arguments": item.arguments or "{}"}
        call = {"id": item.call_id, "type": "function", "function": function}
        self._turn().setdefault("tool_calls", []).append(call)

    def _turn(self, *without: str) -> Json:
        """The model's message that goes on here; a new one where the last has any of these fields already."""
        last = self.messages[-1] if self.messages else {"role": ""}
        if last["role"] != "assistant" or any(last.get(name) for name in without):
            last = {"role": "assistant", "content": ""}
            self.messages.append(last)
        return last

    def _result(self, item: Item, where: str) -> None:
        if not item.call_id:
            raise _lacking("call_id", where)
        content = _content(item.output or "", f"{where}.output")
        if not isinstance(content, str):
            self.pictures += [part for part in content if part["type"] == "image_url"]
            content = "\n".join(part["text"] for part in content if part["type"] == "text")
        self.messages.append({"role": "tool", "tool_call_id": item.call_id, "content": content})


def _text(given: str | list[Part], where: str) -> str:
    content = _content(given, where)
    if isinstance(content, str):
        return content
    raise unsupported("image", where, _HINT)


def _content(given: str | list[Part], where: str) -> str | list[Json]:
    """Texts alone become one text, which every chat template can read."""
    if isinstance(given, str):
        return given
    parts = [_part(part, f"{where}.{number}") for number, part in enumerate(given)]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _part(part: Part, where: str) -> Json:
    if part.type in _TEXTS:
        return {"type": "text", "text": part.text or part.refusal or ""}
    if part.type == "input_image" and part.image_url:
        return linked_picture(part.image_url, f"{where}.image_url")
    raise unsupported(part.type, where, _PARTS)


def _lacking(fields: str, where: str) -> BadRequest:
    return BadRequest(
        Text(f"'{where}'에 {fields}이(가) 필요합니다", f"'{where}' needs {fields}"),
        Text("항목의 필드를 확인하세요.", "check the fields of this item."),
        param=where,
    )
