"""The letters of HWP 3: sixteen bits each, Hangul by its parts (조합형), Hanja and signs in the order of KS X 1001."""

from functools import cache

LOST = "\ufffd"
QUOTES = {0x81: "“", 0x82: "”", 0x83: "\u2018", 0x84: "\u2019", 0x309B: "「", 0x309D: "」"}
HANGUL, HANJA, SIGNS, NAME, KANA = 0x8000, 0x4000, 0x3400, 0x37C0, 0x1F00
LINES, LINES_END = 0x3013, 0x3013 + 77  # drawn with letters
BULLETS, BULLETS_END = 0x2F00, 0x2F70
MAKER = "한글과컴퓨터"  # has signs of its own
IN_A_ROW = 94  # letters of a row of KS X 1001
STEP = 0x60  # from one row of signs to the next here
CYRILLIC = 0xAC  # two rows on: those of kana stand elsewhere


@cache
def letter(code: int) -> str:
    """One letter; `LOST` for those that no other encoding has."""
    if code < 0x80:
        return chr(code)
    if code in QUOTES:
        return QUOTES[code]
    if code >= HANGUL:
        return _decoded(code >> 8, code & 0xFF, "johab")
    if code >= HANJA:
        row, cell = divmod(code - HANJA, IN_A_ROW)
        return _decoded(0xCA + row, 0xA1 + cell, "euc-kr")
    if LINES <= code < LINES_END or BULLETS <= code < BULLETS_END:
        return " " if code >= LINES else "•"
    if NAME <= code < NAME + len(MAKER):
        return MAKER[code - NAME]
    return _sign(code)


def _sign(code: int) -> str:
    if KANA <= code < KANA + 2 * STEP:
        row, cell = divmod(code - KANA, STEP)
        return _decoded(0xAA + row, 0xA0 + cell, "euc-kr")
    if SIGNS <= code < NAME:
        row, cell = divmod(code - SIGNS, STEP)
        row += 0xA1
        return _decoded(CYRILLIC if row == 0xAA else row, 0xA0 + cell, "euc-kr")
    return LOST


def _decoded(row: int, cell: int, encoding: str) -> str:
    if row > 0xFF:
        return LOST
    return bytes((row, cell)).decode(encoding, "replace")[:1]
