"""HWP 3: the paragraphs of the body, with tables, notes and boxes where they stand.

The file has no records that could be skipped: each paragraph has to be read to its end to find the next one.
"""

import struct
import zlib
from collections.abc import Iterator

from dunoe.library import unreadable
from dunoe.library.parsing import flow, headings
from dunoe.library.parsing.archive import BYTES_IN_ALL
from dunoe.library.parsing.builder import CUT_OFF, Builder
from dunoe.library.parsing.flow import Item, Note, Paragraph
from dunoe.library.parsing.hwp3_letters import letter
from dunoe.library.parsing.kinds import NAMES
from dunoe.library.passage import Parsed

WHAT = NAMES["hwp3"]
SIGNATURE, HEADER, SUMMARY = 30, 128, 1008  # bytes
PASSWORD, COMPRESSED, BLOCK_SIZE = SIGNATURE + 96, SIGNATURE + 124, SIGNATURE + 126
TITLE = 56  # letters
FONT, STYLE, SHAPE, LINE, LETTER_SHAPE = 40, 238, 187, 14, 31  # bytes of each
LANGUAGES = 7  # each with fonts of its own
PARAGRAPH = 43
END, TAB, BOX, PICTURE = 13, 9, 10, 11
NOTES = {15: "숨은 설명", 16: "머리말·꼬리말", 17: "각주"}
NOTE_BYTES = {15: 8, 16: 10, 17: 14}
BLOCKS = {1, 2, 3, 4, 5, 12, 27, 29}  # say their own size
# The letters that a sign stands for besides its own, without more behind it.
WIDTHS = {7: 41, 8: 47, 9: 3, 18: 3, 19: 3, 20: 3, 21: 3, 22: 11, 23: 4, 24: 2, 25: 2, 26: 122, 28: 31,
          30: 1, 31: 1}  # fmt: skip
SEEN = {TAB: "\t", 24: "-", 30: " ", 31: " "}


def parse(data: bytes, name: str) -> Parsed:
    """Read an HWP 3 file."""
    if len(data) < SIGNATURE + HEADER + SUMMARY:
        raise unreadable.broken(WHAT)
    if any(data[PASSWORD : PASSWORD + 2]):
        raise unreadable.encrypted(WHAT)
    (block_size,) = struct.unpack_from("<H", data, BLOCK_SIZE)
    title = struct.unpack_from(f"<{TITLE}H", data, SIGNATURE + HEADER)
    body = data[SIGNATURE + HEADER + SUMMARY + block_size :]
    reader = Reader(_unpacked(body) if data[COMPRESSED] else body)
    builder = Builder("hwp", WHAT)
    items: list[Item] = []
    try:
        for _ in range(LANGUAGES):
            reader.skip(FONT * reader.number())
        reader.skip(STYLE * reader.number())
        for found in reader.paragraphs(0):
            items += found
    except struct.error:
        builder.warnings.append(CUT_OFF)
    flow.write(builder, headings.found([items]))
    return builder.parsed("".join(letter(code) for code in title if code).strip())


def _unpacked(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = unpacker.decompress(body, BYTES_IN_ALL)
    except zlib.error as exc:
        raise unreadable.broken(WHAT) from exc
    if unpacker.unconsumed_tail:
        raise unreadable.too_big(WHAT)
    return unpacked


class Reader:
    """Reads on from where it is. Raises struct.error at the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def skip(self, size: int) -> None:
        """Go on by so many bytes."""
        self.at += size
        if self.at > len(self.data):
            raise struct.error("the file ends here")

    def number(self, form: str = "<H") -> int:
        """The next number."""
        (found,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(found)

    def paragraphs(self, depth: int) -> Iterator[list[Item]]:
        """Paragraph by paragraph, each with what is anchored in it, up to the empty one that ends a list."""
        if depth > flow.DEEPEST:
            raise unreadable.broken(WHAT)
        while True:
            begin = self.at
            keeps_shape, letters = self.number("<B"), self.number()
            lines, has_shapes = self.number(), self.number("<B")
            self.at = begin
            self.skip(PARAGRAPH)
            if not letters:
                return
            self.skip((0 if keeps_shape else SHAPE) + LINE * lines)
            for _ in range(letters if has_shapes else 0):
                self.skip(0 if self.number("<B") == 1 else LETTER_SHAPE)
            yield list(self.paragraph(letters, depth))

    def paragraph(self, letters: int, depth: int) -> Iterator[Item]:
        """The text of one paragraph, then what is anchored in it."""
        text: list[str] = []
        beside: list[Item] = []
        while letters > 0:
            code = self.number()
            letters -= 1
            if code >= 32:
                text.append(letter(code))
            elif code in WIDTHS:
                self.skip(2 * WIDTHS[code])
                letters -= WIDTHS[code]
                text.append(SEEN.get(code, ""))
            elif code != END and code:
                letters -= 3
                beside += self.anchored(code, depth)
        yield Paragraph("".join(text))
        yield from beside

    def anchored(self, code: int, depth: int) -> list[Item]:
        """What stands behind the sign of an object, read to its end."""
        size = self.number("<I")
        self.skip(2)  # the sign once more
        if code in BLOCKS:
            self.skip(size)
        elif code == 6:  # a bookmark
            self.skip(34)
        elif code == 14:  # a line
            self.skip(84)
        elif code == PICTURE:
            size = self.number("<I")
            self.skip(344 + size)
            return self.list(depth)
        elif code in NOTES:
            self.skip(NOTE_BYTES[code])
            return [Note(NOTES[code], self.list(depth))]
        elif code == BOX:
            return self.box(depth)
        return []

    def box(self, depth: int) -> list[Item]:
        """A table, or a box of one cell; then its caption."""
        self.skip(80)
        cells = self.number()
        self.skip(2)
        places = []
        for _ in range(cells):
            begin = self.at
            self.skip(4)
            x, y = self.number(), self.number()
            places.append((y, x))
            self.at = begin
            self.skip(27)
        table = flow.grid((y, x, self.list(depth)) for y, x in places)
        return [*self.list(depth), table]

    def list(self, depth: int) -> list[Item]:
        """The paragraphs of a cell, a note or a caption."""
        return [item for items in self.paragraphs(depth + 1) for item in items]
