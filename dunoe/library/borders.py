"""Where a text may be cut: behind a paragraph, a line, a sentence, a word, and never within a letter."""

import re
import unicodedata

NEAR = 0.6  # of a piece: a better border further back would leave it short
LONGEST_LETTER = 64  # characters that one letter may be made of; a longer one is no letter

PARAGRAPH = re.compile(r"(?>\r\n|\r|\n)(?:[ \t]*+(?>\r\n|\r|\n))+")
LINE = re.compile(r"(?>\r\n|\r|\n)")
SENTENCE = re.compile(r"[.!?。！？…][\"'”’)\]}」』]*\s+|[。！？]")  # noqa: RUF001 - full-width signs end one
WORD = re.compile(r"\s+")

PROSE = (PARAGRAPH, SENTENCE, LINE, WORD)
LINES = (PARAGRAPH, LINE, SENTENCE, WORD)

LEADING = ((0x1100, 0x115F), (0xA960, 0xA97C))
VOWELS_AND_FINALS = ((0x1160, 0x11FF), (0xD7B0, 0xD7FB))
SYLLABLES = ((0xAC00, 0xD7A3),)
FLAGS = ((0x1F1E6, 0x1F1FF),)
SKIN = ((0x1F3FB, 0x1F3FF), (0xE0020, 0xE007F))
JOINER = "\u200d"
MARKS = {"Mn", "Me", "Mc"}


def last_border(text: str, start: int, stop: int, kinds: tuple[re.Pattern[str], ...]) -> int:
    """The best place for a cut in text[start:stop], as far back as the piece can bear; always behind `start`."""
    near = start + int((stop - start) * NEAR)
    for kind in kinds:
        for match in reversed([*kind.finditer(text, near, stop)]):
            if is_border(text, match.end()):
                return match.end()
    for position in range(stop, max(start, stop - LONGEST_LETTER), -1):
        if is_border(text, position):
            return position
    for position in range(stop + 1, min(len(text), start + LONGEST_LETTER) + 1):
        if is_border(text, position):
            return position
    return max(stop, start + 1)


def is_border(text: str, position: int) -> bool:
    """Whether no letter is cut here: marks, joined emoji, flags, Hangul of several jamo, `\\r\\n`."""
    if position <= 0 or position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    if after < "\u0300":
        return not (before == "\r" and after == "\n")
    if JOINER in (before, after) or unicodedata.category(after) in MARKS:
        return False
    if _in(after, SKIN) or (_in(before, FLAGS) and _in(after, FLAGS)):
        return False
    if _in(after, VOWELS_AND_FINALS):
        return not _in(before, LEADING + VOWELS_AND_FINALS + SYLLABLES)
    return not (_in(before, LEADING) and _in(after, LEADING + SYLLABLES))


def _in(letter: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= ord(letter) <= last for first, last in ranges)
