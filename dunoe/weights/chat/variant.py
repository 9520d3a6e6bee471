"""One of a model's templates, and all that llama.cpp does with it beyond rendering."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dunoe.weights.chat.caps import Caps, Message, caps_of
from dunoe.weights.chat.families import FAMILIES, GEMMA4, GPT_OSS, Beginning, Opening
from dunoe.weights.chat.messages import shaped
from dunoe.weights.chat.thinking import Thinking, common_start, thinking_of
from dunoe.weights.jinja.program import Program
from dunoe.weights.jinja.values import imported


@dataclass(frozen=True)
class Turn:
    """A conversation, ready for its template. last: an assistant's message that is to be continued."""

    messages: list[Message]
    tools: list[Message]
    last: Message | None


class Variant:
    """The costly parts are found out when they are first needed."""

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
        turn = Turn([shaped(one, self.caps) for one in messages], tools, None)
        given = _given(turn, names, adds)
        return self.program.trial({name: imported(value) for name, value in given.items()})

    def _text(self, turn: Turn, names: Mapping[str, object], adds: bool) -> str:
        """What the template writes. adds: with the words that begin an answer."""
        return self.program.run(_given(turn, names, adds))

    def prompt(self, turn: Turn, names: Mapping[str, object], adds: bool) -> str:
        """The whole prompt, a continued answer's beginning with it."""
        turn = replace(turn, messages=self.family.changed(turn.messages, names))
        text = self._text(turn, names, adds)
        if GPT_OSS in self.source and not adds:
            text = "<|end|>".join(text.rsplit("<|return|>", 1))
        if GEMMA4 in self.source and adds and text.endswith("<turn|>\n"):
            text += "<|turn>model\n"
        last = turn.last
        if last is None or not (last.keys() - {"role", "content"} or last["content"]):
            return text
        thought, content = str(last.get("reasoning_content", "")), _plain(last["content"])
        before, after = self._opening(turn, names, text, thought)
        if after is not None:
            before += thought
        if content or not thought:
            before += (after or "") + content
        return text + before

    def _opening(self, turn: Turn, names: Mapping[str, object], text: str, thought: str) -> Opening:
        def words() -> str:
            with_words, without = (self._text(turn, names, adds) for adds in (True, False))
            return with_words[common_start(with_words, without) :]

        opening = self.family.opening
        if callable(opening):
            return opening(Beginning(text, thought, names, self.source, words))
        if opening is not None:
            return opening
        if start := self.thinking.start:
            return words().partition(start)[0] + start, self.thinking.end
        return words(), None


def _given(turn: Turn, names: Mapping[str, object], adds: bool) -> dict[str, object]:
    """All names of one rendering; the caller's own win, but for the last."""
    tools = {"tools": turn.tools} if turn.tools else {}
    words = {"add_generation_prompt": True} if adds else {}
    given = {"messages": turn.messages, **tools, **names, **words}
    effort, preserves = given.get("reasoning_effort"), given.get("preserve_reasoning")
    if isinstance(effort, str):
        given = {"reasoning_strength": effort} | given
    if isinstance(preserves, bool):
        losing = ("clear_thinking", "truncate_history_thinking", "drop_thinking")
        given = {"preserve_thinking": preserves, **dict.fromkeys(losing, not preserves)} | given
    return given


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
        GPT_OSS,
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
