"""What a template can, found out as llama.cpp does: render trial conversations, see what becomes of their parts."""

from dataclasses import dataclass

from dunoe.weights.jinja.meter import Fault
from dunoe.weights.jinja.program import Program
from dunoe.weights.jinja.trace import Trace
from dunoe.weights.jinja.values import imported

Message = dict[str, object]  # JSON

_TEXT = "STRING_MARKER"
_USER: Message = {"role": "user", "content": "User message"}
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
    """One trial: its text, None where it failed, and what was used."""

    def __init__(self, program: Program, messages: list[Message], *tools: object) -> None:
        self.text = self._run(program, messages, tools)
        if self.text is None:  # some templates want thoughts of every answer
            known = [{"reasoning_content": ""} | one for one in messages]
            bare = [
                a if one["role"] == "assistant" else one
                for a, one in zip(known, messages, strict=True)
            ]
            if bare != messages:
                self.text = self._run(program, bare, tools)

    def _run(
        self, program: Program, messages: list[Message], tools: tuple[object, ...]
    ) -> str | None:
        self.trace, self.messages = Trace(), imported(messages)
        names = {
            "messages": self.messages,
            "tools": imported(tools),
            "bos_token": b"",
            "eos_token": b"",
            "add_generation_prompt": True,
        }
        try:
            return program.trial(names, self.trace)
        except Fault:
            return None

    def _part(self, *path: int | str) -> object:
        value = self.messages
        for step in path:
            if isinstance(value, list) and isinstance(step, int):
                value = value[step]
            elif isinstance(value, dict) and isinstance(step, str):
                value = value[step.encode()]
        return value

    def used(self, *path: int | str) -> bool:
        """Whether a part of the messages was looked at."""
        return self.trace.used(self._part(*path))

    def is_tested_as_text(self) -> bool:
        """Whether the first content was asked if it is a text."""
        return "test_is_string" in self.trace.ways(self._part(0, "content"))

    def is_used_as_array(self) -> bool:
        """Whether the first content was looked into."""
        return bool(self.trace.ways(self._part(0, "content")) & {"selectattr", "array_access"})


def caps_of(program: Program) -> Caps:
    """Try the template out."""
    text = _Trial(program, [{"role": "user", "content": _TEXT}])
    takes_parts = text.is_used_as_array()
    takes_text = text.text is not None and not (takes_parts and _TEXT not in text.text)
    if text.is_tested_as_text() and not takes_parts:
        parts = _Trial(program, [{"role": "user", "content": []}])
        takes_parts = parts.text is not None and parts.is_used_as_array()
    system = _Trial(program, [{"role": "system", "content": "System message"}, _USER])
    objects = _called(program, {"arg": "value"})
    has_calls, has_objects = True, False
    if objects.text is not None:
        has_calls = objects.used(1, "tool_calls")
        argument = (1, "tool_calls", 0, "function", "arguments", "arg")
        has_objects = has_calls and objects.used(*argument)
    if has_calls and not has_objects:
        strings = _called(program, '{"arg": "value"}')
        has_calls = strings.text is not None and strings.used(1, "tool_calls")
    return Caps(takes_text, takes_parts, system.used(0, "content"), has_calls, has_objects)


def _called(program: Program, arguments: object) -> _Trial:
    """A conversation with one call and its result."""
    function = {"name": "tool1", "arguments": arguments}
    call = {"id": "call00001", "type": "function", "function": function}
    messages: list[Message] = [
        _USER,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "Tool response", "tool_call_id": "call00001"},
        {"role": "assistant", "content": "The tool response was 'tool response'"},
        _USER,
    ]
    return _Trial(program, messages, _TOOL)
