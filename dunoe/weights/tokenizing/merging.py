"""Byte pair encoding and SentencePiece: letters of a piece merged pair by pair, the best pair first.

BPE merges the pairs of a list, in the list's order. SentencePiece merges any two neighbours that are a token
together, the best score first, and equal scores from the left: the `tokenizers` library knows no equal scores.
"""

from array import array
from bisect import bisect_left
from codecs import charmap_decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain

from dunoe.weights.tokenizing.pairs import Best, merged
from dunoe.weights.tokenizing.seams import END, LETTERS, SEAM, ByParts
from dunoe.weights.tokenizing.splits import split_of
from dunoe.weights.tokenizing.vocabulary import Vocabulary, broken
from dunoe.weights.tokenizing.words import SPACE, words_of

SEEN = 2**16  # pairs of symbols whose merge is remembered


class Merges:
    """The list of merges as a sorted table: it is read from disk as it lies, without building anything.

    keys: left id and right id in one number, sorted; ranks and results beside them. Ids from `len(tokens)` on are
    `phantoms`: texts that merges speak of and that are no token.
    """

    def __init__(
        self, keys: Sequence[int], ranks: Sequence[int], results: Sequence[int], phantoms: list[str]
    ) -> None:
        self.keys, self.ranks, self.results, self.phantoms = keys, ranks, results, phantoms
        self._seen: dict[int, Best[int]] = {}

    @classmethod
    def of(cls, vocabulary: Vocabulary) -> "Merges":
        """The table of a vocabulary; of two equal merges the first counts."""
        names = dict(vocabulary.by_text)
        get = names.get
        keys, ranks, results = [], [], []
        for rank, merge in enumerate(vocabulary.merges):
            space = merge.find(" ", 1)
            if space < 0:
                continue
            left, right = merge[:space], merge[space + 1 :]
            first, second, both = get(left), get(right), get(left + right)
            if first is None or second is None or both is None:
                first, second, both = (
                    names.setdefault(text, len(names)) for text in (left, right, left + right)
                )
            keys.append(first << 32 | second)
            ranks.append(rank)
            results.append(both)
        if len(set(keys)) < len(keys):
            firsts = dict(zip(reversed(keys), reversed(range(len(keys))), strict=True)).values()
            order = sorted(firsts, key=keys.__getitem__)
        else:
            order = sorted(range(len(keys)), key=keys.__getitem__)
        return cls(
            array("Q", map(keys.__getitem__, order)),
            array("I", map(ranks.__getitem__, order)),
            array("I", map(results.__getitem__, order)),
            list(names)[len(vocabulary.tokens) :],
        )

    @classmethod
    def lying_in(cls, tables: Mapping[str, memoryview], phantoms: list[str]) -> "Merges":
        """The table where it lies as `tables` gave it."""
        ranks, results = tables["ranks"].cast("I"), tables["results"].cast("I")
        return cls(tables["keys"].cast("Q"), ranks, results, phantoms)

    def tables(self) -> dict[str, bytes]:
        """What `lying_in` takes."""
        ranks, results = array("I", self.ranks).tobytes(), array("I", self.results).tobytes()
        return {"keys": array("Q", self.keys).tobytes(), "ranks": ranks, "results": results}

    def best(self, left: int, right: int) -> Best[int]:
        """The rank and result of two symbols."""
        if left < 0 or right < 0:
            return None
        key = left << 32 | right
        try:
            return self._seen[key]
        except KeyError:
            at = bisect_left(self.keys, key)
            is_there = at < len(self.keys) and self.keys[at] == key
            if len(self._seen) > SEEN:
                self._seen.clear()
            self._seen[key] = pair = (self.ranks[at], self.results[at]) if is_there else None
            return pair

    def junctions(self, texts: Callable[[int], str]) -> list[tuple[str, str]]:
        """The merges that reach over the beginning of a word: the left ends in no space, the right begins with one."""
        found = []
        starts: dict[int, bool] = {}
        for key in self.keys:
            right = key & 0xFFFFFFFF
            if right not in starts:
                starts[right] = texts(right).startswith(SPACE)
            if starts[right] and not (left := texts(key >> 32)).endswith(SPACE):
                found.append((left, texts(right)))
        return found


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
        self.phantoms = {text: len(vocabulary.tokens) + n for n, text in enumerate(merges.phantoms)}
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
            number = self.by_text.get(letter, self.phantoms.get(letter, -1 - ord(letter)))
            self.symbols[letter] = number
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
