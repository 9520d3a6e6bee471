"""OpenAI's tool_choice, for engines that know less of it: what the model gets to see, and whether it must call."""

from dunoe.engines.request import Generation, Json
from dunoe.errors import BadRequest, Text


def tools_of(ask: Generation) -> list[Json]:
    """The tools that the model may see: one where it was named, none where none may be called.

    Raises BadRequest for a choice that cannot be read, or that no tool meets.
    """
    choice = ask.tool_choice
    if choice == "none":
        return []
    if choice in (None, "auto"):
        return ask.tools
    if choice == "required":
        return ask.tools or _refuse(
            Text("부를 도구가 없습니다: tools가 비어 있습니다", "no tool to call: tools is empty")
        )
    name = name_of(choice)
    if name is None:
        return _refuse(
            Text(f"tool_choice를 읽을 수 없습니다: {choice}", f"cannot read tool_choice: {choice}")
        )
    return [tool for tool in ask.tools if name_of(tool) == name] or _refuse(
        Text(f"도구 '{name}'이(가) tools에 없습니다", f"there is no tool '{name}' in tools")
    )


def must_call(ask: Generation) -> bool:
    """True when an answer without a call is none."""
    return ask.task == "chat" and ask.tool_choice not in (None, "auto", "none")


def name_of(said: object) -> str | None:
    """The name in `{"type": "function", "function": {"name": ...}}`, of a tool or a choice of one."""
    function = said.get("function") if isinstance(said, dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else None


def _refuse(message: Text) -> list[Json]:
    raise BadRequest(
        message,
        Text(
            '"none", "auto", "required"나 tools에 있는 함수의 이름을 쓰세요.',
            'use "none", "auto", "required", or name a function of tools.',
        ),
        param="tool_choice",
    )
