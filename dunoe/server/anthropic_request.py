"""Anthropic's /v1/messages and /v1/messages/count_tokens, decoded.

Fields that we do not know are accepted. A field of the wrong type is a ValidationError that names it.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, StringConstraints

from dunoe.engines.request import Counting, Generation, Json
from dunoe.errors import Text
from dunoe.server.anthropic_blocks import Block, Message, canonical, texts_of
from dunoe.server.body import Body
from dunoe.server.refusals import unsupported

_TAKEN = frozenset(
    {"type", "cache_control", "container", "context_management", "diagnostics", "inference_geo"}
    | {"mcp_servers", "metadata", "service_tier", "speed", "betas", "anthropic_version"}
)  # of Anthropic's own service; nothing of ours answers to them

_Name = Annotated[str, StringConstraints(min_length=1)]


class _Tool(Body):
    name: _Name
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None  # Any: JSON


class _ToolChoice(Body):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Thinking(Body):
    type: Literal["enabled", "disabled", "adaptive", "between_tools"]


class _Format(Body):
    type: Literal["json_schema"]
    schema_: dict[str, Any] = Field(alias="schema")  # Any: JSON


class _OutputConfig(Body):
    effort: str | None = None
    format: _Format | None = None


class CountBody(Body):
    """POST /v1/messages/count_tokens."""

    model: str | None = None
    messages: list[Message] = Field(min_length=1)
    system: str | list[Block] | None = None
    tools: list[_Tool] | None = None
    tool_choice: _ToolChoice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None


class MessagesBody(CountBody):
    """POST /v1/messages."""

    max_tokens: int = Field(ge=1)
    stream: bool | None = None
    stop_sequences: list[str] | None = None
    temperature: FiniteFloat | None = None
    top_p: FiniteFloat | None = None
    top_k: int | None = None


def decode_messages(body: MessagesBody) -> Generation:
    """The answer that /v1/messages asks for. Raises BadRequest."""
    config = body.output_config
    return Generation(
        "chat",
        messages=_messages(body),
        stream=bool(body.stream),
        options=_options(body),
        tools=_tools(body),
        tool_choice=_choice(body.tool_choice),
        format=_format(config.format) if config and config.format else None,
        think=_think(body),
    )


def decode_count(body: CountBody) -> Counting:
    """What /v1/messages/count_tokens asks to count. Raises BadRequest."""
    return Counting(messages=_messages(body), tools=_tools(body))


def _messages(body: CountBody) -> list[Json]:
    found = canonical(body.messages)
    system = body.system or ""
    if not isinstance(system, str):
        system = texts_of(system, "system")
    return [{"role": "system", "content": system}, *found] if system else found


def _options(body: MessagesBody) -> Json:
    given = {
        **{name: value for name, value in (body.model_extra or {}).items() if name not in _TAKEN},
        "max_tokens": body.max_tokens,
        "stop": body.stop_sequences or None,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
    }
    if body.tool_choice and body.tool_choice.disable_parallel_tool_use:
        given["parallel_tool_calls"] = False
    return {name: value for name, value in given.items() if value is not None}


def _tools(body: CountBody) -> list[Json]:
    return [_tool(tool, f"tools.{number}") for number, tool in enumerate(body.tools or [])]


def _tool(tool: _Tool, where: str) -> Json:
    if tool.type not in (None, "custom"):
        hint = Text(
            "name과 input_schema가 있는 도구를 보내세요.",
            "send a tool with a name and an input_schema.",
        )
        raise unsupported(tool.type or "", where, hint)
    function: Json = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.input_schema or {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _choice(given: _ToolChoice | None) -> str | Json | None:
    if given is None:
        return None
    if given.type == "tool" and given.name:
        return {"type": "function", "function": {"name": given.name}}
    return "none" if given.type == "none" else "auto" if given.type == "auto" else "required"


def _format(wanted: _Format) -> Json:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted.schema_}}


def _think(body: MessagesBody) -> bool | str | None:
    """Whoever does not ask for thinking gets none where the model can do without: it is opt-in in this dialect."""
    if body.thinking is None or body.thinking.type == "disabled":
        return False
    if body.thinking.type == "enabled":
        return True
    effort = body.output_config.effort if body.output_config else None
    return {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}.get(
        effort or ""
    )
