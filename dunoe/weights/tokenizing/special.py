"""Special tokens: which ones a file has, and where they are in a text.

They are found before anything else, the longest first, each from the left.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from dunoe.weights.header import Header

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

_LOOKED_FOR = (UNKNOWN, CONTROL, USER_DEFINED)
# Tokens that end an answer: control tokens, whatever their type in the file says.
_ENDS = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<\uff5cend▁of▁sentence\uff5c>", "[e~[",
}  # fmt: skip
# Tokens that fill in the middle, by the key that names them; the first one there is a control token.
_FILLS = {
    (
        "fim_pre",
        "prefix",
    ): "<|fim_prefix|> <fim-prefix> <fim_prefix> <\uff5cfim▁begin\uff5c> <PRE> ▁<PRE> "
    "<|code_prefix|> <|prefix|>",
    (
        "fim_suf",
        "suffix",
    ): "<|fim_suffix|> <fim-suffix> <fim_suffix> <\uff5cfim▁hole\uff5c> <SUF> ▁<SUF> "
    "<|code_suffix|> <|suffix|>",
    (
        "fim_mid",
        "middle",
    ): "<|fim_middle|> <fim-middle> <fim_middle> <\uff5cfim▁end\uff5c> <MID> ▁<MID> "
    "<|code_middle|> <|middle|>",
    ("fim_pad",): "<|fim_pad|> <fim-pad> <fim_pad> <PAD> [PAD]",
    ("fim_rep",): "<|fim_repo|> <|repo_name|> <fim-repo> <REPO> <reponame>",
    ("fim_sep",): "<|file_sep|>",
}
_ALWAYS_PARSED = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
C_SPACE = " \t\n\v\f\r"  # what C's isspace takes


@dataclass(frozen=True)
class Special:
    """A token that is looked for in the text before anything else.

    is_control: found only where special tokens are parsed.
    strips_left, strips_right: it takes the white space beside it along.
    """

    text: str
    id: int
    is_control: bool
    strips_left: bool = False
    strips_right: bool = False


def specials_of(
    header: Header, tokens: list[str], types: bytes, by_text: dict[str, int]
) -> list[Special]:
    """The tokens that are looked for in text, the longest first."""
    kinds = _kinds(header, types, by_text)
    strips_left, strips_right = _strips(header, tokens, kinds, by_text)
    found = sorted(kinds, key=lambda number: -len(tokens[number].encode()))
    return [
        Special(
            tokens[number],
            number,
            kinds[number] != USER_DEFINED,
            number in strips_left,
            number in strips_right,
        )
        for number in found
    ]


def _kinds(header: Header, types: bytes, by_text: dict[str, int]) -> dict[int, int]:
    """The same tokens with the kind that llama.cpp gives them in the end."""
    kinds = {number: types[number] for number in numbers_of(types, _LOOKED_FOR)}
    ends = {text for text in _ENDS if text in by_text}
    for keys, names in _FILLS.items():
        if all(token_id(header, key) is None for key in keys):
            ends.update([name for name in names.split() if name in by_text][:1])
    kinds.update({by_text[text]: CONTROL for text in ends})
    kinds.update({by_text[text]: USER_DEFINED for text in _ALWAYS_PARSED if text in by_text})
    calls = {"<|call|>", "<|calls|>"} & ends
    if "<|end|>" in ends and calls and {"<|return|>", "<|flush|>"} & ends:
        kinds[by_text["<|end|>"]] = USER_DEFINED
    if {"<|tool_response>", "</s>"} <= ends:
        del kinds[by_text["</s>"]]
    return kinds


def _strips(
    header: Header, tokens: list[str], kinds: dict[int, int], by_text: dict[str, int]
) -> tuple[set[int], set[int]]:
    """Tokens that take white space along, which llama.cpp knows by the names of models."""
    pre = header.vocabulary_pre or ""
    name = (header.text("general.name") or "").lower()
    if any(part in pre for part in ("jina-v2-de", "jina-v2-es", "jina-v2-code")) or any(
        part in header.architecture for part in ("nomic-bert-moe", "jina-bert-v3")
    ):
        return {by_text["<mask>"]} if "<mask>" in by_text else set(), set()
    if "phi-3" in name or "phi3" in name:
        plain = ("<unk>", "<s>", "<|endoftext|>")
        return set(), {number for number in kinds if tokens[number] not in plain}
    if "modern-bert" in name and "[MASK]" in by_text:
        return {by_text["[MASK]"]}, set()
    return set(), set()


def numbers_of(types: bytes, kinds: Iterable[int]) -> list[int]:
    """The tokens of some kinds."""
    wanted = b"[" + re.escape(bytes(kinds)) + b"]"
    return [found.start() for found in re.finditer(wanted, types)]


def token_id(header: Header, name: str) -> int | None:
    """What the file says is the token of a name: `bos`, `eos`, ..."""
    value = header.metadata.get(f"tokenizer.ggml.{name}_token_id")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


Numbered = list[tuple[int, Special]]  # each with its place among all
Starts = dict[str, "Starts | Numbered"]  # by their first letter, then by their first 2, 4, 8 ...


class Finder:
    """Finds special tokens in texts. specials: longest first.

    Files have hundreds that begin alike; a long text is not searched for each because it has that beginning.
    """

    def __init__(self, specials: Iterable[Special]) -> None:
        self.starts = _starts(list(enumerate(specials)), 1)

    def parted(self, text: str) -> list[str | int]:
        """The text in parts: ids of special tokens, and what stands between them."""
        parts: list[str | int] = [text] if text else []
        for _, special in sorted(_there(text, self.starts), key=itemgetter(0)):
            if special.text in text:
                parts = [piece for part in parts for piece in _cut(part, special)]
        return parts


def _starts(specials: Numbered, length: int) -> Starts:
    same: dict[str, Numbered] = {}
    for order, special in specials:
        same.setdefault(special.text[:length], []).append((order, special))
    longest = max((len(special.text) for _, special in specials), default=0)
    return {
        start: _starts(found, 2 * length) if len(found) > 1 and length < longest else found
        for start, found in same.items()
    }


def _there(text: str, starts: Starts) -> Iterator[tuple[int, Special]]:
    """Those whose beginnings are in the text."""
    for start, inner in starts.items():
        if start in text:
            yield from _there(text, inner) if isinstance(inner, dict) else inner


def _cut(part: str | int, special: Special) -> list[str | int]:
    if isinstance(part, int) or special.text not in part:
        return [part]
    out: list[str | int] = []
    at, end = 0, part.find(special.text)
    while end >= 0:
        before = part[at:end]
        before = before.rstrip(C_SPACE) if special.strips_left else before
        out += [before, special.id] if before else [special.id]
        at = end + len(special.text)
        if special.strips_right:
            at += len(part) - at - len(part[at:].lstrip(C_SPACE))
        end = part.find(special.text, at)
    return [*out, part[at:]] if part[at:] else out
