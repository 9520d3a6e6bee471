"""Text into terms: content morphemes and syllable pairs of Korean, names and numbers of everything else.

Korean is read word by word (a word is what stands between spaces) by Kiwi, not sentence by sentence: on three
retrieval sets that finds as much or more, because a word in a question and the same word in a document are read
alike, and what was read once is remembered, which is most of a text. Kiwi's dictionary of names with spaces in them
(`multi.dict`) would then only take 190 MB, so it stays out.
"""

import re
import string
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kiwipiepy import Kiwi

VERSION = 1  # raise it when the terms of a text change: indexes are then built anew
REMEMBERED = 1 << 15  # words; 20 to 50 MB when full; twice as many find 0.5 % more
LONG_WORD = (
    64  # characters; longer ones are links, base64 or Korean without spaces: not worth remembering
)
LONGEST_PIECE = 2048  # characters between two spaces that are read in one go
LONGEST_READ = 64  # characters Kiwi gets at once: its time grows with their square
LONGEST_PROSE = 256  # between two spaces; longer Korean has pairs alone: Kiwi takes 5 to 10 s/MB
LONGEST_NAME = 100  # characters; beyond this it is data and not a name

CONTENT = frozenset({"NNG", "NNP", "NNB", "NR", "NP", "VV", "VA", "XR", "MAG"})
NOMINAL = frozenset({"NNG", "NNP", "NNB", "NR", "XR", "XPN", "XSN"})  # what compounds are made of

HANGUL = r"\uac00-\ud7a3"
JAMO = r"\u1100-\u11ff\u3131-\u318e"  # letters that are no syllable: ㅋㅋㅋ
HAN = r"\u3040-\u30ff\u31c0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # and kana
LETTER = rf"[^\W_{HANGUL}{JAMO}{HAN}]"  # of any other script, and digits
KOREAN = re.compile(rf"[{HANGUL}]")
CHINESE = re.compile(rf"[{HAN}]+")
UNSPACED = re.compile(rf"[{HAN}]+|[{HANGUL}]+")
NAME = re.compile(
    rf"(?<!{LETTER})[A-Za-z](?:\+\+|\#(?!{LETTER}))"  # C++, F#
    rf"|{LETTER}+(?:(?:_*(?:::|->|[\-./\\@])_*|_+){LETTER}+)*"
)
FOREIGN = re.compile(rf"{NAME.pattern}|[{HAN}]+")
UNREADABLE = re.compile(rf"[^!-~{HANGUL}]")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
SEGMENTS = re.compile(r"::|->|[./\\@]")
HUMPS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")
ASCII_SIGNS = string.punctuation.translate(str.maketrans("", "", "+#"))  # C++ and C# keep theirs
PUNCTUATION = ASCII_SIGNS + "、。「」『』《》〈〉【】“”‘’·—–…"  # noqa: RUF001 - as it stands in Korean texts
QUOTES = str.maketrans("", "", "\"'`*「」『』《》〈〉“”‘’")  # noqa: RUF001 - the same


class Terms(NamedTuple):
    """The terms of a text as numbers of 32 bits, in order and as often as they stand there.

    words: content morphemes. pairs: pairs of syllables inside nouns and compounds, also across a space ("기본 소득"
    has 본소), so that spacing does not matter. names: whole words of other scripts, identifiers, paths, numbers,
    without regard to case, `_` and `-`. parts: what longer names are made of.
    """

    words: list[int]
    pairs: list[int]
    names: list[int]
    parts: list[int]


class _Word(NamedTuple):
    """What stands between two spaces. head, tail: its first and last syllable where a noun begins or ends there."""

    words: tuple[int, ...]
    pairs: tuple[int, ...]
    names: tuple[int, ...]
    parts: tuple[int, ...]
    head: str
    tail: str


class _Korean(NamedTuple):
    morphemes: tuple[int, ...]
    pairs: tuple[int, ...]
    head: str
    tail: str


_loading = Lock()


def warm() -> None:
    """Load Kiwi: 1.4 s and 300 MB, once. Processes forked afterwards share it."""
    with _loading:
        _kiwi()


def read(text: str) -> Terms:
    """The terms of any text; whatever it holds, this does not fail."""
    if not unicodedata.is_normalized("NFKC", text):
        text = unicodedata.normalize("NFKC", text)
    terms = Terms([], [], [], [])
    tail = ""
    for piece in _pieces(text):
        inner = piece.strip(PUNCTUATION)
        if not inner:
            tail = ""
            continue
        word = _remembered(inner) if len(inner) <= LONG_WORD else _word(inner)
        terms.words.extend(word.words)
        terms.pairs.extend(word.pairs)
        terms.names.extend(word.names)
        terms.parts.extend(word.parts)
        if tail and word.head and piece[0] == inner[0]:
            terms.pairs.append(_pair(tail + word.head))
        tail = word.tail if piece[-1] == inner[-1] else ""
    return terms


def word(form: str) -> int:
    """The number of a Korean content morpheme."""
    return _number("m", form)


def _pieces(text: str) -> Iterator[str]:
    for piece in text.split():
        if len(piece) <= LONGEST_PIECE:
            yield piece
        else:
            for start in range(0, len(piece), LONGEST_PIECE):
                yield piece[start : start + LONGEST_PIECE]


def _word(text: str) -> _Word:
    """Read one word."""
    names: list[int] = []
    parts: list[int] = []
    for found in NAME.findall(THOUSANDS.sub("", text)):
        if len(found) <= LONGEST_NAME:
            _name(found, names, parts)
    words: list[int] = []
    pairs: list[int] = []
    is_prose = len(text) <= LONGEST_PROSE
    for run in (CHINESE if is_prose else UNSPACED).findall(text):
        pairs.extend(map(_pair, _two_by_two(run)))
    head = tail = ""
    if is_prose and KOREAN.search(text):
        korean = UNREADABLE.sub(" ", FOREIGN.sub(_stand_in, text.translate(QUOTES)))
        for start in range(0, len(korean), LONGEST_READ):
            read = _korean(korean[start : start + LONGEST_READ])
            words.extend(read.morphemes)
            pairs.extend(read.pairs)
            head, tail = (head if start else read.head), read.tail
    return _Word(tuple(words), tuple(pairs), tuple(names), tuple(parts), head, tail)


_remembered = lru_cache(REMEMBERED)(_word)


def _stand_in(found: re.Match[str]) -> str:
    """A short word instead of a foreign one, so that Kiwi sees what the particle behind it hangs on."""
    return "0" if found[0][-1].isdigit() else "A"


def _korean(text: str) -> _Korean:
    """Read Korean without spaces, in which foreign words are stand-ins."""
    morphemes: list[int] = []
    runs: list[tuple[int, int, str]] = []  # from, to, syllables
    for token in _kiwi().tokenize(text, oov_handling="rule"):
        form, tag = token.form, token.tag.partition("-")[0]
        if tag in CONTENT:
            morphemes.append(word(form))
        if tag not in NOMINAL:
            continue
        if runs and runs[-1][1] == token.start:
            runs[-1] = (runs[-1][0], token.end, runs[-1][2] + form)
        else:
            runs.append((token.start, token.end, form))
    pairs = [_pair(run[i : i + 2]) for *_, run in runs for i in range(len(run) - 1)]
    head = runs[0][2][0] if runs and runs[0][0] == 0 else ""
    tail = runs[-1][2][-1] if runs and runs[-1][1] == len(text) else ""
    return _Korean(tuple(morphemes), tuple(pairs), head, tail)


@cache
def _kiwi() -> "Kiwi":
    from kiwipiepy import Kiwi  # 10 MB that a server without questions does not need

    with warnings.catch_warnings():
        # 0 workers are announced to have changed their meaning; it is the new one that is wanted: no threads, so
        # that a process that has Kiwi may fork
        warnings.simplefilter("ignore", DeprecationWarning)
        kiwi = Kiwi(num_workers=0, load_typo_dict=False, load_multi_dict=False)
        kiwi.tokenize("두뇌")  # builds what the first use would build
    return kiwi


def _name(text: str, names: list[int], parts: list[int]) -> None:
    """Add the terms of an identifier, path, number or plain word: `std::push_back` gives it, push_back, push, back."""
    segments = [segment for segment in SEGMENTS.split(text) if segment.strip("_-")]
    joined = [_stem(segment.replace("_", "").replace("-", "").lower()) for segment in segments]
    names.append(_number("n", ".".join(joined)))
    if len(joined) > 1:
        parts.extend(_number("n", one) for one in joined if len(one) > 1)
    if len(joined) > 2:
        parts.append(_number("n", ".".join(joined[-2:])))  # a file's name, a method of its class
    for segment in segments:
        humps = HUMPS.findall(segment)
        if len(humps) > 1:
            parts.extend(_number("n", _stem(hump.lower())) for hump in humps if len(hump) > 1)


def _stem(word: str) -> str:
    """Without the English plural (Harman 1991): files -> file, queries -> query, class stays."""
    if len(word) < 4 or word[-1] != "s" or not word.isalpha():
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and word.endswith(("aes", "ees", "oes")):
        return word
    return word if word.endswith(("us", "ss", "is")) else word[:-1]


def _two_by_two(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


@lru_cache(REMEMBERED)
def _pair(syllables: str) -> int:
    return _number("p", syllables)


def _number(kind: str, text: str) -> int:
    """A number for a term, the same on every machine. Of a million terms about a hundred share one."""
    return zlib.crc32(f"{kind}{text}".encode(errors="surrogatepass"))
