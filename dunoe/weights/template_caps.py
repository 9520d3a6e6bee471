"""What a template can, found out as llama.cpp does: render trial conversations, see what becomes of their parts."""

from dataclasses import dataclass

from dunoe.weights.template_marks import Marks
from dunoe.weights.template_program import Program
from dunoe.weights.template_values import Fault, imported

_USER = {"role": "user", "content": "User message"}
_TOOL = {
    "name": "tool",
    "type": "function",
    "function": {
        "name": "tool1",
        "description": "Tool description",
        "parameters": {
            "type": "object",
            "properties": {"arg": {"type": "string", "description": "Arg description"}},
            "required": ["arg"],
        },
    },
}


@dataclass(frozen=True)
class Caps:
    """takes_text, takes_parts: forms of a message's content."""

    takes_text: bool
    takes_parts: bool
    has_system_role: bool
    has_tool_calls: bool
    has_object_arguments: bool


class _Trial:
    """One trial: whether it succeeded, and what was used."""

    def __init__(self, program: Program, messages: list[object], tools: list[object]) -> None:
        self.marks = Marks()
        self.names: dict[str, object] = {
            "messages": imported(messages),
            "tools": imported(tools),
            "bos_token": b"",
            "eos_token": b"",
            "add_generation_prompt": True,
        }
        try:
            program.trial(self.names, self.marks)
            self.succeeded = True
        except Fault:
            self.succeeded = False

    def part(self, name: str, *path: int | str) -> object:
        """A part of what was given."""
        value = self.names[name]
        for step in path:
            if isinstance(value, list) and isinstance(step, int):
                value = value[step]
            elif isinstance(value, dict) and isinstance(step, str):
                value = value[step.encode()]
        return value

    def used(self, name: str, *path: int | str) -> bool:
        return self.marks.used(self.part(name, *path))

    def ways(self, name: str, *path: int | str) -> set[str]:
        return self.marks.ways(self.part(name, *path))


def caps_of(program: Program) -> Caps:
    """Try the template out."""
    text = _Trial(program, [{"role": "user", "content": "content"}], [])
    part = {"type": "text", "text": "content"}
    parts = _Trial(program, [{"role": "user", "content": [part]}], [])
    ways = text.ways("messages", 0, "content") | parts.ways("messages", 0, "content")
    system = _Trial(program, [{"role": "system", "content": "System message"}, _USER], [])
    objects = _called(program, {"arg": "value"})
    has_calls = has_objects = False
    if objects.succeeded:
        has_calls = objects.used("messages", 1, "tool_calls")
        call = ("messages", 1, "tool_calls", 0, "function", "arguments", "arg")
        has_objects = has_calls and objects.used(*call)
    if not has_objects:
        strings = _called(program, '{"arg": "value"}')
        has_calls = strings.succeeded and strings.used("messages", 1, "tool_calls")
    return Caps(
        takes_text=text.succeeded,
        takes_parts=bool(ways & {"selectattr", "array_access"}),
        has_system_role=system.used("messages", 0, "content"),
        has_tool_calls=has_calls,
        has_object_arguments=has_objects,
    )


def _called(program: Program, arguments: object) -> _Trial:
    """A conversation with one call and its result."""
    function = {"name": "tool1", "arguments": arguments}
    call = {"id": "call00001", "type": "function", "function": function}
    messages: list[object] = [
        dict(_USER),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "Tool response", "tool_call_id": "call00001"},
        {"role": "assistant", "content": "The tool response was 'tool response'"},
        dict(_USER),
    ]
    return _Trial(program, messages, [_TOOL])
