"""The bytes of HWP 5: streams of an OLE file, unpacked within limits, as trees of records."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import olefile

from dunoe.errors import Text
from dunoe.library import unreadable
from dunoe.library.parsing.archive import BYTES_IN_ALL

FIRST_TAG, NUMBERING, PARA_SHAPE = 16, 23, 25
PARA_HEADER, PARA_TEXT, CTRL_HEADER, LIST_HEADER = 66, 67, 71, 72
TABLE, EQUATION, MEMO_LIST = 77, 88, 93
COMPRESSED, PASSWORD, DISTRIBUTION, DRM = 1, 2, 4, 16
CERTIFIED = 0x100 | 0x400  # encrypted or locked with a certificate
LONG_SIZE = 0xFFF  # the size stands in the next four bytes
DEEPEST = 200
SAVED = 13  # the number of this property
FIRST_YEAR = 1980  # an unset date is 1601


@dataclass(slots=True)
class Record:
    """One record and those that belong to it."""

    tag: int
    data: bytes
    children: list["Record"] = field(default_factory=list)

    def below(self, *tags: int) -> list["Record"]:
        """Its own records of these tags."""
        return [one for one in self.children if one.tag in tags]


class Streams:
    """An HWP 5 file that may be read. Raises Unreadable for one that may not."""

    def __init__(self, data: bytes, what: Text) -> None:
        self.what = what
        self.left = BYTES_IN_ALL
        self.is_whole = True
        self._ole = olefile.OleFileIO(io.BytesIO(data))
        header = self._ole.openstream("FileHeader").read(256)
        if not header.startswith(b"HWP Document File") or len(header) < 40:
            raise unreadable.broken(what)
        self.flags: int = struct.unpack_from("<I", header, 36)[0]
        if self.flags & PASSWORD:
            raise unreadable.encrypted(what)
        if self.flags & (DISTRIBUTION | DRM | CERTIFIED):
            raise unreadable.locked(what)

    def sections(self) -> list[str]:
        """The streams of the body in order."""
        found = [
            path[1] for path in self._ole.listdir() if path[0] == "BodyText" and len(path) == 2
        ]
        numbers = sorted(int(name[7:]) for name in found if name[7:].isdigit())
        return [f"BodyText/Section{number}" for number in numbers]

    def tree(self, name: str) -> Record:
        """The records of a stream below a root of their own; of one that is cut off, those before."""
        root, is_whole = tree(records(self._unpacked(self._ole.openstream(name).read())))
        self.is_whole = self.is_whole and is_whole
        return root

    def saved(self) -> str:
        """When it was last saved, as ISO 8601; "" where it does not say."""
        if not self._ole.exists("\x05HwpSummaryInformation"):
            return ""
        date = self._ole.getproperties("\x05HwpSummaryInformation", convert_time=True).get(SAVED)
        is_date = isinstance(date, datetime) and date.year > FIRST_YEAR
        return date.isoformat(timespec="seconds") if is_date else ""

    def _unpacked(self, data: bytes) -> bytes:
        if not self.flags & COMPRESSED:
            return data
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            unpacked = unpacker.decompress(data, self.left)
        except zlib.error as exc:
            raise unreadable.broken(self.what) from exc
        if not unpacker.eof and data.endswith(
            b"\0"
        ):  # half a download, filled with zeros: they unpack to anything
            unpacked = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data.rstrip(b"\0"), self.left)
        self.left -= len(unpacked)
        if unpacker.unconsumed_tail or self.left <= 0:
            raise unreadable.too_big(self.what)
        self.is_whole = self.is_whole and unpacker.eof
        return unpacked


def number(data: bytes, at: int) -> int:
    """Two bytes of a record; 0 where old versions had none."""
    return int.from_bytes(data[at : at + 2], "little")


def records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(level, tag, data) of each record. Raises struct.error where a record is cut off."""
    at = 0
    while at < len(data):
        (head,) = struct.unpack_from("<I", data, at)
        at += 4
        tag, level, size = head & 0x3FF, head >> 10 & 0x3FF, head >> 20
        if tag < FIRST_TAG:  # zeros, with which half a download is filled
            raise struct.error("no record")
        if size == LONG_SIZE:
            (size,) = struct.unpack_from("<I", data, at)
            at += 4
        if at + size > len(data):
            raise struct.error("a record is cut off")
        yield level, tag, data[at : at + size]
        at += size


def tree(found: Iterator[tuple[int, int, bytes]]) -> tuple[Record, bool]:
    """Records by level, each below the last one of a lower level; and whether they were read to their end."""
    root = Record(0, b"")
    above: list[tuple[int, Record]] = [(-1, root)]
    try:
        for level, tag, data in found:
            while above[-1][0] >= level:
                above.pop()
            record = Record(tag, data)
            above[-1][1].children.append(record)
            if len(above) < DEEPEST:
                above.append((level, record))
    except struct.error:
        return root, False
    return root, True
