"""What llama.cpp does for some families of templates beyond rendering them.

Some want messages in another form; each has its own words before an answer that is to be continued. A family is known
by words in the template's source; the first that fits is taken, and the last fits every template.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dunoe.weights.template_caps import Caps, caps_of
from dunoe.weights.template_messages import Message, parsed
from dunoe.weights.template_program import Program
from dunoe.weights.template_thinking import Thinking, common_start, thinking_of
from dunoe.weights.template_values import imported


@dataclass(frozen=True)
class Turn:
    """A conversation, ready for its template. last: an assistant's message that is to be continued."""

    messages: list[Message]
    tools: list[Message]
    last: Message | None


def _unchanged(messages: list[Message]) -> list[Message]:
    return messages


@dataclass(frozen=True)
class Family:
    """words: all of them are in the source; none of `lacks` is.

    before, after: what stands before the thoughts and before the content of a continued answer; None where the
    template itself shows it. thinks: whether it can think; None where the template shows it.
    """

    words: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    before: str | None = None
    after: str | None = None
    thinks: bool | None = True
    changed: Callable[[list[Message]], list[Message]] = _unchanged

    def fits(self, source: str) -> bool:
        """Whether a template is one of this family."""
        return all(word in source for word in self.words) and not any(
            word in source for word in self.lacks
        )


# Messages in another form


def _ministral(messages: list[Message]) -> list[Message]:
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


def _gpt_oss(messages: list[Message]) -> list[Message]:
    """Thoughts as `thinking`; beside calls, instead of the content."""
    changed = []
    for message in messages:
        if "reasoning_content" in message:
            message = {**message, "thinking": message["reasoning_content"]}
            if "tool_calls" in message:
                del message["content"]
        changed.append(message)
    return changed


def _old_gemma4(messages: list[Message]) -> list[Message]:
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


def _deepseek_v4(messages: list[Message]) -> list[Message]:
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


_BAR = "<\uff5c{}\uff5c>"  # a wide vertical bar
_IM = "<|im_start|>assistant\n"
_CODER = ("<tool_call>", "<function=", "<parameter=")
_CODER_LACKS = ("'<tool_call><function=' ~ tool_call.name ~ '>'",)
_GEMMA4 = "'<|tool_call>call:'"

FAMILIES = (
    Family(
        ("[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]"),
        ("[CALL_ID]",),
        before="[THINK]",
        after="[/THINK]",
        changed=_ministral,
    ),
    Family(
        ("<|channel|>",),
        before="<|start|>assistant<|channel|>analysis<|message|>",
        after="<|end|><|start|>assistant<|channel|>final<|message|>",
        changed=_gpt_oss,
    ),
    Family(
        ("<atem:function_calls>", "<|eom|>"),
        before="<|start|>assistant to=self<|message|>",
        after="<|eom|><|start|>assistant to=user<|message|>",
    ),
    Family(
        (">>>all", ">>>${recipient}"),
        before="<|start_header_id|>assistant<|end_header_id|>\n\n>>>all\n",
        thinks=False,
    ),
    Family(
        ("<|tool_calls_section_begin|>", "<|tool_call_begin|>"),
        before="<|im_assistant|>assistant<|im_middle|><think>",
        after="</think>",
    ),
    Family(
        ("<|START_TEXT|>", "<|START_ACTION|>"),
        before="<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_THINKING|>",
        after="<|END_THINKING|><|START_TEXT|>",
    ),
    Family(("<|tool_list_start|>", "<|tool_list_end|>"), before=_IM + "<think>", after="</think>"),
    Family(
        ("List of tools: [",), ("<|tool_list_start|>",), before=_IM + "<think>", after="</think>"
    ),
    Family(
        ("<|role_sep|>", "<|message_sep|>"),
        ("<|function_call|>",),
        before="assistant<|role_sep|>\n",
        thinks=False,
    ),
    Family(
        ("dsml_token", "DSML", "function_calls"),
        before=_BAR.format("Assistant") + "<think>",
        after="</think>",
    ),
    Family(
        ("dsml_token", "DSML", "tool_calls"),
        before=_BAR.format("Assistant"),
        after="</think>",
        changed=_deepseek_v4,
    ),
    Family((_GEMMA4, "{#- OpenAI Chat Completions:"), after="<channel|>"),
    Family((_GEMMA4,), after="<channel|>", changed=_old_gemma4),
    Family(
        ("Tool usage guidelines:", '<function name="', '<param name="'),
        before=_IM + "<think>\n",
        after="\n</think>\n\n",
    ),
    Family((*_CODER, "<think>"), _CODER_LACKS, before=_IM + "<think>\n", after="\n</think>\n\n"),
    Family(_CODER, _CODER_LACKS, before=_IM, thinks=False),
    Family(thinks=None),
)


class Variant:
    """One of a model's templates, and what is known of it. The costly parts are found out when first needed."""

    def __init__(self, source: str, bos: str, eos: str) -> None:
        self.program = Program(_patched(source))
        self.source, self.bos, self.eos = self.program.source, bos, eos
        self.family = next(family for family in FAMILIES if family.fits(self.source))
        self.caps: Caps = caps_of(self.program)
        self._thinking: Thinking | None = None

    @property
    def thinking(self) -> Thinking:
        """How it marks reasoning."""
        if self._thinking is None:
            self._thinking = thinking_of(self._trial, self.source, self.caps.has_tool_calls)
        return self._thinking

    @property
    def thinks(self) -> bool:
        """Whether thinking is on when nobody says so."""
        return self.thinking.is_known if self.family.thinks is None else self.family.thinks

    def _trial(
        self, messages: list[Message], tools: list[Message], adds: bool, thinks: bool
    ) -> str:
        names: dict[str, object] = {
            "bos_token": self.bos,
            "eos_token": self.eos,
            "enable_thinking": thinks,
        }
        given = _given(Turn(messages, tools, None), names, adds)
        return self.program.trial({name: imported(value) for name, value in given.items()})

    def text(self, turn: Turn, names: Mapping[str, object], adds: bool) -> str:
        """What the template writes. adds: with the words that begin an answer."""
        return self.program.run(_given(turn, names, adds))

    def prompt(self, turn: Turn, names: Mapping[str, object], adds: bool) -> str:
        """The whole prompt, a continued answer's beginning with it."""
        turn = Turn(self.family.changed(turn.messages), turn.tools, turn.last)
        text = self.text(turn, names, adds)
        if "<|channel|>" in self.source and not adds:
            text = "<|end|>".join(text.rsplit("<|return|>", 1))
        if _GEMMA4 in self.source and adds and text.endswith("<turn|>\n"):
            text += "<|turn>model\n"
        last = turn.last
        if last is None or not (last.keys() - {"role", "content"} or last["content"]):
            return text
        thought, content = str(last.get("reasoning_content", "")), _plain(last["content"])
        before, after = self._around(turn, names, text, thought)
        if after is not None:
            before += thought
        if content or not thought:
            before += (after or "") + content
        return text + before

    def _around(
        self, turn: Turn, names: Mapping[str, object], text: str, thought: str
    ) -> tuple[str, str | None]:
        """What stands before the thought and before the content of a continued answer.

        None for the latter where there is no place for a thought.
        """
        family = self.family
        if _GEMMA4 in self.source:
            return "<|turn>model\n" * text.endswith(
                "<turn|>\n"
            ) + "<|channel>thought\n", "<channel|>"
        if family.before is not None:
            if family.changed is _deepseek_v4 and thought:
                return family.before + "<think>", family.after
            return family.before, family.after
        with_words, without = (self.text(turn, names, adds) for adds in (True, False))
        words = with_words[common_start(with_words, without) :]
        start, end = self.thinking.start, self.thinking.end
        if start:
            return words.partition(start)[0] + start, end
        return words, None


def _given(turn: Turn, names: Mapping[str, object], adds: bool) -> dict[str, object]:
    """All names of one rendering; the caller's own win, but for the last."""
    tools = {"tools": turn.tools} if turn.tools else {}
    words = {"add_generation_prompt": True} if adds else {}
    return {"messages": turn.messages, **tools, **names, **words}


def _plain(content: object) -> str:
    """The text of content, its parts two lines apart."""
    if isinstance(content, list):
        return "\n\n".join(str(part["text"]) for part in content)
    return str(content)


def _patched(source: str) -> str:
    """Without two checks that llama.cpp takes out of the templates that have them."""
    for word, check in _CHECKS:
        if word in source:
            source = source.replace(check, "{%- if false %}")
    return source


_CHECKS = (
    (
        "<|channel|>",
        '{%- if "<|channel|>analysis<|message|>" in message.content or '
        '"<|channel|>final<|message|>" in message.content %}',
    ),
    (
        "[TOOL_CALLS]",
        "{%- if (message['content'] is none or message['content'] == '' or "
        "message['content']|length == 0) and (message['tool_calls'] is not defined or "
        "message['tool_calls'] is none or message['tool_calls']|length == 0) %}",
    ),
)
