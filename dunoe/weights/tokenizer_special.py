"""Special tokens in a text: found before anything else, the longest first, each from the left."""

from collections.abc import Sequence

from dunoe.weights.tokenizer_vocabulary import Special

C_SPACE = " \t\n\v\f\r"  # what C's isspace takes


def parted(text: str, specials: Sequence[Special], parse: bool) -> list[str | int]:
    """The text in parts: ids of special tokens, and what stands between them.

    specials: longest first. parse: look for control tokens, too.
    """
    parts: list[str | int] = [text] if text else []
    for special in specials:
        if (parse or not special.is_control) and special.text in text:
            parts = [piece for part in parts for piece in _cut(part, special)]
    return parts


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
