"""Conversations in the form that some families of templates want."""

from collections.abc import Mapping

from dunoe.weights.chat.caps import Message
from dunoe.weights.chat.messages import joined, parsed

Names = Mapping[str, object]  # what a template is given


def unchanged(messages: list[Message], names: Names) -> list[Message]:
    """As they are."""
    return messages


def ministral(messages: list[Message], names: Names) -> list[Message]:
    """Thoughts and content of system and assistant as parts."""
    changed = []
    for message in messages:
        if message["role"] in ("system", "assistant"):
            parts: list[object] = []
            if "reasoning_content" in message:
                parts.append({"type": "thinking", "thinking": message["reasoning_content"]})
            content = message["content"]
            if isinstance(content, list):
                parts += content
            else:
                parts.append({"type": "text", "text": content})
            message = {**message, "content": parts}
            message.pop("reasoning_content", None)
        changed.append(message)
    return changed


def gpt_oss(messages: list[Message], names: Names) -> list[Message]:
    """Thoughts as `thinking`; beside calls, instead of the content."""
    changed = lfm2(messages, names)
    for message in changed:
        if "thinking" in message and "tool_calls" in message:
            del message["content"]
    return changed


def lfm2(messages: list[Message], names: Names) -> list[Message]:
    """Thoughts as `thinking`, too."""
    return [
        {**one, "thinking": one["reasoning_content"]} if "reasoning_content" in one else {**one}
        for one in messages
    ]


def k2_horizon(messages: list[Message], names: Names) -> list[Message]:
    """Every answer with thoughts."""
    return [
        {**one, "reasoning_content": one.get("reasoning_content", "")}
        if one["role"] == "assistant"
        else one
        for one in messages
    ]


def translate_gemma(messages: list[Message], names: Names) -> list[Message]:
    """The user's texts with the codes of both languages."""
    codes = {name: names.get(name, "en-GB") for name in ("source_lang_code", "target_lang_code")}
    return [
        {**one, "content": [{"type": "text", "text": joined(one["content"]), **codes}]}
        if one["role"] == "user"
        else one
        for one in messages
    ]


def old_gemma4(messages: list[Message], names: Names) -> list[Message]:
    """Calls, their results and the answer after them as one message."""
    changed: list[Message] = []
    rest = list(messages)
    while rest:
        message = rest.pop(0)
        if message["role"] != "assistant" or not message.get("tool_calls"):
            changed.append(message)
            continue
        calls = message["tool_calls"]
        assert isinstance(calls, list)
        made: Message = {"role": "assistant", "tool_calls": calls}
        results: list[Message] = []
        while rest and rest[0]["role"] == "tool":
            results.append(_gemma4_result(rest.pop(0), calls, len(results)))
        if results:
            made["tool_responses"] = results
        answers = rest and rest[0]["role"] == "assistant" and not rest[0].get("tool_calls")
        if answers and rest[0]["content"]:
            made["content"] = rest.pop(0)["content"]
        if "reasoning_content" in message:
            made["reasoning_content"] = message["reasoning_content"]
        changed.append(made)
    return changed


def _gemma4_result(message: Message, calls: list[Message], place: int) -> Message:
    response = message["content"]
    if isinstance(response, str):
        try:
            response = parsed(response)
        except (ValueError, RecursionError):
            response = message["content"]
    name: object = ""
    if place < len(calls):
        function = calls[place]["function"]
        assert isinstance(function, dict)
        name = function["name"]
    return {"name": name or message.get("tool_call_id", ""), "response": response}


def deepseek_v4(messages: list[Message], names: Names) -> list[Message]:
    """Results in the order of their calls."""
    changed, order, start = list(messages), dict[object, int](), 0
    while start < len(changed):
        message = changed[start]
        calls = message.get("tool_calls")
        if message["role"] == "assistant" and isinstance(calls, list) and calls:
            order = {call["id"]: place for place, call in enumerate(calls) if "id" in call}
        stop = start
        while stop < len(changed) and changed[stop]["role"] in ("user", "tool"):
            stop += 1
        places = [at for at in range(start, stop) if changed[at]["role"] == "tool"]
        results = [changed[at] for at in places]
        results.sort(key=lambda one: order.get(one.get("tool_call_id", ""), 0))
        for at, result in zip(places, results, strict=True):
            changed[at] = result
        start = max(stop, start + 1)
    return changed
