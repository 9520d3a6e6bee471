"""Byte pair encoding and SentencePiece: letters of a piece merged pair by pair, the best pair first.

BPE merges the pairs of a list, in the list's order. SentencePiece merges any two neighbours that are a token
together, the best score first, and equal scores from the left: the `tokenizers` library knows no equal scores.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import BPE

from dunoe.weights.tokenizer_pairs import Best, merged
from dunoe.weights.tokenizer_splits import Split, split_of
from dunoe.weights.tokenizer_vocabulary import BadVocabulary, Vocabulary, broken
from dunoe.weights.tokenizer_words import words_of

MANY = 20_000  # new pieces; from here on it pays to build the Rust model (0.1 to 0.6 s, once)
SPACE = "▁"


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a vocabulary that spells bytes (GPT-2's table)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {byte: chr(byte) for byte in plain}
    others = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + number) for number, byte in enumerate(others)})
    return [letters[byte] for byte in range(256)]


_LETTERS = {byte: letter for byte, letter in enumerate(byte_letters())}


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
        found: dict[int, tuple[int, int]] = {}
        for rank, merge in enumerate(vocabulary.merges):
            space = merge.find(" ", 1)
            if space < 0:
                continue
            left, right = merge[:space], merge[space + 1 :]
            both = left + right
            for text in (left, right, both):
                if text not in names:
                    names[text] = len(names)
            found.setdefault(names[left] << 32 | names[right], (rank, names[both]))
        keys = array("Q", sorted(found))
        pairs = [found[key] for key in keys]
        ranks = array("I", [rank for rank, _ in pairs])
        results = array("I", [result for _, result in pairs])
        return cls(keys, ranks, results, list(names)[len(vocabulary.tokens) :])

    @classmethod
    def lying_in(cls, data: memoryview, count: int, phantoms: list[str]) -> "Merges":
        """The table where it lies as `tables` gave it; raise `ValueError` when it does not fit."""
        if len(data) != 16 * count:
            raise ValueError("not whole")
        keys, ranks, results = data[: 8 * count], data[8 * count : 12 * count], data[12 * count :]
        return cls(keys.cast("Q"), ranks.cast("I"), results.cast("I"), phantoms)

    @property
    def tables(self) -> bytes:
        """What `lying_in` takes."""
        kinds = zip("QII", (self.keys, self.ranks, self.results), strict=True)
        return b"".join(array(kind, table).tobytes() for kind, table in kinds)

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
        self, vocabulary: Vocabulary, merges: Merges, junctions: list[tuple[str, str]] | None
    ) -> None:
        self.vocabulary, self.merges = vocabulary, merges
        self.by_text, self.pre = vocabulary.by_text, vocabulary.pre
        self.phantoms = {text: len(vocabulary.tokens) + n for n, text in enumerate(merges.phantoms)}
        self.cut: Split = split_of(self.pre.cutting)
        self.words = words_of(junctions)
        self.symbols: dict[str, int] = {}
        self.new, self.rust = 0, None  # type: int, RustTokenizer | None

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces that have ids of their own."""
        if not self.pre.spaced:
            return self.cut(text)
        lines = self.cut(text.replace(" ", SPACE))
        return [word for line in lines for word in self.words(line)]

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        pieces = list(pieces)
        self.new += len(pieces)
        if self.new < MANY:
            return {piece: self.ids_of(piece) for piece in pieces}
        return self.ids_by_rust(pieces)

    def spelled(self, piece: str) -> str:
        """The piece in the letters of the vocabulary."""
        return piece if self.pre.spaced else piece.encode().decode("latin-1").translate(_LETTERS)

    def whole(self, piece: str) -> int | None:
        """The token that the piece is, where pieces are not taken apart."""
        if self.pre.whole_words or (self.pre.spaced and not piece.strip("\n")):
            return self.by_text.get(piece)
        return None

    def symbol(self, letter: str) -> int:
        """A letter's id; below zero when no token and no merge knows it."""
        try:
            return self.symbols[letter]
        except KeyError:
            number = self.by_text.get(letter, self.phantoms.get(letter, -1 - ord(letter)))
            self.symbols[letter] = number
            return number

    def ids_of(self, piece: str) -> tuple[int, ...]:
        """The ids of one piece."""
        text = self.spelled(piece)
        whole = self.whole(text)
        if whole is not None:
            return (whole,)
        return self.known(merged([self.symbol(letter) for letter in text], self.merges.best))

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

    def ids_by_rust(self, pieces: list[str]) -> dict[str, tuple[int, ...]]:
        """As `ids`, for many pieces."""
        rust = self.rust = self.rust or self.built()
        out: dict[str, tuple[int, ...]] = {}
        merging: list[tuple[str, str]] = []
        for piece in pieces:
            text = self.spelled(piece)
            whole = self.whole(text)
            if whole is not None:
                out[piece] = (whole,)
            elif min(map(self.symbol, text)) < 0:
                out[piece] = self.ids_of(piece)
            else:
                merging.append((piece, text))
        found = rust.encode(
            [text for _, text in merging], is_pretokenized=True, add_special_tokens=False
        )
        gathered: list[list[int]] = [[] for _ in merging]
        for number, word in zip(found.ids, found.word_ids, strict=True):
            if word is not None:
                gathered[word].append(number)
        out.update(
            {piece: self.known(ids) for (piece, _), ids in zip(merging, gathered, strict=True)}
        )
        return out

    def built(self) -> RustTokenizer:
        """The same merges in the Rust library."""
        names = self.by_text | self.phantoms
        texts = [*self.vocabulary.tokens, *self.merges.phantoms]
        order = sorted(zip(self.merges.ranks, self.merges.keys, strict=True))
        return RustTokenizer(
            BPE(names, [(texts[key >> 32], texts[key & 0xFFFFFFFF]) for _, key in order])
        )


class Spm:
    """A vocabulary of the `llama` kind."""

    def __init__(self, vocabulary: Vocabulary, junctions: list[tuple[str, str]] | None) -> None:
        self.by_text, self.scores = vocabulary.by_text, vocabulary.scores
        self.has_space_prefix = vocabulary.flags["space_prefix"]
        self.words = words_of(junctions)
        self.bytes = [self.byte(number) for number in range(256)]

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
        return {piece: self.ids_of(piece) for piece in pieces}

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


__all__ = ["BadVocabulary", "Bpe", "Merges", "Spm", "byte_letters", "junctions_of", "merged"]
