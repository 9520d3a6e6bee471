"""A model's own chat template, rendered as llama.cpp renders it, with nothing of llama.cpp.

A template comes with a model file, from anywhere, and is a program. It is run by an interpreter of its own, which
knows llama.cpp's dialect and nothing else: no attribute of any Python object, no module and no file can be named
in it, and every step and every byte is counted. docs/design/weights.md tells why, and what was compared.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from dunoe.errors import BadRequest, Text
from dunoe.weights.chat.messages import adapted, messages_of, tools_of
from dunoe.weights.chat.variant import Turn, Variant
from dunoe.weights.header import Header
from dunoe.weights.jinja.meter import Fault, Spent

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class TemplateFailed(BadRequest):
    """The template refuses this conversation, or it is broken; code `template_endless`: it used up its limits."""


class Template:
    """The chat template of one model. Rendering has no state: any thread may.

    bos, eos: the texts of these tokens. add_bos, add_eos: the tokenizer adds them by itself, so the prompt is
    without them. tool_use: the template for conversations with tools, where the model has one of its own.
    """

    def __init__(
        self,
        source: str,
        bos: str = "",
        eos: str = "",
        *,
        tool_use: str | None = None,
        add_bos: bool = False,
        add_eos: bool = False,
    ) -> None:
        self.bos, self.eos, self.add_bos, self.add_eos = bos, eos, add_bos, add_eos
        if source in ("", "chatml"):
            source = tool_use or CHATML
        try:
            self._default = self._tool_use = Variant(source, bos, eos)
        except Fault as exc:
            raise _problem(exc) from exc
        if tool_use:
            with suppress(Fault):  # llama.cpp ignores one that it cannot read, too
                self._tool_use = Variant(tool_use, bos, eos)

    @classmethod
    def of(cls, header: Header, bos: str, eos: str, *, add_bos: bool, add_eos: bool) -> "Template":
        """The template of a model file; ChatML for a model that has none."""
        return cls(
            header.chat_template or "",
            bos,
            eos,
            tool_use=header.text("tokenizer.chat_template.tool_use"),
            add_bos=add_bos,
            add_eos=add_eos,
        )

    def render(
        self,
        messages: Sequence[Mapping[str, object]],
        *,
        tools: Sequence[Mapping[str, object]] | None = None,
        add_generation_prompt: bool = True,
        thinking: bool | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> str:
        """The prompt of a conversation in OpenAI's form; raise `TemplateFailed`.

        An assistant's message at the end is continued. thinking: None leaves it to the template. extra: further
        names for the template (`chat_template_kwargs`, `reasoning_effort`).
        """
        try:
            return self._rendered(messages, tools, add_generation_prompt, thinking, extra or {})
        except Fault as exc:
            raise _problem(exc) from exc

    def _rendered(
        self,
        given: Sequence[Mapping[str, object]],
        given_tools: Sequence[Mapping[str, object]] | None,
        add_generation_prompt: bool,
        thinking: bool | None,
        extra: Mapping[str, object],
    ) -> str:
        messages, tools = messages_of(given), tools_of(given_tools)
        variant = self._tool_use if tools else self._default
        last = messages.pop() if messages and messages[-1]["role"] == "assistant" else None
        if last is not None:
            add_generation_prompt = False
            if messages and messages[-1]["role"] == "assistant":
                raise Fault("two assistant messages stand at the end")
            if "tool_calls" in last:
                raise Fault("an assistant message with tool calls cannot be continued")
        if isinstance(extra.get("enable_thinking"), str):
            raise Fault("enable_thinking is neither true nor false")
        names: dict[str, object] = {
            "bos_token": self.bos,
            "eos_token": self.eos,
            "enable_thinking": self._default.thinks if thinking is None else thinking,
            "datetime": time.strftime("%b %d %Y"),
            "date_string": time.strftime("%d %b %Y"),
        }
        turn = Turn(adapted(messages, variant.caps, variant.source), tools, last)
        text = variant.prompt(turn, names | dict(extra), add_generation_prompt)
        if self.add_bos:
            text = text.removeprefix(self.bos)
        return text.removesuffix(self.eos) if self.add_eos else text


def _problem(fault: Fault) -> TemplateFailed:
    return TemplateFailed(
        Text(
            f"모델의 대화 템플릿을 이 대화에 쓸 수 없습니다: {fault}",
            f"the model's chat template does not take this conversation: {fault}",
        ),
        Text(
            "메시지의 순서와 내용을 확인하거나, [models]의 template으로 다른 템플릿을 쓰세요.",
            "check the order and content of the messages, or set another `template` under [models].",
        ),
        code="template_endless" if isinstance(fault, Spent) else "template_failed",
    )
