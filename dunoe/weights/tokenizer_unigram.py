"""Unigram (`t5`: XLM-R, e5, bge-m3): letters made uniform by the file's own map, then the likeliest tokens.

Scores are 24-bit fractions added in 53 bits: sums are exact, so a word's best tokens do not depend on what stands
before it.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby

from dunoe.weights.tokenizer_vocabulary import (
    NORMAL,
    UNUSED,
    USER_DEFINED,
    Vocabulary,
    broken,
)
from dunoe.weights.tokenizer_words import SPACE, words_of

PENALTY = 10.0  # what an unknown letter costs more than the worst token


class Unigram:
    """A vocabulary of the `t5` kind."""

    def __init__(self, vocabulary: Vocabulary, junctions: list[tuple[str, str]] | None) -> None:
        self.flags = vocabulary.flags
        self.unknown = vocabulary.ids["unknown"]
        self.worths: dict[str, tuple[float, int]] = {}
        self.longest: dict[str, int] = {}
        users = {special.text for special in vocabulary.specials if not special.is_control}
        self.starts = _Starts(
            text
            for text, kind in zip(vocabulary.tokens, vocabulary.types, strict=True)
            if kind == USER_DEFINED
        )
        worst = 0.0
        for number, text in enumerate(vocabulary.tokens):
            kind = vocabulary.types[number]
            if kind in (NORMAL, USER_DEFINED, UNUSED):
                score = 0.0 if text in users else vocabulary.scores[number]
                self.worths[text] = (score, number)
                if len(text) > self.longest.get(text[0], 0):
                    self.longest[text[0]] = len(text)
            if kind == NORMAL:
                worst = min(worst, vocabulary.scores[number])
        self.unknown_worth = _float32(worst - PENALTY)
        self.charsmap = Charsmap(vocabulary.charsmap) if vocabulary.charsmap else None
        self.words = words_of(junctions)
        self.uniform = lru_cache(2**16)(self._uniform)

    def pieces(self, text: str, after_special: bool) -> list[str]:
        """The pieces that have ids of their own."""
        whole = " ".join(map(self.uniform, text.split(" ")))
        if self.flags["one_space"]:
            return [part for word in whole.split(" ") if word for part in self.words(SPACE + word)]
        if self.flags["space_prefix"]:
            bare = whole.lstrip(" ")
            whole = whole[: len(whole) - len(bare)] + (" " + bare if bare else "")
        return self.words(whole.replace(" ", SPACE))

    def _uniform(self, part: str) -> str:
        """A part of a text (without spaces) as the file's map has it."""
        if self.charsmap is None and not self.starts.bytes:
            return part
        data, out, at = part.encode(), bytearray(), 0
        while at < len(data):
            skipped = self.starts.longest(data, at)
            if skipped:
                out += data[at : at + skipped]
                at += skipped
                continue
            replaced, used = self.charsmap.replace(data, at) if self.charsmap else (b"", 0)
            if not used:
                replaced, used = _letter(data, at)
            out += replaced
            at += used
        return out.decode("utf-8", "replace")

    def ids(self, pieces: Iterable[str]) -> dict[str, tuple[int, ...]]:
        """The ids of each piece."""
        return {piece: self.ids_of(piece) for piece in pieces}

    def ids_of(self, piece: str) -> tuple[int, ...]:
        """The likeliest tokens of one piece."""
        count = len(piece)
        best: list[tuple[float, int, int | None]] = [(float("-inf"), 0, self.unknown)] * (count + 1)
        best[0] = (0.0, 0, self.unknown)
        for start in range(count):
            so_far = best[start][0]
            last = min(count, start + self.longest.get(piece[start], 0))
            for end in range(start + 1, last + 1):
                found = self.worths.get(piece[start:end])
                if found is not None and so_far + found[0] > best[end][0]:
                    best[end] = (so_far + found[0], start, found[1])
            if piece[start] not in self.worths and so_far + self.unknown_worth > best[start + 1][0]:
                best[start + 1] = (so_far + self.unknown_worth, start, self.unknown)
        ids = []
        end = count
        while end > 0:
            _, start, number = best[end]
            if number is None:
                raise broken("모르는 글자의 토큰이 없습니다", "it has no token for unknown letters")
            ids.append(number)
            end = start
        return tuple(reversed(ids))

    def joined(self, ids: list[int]) -> list[int]:
        """Unknown letters in a row are one token."""
        if self.unknown not in ids:
            return ids
        out: list[int] = []
        for number, run in groupby(ids):
            out += [number] if number == self.unknown else run
        return out


class Charsmap:
    """SentencePiece's map of letters: a tree of bytes in one array, then the replacements, each ending in a zero.

    An entry of the array: its own byte in bits 0-7, whether a replacement ends there in bit 8, the distance to
    its children from bit 10 on (shifted by 8 more when bit 9 is set).
    """

    def __init__(self, data: bytes) -> None:
        size = int.from_bytes(data[:4], "little")
        self.array = memoryview(data[4 : 4 + size // 4 * 4]).cast("I")
        self.texts = data[4 + size :]

    def entry(self, at: int) -> int:
        """One entry; raise `BadVocabulary` outside of the array."""
        if at >= len(self.array):
            raise broken("charsmap이 깨졌습니다", "its charsmap is broken")
        return self.array[at]

    def replace(self, data: bytes, at: int) -> tuple[bytes, int]:
        """The replacement of the longest run of bytes that the map knows here, and its length; 0: none."""
        node = _children(self.entry(0))
        text, used = -1, 0
        for end in range(at, len(data)):
            byte = data[end]
            if byte == 0:
                break
            node ^= byte
            entry = self.entry(node)
            if entry & 0x800000FF != byte:
                break
            node ^= _children(entry)
            if entry >> 8 & 1:
                text, used = self.entry(node) & 0x7FFFFFFF, end - at + 1
        if not used:
            return b"", 0
        end = self.texts.find(b"\0", text)
        if text >= len(self.texts) or end < 0:
            raise broken("charsmap이 깨졌습니다", "its charsmap is broken")
        return self.texts[text:end], used


def _children(entry: int) -> int:
    return (entry >> 10) << ((entry & 0x200) >> 6)


class _Starts:
    """User-defined tokens. Even a beginning of one keeps its letters as they are: llama.cpp does so."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.bytes: set[bytes] = set()
        for text in texts:
            data = text.encode()
            self.bytes.update(data[:end] for end in range(1, len(data) + 1))

    def longest(self, data: bytes, at: int) -> int:
        """How many bytes here begin a user-defined token."""
        length = 0
        while at + length < len(data) and data[at : at + length + 1] in self.bytes:
            length += 1
        return length


def _letter(data: bytes, at: int) -> tuple[bytes, int]:
    """One letter as it is; a byte that is none (a token's beginning ended inside it) is the replacement letter."""
    first = data[at]
    size = (
        1
        if first < 0x80
        else 0
        if first < 0xC0
        else 2
        if first < 0xE0
        else 3
        if first < 0xF0
        else 4
    )
    if size and at + size <= len(data):
        return data[at : at + size], size
    return "\ufffd".encode(), 1


def _float32(number: float) -> float:
    import struct

    found: float = struct.unpack("f", struct.pack("f", number))[0]
    return found
