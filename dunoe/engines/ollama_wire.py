"""What Ollama reads: a Generation as the JSON of its native routes."""

from typing import Any

import orjson

from dunoe.engines.request import Generation, Json
from dunoe.engines.tool_choice import tools_of
from dunoe.errors import BadRequest, NotSupported, Text
from dunoe.portfolio.model import Model

CONTEXT = (
    4096  # tokens, where the settings name none: Ollama's own default differs from card to card
)

# Options of one answer. Those of a launch (num_ctx, num_gpu, ...) are ours alone: one that differs from the
# last request's makes Ollama load the model again.
SAMPLING = frozenset(
    {"num_keep", "num_predict", "seed", "stop", "temperature", "top_k", "top_p", "min_p"}
    | {"typical_p", "repeat_last_n", "repeat_penalty", "presence_penalty", "frequency_penalty"}
)
ROLES = {"developer": "system", "function": "tool"}


def launch(model: Model) -> Json:
    """The options a model is launched with, the same in every request."""
    return {"num_ctx": model.settings.context or CONTEXT}


def asked(model: Model) -> Json:
    """What every chat and generate says of the model. Nothing is cut silently, and keep_alive is not sent:
    the one of the load stays."""
    return {
        "model": model.upstream,
        "options": launch(model),
        "truncate": False,
        "shift": False,
        "stream": False,
    }


def embedding(model: Model, texts: list[str]) -> Json:
    """The JSON of /api/embed."""
    return {"model": model.upstream, "input": texts, "options": launch(model)}


def path(ask: Generation) -> str:
    """The route that answers it."""
    return "/api/chat" if ask.task == "chat" and ask.turn is None else "/api/generate"


def body(model: Model, ask: Generation, index: int = 0) -> Json:
    """The JSON of `path(ask)` for an answer in one piece, as choice `index` of `ask.n`."""
    whole = asked(model)
    whole["options"] |= _sampling(ask.options, index)
    if ask.format is not None and (form := _format(ask.format)) is not None:
        whole["format"] = form
    if ask.logprobs is not None:
        whole |= {"logprobs": True, "top_logprobs": ask.logprobs}
    if ask.think is not None:
        whole["think"] = ask.think
    if ask.turn is not None:
        return whole | ask.turn | _images(ask)
    return whole | (_chat(ask) if ask.task == "chat" else _text(ask))


def _images(ask: Generation) -> Json:
    """The pictures of the last message, where they stand in /api/generate."""
    last = messages(ask.messages)[-1]
    return {name: value for name, value in last.items() if name == "images"}


def _chat(ask: Generation) -> Json:
    whole: Json = {"messages": messages(ask.messages)}
    if tools := tools_of(ask):  # Ollama itself knows no tool_choice
        whole["tools"] = tools
    return whole


def _text(ask: Generation) -> Json:
    if isinstance(ask.prompt, list):
        raise NotSupported(
            Text(
                "Ollama는 토큰 번호로 된 프롬프트를 받지 않습니다",
                "Ollama takes no prompt of token ids",
            ),
            Text("프롬프트를 글로 보내세요.", "send the prompt as text."),
            param="prompt",
        )
    # Without this a model that can think would look for its thoughts in a text that has none.
    whole: Json = {"prompt": ask.prompt, "think": ask.think or False}
    return whole | ({"suffix": ask.suffix} if ask.task == "infill" else {"raw": True})


def _sampling(options: Json, index: int) -> Json:
    found = {
        name: value for name, value in options.items() if name in SAMPLING and value is not None
    }
    limit = options.get("max_tokens", options.get("max_completion_tokens"))
    if limit is not None:
        found["num_predict"] = limit
    if found.get("num_predict") == 0:
        found["num_predict"] = 1  # Ollama takes 0 for no limit at all
    if isinstance(found.get("stop"), str):
        found["stop"] = [found["stop"]]
    if index and isinstance(found.get("seed"), int):
        found["seed"] += index  # or every choice would be the same
    return found


def _format(wanted: Json) -> Any:  # Any: "json", a JSON schema, or nothing
    kind = wanted.get("type")
    if kind == "json_object":
        return wanted.get("schema") or "json"
    if kind == "json_schema":
        return (wanted.get("json_schema") or {}).get("schema") or "json"
    return None


def messages(given: list[Json]) -> list[Json]:
    """Chat messages in Ollama's form. A tool's result carries the name of the call that it answers."""
    try:
        return _messages(given)
    except (AttributeError, KeyError, TypeError) as exc:
        raise BadRequest(
            Text(f"messages를 읽을 수 없습니다: {exc!r}", f"cannot read the messages: {exc!r}"),
            Text("OpenAI chat 형식으로 보내세요.", "send them in OpenAI's chat form."),
            param="messages",
        ) from exc


def _messages(given: list[Json]) -> list[Json]:
    names: dict[str, str] = {}
    found = []
    for number, message in enumerate(given):
        role = str(message.get("role", "user")).lower()
        one: Json = {"role": ROLES.get(role, role), **_content(message.get("content"), number)}
        if thinking := message.get("reasoning_content"):
            one["thinking"] = thinking
        if calls := message.get("tool_calls"):
            one["tool_calls"] = [_call(call, number) for call in calls]
            names |= {call.get("id", ""): call["function"]["name"] for call in calls}
        if one["role"] == "tool":
            id_ = message.get("tool_call_id") or ""
            told = {"tool_call_id": id_, "tool_name": message.get("name") or names.get(id_)}
            one |= {key: value for key, value in told.items() if value}
        found.append(one)
    return found


def _content(content: str | list[Json] | None, number: int) -> Json:
    if not isinstance(content, list):
        return {"content": content or ""}
    texts, images = [], []
    for part in content:
        if part.get("type") in ("text", "input_text", "refusal"):
            texts.append(part.get("text") or part.get("refusal") or "")
        elif part.get("type") == "image_url":
            images.append(_image(part["image_url"], number))
        else:
            raise _unreadable(number, str(part.get("type")))
    return {"content": "".join(texts)} | ({"images": images} if images else {})


def _image(image: Json | str, number: int) -> str:
    url = image if isinstance(image, str) else str(image.get("url", ""))
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise _unreadable(number, "image_url")
    return data


def _unreadable(number: int, kind: str) -> NotSupported:
    return NotSupported(
        Text(
            f"Ollama는 이 내용을 받지 않습니다: messages.{number}의 {kind}",
            f"Ollama cannot take this content: {kind} in messages.{number}",
        ),
        Text(
            "글과 data: URI로 된 이미지만 보내세요.", "send only text, and pictures as data: URIs."
        ),
        param=f"messages.{number}.content",
    )


def _call(call: Json, number: int) -> Json:
    function = call["function"]
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = orjson.loads(arguments)
        except orjson.JSONDecodeError as exc:
            raise BadRequest(
                Text(
                    f"messages.{number}: 도구 호출의 arguments가 JSON이 아닙니다",
                    f"messages.{number}: the arguments of a tool call are no JSON",
                ),
                Text("JSON 객체를 글로 보내세요.", "send a JSON object as text."),
                param=f"messages.{number}.tool_calls",
            ) from exc
    found: Json = {"function": {"name": function["name"], "arguments": arguments}}
    return found | ({"id": call["id"]} if call.get("id") else {})
