"""WordPiece (`bert`): words and signs, without accents; each from its beginning in tokens as long as possible."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, lru_cache

from dunoe.weights.tokenizing import letters
from dunoe.weights.tokenizing.splits import ranges
from dunoe.weights.tokenizing.vocabulary import Vocabulary, lengths_of
from dunoe.weights.tokenizing.words import SPACE

_ASSIGNED = (
    letters.LETTER, letters.NUMBER, letters.MARK, letters.PUNCTUATION, letters.SYMBOL, letters.SPACE
)  # fmt: skip
# Signs of Chinese writing: each is a word. (From 2B920, not 2B820: so it is in the original.)
_SIGNS = "4e00-9fff 3400-4dbf 20000-2a6df 2a700-2b73f 2b740-2b81f 2b920-2ceaf f900-faff 2f800-2fa1f"
_SPACED = re.compile(
    "[^" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges(letters.SPACE)) + "]+"
)


class WordPiece:
    """A vocabulary of the `bert` kind."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.by_text, self.unknown = vocabulary.by_text, vocabulary.ids["unknown"]
        self.lowers, self.strips = vocabulary.flags["lowercase"], vocabulary.flags["strip_accents"]
        self.lengths = lengths_of(vocabulary.tokens)[::-1]
        self.seen = _Plain(self.plain)
        self.tokens = lru_cache(2**15)(self._tokens)

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces that have ids of their own."""
        return _SPACED.findall(text)

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        return {piece: self.ids_of(piece) for piece in pieces}

    def ids_of(self, piece: str) -> tuple[int, ...]:
        """The ids of the words in a piece."""
        plain = piece.translate(self.seen)
        out: list[int] = []
        for word in plain.replace("\0", "").split("\n"):
            if word:
                out += self.tokens(SPACE + word)
        return tuple(out)

    def plain(self, point: int) -> str:
        """What a letter becomes: nothing (a zero), itself, or a word of its own (between line ends)."""
        base = point
        if self.strips and _is(point, *_ASSIGNED):
            base = ord(unicodedata.normalize("NFD", chr(point))[0])
        found = chr(base)
        if (
            base in (0, 0xFFFD)
            or _is(base, letters.CONTROL)
            or (self.strips and _is(base, letters.MARK))
        ):
            found = "\0"
        else:
            if self.lowers and _is(base, *_ASSIGNED):
                found = found.lower()[0]
            is_sign = _is(base, letters.PUNCTUATION, _SIGNS) or (
                base < 0x7F and _is(base, letters.SYMBOL)
            )
            found = f"\n{found}\n" if is_sign else found
        return found

    def _tokens(self, word: str) -> list[int]:
        """The tokens of one word; unknown as a whole where a part is."""
        out, at = [], 0
        while at < len(word):
            for length in self.lengths:
                part = word[at : at + length]
                if part in self.by_text:
                    out.append(self.by_text[part])
                    at += len(part)
                    break
            else:
                return [] if self.unknown is None else [self.unknown]
        return out


class _Plain(dict[int, str]):
    """For each letter what it becomes, as `str.translate` takes it; found when first asked for."""

    def __init__(self, find: Callable[[int], str]) -> None:
        super().__init__()
        self.find = find

    def __missing__(self, point: int) -> str:
        self[point] = found = self.find(point)
        return found


@cache
def _is(point: int, *kinds: str) -> bool:
    return any(first <= point <= last for kind in kinds for first, last in ranges(kind))
