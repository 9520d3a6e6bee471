"""Numbers of a sentence that its source should have, by worth and unit: 5천만 원 is 50,000,000원, 15시 is 오후 3시."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

DIGITS = 28  # that are compared; longer ones are data

Worth = Decimal | str  # what two ways of writing share; the str is a version or a telephone number

_KINDS = {  # of what is counted, longer words before what they begin with
    "개월": "개월|달|months?",
    "분기": "분기",
    "시간": "시간|hours?|hrs?|h",
    "가구": "가구|세대",
    "나열": "가지|단계|종류|항목",  # often counted by whoever wrote the sentence
    "달러": "달러|dollars?|usd",
    "번째": "번째|째|st|nd|rd|th",
    "세": "세|살|years? old|years? of age",
    "년": "년도?|학년도|연도|years?|해(?!당)",
    "월": "월",
    "주": "주일?|weeks?",
    "일": "일|days?",
    "시": "시(?!간)",
    "분": "분|minutes?|mins?",
    "초": "초|seconds?|secs?|s",
    "원": "원|won|krw",
    "유로": "유로|euros?|eur",
    "엔": "엔|yen|jpy",
    "위안": "위안|yuan|cny",
    "도": r"°\s?C|도",
    "비율": r"%p?|퍼센트|프로|per ?cent",
    "명": "명|인|사람|people|persons?",
    "회": "회|번|차례|times",
    "배": "배|x",
    "층": "층",
    "점": "점",
    "급": "등급|급",
    "학년": "학년",
    "개": r"개소?|곳|군데|건|종|장|권|마리|잔|쪽|쌍|켤레|그루|송이|(?<=[가-힣]\s)(?:대|병|통|벌|채|부)",  # 30대
}
_TAIL = (  # what may follow such a word; anything else makes it another one
    "[은는이가을를의에도만과와로씩당간쯤나여별]|으로|까지|부터|마다|정도|미만|초과|동안|입니|짜리"
)
_UNIT = re.compile(
    rf"\s?(?:{'|'.join(f'(?P<{kind}>{said})' for kind, said in _KINDS.items())})"
    rf"(?:(?<=[A-Za-z%])(?![A-Za-z])|(?<=[가-힣])(?:(?![가-힣])|{_TAIL}))",
    re.IGNORECASE,
)
_WRITTEN = re.compile(  # units that are compared as they are written: 5GB, 5 kW, 3D, 20°F
    r"\s?(?:[kKMGTPcmnμ]?(?:i?B|bit|bps|Hz|Wh?|V|m|g|s|L|l|J|Pa|cal)|°F)(?![A-Za-z])|[A-Za-z]+"
)


def _numbered(words: str, step: int = 1) -> dict[str, Decimal]:
    return {word: Decimal(n * step) for n, word in enumerate(words.split(), 1)}


_SINO = _numbered("일 이 삼 사 오 육 칠 팔 구")
_TENS = _numbered("열 스물 서른 마흔 쉰 예순 일흔 여든 아흔", 10) | {"스무": Decimal(20)}
_ONES = _numbered("하나 둘 셋 넷 다섯 여섯 일곱 여덟 아홉") | _numbered("한 두 세 네")
_ONES |= {"석": Decimal(3), "넉": Decimal(4)}
_ENGLISH = _numbered(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_ENGLISH_TENS = _numbered("ten twenty thirty forty fifty sixty seventy eighty ninety", 10)
_ENGLISH |= _ENGLISH_TENS | {
    f"{ten}-{one}": _ENGLISH_TENS[ten] + _ENGLISH[one]
    for ten in [*_ENGLISH_TENS][1:]
    for one in [*_ENGLISH][:9]
}
_MONTHS = _numbered(
    "january february march april may june july august september october november december"
)
_WHOLE = {  # words that are a number and what it counts
    **{
        day: (n, "일")
        for day, n in _numbered("하루 이틀 사흘 나흘 닷새 엿새 이레 여드레 아흐레 열흘").items()
    },
    **{f"{one}월": (_SINO[one], "월") for one in "삼사오칠팔구"},  # 일월, 이월 are other words, too
    **{"유월": (Decimal(6), "월"), "시월": (Decimal(10), "월")},
    **{"보름": (Decimal(15), "일"), "일주일": (Decimal(1), "주"), "절반": (Decimal(50), "비율")},
    **{"정오": (Decimal(12), "시"), "자정": (Decimal(0), "시")},
}
_POWERS = {
    one: Decimal(10) ** n for one, n in zip("십백천만억조", (1, 2, 3, 4, 8, 12), strict=True)
}
_THOUSANDS = ("thousand", "million", "billion", "trillion")
_POWERS |= {one: Decimal(1000) ** n for n, one in enumerate(_THOUSANDS, 1)}

_DIGITS = r"(?:(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<![\w.])\.\d+)"
_ENGLISH_WORDS = "|".join(sorted(_ENGLISH, key=len, reverse=True))
_POWER, _ONE = "[십백천만억조]", f"[{''.join(_SINO)}]"
_SPACED = rf"\s(?={_POWER}+(?:\s?(?:원|명|달러|개)|(?![가-힣])))"  # 10 만 원, but not 2024 천안
_MONTH, _DAY, _SIGN = r"(?:1[0-2]|0?[1-9])", r"(?:[12]\d|3[01]|0?[1-9])", r"(?:\s?[.-]\s?|/)"
_FIGURE = re.compile(
    "|".join(
        (
            r"(?P<phone>(?<![\d-])(?:\(?0\d{1,2}[-.) ]{1,2}\d{3,4}|1[568]\d\d)-\d{4}(?!\d)"
            r"|(?<![\d.,-])01[016-9]\d{7,8}(?!\d))",
            rf"(?<![\d.])(?P<date>(?:(?:19|20)\d\d{_SIGN}{_MONTH}(?:{_SIGN}{_DAY})?|'?\d\d{_SIGN}{_MONTH}{_SIGN}{_DAY})"
            r"(?![\d%]|[.-]\d))",
            r"(?<!\w)'(?P<short>\d\d)(?!\d)",
            r"(?P<version>(?<![A-Za-z0-9_])v\.?\s?(?:\d+(?:\.\d+)+|\d{1,2}(?!\d))|(?<![\d.])\d+(?:\.\d+){2,}"
            r"|(?<=[A-Za-z]\s)\d+\.\d+(?![\d%,]|\s?[A-Za-z가-힣%]))",  # Python 3.10
            r"(?P<article>제\s?\d{1,4}\s?조)",
            rf"\b(?P<english>(?:{_ENGLISH_WORDS})(?:\s(?:hundred|{'|'.join(_THOUSANDS)})(?:\s(?:and\s)?(?:{_ENGLISH_WORDS}))?)+)\b",
            r"(?<![A-Za-z0-9_])(?P<quarter>Q[1-4])(?![A-Za-z0-9_])",
            rf"(?<![A-Za-z0-9_])(?P<month>{'|'.join(f'{one[:3]}(?:t|{one[3:]})?' for one in _MONTHS)})\.?(?=\s\d)",
            r"(?<![A-Za-z0-9_])(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:[.\-/][A-Za-z0-9_]+)*)",
            r"(?P<list>^[ \t>*#-]*\d{1,2}[.)](?=\s)|\(\d{1,2}\)|(?<=[가-힣]{2})\d{1,3}(?=[\s()]|$|[가이은는을를의에]))",
            rf"(?<![가-힣])(?P<whole>{'|'.join(_WHOLE)})(?:(?![가-힣])|(?={_TAIL}|[째치안내후전]))",
            rf"(?P<part>(?<![가-힣]){_ONE}\s?분의\s?{_ONE})(?:(?![가-힣])|(?={_TAIL}))",
            rf"(?:(?<=[\d한두세네섯곱덟홉열]시)|(?<=[\d한두세네섯곱덟홉열]\s시))\s?(?P<half_hour>반)(?:(?![가-힣])|(?={_TAIL}))",
            r"(?:(?P<half>오전|오후|새벽|아침|저녁|밤|낮)\s?)?(?:(?P<clock>[0-2]?\d:[0-5]\d)(?!\d)"
            rf"|(?P<digits>{_DIGITS}(?:\s(?:{'|'.join(_THOUSANDS)})\b"
            rf"|(?:{_SPACED})?{_POWER}+(?:\s?(?:{_DIGITS}|{_ONE})?{_POWER}+)*(?:\s?(?:\d,?)?\d{{3}}(?![\d,]))?)?)"
            rf"|(?<![가-힣])(?P<native>(?:(?:{'|'.join(_TENS)})\s?)?(?:{'|'.join(_ONES)})|{'|'.join(_TENS)}))",
            rf"(?<![가-힣])(?!조)(?P<sino>(?:{_ONE}?{_POWER}(?:(?<=[만억조])\s(?={_ONE}?[십백천]))?)+{_ONE}?|{_ONE})(?!\s?해)",
        )
    ),
    re.IGNORECASE | re.MULTILINE,
)
_NONE = Decimal(0)
_IS_ROUNDED = re.compile(r"\d+\.[1-9]\d*0")  # as a version another one than without its last 0
_MINUS = re.compile(r"(?:\S\s|\()[-−]$")  # noqa: RUF001 - the sign itself
_LESS = re.compile(r".{0,8}?(?:감소|하락|줄|떨어|낮아|내[려렸]|축소|역성장|마이너스)")
_CLEAR = re.compile(rf"(?!이만$|구조$){_ONE}{_POWER}.*")  # words of their own
_TO = re.compile(r"\s?[~∼〜-]\s?\d")  # noqa: RUF001 - as it is written
_RANGE = re.compile(rf"\s?[~∼〜-]\s?{_DIGITS}\s?({_POWER}+)")  # noqa: RUF001 - the same
_TOKEN = re.compile(
    rf"[\d,.]+|{'|'.join(_THOUSANDS)}|[{''.join(_SINO)}십백천만억조]", re.IGNORECASE
)
_AM = re.compile(r"\s?([ap])\.?m\b", re.IGNORECASE)
_APART = re.compile(  # code, addresses, and names of sources
    r"`[^`\n]*`|(?<=\])\([^()\s]*\)|(?:https?://|www\.)[^\s()<>\[\]]+"
    r"|(?:문서|자료|출처|source|document)\s?#?\d{1,2}(?=\s|[은는이가을를의에와과로도,.:)]|$)(?!\s?(?:개|건|종|장|부|권))",
    re.IGNORECASE,
)
_LATE = {"오후": range(12), "저녁": range(12), "낮": range(7), "밤": range(6, 12)}
_SCALE = re.compile(rf"단위\s?:?\s?({_POWER}+)\s?(원|달러|명|개)")  # of a table


@dataclass(frozen=True, slots=True)
class _Figure:
    """A number. worths: all that it may be worth. kind: of what it counts, "" where none is told.

    is_asked: a source should have it; of names, lists and idioms it need not.
    """

    worths: frozenset[Worth]
    kind: str = ""
    is_asked: bool = True


class Figures:
    """The numbers of a text. Those without a unit stand for any."""

    def __init__(self, text: str) -> None:
        text = _plain(text)
        self._kinds: dict[Worth, set[str]] = {}
        scales = [(_worth(power), _kind(unit, 0)) for power, unit in _SCALE.findall(text)]
        for one in _read(text):
            self._note(one.worths, one.kind)
            for worth in one.worths:
                if isinstance(worth, str) or one.kind not in ("", "년"):
                    continue
                if 1900 < worth < 2100:
                    self._note([worth % 100], "년")
                for scale, kind in scales:
                    self._note([worth * scale], kind)

    def has(self, sentence: str) -> bool:
        """Whether every number of a sentence stands here."""
        figures = _read(_plain(_APART.sub(" ", sentence)))
        return all(self._holds(one) for one in figures if one.is_asked)

    def _holds(self, one: _Figure) -> bool:
        kinds = {kind for worth in one.worths for kind in self._kinds.get(worth, ())}
        return bool(kinds and (not one.kind or kinds & {"", one.kind}))

    def _note(self, worths: Iterable[Worth], kind: str) -> None:
        for worth in worths:
            self._kinds.setdefault(worth, set()).add(kind)


def _read(text: str) -> Iterator[_Figure]:
    for found in _FIGURE.finditer(text):
        yield from _READERS[found.lastgroup or ""](found)


def _phone(found: re.Match[str]) -> Iterator[_Figure]:
    yield _Figure(frozenset({re.sub(r"\D", "", found[0])}), "phone")
    yield from _parts(found, "phone")


def _parts(found: re.Match[str], kind: str = "") -> Iterator[_Figure]:
    """What a number in a name or a list is made of; no sentence has to prove it."""
    for digits in re.findall(r"\d+(?:\.\d+)?", found[0]):
        yield _Figure(frozenset({Decimal(digits)}), kind, is_asked=False)


def _date(found: re.Match[str]) -> Iterator[_Figure]:
    for digits, kind in zip(re.findall(r"\d+", found[0]), ("년", "월", "일"), strict=False):
        short = {Decimal(f"20{digits}")} if kind == "년" and len(digits) == 2 else set()
        yield _Figure(frozenset({Decimal(digits)}) | short, kind)
    if found[0][2] == ".":  # 16.8.1 may be a version
        yield from (replace(one, is_asked=False) for one in _version(found))


def _short(found: re.Match[str]) -> Iterator[_Figure]:
    yield _Figure(frozenset({Decimal(found[0][1:]), Decimal(f"20{found[0][1:]}")}), "년")


def _version(found: re.Match[str]) -> Iterator[_Figure]:
    """A version, which is one of each shorter one, too: 1.99.0 is a 1.99."""
    parts = re.findall(r"\d+", found[0])
    for length in range(len(parts), 0, -1):
        said = ".".join(parts[:length])
        worth: Worth = said if length > 2 or _IS_ROUNDED.fullmatch(said) else Decimal(said)
        yield _Figure(frozenset({worth}), "version", is_asked=length == len(parts))


def _article(found: re.Match[str]) -> Iterator[_Figure]:
    yield _Figure(frozenset({re.sub(r"\s", "", found[0])}))


def _english(found: re.Match[str]) -> Iterator[_Figure]:
    """Of `two hundred`, `three hundred and five thousand`."""
    whole = part = _NONE
    for word in found[0].casefold().split():
        if word == "hundred":
            part *= 100
        elif word in _THOUSANDS:
            whole, part = whole + part * _POWERS[word], _NONE
        else:
            part += _ENGLISH.get(word, _NONE)
    yield from _said(whole + part, found)


def _name(found: re.Match[str]) -> Iterator[_Figure]:
    word = found[0].casefold()
    if word in _ENGLISH:
        yield from _said(_ENGLISH[word], found)
    else:
        yield from _parts(found, "name")


def _whole(found: re.Match[str]) -> Iterator[_Figure]:
    worth, kind = _WHOLE[found[0]]
    yield _Figure(frozenset({worth}), kind, is_asked=worth != 1)


def _quarter(found: re.Match[str]) -> Iterator[_Figure]:
    yield _Figure(frozenset({Decimal(found[0][1])}), "분기")


def _month(found: re.Match[str]) -> Iterator[_Figure]:
    said = found["month"][:3].casefold()
    worth = next(worth for one, worth in _MONTHS.items() if one.startswith(said))
    yield _Figure(frozenset({worth}), "월")


def _part(found: re.Match[str]) -> Iterator[_Figure]:
    yield from (_Figure(frozenset({_SINO[one]})) for one in (found[0][0], found[0][-1]))


def _half_hour(_: re.Match[str]) -> Iterator[_Figure]:
    yield _Figure(frozenset({Decimal(30)}), "분")


def _sino(found: re.Match[str]) -> Iterator[_Figure]:
    kind = _kind(found.string, found.end())
    is_alone = found[0] in _SINO  # 이, 일, 사 are words of their own
    is_clear = kind in ("개월", "년", "비율")
    if kind in ("일", "층", "학년"):
        is_clear = found[0] in "삼사오육칠팔" and found.string[found.end()] == " "
    if kind not in ("", "시") and (not is_alone or is_clear):
        yield from _said(_worth(found[0]), found)
    elif not kind and _CLEAR.fullmatch(found[0]):
        yield _Figure(frozenset({_worth(found[0])}), is_asked=False)


def _clock(found: re.Match[str]) -> Iterator[_Figure]:
    hour, minute = map(Decimal, found["clock"].split(":"))
    half = found["half"] or _half(found.string, found.end())
    yield _Figure(_hours(hour, half, is_whole=found["clock"][0] == "0"), "시")
    if minute:
        yield _Figure(frozenset({minute}), "분")


def _digits(found: re.Match[str]) -> Iterator[_Figure]:
    worth, kind = _worth(found["digits"]), _kind(found.string, found.end())
    half = _half(found.string, found.end())
    is_hour = half or kind == "시" or (found["half"] and _TO.match(found.string, found.end()))
    if is_hour and worth <= 24:
        yield _Figure(_hours(worth, found["half"] or half), "시")
    elif kind == "나열":
        yield _Figure(frozenset({worth}), is_asked=worth > 10)
    else:
        worths: set[Worth] = {worth}
        if kind in ("비율", "도"):
            worths = set(_signed(worth, found))
        if not kind and (article := re.fullmatch(r"\d{1,4}조", found["digits"])):
            worths.add(f"제{article[0]}")
        if not kind and _IS_ROUNDED.fullmatch(found["digits"]):
            worths.add(found["digits"])
        if found["digits"][-1] in "십백천" and re.search("[억조]", found["digits"]):
            worths.add(_worth(f"{found['digits']}만"))  # 1억 2천
        if scale := _RANGE.match(found.string, found.end()):  # 5~6백만
            worths.add(worth * _worth(scale[1]))
        yield _Figure(frozenset(worths), kind)


def _signed(worth: Decimal, found: re.Match[str]) -> Iterator[Decimal]:
    """Of `-3%`, and of `3% 감소`, which is the same; `-3% 감소` is said, too."""
    is_minus = _MINUS.search(found.string, max(0, found.start() - 3), found.start())
    if is_minus or _LESS.match(found.string, found.end()):
        yield -worth
    if not is_minus or _LESS.match(found.string, found.end()):
        yield worth


def _native(found: re.Match[str]) -> Iterator[_Figure]:
    if _kind(found.string, found.end()):
        word = found["native"]
        ten = next((one for one in _TENS if word.startswith(one)), "")
        yield from _said(_TENS.get(ten, _NONE) + _ONES.get(word[len(ten) :].strip(), _NONE), found)


def _said(worth: Decimal, found: re.Match[str]) -> Iterator[_Figure]:
    """A number in words; "한 번" and "두 가지" are ways of speaking."""
    kind = _kind(found.string, found.end())
    is_apart = len(found[found.lastgroup or 0]) > 1 or found.string[found.end()].isspace()
    if kind == "시":
        yield _Figure(_hours(worth, found["half"]), kind, is_apart)
    elif kind == "나열":
        yield _Figure(frozenset({worth}), is_asked=False)
    else:
        kind = "명" if kind == "분" and found["native"] else kind
        least = {"세": 1, "번째": 4}.get(kind, 2)  # "두 번째로" is how one tells a list
        is_asked = bool(kind) and is_apart and worth >= least
        yield _Figure(frozenset({worth}), kind, is_asked)


_READERS = {
    "phone": _phone,
    "date": _date,
    "short": _short,
    "version": _version,
    "article": _article,
    "english": _english,
    "name": _name,
    "list": _parts,
    "quarter": _quarter,
    "month": _month,
    "whole": _whole,
    "part": _part,
    "half_hour": _half_hour,
    "sino": _sino,
    "clock": _clock,
    "digits": _digits,
    "native": _native,
}


def _kind(text: str, at: int) -> str:
    """What the word at a place counts."""
    if found := _UNIT.match(text, at):
        return found.lastgroup or ""
    written = _WRITTEN.match(text, at)
    return written[0].strip().casefold() if written else ""


def _half(text: str, at: int) -> str:
    """Of `3 p.m.`."""
    found = _AM.match(text, at)
    return "" if found is None else "오전" if found[1] in "aA" else "오후"


def _hours(hour: Decimal, half: str, *, is_whole: bool = False) -> frozenset[Worth]:
    """By the clock of 24 hours; both where that is not told."""
    if half:
        hour %= 12
        return frozenset({hour + (12 if hour in _LATE.get(half, ()) else 0)})
    return frozenset({hour % 24} if is_whole or hour > 12 else {hour, (hour + 12) % 24})


def _worth(said: str) -> Decimal:
    """`5천만`, `1억 2천만`, `오천만`, `1.5 million`."""
    whole = part = _NONE
    one: Decimal | None = None
    for token in _TOKEN.findall(said):
        power = _POWERS.get(token.casefold())
        if power is None:
            one = _SINO[token] if token in _SINO else Decimal(token.replace(",", "")[:DIGITS])
        elif power < 10_000:
            part, one = part + (1 if one is None else one) * power, None
        else:
            whole, part, one = whole + ((part + (one or 0)) or 1) * power, _NONE, None
    return whole + part + (one or 0)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", re.sub("[①-⑳]", " ", text).replace("\u2019", "'"))
