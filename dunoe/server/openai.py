"""What the OpenAI routes share: sampling options, forms, texts, usage."""

from typing import Any

from pydantic import Field

from dunoe.engines.events import Usage
from dunoe.engines.request import Json
from dunoe.errors import BadRequest, Text
from dunoe.server.body import Body

Value = Any  # Any: JSON


class StreamOptions(Body):
    """What a stream should tell beside the text."""

    include_usage: bool | None = None


class Sampling(Body):
    """The options that chat and completions share."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = Field(None, ge=-1)
    n: int | None = Field(None, ge=1, le=128)
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | list[Value] | None = None
    response_format: Json | None = None


_STRUCTURE = frozenset(
    {"model", "messages", "prompt", "suffix", "stream", "stream_options", "stop", "n", "echo"}
    | {"tools", "tool_choice", "response_format", "logprobs", "top_logprobs"}
    | {"max_completion_tokens", "reasoning_effort"}
)  # fields that have a place of their own in a request


def options_of(raw: Json) -> Json:
    """Sampling, and every field that we do not know, as they were sent."""
    options = {
        name: value for name, value in raw.items() if value is not None and name not in _STRUCTURE
    }
    if (stop := raw.get("stop")) is not None:
        stops = [one for one in ([stop] if isinstance(stop, str) else stop) if one]
        options.pop("stop", None)
        if stops:  # an empty one would end the answer before it begins
            options["stop"] = stops
    return options


def format_of(given: Json | None) -> Json | None:
    """The form that was asked for, None for free text; raises BadRequest."""
    kind = given.get("type") if given else None
    if kind in (None, "text"):
        return None
    if kind == "json_object" or (kind == "json_schema" and _has_schema(given or {})):
        return given
    raise BadRequest(
        Text("response_format을 이해할 수 없습니다", "response_format cannot be understood"),
        Text(
            'type은 "text", "json_object", "json_schema"(json_schema.schema 포함) 중 하나입니다.',
            'its type is "text", "json_object" or "json_schema" (with json_schema.schema).',
        ),
        param="response_format",
    )


def _has_schema(given: Json) -> bool:
    named = given.get("json_schema")
    return isinstance(named, dict) and isinstance(named.get("schema"), dict)


def texts(given: str | list[str] | list[int] | list[list[int]]) -> list[str | list[int]]:
    """One entry a text: a string, or the ids of its tokens."""
    if isinstance(given, str):
        return [given]
    ids = [item for item in given if isinstance(item, int)]
    if ids:
        return [ids]
    return [item for item in given if not isinstance(item, int)]


def usage_json(usage: Usage) -> Json:
    """Counts in OpenAI's form."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
