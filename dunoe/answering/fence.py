"""The border between our words and a document's: what could end it, or pose as ours, is made into plain text.

A `<` and a `[` become letters that only look like them, so that a reader still sees what stood there. Everything
else, ordinary code among it, stays as it is.
"""

import re
import unicodedata
from collections.abc import Iterable

FENCES = {"ko": "자료", "en": "documents"}
CATCHES = {
    "fence": ("자료의 경계를 흉내 낸 글", "posing as the border of the documents"),
    "chat_tokens": ("모델의 대화 표시를 흉내 낸 글", "posing as the marks of a chat"),
    "forged_source": ("자료의 머리를 흉내 낸 글", "posing as the head of another source"),
}

_ANGLE, _BRACKET = "\u2039", "\u27e6"
_GAP = (
    r"[\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff]*"
)
_LT, _GT = "[<\uff1c\ufe64]", "[>\uff1e\ufe65]"
_BAR = "[|\uff5c\u2502\uffe8]"
_SLASH = "[/\uff0f\u2215\u2044]"
_OPEN, _CLOSE = "[\\[\uff3b]", "[\\]\uff3d]"


def _letters(word: str) -> str:
    """A word in any case and width, with anything invisible between its letters."""
    return _GAP.join(_letter(letter) for letter in word)


def _letter(letter: str) -> str:
    apart = unicodedata.normalize("NFD", letter)
    if len(apart) > 1:
        return f"(?:{letter}|{_GAP.join(apart)})"
    wide = chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else ""
    return f"[{re.escape(letter)}{wide}]" if wide else re.escape(letter)


def _any(words: Iterable[str]) -> str:
    return "|".join(_letters(word) for word in words)


# a fence, as it opens (but not the type in `Vec<Documents>`) and as it closes
_FENCE = re.compile(
    rf"(?:(?<!\w){_LT}|{_LT}(?={_GAP}{_SLASH})){_GAP}(?:{_SLASH}{_GAP})?(?:{_any(FENCES.values())})(?!\w)",
    re.IGNORECASE,
)
# `<|any|>`, DeepSeek's full-width bars, and the names without bars that templates of known models have
_NAMED = (
    "think", "thinking", "reasoning", "tool_call", "tool_calls", "tool_response", "tools", "function_calls",
    "start_of_turn", "end_of_turn", "bos", "eos", "pad", "unk", "fim_prefix", "fim_suffix", "fim_middle",
    "bos_token", "eos_token", "turn",
)  # fmt: skip
_BARRED = (
    "im_start",
    "im_end",
    "eot_id",
    "start_header_id",
    "end_header_id",
    "endoftext",
    "user",
    "system",
)
_ANGLED = re.compile(
    rf"{_LT}(?=(?:{_BAR}[\w▁./:-]{{1,60}}{_BAR}?|[\w▁./:-]{{1,60}}{_BAR}){_GT}"
    rf"|{_GAP}{_BAR}{_GAP}(?:{_any(_BARRED)}){_GAP}{_BAR}"
    rf"|(?:{_GAP}{_SLASH})?{_GAP}(?:{_any(_NAMED)}){_GAP}{_GT}"
    rf"|{_GAP}{_LT}{_GAP}(?:{_SLASH}{_GAP})?{_letters('sys')}{_GAP}{_GT})",
    re.IGNORECASE,
)
_INST = ("inst", "system_prompt", "available_tools", "tool_calls", "tool_results")
_ROLES = ("system", "user", "assistant", "tool", "endofturn")
_SQUARE = re.compile(
    rf"{_OPEN}(?={_GAP}(?:{_SLASH}{_GAP})?(?:{_any(_INST)}){_GAP}{_CLOSE}"
    rf"|{_BAR}{_GAP}(?:{_any(_ROLES)}){_GAP}{_BAR}{_CLOSE})",
    re.IGNORECASE,
)
# the sentence marks of Llama 2; in HTML they strike words out, so they are not worth a flag
_SENTENCE = re.compile(r"<(?=/s>)|(?<!\w)<(?=s>)")
# `[7] file.md > …` at the beginning of a line
_HEAD = re.compile(
    r"(?m)^((?:[^\S\n]|[>#*\u200b-\u200f\u2060\ufeff-])*)"
    rf"{_OPEN}(?={_GAP}\d{{1,3}}{_GAP}{_CLOSE}[^\S\n]+"
    rf"[^\n]*(?:\.[A-Za-z][A-Za-z0-9]{{0,5}}\b| {_GT} ))"
)
_KINDS = {"fence": (_FENCE,), "chat_tokens": (_ANGLED, _SQUARE), "forged_source": (_HEAD,)}


def escaped(text: str) -> str:
    """The text as it may stand between our fences."""
    text = _HEAD.sub(lambda found: found[1] + _BRACKET, text)
    if "<" in text or "\uff1c" in text or "\ufe64" in text:
        text = _SENTENCE.sub(_ANGLE, text)
        text = _ANGLED.sub(_ANGLE, _FENCE.sub(lambda found: _ANGLE + found[0][1:], text))
    return _SQUARE.sub(_BRACKET, text)


def one_line(text: str) -> str:
    """A name of a file or a heading, that is no more than that."""
    return escaped(" ".join(text.split()))


def forgeries(text: str) -> tuple[str, ...]:
    """Which of `CATCHES` stand there."""
    return tuple(name for name, kinds in _KINDS.items() if any(kind.search(text) for kind in kinds))
