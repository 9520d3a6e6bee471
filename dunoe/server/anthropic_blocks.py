"""Anthropic's messages of blocks made into OpenAI's, which every engine reads.

A user's `tool_result` becomes a message of its own; the pictures in it follow with what the user says next,
because a tool's message holds text alone.
"""

from typing import Any, Literal

from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text
from dunoe.server.body import Body
from dunoe.server.jsontext import written
from dunoe.server.pictures import linked_picture, picture
from dunoe.server.refusals import unsupported

_HINT = Text(
    "text, image, tool_use, tool_result, thinking 블록을 보내세요.",
    "send text, image, tool_use, tool_result and thinking blocks.",
)


class Source(Body):
    """Where the bytes or the text of a block come from."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None


class Block(Body):
    """One block of content; which fields count, its type says."""

    type: str
    text: str | None = None
    thinking: str | None = None
    source: Source | None = None
    id: str | None = None
    name: str | None = None
    input: dict[str, Any] | None = None  # Any: JSON
    tool_use_id: str | None = None
    content: "str | list[Block] | None" = None


class Message(Body):
    """One message of a chat."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


def canonical(given: list[Message]) -> list[Json]:
    """The same messages in OpenAI's form. Raises BadRequest for blocks that cannot be said in it."""
    found: list[Json] = []
    for number, message in enumerate(given):
        where = f"messages.{number}.content"
        if isinstance(message.content, str):
            found.append({"role": message.role, "content": message.content})
        elif message.role == "assistant":
            found.append(_assistant(message.content, where))
        elif message.role == "system":
            found.append({"role": "system", "content": texts_of(message.content, where)})
        else:
            found += _user(message.content, where)
    return found


def texts_of(blocks: list[Block], where: str) -> str:
    """The text of blocks that may hold nothing else."""
    texts = []
    for number, block in enumerate(blocks):
        if block.type != "text":
            raise unsupported(block.type, f"{where}.{number}", _HINT)
        texts.append(block.text or "")
    return "\n".join(texts)


def _assistant(blocks: list[Block], where: str) -> Json:
    texts, thoughts, calls = [], [], []
    for number, block in enumerate(blocks):
        match block.type:
            case "text":
                texts.append(block.text or "")
            case "thinking":
                thoughts.append(block.thinking or "")
            case "redacted_thinking":
                continue  # nobody but its maker can read it
            case "tool_use":
                calls.append(_call(block, f"{where}.{number}"))
            case _:
                raise unsupported(block.type, f"{where}.{number}", _HINT)
    found: Json = {"role": "assistant", "content": "\n".join(texts)}
    if any(thoughts):
        found["reasoning_content"] = "\n".join(thoughts)
    if calls:
        found["tool_calls"] = calls
    return found


def _call(block: Block, where: str) -> Json:
    if not block.id or not block.name:
        raise _lacking("id, name", where)
    arguments = written(block.input or {}, f"{where}.input")
    function = {"name": block.name, "arguments": arguments}
    return {"id": block.id, "type": "function", "function": function}


def _user(blocks: list[Block], where: str) -> list[Json]:
    results: list[Json] = []
    parts: list[Json] = []
    for number, block in enumerate(blocks):
        place = f"{where}.{number}"
        if block.type == "tool_result":
            text, pictures = _result(block, place)
            results.append({"role": "tool", "tool_call_id": block.tool_use_id, "content": text})
            parts += pictures
        else:
            parts.append(_part(block, place))
    if not parts and results:
        return results
    return [*results, {"role": "user", "content": _joined(parts)}]


def _result(block: Block, where: str) -> tuple[str, list[Json]]:
    if not block.tool_use_id:
        raise _lacking("tool_use_id", where)
    if not isinstance(block.content, list):
        return block.content or "", []
    parts = [_part(inner, f"{where}.content.{i}") for i, inner in enumerate(block.content)]
    pictures = [part for part in parts if part["type"] == "image_url"]
    return "\n".join(part["text"] for part in parts if part["type"] == "text"), pictures


def _part(block: Block, where: str) -> Json:
    if block.type == "text":
        return {"type": "text", "text": block.text or ""}
    source = block.source
    if block.type == "image" and source and source.type == "base64" and source.data:
        return picture(source.data, f"{where}.source.data")
    if block.type == "image" and source and source.type == "url" and source.url:
        return linked_picture(source.url, f"{where}.source.url")
    if block.type == "document" and source and source.type == "text" and source.data:
        return {"type": "text", "text": source.data}
    raise unsupported(block.type, where, _HINT)


def _joined(parts: list[Json]) -> str | list[Json]:
    """Texts alone become one text, which every chat template can read."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _lacking(fields: str, where: str) -> BadRequest:
    return BadRequest(
        Text(f"'{where}'에 {fields}이(가) 필요합니다", f"'{where}' needs {fields}"),
        Text("블록의 필드를 확인하세요.", "check the fields of this block."),
        param=where,
    )
