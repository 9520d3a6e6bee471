"""The bytes of a GGUF header, read once from the first to the last, and never believed.

Every count and length is checked against the bytes that are really there, and against a limit, before anything is
read or made. What the values mean is `header`'s matter.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from dunoe.errors import BadRequest, Text

HEADER_LIMIT = 256 * 2**20  # bytes; the largest header seen is 16 MB
TEXT_LIMIT = 64 * 2**20  # bytes of strings kept, all together
STRING_LIMIT = 16 * 2**20  # bytes of one kept string
KEY_LIMIT = 65535  # bytes, from the format
ELEMENT_LIMIT = 4 * 2**20  # strings passed over, or elements kept, all together
ENTRY_LIMIT = 2**17  # metadata keys; tensors
SMALL_ARRAY = 1024  # arrays up to here are always kept: per-layer numbers, languages, end tokens
WINDOW = 256 * 2**10  # bytes read at once

_SCALARS = {
    number: struct.Struct("<" + code)
    for number, code in enumerate(["B", "b", "H", "h", "I", "i", "f", "?", "", "", "Q", "q", "d"])
    if code
}
_STRING, _ARRAY = 8, 9
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")


class BadModelFile(BadRequest):
    """The file is no GGUF, is cut off, or contradicts itself."""


class GoesOn(Exception):
    """The header goes on behind the bytes that are here, to `upto` at least."""

    def __init__(self, upto: int) -> None:
        super().__init__(f"{upto:,} bytes are needed")
        self.upto = upto


@dataclass(frozen=True)
class Skipped:
    """Stands in the metadata for a long array that was not asked for."""

    count: int


Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...] | Skipped


class HeaderBytes:
    """One pass over one header, through a small window.

    size: of the whole file, of which `file` may hold only the beginning: past that, `GoesOn` is raised. None when
    nobody told it. limit: bytes that a header may have.
    """

    def __init__(
        self,
        file: BinaryIO,
        size: int | None,
        label: str,
        *,
        arrays: bool,
        limit: int = HEADER_LIMIT,
    ) -> None:
        self.file, self.label, self.arrays, self.limit = file, label, arrays, limit
        self.size = size
        self.window, self.at, self.start = b"", 0, 0  # `start`: where in the file the window begins
        self.kept_bytes = self.passed = 0

    @property
    def position(self) -> int:
        """Where in the file the next byte lies."""
        return self.start + self.at

    def count(self, what: str, at_least: int) -> int:
        """How many entries follow, each of `at_least` bytes: so many must fit."""
        count = self.u64()
        if count > ENTRY_LIMIT or not self.has(count * at_least):
            raise self.broken(f"{count:,} {what}")
        return count

    def u32(self) -> int:
        number: int = _U32.unpack(self.take(4))[0]
        return number

    def u64(self) -> int:
        number: int = _U64.unpack(self.take(8))[0]
        return number

    def string(self, limit: int) -> str:
        """Text; what is no UTF-8 in it shows as U+FFFD."""
        length = self.u64()
        self.kept_bytes += length
        if length > limit or self.kept_bytes > TEXT_LIMIT:
            raise self.broken(f"a string of {length:,} bytes")
        return self.take(length).decode("utf-8", "replace")

    def value(self) -> Value:
        """One value of any type, its type before it."""
        kind = self.u32()
        if kind == _STRING:
            return self.string(STRING_LIMIT)
        if kind == _ARRAY:
            return self._array(self.u32(), self.u64())
        if kind not in _SCALARS:
            raise self.broken(f"value type {kind}")
        number: bool | int | float = _SCALARS[kind].unpack(self.take(_SCALARS[kind].size))[0]
        return number

    def _array(self, kind: int, count: int) -> Value:
        if kind != _STRING and kind not in _SCALARS:  # arrays of arrays too: llama.cpp has none
            raise self.broken(f"array of type {kind}")
        keep = self.arrays or count <= SMALL_ARRAY
        if keep or kind == _STRING:
            self.passed += count
            if self.passed > ELEMENT_LIMIT:
                raise self.broken(f"an array of {count:,} elements")
        if kind == _STRING:
            self.expect(count * 8)  # before the first of them is kept
            if keep:
                return tuple(self._strings(count))
            self._pass_strings(count)
            return Skipped(count)
        width = _SCALARS[kind].size * count
        if keep:
            return struct.unpack(f"<{count}{_SCALARS[kind].format[1:]}", self.take(width))
        self._skip(width)
        return Skipped(count)

    def _strings(self, count: int) -> list[str]:
        """Strings one after the other: those that lie in the window whole are taken out of it together."""
        out: list[str] = []
        unpack = _U64.unpack_from
        while len(out) < count:
            window, end = self.window, self.at
            last, size = len(window) - 8, len(window)
            found: list[bytes] = []
            for _ in range(count - len(out)):
                if end > last:
                    break
                start = end + 8
                stop = start + unpack(window, end)[0]
                if stop > size:
                    break
                found.append(window[start:stop])
                end = stop
            if not found:
                out.append(self.string(STRING_LIMIT))
                continue
            taken = end - self.at - 8 * len(found)
            self.kept_bytes += taken
            if self.kept_bytes > TEXT_LIMIT:
                raise self.broken(f"strings of {self.kept_bytes:,} bytes")
            self.at = end
            try:
                out += list(map(bytes.decode, found))  # all of them or none
            except UnicodeDecodeError:
                out += [text.decode("utf-8", "replace") for text in found]
        return out

    def _pass_strings(self, count: int) -> None:
        """Step over strings; a vocabulary has a million, so the loop stays inside the window."""
        unpack = _U64.unpack_from
        for _ in range(count):
            if self.at + 8 > len(self.window):
                self._fill(8)
            (length,) = unpack(self.window, self.at)
            self.at += 8
            if self.at + length > len(self.window):
                self._skip(length)
            else:
                self.at += length

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if self.at + count > len(self.window):
            self._fill(count)
        taken = self.window[self.at : self.at + count]
        self.at += count
        return taken

    def _skip(self, count: int) -> None:
        if self.at + count > len(self.window):
            self.expect(count)
            self.start += self.at + count
            self.window, self.at = b"", 0
            self.file.seek(self.start)
        else:
            self.at += count

    def _fill(self, count: int) -> None:
        """Bring at least `count` bytes from here on into the window."""
        self.expect(count)
        pieces, have = [self.window[self.at :]], len(self.window) - self.at
        while have < count:
            piece = self.file.read(max(count - have, WINDOW))
            if not piece:
                raise GoesOn(self.position + count)
            pieces.append(piece)
            have += len(piece)
        self.start += self.at
        self.window, self.at = b"".join(pieces), 0

    def expect(self, count: int) -> None:
        """Raise unless the header may have `count` bytes more."""
        if not self.has(count):
            raise self.cut_off()
        if self.position + count > self.limit:
            raise self.broken(f"a header of {self.position + count:,} bytes")

    def has(self, count: int) -> bool:
        """Whether the file has `count` bytes more, as far as its size was told."""
        return self.size is None or self.position + count <= self.size

    def cut_off(self) -> BadModelFile:
        """The refusal of a file that ends too early."""
        return self.bad(
            Text("파일이 머리말 안에서 끝납니다", "the file ends inside its header"),
            Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
        )

    def broken(self, found: str) -> BadModelFile:
        """The refusal of a header that cannot be."""
        return self.bad(
            Text(f"GGUF 머리말이 망가졌습니다 ({found})", f"the GGUF header is broken ({found})"),
            Text("파일을 지우고 다시 받으세요.", "remove it and fetch it again."),
        )

    def bad(self, message: Text, hint: Text) -> BadModelFile:
        """A refusal that names the file."""
        return BadModelFile(
            Text(f"'{self.label}': {message.ko}", f"'{self.label}': {message.en}"), hint
        )
