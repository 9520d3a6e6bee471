"""OpenAI's /v1/responses, decoded.

Nothing is kept between two requests, so an id of an earlier response leads nowhere here and is refused.
"""

from typing import Any, Literal

from pydantic import Field, FiniteFloat

from dunoe.engines.request import Generation, Json
from dunoe.errors import BadRequest, Text
from dunoe.server.body import Body
from dunoe.server.refusals import unsupported
from dunoe.server.responses_input import Item, canonical

_TAKEN = frozenset(
    {"background", "context_management", "conversation", "max_tool_calls", "moderation", "prompt"}
    | {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"}
    | {"service_tier", "stream_options", "user"}
)  # of OpenAI's own service; nothing of ours answers to them
_EFFORTS: dict[str, bool | str] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
}  # the others: high
_LOGPROBS = "message.output_text.logprobs"


class Tool(Body):
    """A tool that the model may call."""

    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None  # Any: JSON
    strict: bool | None = None


class _Named(Body):
    type: str | None = None
    name: str | None = None


class _ToolChoice(_Named):
    mode: Literal["auto", "required"] = "auto"
    tools: list[_Named] | None = None


class _Format(Body):
    type: str
    name: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")  # Any: JSON
    strict: bool | None = None


class _TextConfig(Body):
    format: _Format | None = None


class _Reasoning(Body):
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None


class ResponsesBody(Body):
    """POST /v1/responses."""

    model: str | None = None
    input: str | list[Item]
    instructions: str | None = None
    stream: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    max_output_tokens: int | None = Field(None, ge=1)
    temperature: FiniteFloat | None = None
    top_p: FiniteFloat | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | _ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    truncation: Literal["auto", "disabled"] | None = None
    text: _TextConfig | None = None
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    metadata: dict[str, Any] | None = None  # Any: JSON


def decode(body: ResponsesBody) -> Generation:
    """The answer that /v1/responses asks for. Raises BadRequest for what needs a memory or OpenAI's own tools."""
    _check_stateless(body)
    tools, choice = _tools(body)
    reasoning = body.reasoning.effort if body.reasoning else None
    has_logprobs = body.top_logprobs is not None or _LOGPROBS in (body.include or [])
    system = [{"role": "system", "content": body.instructions}] if body.instructions else []
    return Generation(
        "chat",
        messages=system + canonical(body.input),
        stream=bool(body.stream),
        options=_options(body),
        tools=tools,
        tool_choice=choice,
        format=_format(body.text.format) if body.text and body.text.format else None,
        logprobs=(body.top_logprobs or 0) if has_logprobs else None,
        think=_EFFORTS.get(reasoning, "high") if reasoning else None,
    )


def _check_stateless(body: ResponsesBody) -> None:
    hint = Text(
        "대화 전체를 input에 담아 보내세요. 응답은 저장되지 않습니다.",
        "send the whole conversation as input; responses are not kept.",
    )
    extra = body.model_extra or {}
    given = {"previous_response_id": body.previous_response_id}
    given |= {name: extra.get(name) for name in ("conversation", "background", "prompt")}
    for name, value in given.items():
        if value:
            raise unsupported(name, name, hint)


def _options(body: ResponsesBody) -> Json:
    given = {
        **{name: value for name, value in (body.model_extra or {}).items() if name not in _TAKEN},
        "max_tokens": body.max_output_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "parallel_tool_calls": body.parallel_tool_calls if body.tools else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _tools(body: ResponsesBody) -> tuple[list[Json], str | Json | None]:
    tools = [_tool(tool, f"tools.{number}") for number, tool in enumerate(body.tools or [])]
    choice = body.tool_choice
    if choice is None or isinstance(choice, str):
        return tools, choice
    if choice.type == "function" and choice.name:
        return tools, {"type": "function", "function": {"name": choice.name}}
    if choice.type == "allowed_tools":
        allowed = {tool.name for tool in choice.tools or []}
        return [tool for tool in tools if tool["function"]["name"] in allowed], choice.mode
    hint = Text("function이나 allowed_tools를 쓰세요.", "use function or allowed_tools.")
    raise unsupported(choice.type or "tool_choice", "tool_choice", hint)


def _tool(tool: Tool, where: str) -> Json:
    if tool.type != "function" or not tool.name:
        hint = Text(
            "이름이 있는 function 도구만 쓸 수 있습니다.",
            "only function tools with a name can be used.",
        )
        raise unsupported(tool.type, where, hint)
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters or {"type": "object", "properties": {}},
        "strict": tool.strict,
    }
    told = {name: value for name, value in function.items() if value is not None}
    return {"type": "function", "function": told}


def _format(wanted: _Format) -> Json | None:
    if wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "json_object"}
    if wanted.type == "json_schema" and wanted.schema_ is not None:
        named: Json = {"name": wanted.name or "answer", "schema": wanted.schema_}
        if wanted.strict is not None:
            named["strict"] = wanted.strict
        return {"type": "json_schema", "json_schema": named}
    raise BadRequest(
        Text("text.format을 이해할 수 없습니다", "text.format cannot be understood"),
        Text(
            'type은 "text", "json_object", "json_schema"(schema 포함) 중 하나입니다.',
            'its type is "text", "json_object" or "json_schema" (with schema).',
        ),
        param="text.format",
    )
