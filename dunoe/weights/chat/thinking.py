"""How a template marks reasoning, found out as llama.cpp does: render pairs of conversations and look at what differs.

llama.cpp needs it to read answers. Prompts depend on it twice: whether thinking is on when nobody said so, and
what stands before an answer that is to be continued.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from dunoe.weights.chat.messages import SPACES
from dunoe.weights.jinja.meter import Fault

_USER = "U_USER_MSG Hello END_U"
_ANSWER = "A_ASST_MSG I can help END_A"
_THOUGHT = "REASON_PART I am thinking END_R"
_ANCHOR = 64  # bytes

_SEGMENT = re.compile(r"<[^>]*>|\[[^\]]*\]|(?:(?!<[^>]*>|\[[^\]]*\]).)+", re.DOTALL)
_MARKER = r"(?:<[^<>]*>|\[[^\[\]]*\])"
_S = rf"[{SPACES}]*"

# messages, tools, add_generation_prompt, enable_thinking -> text
Rendering = Callable[[list[dict[str, object]], list[dict[str, object]], bool, bool], str]


@dataclass
class Thinking:
    """What stands before and after reasoning; empty where nothing was found."""

    is_known: bool = False
    start: str = ""
    end: str = ""


def _segments(text: str) -> list[str]:
    return _SEGMENT.findall(text)


def _is_marker(segment: str) -> bool:
    return segment[0] in "<[" and segment[-1] == {"<": ">", "[": "]"}[segment[0]]


def _difference(left: str, right: str) -> tuple[str, str]:
    """What each of two texts has for itself between a common beginning and a common end, cut at markers."""
    a, b = _segments(left), _segments(right)
    if not a or not b:
        return left, right
    if right.startswith(left):
        return "", right[len(left) :]
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    x, y = "".join(a[start : len(a) - end]), "".join(b[start : len(b) - end])
    if a[start:] and b[start:] and not _is_marker(a[start]) and not _is_marker(b[start]):
        cut = common_start(x, y)
        x, y = x[cut:], y[cut:]
    return x, y


def common_start(left: str, right: str) -> int:
    """How many letters two texts begin with together."""
    count = 0
    while count < min(len(left), len(right)) and left[count] == right[count]:
        count += 1
    return count


def _user() -> dict[str, object]:
    return {"role": "user", "content": _USER}


def thinking_of(render: Rendering, source: str, has_tool_calls: bool) -> Thinking:
    """Compare renderings; a rendering that fails says nothing."""
    found = Thinking()
    for compare in (_presence, _switch) + ((_with_tools,) if has_tool_calls else ()):
        try:
            compare(render, found)
        except Fault:
            continue
    _known(source, found)
    return found


def _presence(render: Rendering, found: Thinking) -> None:
    """A thought in the last answer: what stands around it?"""
    answer: dict[str, object] = {"role": "assistant", "content": _ANSWER}
    plain = render([_user(), answer], [], False, True)
    thought = render([_user(), {**answer, "reasoning_content": _THOUGHT}], [], False, True)
    if _THOUGHT not in _difference(plain, thought)[1]:
        return
    around = re.search(rf"({_MARKER}{_S}){re.escape(_THOUGHT)}({_S}{_MARKER}{_S})", thought)
    after = re.search(rf"{re.escape(_THOUGHT)}{_S}({_MARKER}{_S})", thought)
    if around:
        found.is_known, found.start, found.end = True, around[1], around[2]
    elif after:
        found.is_known, found.end = True, after[1]


def _switch(render: Rendering, found: Thinking) -> None:
    """Thinking off and on: what does the prompt for the answer begin with?"""
    off, on = (render([_user()], [], True, is_on) for is_on in (False, True))
    left, right = _difference(off, on)
    left_bare, right_bare = left.strip(SPACES), right.strip(SPACES)
    if not left_bare and right:
        if right_bare and on.endswith(right_bare) and not found.start:
            found.is_known, found.start = True, right
    elif not right_bare and left:
        if left_bare and off.endswith(left_bare) and not found.end:
            parts = [one for one in _segments(off) if one.strip(SPACES)]
            if len(parts) >= 2 and parts[-1] == left_bare and _is_marker(parts[-2]):
                found.start = parts[-2]
            found.is_known, found.end = True, left
    elif left_bare and right_bare:
        _anchored(off, on, found)


def _anchored(off: str, on: str, found: Thinking) -> None:
    """Much differs: does one prompt end like the other, and go on with two markers?"""
    for base, extended in ((on, off), (off, on)):
        anchor = base[-_ANCHOR:]
        at = extended.rfind(anchor)
        if at < 0 or at + len(anchor) >= len(extended):
            continue
        rest = extended[at + len(anchor) :].strip(SPACES)
        parts = [one for one in _segments(rest) if one.strip(SPACES)]
        if len(parts) == 2 and all(map(_is_marker, parts)):
            found.is_known = True
            found.start, found.end = found.start or parts[0], found.end or parts[1]
            return


def _with_tools(render: Rendering, found: Thinking) -> None:
    """Some templates show thoughts only beside tool calls."""
    properties = {
        name: {"type": "string", "description": f"{place} argument"}
        for name, place in (("AA_ARG_FST_AA", "First"), ("BB_ARG_SND_BB", "Second"))
    }
    tools: list[dict[str, object]] = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": f"Test function {what}",
                "parameters": {"type": "object", "properties": properties, "required": []},
            },
        }
        for name, what in (("FFF_FIRST_FUN_F", "foo"), ("SSS_SECOND_FUN_S", "bar"))
    ]
    arguments = {"AA_ARG_FST_AA": "VVVV", "BB_ARG_SND_BB": "XXXX"}
    function = {"name": "FFF_FIRST_FUN_F", "arguments": arguments}
    answer: dict[str, object] = {"role": "assistant", "reasoning_content": _THOUGHT}
    calls = [{"id": "call00001", "type": "function", "function": function}]
    without = render([_user(), {**answer, "content": _ANSWER}], tools, False, True)
    beside = render([_user(), {**answer, "content": None, "tool_calls": calls}], tools, False, True)
    if _THOUGHT in without or _THOUGHT not in beside:
        return
    around = re.search(rf"({_MARKER}{_S}){re.escape(_THOUGHT)}{_S}({_MARKER}{_S})", beside)
    after = re.search(rf"{re.escape(_THOUGHT)}{_S}({_MARKER}{_S})?", beside)
    found.is_known = True
    if around:
        found.start, found.end = around[1], around[2]
    elif after:
        found.end = after[1] or ""


def _known(source: str, found: Thinking) -> None:
    """Templates that llama.cpp knows better than what can be seen of them."""
    is_old = (
        "content.split('</think>')" in source
        and "reasoning_content" not in source
        and "<SPECIAL_12>" not in source
        and not found.is_known
    )
    granite = "Write your thoughts between <think></think> and write your response between "
    if is_old or f"{granite}<response></response>" in source:
        found.is_known, found.start, found.end = True, "<think>", "</think>"
    marks = ("<SPECIAL_10>", "<SPECIAL_11>", "<SPECIAL_12>", "<TOOL_RESPONSE>")
    if all(mark in source for mark in marks):
        found.is_known, found.start, found.end = True, "<think>\n", "</think>"
    if "laguna_glm_thinking" in source:
        found.start, found.end = found.start.strip(SPACES), found.end.strip(SPACES)
