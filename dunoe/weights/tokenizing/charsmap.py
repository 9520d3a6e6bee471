"""Letters made uniform before tokens are looked for (`t5`): the map of letters that the file brings along."""

import re
from collections.abc import Iterable
from functools import lru_cache

from dunoe.weights.tokenizing.splits import ASTRAL
from dunoe.weights.tokenizing.vocabulary import broken


class Uniform:
    """A text as the file's map has it. kept: user-defined tokens, whose letters stay as they are.

    moving: letters that the map may change, alone or behind others; None: any.
    """

    def __init__(self, charsmap: bytes, kept: list[str], moving: str | None) -> None:
        self.charsmap = Charsmap(charsmap) if charsmap else None
        self.starts = _Starts(kept)
        is_told = moving is not None and not kept
        low = "".join(letter for letter in moving or "" if " " != letter < "\U00010000")
        self.touched, self.touched_high = (
            re.compile(f"[{moved}]+" if is_told and moved else "[^ ]+")
            for moved in (re.escape(low), re.escape(low) + "\U00010000-\U0010ffff")
        )
        self.part = lru_cache(2**15)(self._part)

    def text(self, text: str) -> str:
        """The text; it is looked at only where a letter may change."""
        if self.charsmap is None and not self.starts.bytes:
            return text
        out, at = [], 0
        for found in (self.touched_high if ASTRAL.search(text) else self.touched).finditer(text):
            start, end = found.span()
            if start > at and text[start - 1] != " ":
                start -= 1  # the map may know a letter that stays together with one behind it
            out += [text[at:start], self.part(text[start:end])]
            at = end
        return "".join([*out, text[at:]])

    def _part(self, part: str) -> str:
        """A part of a text, without spaces."""
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


class Charsmap:
    """SentencePiece's map of letters: a tree of bytes in one array, then the replacements, each ending in a zero.

    An entry of the array: its own byte in bits 0-7, whether a replacement ends there in bit 8, the distance to
    its children from bit 10 on (shifted by 8 more when bit 9 is set).
    """

    def __init__(self, data: bytes) -> None:
        size = int.from_bytes(data[:4], "little")
        self.array = memoryview(data[4 : 4 + size // 4 * 4]).cast("I")
        self.texts = data[4 + size :]

    def moving(self) -> str | None:
        """The letters that are a run of their own or stand behind the first of one; None: it is not told."""
        children: dict[int, list[int]] = {}
        for at, entry in enumerate(self.array):
            if not entry & 0x80000000:
                children.setdefault(at ^ entry & 0xFF, []).append(at)
        letters: set[str] = set()
        waiting = [(_children(self.entry(0)), b"", True)]
        met = set(waiting)  # branches grow together again: each place is looked at once
        while waiting:
            base, begun, is_first = waiting.pop()
            for at in children.get(base, ()):
                entry = self.array[at]
                letter = begun + bytes([entry & 0xFF])
                is_whole = len(letter) == _size(letter[0])
                if is_whole and (not is_first or entry >> 8 & 1):
                    letters.add(letter.decode("utf-8", "surrogateescape"))
                beyond = at ^ _children(entry)
                place = (beyond, b"", False) if is_whole else (beyond, letter, is_first)
                if place not in met:
                    met.add(place)
                    waiting.append(place)
            if len(met) > 8 * len(self.array):
                return None
        return "".join(sorted(letters)) if all(len(letter) == 1 for letter in letters) else None

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
    size = _size(data[at])
    if size and at + size <= len(data):
        return data[at : at + size], size
    return "\ufffd".encode(), 1


def _size(first: int) -> int:
    """How many bytes a letter has that begins with this one; 0: none does."""
    if first < 0x80:
        return 1
    return 0 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
