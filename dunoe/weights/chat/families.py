"""Families of templates that llama.cpp does more for than rendering them.

Some want messages in another form; each has its own words before an answer that is to be continued. A family is known
by words in the template's source; the first that fits is taken, and the last fits every template.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dunoe.weights.chat import rewrites
from dunoe.weights.chat.caps import Message
from dunoe.weights.chat.rewrites import Names


@dataclass(frozen=True)
class Beginning:
    """What is known where an answer is to be continued.

    text: the prompt so far. thought: the answer's own. words: what the template writes before an answer.
    """

    text: str
    thought: str
    names: Names
    source: str
    words: Callable[[], str]


# What stands before the thought and before the content of a continued answer; None for the latter where there is no
# place for a thought.
Opening = tuple[str, str | None]


@dataclass(frozen=True)
class Family:
    """words: all of them are in the source; none of `lacks` is.

    opening: fixed, or made for each answer; None where the template itself shows it. thinks: whether it can think;
    None where the template shows it. changed: its messages in the form that it wants.
    """

    words: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    opening: Opening | Callable[[Beginning], Opening] | None = None
    thinks: bool | None = True
    changed: Callable[[list[Message], Names], list[Message]] = rewrites.unchanged

    def fits(self, source: str) -> bool:
        """Whether a template is one of this family."""
        return all(word in source for word in self.words) and not any(
            word in source for word in self.lacks
        )


def _deepseek_v4(beginning: Beginning) -> Opening:
    return "<\uff5cAssistant\uff5c>" + "<think>" * bool(beginning.thought), "</think>"


def _gemma4(beginning: Beginning) -> Opening:
    turn = "<|turn>model\n" * beginning.text.endswith("<turn|>\n")
    return f"{turn}<|channel>thought\n", "<channel|>"


def _k2_horizon(beginning: Beginning) -> Opening:
    tags = {"medium": "ifm|think_fast", "low": "ifm|think_faster"}
    tag = tags.get(str(beginning.names.get("reasoning_effort")), "ifm|think")
    if not beginning.names["enable_thinking"] and "enable_thinking" in beginning.source:
        tag = "ifm|think"
    return f"<|ifm|im_start|>assistant\n<{tag}>\n", f"</{tag}>"


def _minimax_m3(beginning: Beginning) -> Opening:
    return f"{beginning.words()}<mm:think>", "</mm:think>"


_IM = "<|im_start|>assistant\n"
_CODER = ("<tool_call>", "<function=", "<parameter=")
_CODER_LACKS = ("'<tool_call><function=' ~ tool_call.name ~ '>'",)
GEMMA4 = "'<|tool_call>call:'"
GPT_OSS = "<|channel|>"

FAMILIES = (
    Family(  # Ministral 3
        ("[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]"),
        ("[CALL_ID]",),
        ("[THINK]", "[/THINK]"),
        changed=rewrites.ministral,
    ),
    Family(  # gpt-oss, LLM-jp 4
        (GPT_OSS,),
        opening=(
            "<|start|>assistant<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
        ),
        changed=rewrites.gpt_oss,
    ),
    Family(  # Muse Glimmer
        ("<atem:function_calls>", "<|eom|>"),
        opening=(
            "<|start|>assistant to=self<|message|>",
            "<|eom|><|start|>assistant to=user<|message|>",
        ),
    ),
    Family(  # Functionary 3.2
        (">>>all", ">>>${recipient}"),
        opening=("<|start_header_id|>assistant<|end_header_id|>\n\n>>>all\n", None),
        thinks=False,
    ),
    Family(  # Kimi K2
        ("<|tool_calls_section_begin|>", "<|tool_call_begin|>"),
        opening=("<|im_assistant|>assistant<|im_middle|><think>", "</think>"),
    ),
    Family(  # Kimi K3
        ("<|open|>", "<|close|>", "<|end_of_msg|>"),
        opening=(
            '<|open|>message role="assistant"<|sep|><|open|>think<|sep|>',
            "<|close|>think<|sep|><|open|>response<|sep|>",
        ),
    ),
    Family(
        ("<|ifm|im_start|>", "<ifm|tool_calls>"),
        opening=_k2_horizon,
        changed=rewrites.k2_horizon,
    ),
    Family(  # Ling 3
        ("<role>ASSISTANT</role>", "<arg_key>"),
        opening=("<role>ASSISTANT</role>\n<think>", "</think>"),
    ),
    Family(  # Cohere 2 with experts
        ("<|START_TEXT|>", "<|START_ACTION|>"),
        opening=(
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|><|START_THINKING|>",
            "<|END_THINKING|><|START_TEXT|>",
        ),
    ),
    Family(  # LFM2
        ("<|tool_list_start|>", "<|tool_list_end|>"),
        opening=(_IM + "<think>", "</think>"),
        changed=rewrites.lfm2,
    ),
    Family(  # LFM2.5
        ("List of tools: [",),
        ("<|tool_list_start|>",),
        (_IM + "<think>", "</think>"),
        changed=rewrites.lfm2,
    ),
    Family(  # GigaChat 3
        ("<|role_sep|>", "<|message_sep|>"),
        ("<|function_call|>",),
        ("assistant<|role_sep|>\n", None),
        thinks=False,
    ),
    Family(
        ("]<]minimax[>[", "<tool_call>", "<invoke name="),
        opening=_minimax_m3,
    ),
    Family(  # DeepSeek V3.2
        ("dsml_token", "DSML", "function_calls"),
        opening=("<\uff5cAssistant\uff5c><think>", "</think>"),
    ),
    Family(
        ("dsml_token", "DSML", "tool_calls"),
        opening=_deepseek_v4,
        changed=rewrites.deepseek_v4,
    ),
    Family((GEMMA4, "{#- OpenAI Chat Completions:"), opening=_gemma4),
    Family((GEMMA4,), opening=_gemma4, changed=rewrites.old_gemma4),
    Family(  # MiniCPM 5
        ("Tool usage guidelines:", '<function name="', '<param name="'),
        opening=(_IM + "<think>\n", "\n</think>\n\n"),
    ),
    Family(
        ("[source_lang_code]", "[target_lang_code]"),
        opening=("<start_of_turn>model\n", None),
        thinks=False,
        changed=rewrites.translate_gemma,
    ),
    Family(  # Qwen 3.5, Nemotron 3, StepFun
        (*_CODER, "<think>"), _CODER_LACKS, (_IM + "<think>\n", "\n</think>\n\n")
    ),
    Family(_CODER, _CODER_LACKS, (_IM, None), thinks=False),
    Family(thinks=None),
)
