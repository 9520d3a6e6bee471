"""Where no token reaches over from one letter to the next: new pieces are cut there, and the parts are met again.

Merging two sides of such a seam is merging each on its own: the ids are those of the whole. Korean words seldom
come again, their parts nearly always.
"""

import re
from codecs import charmap_build, charmap_encode
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, filterfalse, groupby, islice
from operator import add, itemgetter
from string import ascii_letters

from dunoe.weights.tokenizing.splits import SEAM
from dunoe.weights.tokenizing.words import SPACE

REMEMBERED = 2**20  # letters of parts whose ids are kept, all together
NEIGHBOURS = 2**17  # pairs of letters that are remembered
END = "\ud800"  # between pieces; no text has it, nor `SEAM`
_PLAIN = ascii_letters + " " + SPACE
_PLAIN_WORD = re.compile("[Ġ▁]?[A-Za-z]*")
_NO_ID = -2  # in place of the end of a piece
_NO_TEXT = "ÿ"  # the letter of byte 255, which is in no text either


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a vocabulary that spells bytes (GPT-2's table)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + number) for number, byte in enumerate(others)})
    return [letters[byte] for byte in range(256)]


LETTERS = "".join(byte_letters())


def pairs_of(tokens: Iterable[str], *, spells_bytes: bool) -> str:
    """The neighbours inside tokens: a letter and those behind it, `END`, the next letter; see `Seams`.

    A byte of a letter that is cut is half a surrogate.

    Between plain letters (a to z, spaces) is no seam, so their tokens say nothing.
    """
    wanted = filterfalse(_PLAIN_WORD.fullmatch, tokens)
    if spells_bytes:
        spelled = charmap_encode(_NO_TEXT.join(wanted), "replace", charmap_build(LETTERS))[0]
        row = spelled.decode("utf-8", "surrogateescape")
        between = "\udcff"
    else:
        row, between = END.join(wanted), END
    pairs = set(map(add, row, islice(row, 1, None)))
    kept = sorted(pair for pair in pairs if between not in pair)
    return END.join(
        letter + "".join(pair[1] for pair in same) for letter, same in groupby(kept, itemgetter(0))
    )


class Seams(dict[str, str]):
    """For two neighbours the left one, with a mark behind it where a seam lies; found when first asked for."""

    def __init__(self, pairs: str) -> None:
        super().__init__()
        self.behind = {letters[0]: letters[1:] for letters in pairs.split(END) if letters}
        self.joins = {END: ("", "")}  # for a letter what stands behind it, and behind its last byte
        self.firsts = {END: END}  # the first byte of a letter
        self.marked: dict[str, str] = {}  # one text for all pairs that begin alike

    def __missing__(self, pair: str) -> str:
        if len(self) > NEIGHBOURS:
            self.clear()
            self.marked.clear()
        marked = pair[0] + SEAM if self.lies_between(*pair) else pair[0]
        self[pair] = marked = self.marked.setdefault(marked, marked)
        return marked

    def lies_between(self, left: str, right: str) -> bool:
        """No token has both letters, nor the last byte of one and the first of the other."""
        if left not in self.joins:
            behind = self.behind.get(left, "") + (_PLAIN if left in _PLAIN else "")
            self.joins[left] = behind, self.behind.get(chr(0xDC00 + left.encode()[-1]), "")
        if right not in self.firsts:
            self.firsts[right] = chr(0xDC00 + right.encode()[0])
        letters, behind_byte = self.joins[left]
        first = self.firsts[right]
        return not (
            right in letters or first in letters or right in behind_byte or first in behind_byte
        )

    def parts(self, row: str) -> list[str]:
        """A text cut at every seam."""
        marked = "".join(map(self.__getitem__, map(add, row, islice(row, 1, None))))
        return (marked + row[-1:]).split(SEAM)


class ByParts:
    """The ids of pieces from those of their parts. ids_of: finds those of a part."""

    def __init__(self, pairs: str, ids_of: Callable[[str], tuple[int, ...]]) -> None:
        self.seams, self.ids_of = Seams(pairs), ids_of
        self.known: dict[str, tuple[int, ...]] = {END: (_NO_ID,)}
        self.letters = 0

    def ids(self, pieces: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        if not pieces:
            return {}
        parts = self.seams.parts(END.join([*pieces, ""]))
        known = self.learned(set(parts))
        ids = tuple(chain.from_iterable(map(known.__getitem__, parts)))
        out, at = {}, 0
        for piece in pieces:
            end = ids.index(_NO_ID, at)
            out[piece] = ids[at:end]
            at = end + 1
        return out

    def learned(self, parts: set[str]) -> dict[str, tuple[int, ...]]:
        """What is known, with these parts."""
        known = self.known
        new = parts.difference(known)
        self.letters += sum(map(len, new))
        if self.letters > REMEMBERED:  # a new dictionary: a thread may be reading the old one
            self.letters = sum(map(len, new))
            self.known = known = {part: known[part] for part in {*parts, END} - new}
        known.update({part: self.ids_of(part) for part in new})
        return known
