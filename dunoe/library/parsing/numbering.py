"""The numbers before paragraphs that Hangul counts by itself: 1., 가., 1), 제1조."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SYLLABLES = "가나다라마바사아자차카타파하"
JAMO = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
PHONETIC = "일이삼사오육칠팔구십"
IDEOGRAPHS = "一二三四五六七八九十"
STEMS = "갑을병정무기경신임계"
STEM_HANJA = "甲乙丙丁戊己庚辛壬癸"
LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
         (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
LETTERS = {
    "CIRCLED_DIGIT": "".join(map(chr, range(0x2460, 0x2474))),
    "LATIN_CAPITAL": LATIN,
    "LATIN_SMALL": LATIN.lower(),
    "CIRCLED_LATIN_CAPITAL": "".join(map(chr, range(0x24B6, 0x24D0))),
    "CIRCLED_LATIN_SMALL": "".join(map(chr, range(0x24D0, 0x24EA))),
    "HANGUL_SYLLABLE": SYLLABLES,
    "CIRCLED_HANGUL_SYLLABLE": "".join(map(chr, range(0x326E, 0x327C))),
    "HANGUL_JAMO": JAMO,
    "CIRCLED_HANGUL_JAMO": "".join(map(chr, range(0x3260, 0x326E))),
    "HANGUL_PHONETIC": PHONETIC,
    "IDEOGRAPH": IDEOGRAPHS,
    "CIRCLED_IDEOGRAPH": "".join(map(chr, range(0x3280, 0x328A))),
    "DECAGON_CIRCLE": STEMS,
    "DECAGON_CIRCLE_HANJA": STEM_HANJA,
}
KINDS = (  # by their number in HWP 5
    "DIGIT", "CIRCLED_DIGIT", "ROMAN_CAPITAL", "ROMAN_SMALL", "LATIN_CAPITAL", "LATIN_SMALL", "CIRCLED_LATIN_CAPITAL",
    "CIRCLED_LATIN_SMALL", "HANGUL_SYLLABLE", "CIRCLED_HANGUL_SYLLABLE", "HANGUL_JAMO", "CIRCLED_HANGUL_JAMO",
    "HANGUL_PHONETIC", "IDEOGRAPH", "CIRCLED_IDEOGRAPH",
)  # fmt: skip
MOST = 4000  # beyond it a Roman number is a row of M


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a numbering. form: like `제^1조`, where ^1 is the number of the first level."""

    form: str
    kind: str = "DIGIT"
    start: int = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What a paragraph's shape says: whether it is a heading, and which numbering at which level it is counted in.

    numbering: "" where it is not counted; `OUTLINE` for the one of its section. level: from 0.
    """

    is_heading: bool = False
    numbering: str = ""
    level: int = 0


OUTLINE = "outline"
PLAIN = Shape()


class Heads:
    """Counts the paragraphs of a document."""

    def __init__(self, numberings: Mapping[str, Sequence[Level]]) -> None:
        self.numberings = numberings
        self.outline = ""  # the numbering of the section that is being read
        self._counts: dict[str, list[int]] = {}

    def before(self, shape: Shape) -> str:
        """What stands before the next paragraph of this shape; "" for most."""
        name = self.outline if shape.numbering == OUTLINE else shape.numbering
        levels = self.numberings.get(name, ())
        if shape.level >= len(levels):
            return ""
        counts = self._counts.setdefault(name, [])
        del counts[shape.level + 1 :]
        for level in levels[len(counts) : shape.level]:
            counts.append(level.start)
        if len(counts) == shape.level:
            counts.append(levels[shape.level].start)
        else:
            counts[shape.level] += 1
        return _filled(levels, counts)


def _filled(levels: Sequence[Level], counts: Sequence[int]) -> str:
    shown = [written(count, level.kind) for count, level in zip(counts, levels, strict=False)]
    path = ".".join(shown)
    form = levels[len(counts) - 1].form.replace("^n", path).replace("^N", f"{path}.")
    head = re.sub(r"\^(\d+)", lambda match: _at(shown, int(match.group(1))), form)
    return f"{head} " if head else ""


def _at(shown: Sequence[str], level: int) -> str:
    return shown[level - 1] if 0 < level <= len(shown) else ""


def written(number: int, kind: str) -> str:
    """A number in one of the ways of Hangul; in digits where that way does not reach so far."""
    if kind in ("ROMAN_CAPITAL", "ROMAN_SMALL") and 0 < number < MOST:
        return _roman(number) if kind == "ROMAN_CAPITAL" else _roman(number).lower()
    letters = LETTERS.get(kind, "")
    return letters[number - 1] if 0 < number <= len(letters) else str(number)


def _roman(number: int) -> str:
    found = ""
    for value, letters in ROMAN:
        count, number = divmod(number, value)
        found += letters * count
    return found
