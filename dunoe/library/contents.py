"""Tables of contents: a passage that is mostly links has every chapter's words and says nothing about them."""

import re

LINKS = 0.5  # of its letters; text that speaks of its links has less
_LINK = re.compile(r"!?\[[^\]\n]*\]\([^)\n]*\)|https?://\S+")


def worth(text: str) -> float:
    """What a passage is worth as an answer for being text: 1, or down to a half where nearly all of it is links."""
    letters = _letters(text)
    linked = sum(_letters(link) for link in _LINK.findall(text))
    return 1 - max(0.0, linked / letters - LINKS) if letters else 1.0


def _letters(text: str) -> int:
    return len("".join(text.split()))
