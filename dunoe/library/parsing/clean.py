"""Letters and what is no letter: what parsers of binary files hand over is washed here before it is text."""

import unicodedata

# Fonts of bullets keep their signs in the private area, where only they know what they mean.
BULLETS = dict.fromkeys(map(chr, (0xF06C, 0xF06E, 0xF06F, 0xF071, 0xF075, 0xF076, 0xF09E, 0xF09F,
                                  0xF0A1, 0xF0A7, 0xF0A8, 0xF0B7, 0xF0D8)), "•")  # fmt: skip
ARROWS = {chr(0xF0E0): "→", chr(0xF0E8): "→", chr(0xF0FC): "✓"}
BOXED = {chr(0xF02B1 + number): chr(0x2460 + number) for number in range(9)}  # Hangul's own ①
SPACES = {"\xa0": " ", "\u3000": " ", "\u2028": "\n", "\u2029": "\n", "\x0b": "\n", "\x0c": "\n"}
UNSEEN = dict.fromkeys(("\xad", "\ufeff", "\u200b", "\u2060", "\u200e", "\u200f"), "")
KNOWN = {**BULLETS, **ARROWS, **BOXED, **SPACES, **UNSEEN, "\r": "\n"}
NO_LETTERS = {"Cc", "Cn", "Co", "Cs"}


def clean(text: str) -> tuple[str, int]:
    """The text with composed letters (NFC) and `\\n` line ends, and how much in it was no letter and is gone."""
    text = text.replace("\r\n", "\n")
    swaps: dict[str, str | int | None] = {}
    lost = 0
    for letter in set(text):
        if letter in KNOWN:
            swaps[letter] = KNOWN[letter]
        elif letter not in "\t\n" and is_garbage(letter):
            swaps[letter] = ""
            lost += text.count(letter)
    if swaps:
        text = text.translate(str.maketrans(swaps))
    return unicodedata.normalize("NFC", text), lost


def is_garbage(letter: str) -> bool:
    """Control, unassigned, private or half of a pair; or the mark of a letter that was lost already."""
    return letter == "\ufffd" or unicodedata.category(letter) in NO_LETTERS
