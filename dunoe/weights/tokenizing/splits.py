"""A text cut as a row of `CUTTINGS` says, with Unicode's letters as they were in version 15.1."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from itertools import accumulate

from dunoe.weights.tokenizing import letters
from dunoe.weights.tokenizing.cuttings import CUTTINGS, DIGITS_IN_THREES, NUMBERS_IN_THREES

Split = Callable[[str], list[str]]

SEAM = "\ud801"  # between pieces that stand in one text; no text has it

# A letter below U+10000 of each category that no pattern names: it stands for those above, so that every
# class is one that `re` keeps as a table of bits.
_STANDS_FOR = {"L": "\u00aa", "N": "\u00b2", "M": "\u0300", "P": "\u00a1", "S": "\u00a9"}
_OTHER = "\u0080"
ASTRAL = re.compile("[\U00010000-\U0010ffff]")  # in a class with others it makes `re` slow
_CATEGORIES = {
    "L": letters.LETTER,
    "N": letters.NUMBER,
    "M": letters.MARK,
    "P": letters.PUNCTUATION,
    "S": letters.SYMBOL,
    "s": letters.SPACE,
}
_PART = re.compile(r"\\p\{(\w)\}|\\([sSd])|\\.|.", re.S)


def _less(text: str, *without: str) -> str:
    """A line of `tokenizer_letters` without some ranges."""
    kept = list(ranges(text))
    for low, high in (pair for line in without for pair in ranges(line)):
        left = [(first, min(last, low - 1)) for first, last in kept]
        right = [(max(first, high + 1), last) for first, last in kept]
        kept = sorted({(first, last) for first, last in left + right if first <= last})
    return " ".join(f"{first:x}-{last:x}" for first, last in kept)


@cache
def ranges(text: str) -> tuple[tuple[int, int], ...]:
    """The code points that a line of `tokenizer_letters` names, as first and last."""
    pairs = (part.partition("-") for part in text.split())
    return tuple((int(first, 16), int(last or first, 16)) for first, _, last in pairs)


_CATEGORIES["U"] = _less(letters.LETTER, "61-7a")
_CATEGORIES["W"] = _less(letters.LETTER, "41-5a")
_CATEGORIES["H"] = _less(letters.LETTER, "3400-4dbf 4e00-9fff f900-faff")


@cache
def _class(name: str) -> str:
    """The inside of a character class: a category below U+10000."""
    kept = [
        (first, min(last, 0xFFFF)) for first, last in ranges(_CATEGORIES[name]) if first <= 0xFFFF
    ]
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in kept)


def _spelled(pattern: str) -> str:
    """The pattern as Python's `re` reads it, with every category spelled out."""
    out: list[str] = []
    inside = False
    for part in _PART.finditer(pattern):
        text = part[0]
        name = part[1] or part[2]
        if part[2] == "S":
            text = f"[^{_class('s')}]"
        elif name:
            text = "0-9" if name == "d" else _class(name)
            text = text if inside else f"[{text}]"
        elif text == "[":
            text, inside = (r"\[", True) if inside else ("[", True)
        elif text == "]":
            inside = False
        out.append(text)
    return "".join(out)


def _cut_by(pattern: str) -> Split:
    spelled = _spelled(pattern)
    if r"[^\s\p{L}" in pattern:  # it matches everywhere
        return re.compile(spelled).findall
    cut = re.compile(f"({spelled})").split
    return lambda text: [piece for piece in cut(text) if piece]


def _threes(run: str) -> list[str]:
    """1234567 is 1, 234, 567."""
    first = len(run) % 3
    return [run[:first]] * bool(first) + [run[n : n + 3] for n in range(first, len(run), 3)]


def _cut_digits(piece: str) -> list[str]:
    """Before every place that whole threes of digits follow up to their end."""
    out = [""]
    for part in re.split("([0-9]+)", piece):
        first, *rest = _threes(part) if part[:1].isdigit() and part.isascii() else [part]
        if part.isascii() and part.isdigit() and len(part) % 3 == 0:
            rest, first = [first, *rest], ""
        out[-1] += first
        out += rest
    return [part for part in out if part]


@cache
def _number_runs() -> re.Pattern[str]:
    numbers = _class("N")
    return re.compile(f"([^{numbers}]*)([{numbers}]*)")


def _cut_numbers(piece: str) -> list[str]:
    """Runs of numbers in threes; what stands before a run stays with its first ones."""
    out: list[str] = []
    for before, run in _number_runs().findall(piece):
        first, *rest = _threes(run) or [""]
        out += [before + first, *rest]
    return [part for part in out if part]


_CUTS: dict[str, Split] = {
    DIGITS_IN_THREES: _cut_digits,
    NUMBERS_IN_THREES: _cut_numbers,
}


@cache
def split_of(name: str) -> tuple[Split, Split | None]:
    """The function that cuts a text as a row of `CUTTINGS` says, and the one that then cuts its pieces, if any.

    The pieces together are the text.
    """
    cutting = CUTTINGS[name]
    steps = [_CUTS[step] if step in _CUTS else _cut_by(step) for step in cutting.steps]
    standing = _Standing(cutting.astral)
    first, rest = steps[: cutting.until_words], steps[cutting.until_words :]
    return _split(_by_pieces(first), standing), _split(_in_a_row(rest), standing) if rest else None


def _by_pieces(steps: list[Split]) -> Split:
    """Each step cuts every piece of the one before."""

    def cut(text: str) -> list[str]:
        pieces = steps[0](text)
        for step in steps[1:]:
            pieces = [part for piece in pieces for part in step(piece)]
        return pieces

    return cut


def _in_a_row(steps: list[Split]) -> Split:
    """The same where no step looks at what stands beside: each cuts all pieces at once, as one text."""

    def cut(text: str) -> list[str]:
        for step in steps:
            text = SEAM.join(step(text))
        return text.split(SEAM)

    return cut


def _split(cut: Split, standing: "_Standing") -> Split:
    def split(text: str) -> list[str]:
        if ASTRAL.search(text) is None:
            return cut(text)
        pieces = cut(ASTRAL.sub(lambda found: standing[found[0]], text))
        ends = array("Q", accumulate(map(len, pieces)))
        for found in ASTRAL.finditer(text):  # only these pieces are others: a long text has few
            at = bisect_right(ends, found.start())
            pieces[at] = text[ends[at] - len(pieces[at]) : ends[at]]
        return pieces

    return split


class _Standing(dict[str, str]):
    """For each letter above U+FFFF the one below that is cut alike; found when first asked for."""

    def __init__(self, named: tuple[str, str]) -> None:
        super().__init__()
        self.named = named

    def __missing__(self, letter: str) -> str:
        self[letter] = self.find(ord(letter))
        return self[letter]

    def find(self, point: int) -> str:
        listed, stand_in = self.named
        if any(first <= point <= last for first, last in ranges(listed)):
            return stand_in
        for name, stand_in in _STANDS_FOR.items():
            if any(first <= point <= last for first, last in ranges(_CATEGORIES[name])):
                return stand_in
        return _OTHER
