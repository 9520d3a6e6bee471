"""Plain text: bytes into characters, without guessing more than the bytes say, and characters into paragraphs."""

import re
from bisect import bisect_right
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections.abc import Iterator

from dunoe.errors import Text
from dunoe.library import unreadable
from dunoe.library.passage import Block, BlockKind, Parsed, Place

TEXT_FILE = Text("텍스트 파일", "text file")
LOST_SHARE = 0.001  # of the letters: a log may have a broken byte in it and still be read
ACCENTS_SHARE = 0.25  # of the letters: no language of the west has more
HANGUL_SHARE = 0.6  # of what is not ASCII: below, it was no Korean before it was decoded as Korean
# The hundred syllables that are .69 of Korean texts and .48 of lists of names, but .07 to .14 of Chinese and Japanese
# that was decoded as Korean.
COMMON = frozenset(
    "다이는니에하의을로지를가서은수습기한있사트고시해인리으스자대어용도합입정상일전제나원아되라부보할면포적여요"
    "만성드과세장경그들동주위신문터우년컴소비와게더화것공국유중생구러업넌모실함마작된않데청방반출개"
)
COMMON_SHARE, ENOUGH = 0.25, 40  # of so many syllables at least; fewer prove nothing

# UTF-32 first: its mark begins with that of UTF-16.
BOMS = (
    (BOM_UTF8, "utf-8"),
    (BOM_UTF32_LE, "utf-32-le"),
    (BOM_UTF32_BE, "utf-32-be"),
    (BOM_UTF16_LE, "utf-16-le"),
    (BOM_UTF16_BE, "utf-16-be"),
)
LINE_END = re.compile(
    r"\r\n|\r|\n"
)  # never str.splitlines(): U+2028 and \x85 end no line of a file
BLANK_LINES = re.compile(r"(?>\r\n|\r|\n)(?:[ \t\f\v]*+(?>\r\n|\r|\n))+")
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
WESTERN = re.compile(r"iso-?8859-?1|latin-?1|(?:windows-|cp)1252|(?:us-)?ascii")
LOST = re.compile(r"[\ufffd\ue000-\uf8ff]")  # letters that only a font knows, or nobody
LONG_HIGH_RUN = re.compile(rb"[\x80-\xff]{3}")
SHIFTED = ((re.compile(rb"\+[A-Za-z0-9/]{2}"), "utf-7"), (re.compile(rb"\x1b\$"), "iso2022_jp_2"))
FOREIGN = re.compile(r"[^\x00-\x7f]")
SYLLABLE = re.compile(r"[가-힣]")
COMMON_KOREAN = re.compile(r"[가-힣ㄱ-ㅣ\u3000-\u3015\u2018-\u201d·…※○●◎□■△▲▷▶→①-⑮]")


def parse(data: bytes, name: str) -> Parsed:
    """A document of paragraphs. Raises Unreadable where the bytes are no text."""
    text, warnings = decode(data)
    return Parsed("text", text, tuple(paragraphs(text)), warnings=warnings)


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The characters of a text file, a byte order mark aside, and warnings.

    By its mark, else UTF-7 or ISO-2022-JP where all is ASCII, UTF-8, UTF-16, CP949 (which holds EUC-KR) or
    Windows-1252, in this order, whichever fits whole. Raises Unreadable (`garbled`) when none does.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark):
            return _decoded(data.removeprefix(mark), (encoding,))
    if (shifted := _shifted(data)) is not None:
        return shifted, ()
    return _decoded(data, ("utf-8", *_encodings_of(data)))


def declared(data: bytes, charset: str) -> str | None:
    """The characters of bytes that are said to be in this encoding; None where they cannot be.

    UTF-8 and, where a western encoding is named, Korean are believed before the name: editors and mailers write one
    and name the other.
    """
    named = charset.lower()
    if named.startswith(("euc-kr", "ks_c", "ksc", "euc_kr")):
        named = "cp949"  # which holds it
    encodings = ["utf-8-sig", named]
    if named.startswith("iso-2022"):  # whose bytes are all ASCII
        encodings = [named]
    elif WESTERN.fullmatch(named) and LONG_HIGH_RUN.search(data):
        encodings = ["utf-8-sig", "cp949", named]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except (UnicodeError, LookupError):
            continue
        if encoding == named or _is_plausible(text, encoding):
            return text
    return None


def is_utf16(data: bytes) -> bool:
    """Whether bytes with zeros among them are UTF-16 without its mark."""
    pairs = data[: len(data) // 2 * 2]
    return any(_is_plausible(pairs.decode(one, "ignore"), one) for one in _encodings_of(data))


def _encodings_of(data: bytes) -> Iterator[str]:
    zeros = data[:65536].count(0)
    if zeros:  # of UTF-16: high bytes of spaces and line ends, and low ones: 가 is AC 00
        even = data[:65536:2].count(0)
        both = ("utf-16-be", "utf-16-le")
        yield from both if even > zeros - even else reversed(both)
        return
    yield "cp949"
    if not LONG_HIGH_RUN.search(data):  # "café": accents stand alone in the languages of the west
        yield "cp1252"


def _shifted(data: bytes) -> str | None:
    """The characters of an encoding whose bytes are all ASCII; None of bytes that are what they look like."""
    for sign, encoding in SHIFTED:
        if not data.isascii() or not sign.search(data):
            continue
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        foreign = FOREIGN.findall(text)
        known = sum(one in COMMON or "\u3040" <= one <= "\u30ff" for one in foreign)  # or kana
        if foreign and known >= COMMON_SHARE * len(foreign):
            return text
    return None


def _decoded(data: bytes, encodings: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _is_plausible(text, encoding):
            return text, ()
    for encoding in encodings[:2]:
        text = data.decode(encoding, "replace")
        lost = text.count("\ufffd")
        if lost <= LOST_SHARE * len(text) and _is_plausible(text, encoding):
            return text, (f"읽을 수 없는 바이트가 {lost}곳에 있습니다 ({encoding})",)
    raise unreadable.garbled(TEXT_FILE)


def _is_plausible(text: str, encoding: str) -> bool:
    if "\0" in text or len(NO_TEXT.findall(text)) > len(text) / 100:
        return False
    if len(LOST.findall(text)) > len(text) / 10:
        return False
    if encoding.startswith("utf-16"):
        # Any two bytes are a character of something: what is read by chance is seldom Latin or Hangul.
        known = sum(
            c < "\u0250" or "\u3000" <= c <= "\u33ff" or "가" <= c <= "힣" for c in text[:4000]
        )
        return known >= 0.5 * len(text[:4000])
    if encoding not in ("cp949", "cp1252"):
        return True
    foreign = len(text) - len(text.encode("ascii", "ignore"))
    if encoding == "cp1252":
        return foreign <= ACCENTS_SHARE * len(text)
    return len(COMMON_KOREAN.findall(text)) >= HANGUL_SHARE * foreign and _is_common(text)


def _is_common(text: str) -> bool:
    """Whether its Hangul, where there is enough of it, is that of Korean."""
    syllables = SYLLABLE.findall(text[:65536])
    common = sum(one in COMMON for one in syllables)
    return len(syllables) < ENOUGH or common >= COMMON_SHARE * len(syllables)


class Lines:
    """Which line a character stands in."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *(match.end() for match in LINE_END.finditer(text))]

    def at(self, position: int) -> int:
        """The line of a character, from 1."""
        return bisect_right(self.starts, position)

    def place(self, text: str, start: int, end: int) -> Place:
        """The lines of a piece, empty lines at its ends aside."""
        piece = text[start:end]
        first = start + len(piece) - len(piece.lstrip())
        last = start + len(piece.rstrip())
        if last <= first:  # nothing but space
            return Place(line=self.at(start), line_end=self.at(max(start, end - 1)))
        return Place(line=self.at(first), line_end=self.at(last - 1))


def paragraphs(text: str, kind: BlockKind = "paragraph") -> Iterator[Block]:
    """Blocks that end with empty lines; they cover the text without a gap."""
    lines = Lines(text)
    start = 0
    for match in BLANK_LINES.finditer(text):
        if text[start : match.start()].strip():
            yield Block(start, match.end(), kind, place=lines.place(text, start, match.end()))
            start = match.end()
    if start < len(text):
        yield Block(start, len(text), kind, place=lines.place(text, start, len(text)))
