"""A conversation in OpenAI's form, made into what llama.cpp hands to a template."""

import json
from collections.abc import Mapping, Sequence

from dunoe.weights.chat.caps import Caps, Message
from dunoe.weights.jinja.meter import Fault

SPACES = " \t\n\r\x0b\x0c"  # as C knows them


def messages_of(given: Sequence[object]) -> list[Message]:
    """Checked messages with the known keys only, in llama.cpp's order."""
    return [_message(one) for one in given]


def _message(given: object) -> Message:
    if not isinstance(given, Mapping):
        raise Fault("a message is no object")
    role = _text(given, "role")
    calls = given.get("tool_calls")
    if role is None or ("content" not in given and (role != "assistant" or calls is None)):
        raise Fault("a message needs a role and content")
    message: Message = {"role": role, "content": _content(given.get("content"))}
    for name in ("reasoning_content", "name", "tool_call_id"):
        text = _text(given, name)
        if text:
            message[name] = text
    if calls:
        if not isinstance(calls, Sequence) or isinstance(calls, str):
            raise Fault("tool_calls is no array")
        message["tool_calls"] = [_call(call) for call in calls]
    return message


def _text(given: Mapping[str, object], name: str) -> str | None:
    if name not in given:
        return None
    value = given[name]
    if not isinstance(value, str):
        raise Fault(f"'{name}' of a message is no text")
    return value


def _content(given: object) -> object:
    """A text, or parts that are text."""
    if given is None or given == []:
        return ""
    if isinstance(given, str):
        return given
    if not isinstance(given, Sequence):
        raise Fault("content is neither text nor parts")
    parts = []
    for part in given:
        if not isinstance(part, Mapping) or part.get("type") not in ("text", "media_marker"):
            raise Fault("a content part is no text")
        text = _text(part, "text")
        if text is None:
            raise Fault("a content part has no text")
        parts.append({"type": part["type"], "text": text})
    return parts


def _call(given: object) -> Message:
    function = given.get("function") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(function, Mapping):
        raise Fault("a tool call has no function")
    if given.get("type") != "function" or "arguments" not in function:
        raise Fault("a tool call needs the type 'function', a name and arguments")
    name, arguments = _text(function, "name"), function["arguments"]
    if name is None:
        raise Fault("a tool call has no name")
    if not isinstance(arguments, str):
        arguments = compact(arguments)
    call: Message = {"type": "function", "function": {"name": name, "arguments": arguments}}
    if _text(given, "id"):
        call["id"] = given["id"]
    return call


def tools_of(given: Sequence[object] | None) -> list[Message]:
    """Checked tools: a name, a description and parameters each, and nothing else."""
    tools: list[Message] = []
    for tool in given or ():
        function = tool.get("function") if isinstance(tool, Mapping) else None
        if not isinstance(tool, Mapping) or not isinstance(function, Mapping):
            raise Fault("a tool has no function")
        if tool.get("type") != "function" or not isinstance(function.get("name"), str):
            raise Fault("a tool needs the type 'function' and a name")
        description = _text(function, "description") or ""
        tools.append(
            {
                "type": "function",
                "function": {
                    "name": function["name"],
                    "description": description,
                    "parameters": function.get("parameters", {}),
                },
            }
        )
    return tools


def compact(value: object) -> str:
    """JSON on one line without spaces, floats as llama.cpp writes them."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{compact(str(k))}:{compact(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, float) and 1e15 <= abs(value) < 1e16:
        digits = repr(abs(value)).replace(".", "").rstrip("0")
        return f"{'-' * (value < 0)}{digits[0]}{'.' * (len(digits) > 1)}{digits[1:]}e+15"
    return json.dumps(value, ensure_ascii=False)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def parsed(text: str) -> object:
    """JSON, strictly; raise ValueError."""
    return json.loads(text, parse_constant=_no_constant)


# What llama.cpp changes for templates that lack something


def adapted(messages: list[Message], caps: Caps, source: str) -> list[Message]:
    """The conversation in the form that this template takes."""
    if "You have access to the following functions in JSONSchema format" in source:
        messages = [_trimmed(one) for one in messages]
    if "<|channel|>" not in source:
        messages = [
            {**one, "role": "system"} if one["role"] == "developer" else one for one in messages
        ]
    messages = [shaped(one, caps) for one in messages]
    if not caps.has_system_role:
        messages = _without_system(messages)
    if caps.has_object_arguments:
        messages = [_with_objects(one) for one in messages]
    return messages


def _trimmed(message: Message) -> Message:
    """Without space around its texts: StepFun's models think in circles where it is left."""
    content, thought = message["content"], str(message.get("reasoning_content", "")).strip(SPACES)
    trimmed = {name: value for name, value in message.items() if name != "reasoning_content"}
    if isinstance(content, str):
        trimmed["content"] = content.strip(SPACES)
    elif isinstance(content, list):
        trimmed["content"] = [
            {**part, "text": part["text"].strip(SPACES)} if part["type"] == "text" else part
            for part in content
        ]
    return {**trimmed, "reasoning_content": thought} if thought else trimmed


def shaped(message: Message, caps: Caps) -> Message:
    """Content as a text for templates that take no parts, as parts for those that take no text."""
    content = message["content"]
    if caps.takes_text and not caps.takes_parts and isinstance(content, list):
        return {**message, "content": joined(content)}
    if caps.takes_parts and not caps.takes_text and isinstance(content, str):
        return {**message, "content": [{"type": "text", "text": content}]}
    return message


def joined(parts: object) -> str:
    """Content as one text: a new line between its parts, but not beside a picture's place."""
    if not isinstance(parts, list):
        return str(parts)
    text, after_media = "", False
    for part in parts:
        is_text = part["type"] == "text"
        text += "\n" * (is_text and not after_media and text != "") + str(part["text"])
        after_media = not is_text
    return text


def _without_system(messages: list[Message]) -> list[Message]:
    """The first system message becomes the beginning of the next message, or goes."""
    if not messages or messages[0]["role"] != "system":
        return messages
    system, *rest = messages
    if not rest:
        return rest
    first, second = system["content"], rest[0]["content"]
    if not isinstance(first, str) or not isinstance(second, str):
        raise Fault("it has no system role, and the content is in parts")
    return [{**rest[0], "content": f"{first}\n{second}"}, *rest[1:]]


def _with_objects(message: Message) -> Message:
    """Arguments of calls as objects, for templates that look into them."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    changed = []
    for call in calls:
        function = call["function"]
        try:
            arguments = parsed(function["arguments"])
        except (ValueError, RecursionError):
            raise Fault("the arguments of a tool call are no JSON") from None
        changed.append({**call, "function": {**function, "arguments": arguments}})
    return {**message, "tool_calls": changed}
