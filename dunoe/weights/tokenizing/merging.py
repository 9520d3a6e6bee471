"""Byte pair encoding and SentencePiece: letters of a piece merged pair by pair, the best pair first.

BPE merges the pairs of a list, in the list's order. SentencePiece merges any two neighbours that are a token
together, the best score first, and equal scores from the left: the `tokenizers` library knows no equal scores.
"""

from array import array
from bisect import bisect_left
from codecs import charmap_decode
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, compress, count, repeat

from dunoe.weights.tokenizing.pairs import Best, merged
from dunoe.weights.tokenizing.seams import END, LETTERS, ByParts
from dunoe.weights.tokenizing.splits import SEAM, split_of
from dunoe.weights.tokenizing.vocabulary import Vocabulary, broken
from dunoe.weights.tokenizing.words import SPACE, words_of

LONG = 0xFFFF  # letters of a merge's left side; of longer ones only the rest is looked at
SEEN = 2**16  # pairs of symbols whose merge is remembered


class Merges:
    """The list of merges as a sorted table: it is read from disk as it lies, without building anything.

    rows: the id of what a merge gives, the length of its left side and its rank in one number each, sorted; files have
    them nearly in this order. Ids from the tokens' count on are `phantoms`: texts that merges give, and
    letters, that are no token.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        rows: "array[int]",
        phantoms: list[str],
    ) -> None:
        self.tokens, self.by_text = vocabulary.tokens, vocabulary.by_text
        self.rows, self.phantoms = rows, phantoms
        self.phantom_ids = {text: len(self.tokens) + n for n, text in enumerate(phantoms)}
        self._seen: dict[int, Best[int]] = {}

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Merges":
        """The table of a vocabulary; of two equal merges the first counts."""
        names = vocabulary.by_text
        wholes, cuts = _cut(vocabulary.merges)
        results = list(map(names.get, wholes))
        unnamed = [whole for whole in wholes if whole not in names] if None in results else []
        unnamed += sorted(set("".join([*vocabulary.tokens, *unnamed])).difference(names))
        if unnamed:
            names = dict(names)
            for text in unnamed:
                names.setdefault(text, len(names))
            results = list(map(names.get, wholes))
        rows = sorted(
            result << 40 | (cut & LONG) << 24 | rank
            for result, cut, rank in zip(results, cuts, count())
            if result is not None
        )
        return cls(
            vocabulary,
            array("Q", rows),
            list(names)[len(vocabulary.tokens) :],
        )

    @classmethod
    def lying_in(
        cls, vocabulary: Vocabulary, tables: Mapping[str, memoryview], phantoms: list[str]
    ) -> "Merges":
        """The table where it lies as `tables` gave it."""
        rows = array("Q")
        rows.frombytes(tables["rows"])
        return cls(vocabulary, rows, phantoms)

    def tables(self) -> dict[str, bytes]:
        """What `lying_in` takes."""
        return {"rows": self.rows.tobytes()}

    def best(self, left: int, right: int) -> Best[int]:
        """The rank and result of two symbols."""
        if left < 0 or right < 0:
            return None
        pair = left << 32 | right
        try:
            return self._seen[pair]
        except KeyError:
            if len(self._seen) > SEEN:
                self._seen.clear()
            self._seen[pair] = found = self._found(self.text(left), self.text(right))
            return found

    def _found(self, left: str, right: str) -> Best[int]:
        result = self.number(left + right)
        if result is None:
            return None
        key = result << 16 | len(left) & LONG
        at = bisect_left(self.rows, key << 24)
        row = self.rows[at] if at < len(self.rows) else 0
        return (row & 0xFFFFFF, result) if row >> 24 == key else None

    def number(self, text: str) -> int | None:
        """The id of a token or of a phantom."""
        found = self.by_text.get(text)
        return self.phantom_ids.get(text) if found is None else found

    def text(self, number: int) -> str:
        """The text of a token or of a phantom."""
        count = len(self.tokens)
        return self.tokens[number] if number < count else self.phantoms[number - count]


def _cut(merges: Sequence[str]) -> tuple[list[str], list[int]]:
    """What each merge gives and where it is cut: at the first space behind its first letter, or it is none."""
    cuts = list(map(str.find, merges, repeat(" "), repeat(1)))
    row = END.join(merges)
    if row.count(" ") == len(cuts) and min(cuts, default=0) > 0:
        return row.replace(" ", "").split(END), cuts
    merges, cuts = list(compress(merges, map((0).__lt__, cuts))), [cut for cut in cuts if cut > 0]
    return [merge[:at] + merge[at + 1 :] for merge, at in zip(merges, cuts, strict=True)], cuts


def junctions_in(merges: Iterable[str]) -> list[tuple[str, str]]:
    """The merges that reach over the beginning of a word: the left ends in no space, the right begins with one."""
    wholes, cuts = _cut([merge for merge in merges if f" {SPACE}" in merge])
    return [
        (whole[:cut], whole[cut:])
        for whole, cut in zip(wholes, cuts, strict=True)
        if whole[cut : cut + 1] == SPACE and whole[cut - 1] != SPACE
    ]


class Bpe:
    """A vocabulary of the `gpt2` kind (or `gemma4`: spaces written `▁`, letters as they are)."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        merges: Merges,
        junctions: list[tuple[str, str]] | None,
        pairs: str,
    ) -> None:
        self.vocabulary, self.merges = vocabulary, merges
        self.by_text, self.pre = vocabulary.by_text, vocabulary.pre
        self.cut, self.cut_words = split_of(self.pre.cutting)
        self.words = words_of(junctions)
        self.symbols: dict[str, int] = {}
        self.parts = ByParts(pairs, self.ids_of)

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces that have ids of their own."""
        if not self.pre.spaced:
            return self.cut(text)
        lines = self.cut(text.replace(" ", SPACE))
        return [word for line in lines for word in self.words(line)]

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        pieces = list(pieces)
        if self.cut_words is None:
            return self.words_ids(pieces)
        marked = SEAM.join(self.cut_words(END.join(pieces))).split(END)
        words = [[word for word in piece.split(SEAM) if word] for piece in marked]
        found = self.words_ids(list(set(chain.from_iterable(words))))
        return {
            piece: tuple(chain.from_iterable(map(found.__getitem__, parts)))
            for piece, parts in zip(pieces, words, strict=True)
        }

    def words_ids(self, words: list[str]) -> dict[str, tuple[int, ...]]:
        """As `ids`, of what is cut no further before it is merged."""
        if not self.pre.whole_words:
            return self.parts.ids(words)
        numbers = {word: self.by_text.get(self.spelled(word)) for word in words}
        found = self.parts.ids([word for word, number in numbers.items() if number is None])
        return found | {word: (number,) for word, number in numbers.items() if number is not None}

    def spelled(self, piece: str) -> str:
        """The piece in the letters of the vocabulary."""
        return piece if self.pre.spaced else charmap_decode(piece.encode(), "strict", LETTERS)[0]

    def symbol(self, letter: str) -> int:
        """A letter's id; below zero when no token and no merge knows it."""
        try:
            return self.symbols[letter]
        except KeyError:
            number = self.merges.number(letter)
            self.symbols[letter] = number = -1 - ord(letter) if number is None else number
            return number

    def ids_of(self, piece: str) -> tuple[int, ...]:
        """The ids of one piece, by merging."""
        if self.pre.spaced and piece in self.by_text and not piece.strip("\n"):
            return (self.by_text[piece],)
        return self.known(merged([*map(self.symbol, self.spelled(piece))], self.merges.best))

    def known(self, symbols: Sequence[int]) -> tuple[int, ...]:
        """The symbols, with those that are no token spelled in bytes; bytes that are no token are left out."""
        count = len(self.vocabulary.tokens)
        if all(0 <= symbol < count for symbol in symbols):
            return tuple(symbols)
        out: list[int] = []
        for symbol in symbols:
            if 0 <= symbol < count:
                out.append(symbol)
                continue
            text = chr(-1 - symbol) if symbol < 0 else self.merges.phantoms[symbol - count]
            for byte in text.encode():
                name = f"<0x{byte:02X}>" if self.pre.spaced else chr(byte) if byte < 128 else ""
                if name in self.by_text:
                    out.append(self.by_text[name])
        return tuple(out)


class Spm:
    """A vocabulary of the `llama` kind."""

    def __init__(
        self, vocabulary: Vocabulary, junctions: list[tuple[str, str]] | None, pairs: str
    ) -> None:
        self.by_text, self.scores = vocabulary.by_text, vocabulary.scores
        self.has_space_prefix = vocabulary.flags["space_prefix"]
        self.words = words_of(junctions)
        self.bytes = [self.byte(number) for number in range(256)]
        self.parts = ByParts(pairs, self.ids_of)

    def byte(self, number: int) -> int:
        """The token that stands for a byte."""
        found = self.by_text.get(
            f"<0x{number:02X}>", self.by_text.get(chr(number) if number < 128 else "")
        )
        return -1 if found is None else found

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces that have ids of their own."""
        if self.has_space_prefix and after_special:
            text = " " + text
        return self.words(text.replace(" ", SPACE))

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        return self.parts.ids(list(pieces))

    def best(self, left: str, right: str) -> Best[str]:
        """Two symbols merge when they are a token together."""
        both = left + right
        number = self.by_text.get(both)
        return None if number is None else (-self.scores[number], both)

    def ids_of(self, piece: str) -> tuple[int, ...]:
        """The ids of one piece; raise `BadVocabulary` where a byte has no token."""
        out: list[int] = []
        for symbol in merged(list(piece), self.best):
            number = self.by_text.get(symbol)
            out += (
                [number] if number is not None else [self.bytes[byte] for byte in symbol.encode()]
            )
        if -1 in out:
            raise broken("바이트 토큰이 없습니다", "it has no token for a byte")
        return tuple(out)


def junctions_of(tokens: Iterable[str]) -> list[tuple[str, str]]:
    """Where a token reaches over the beginning of a word: what stands before and after that place."""
    found = []
    for token in tokens:
        at = token.find(SPACE, 1)
        while at > 0:
            if token[at - 1] != SPACE:
                found.append((token[:at], token[at:]))
            at = token.find(SPACE, at + 1)
    return found
