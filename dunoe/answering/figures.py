"""Numbers of a sentence that its source should have, however each writes them: 1,000, 1천, 0.1만, 열 명, 오후 3시."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_UNITS = {
    "십": 10,
    "백": 100,
    "천": 1_000,
    "만": 10_000,
    "억": 10**8,
    "조": 10**12,
    "thousand": 1_000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_FIGURE = re.compile(
    r"(?P<digits>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)*)"
    r"(?P<unit>\s?[십백천]?[만억조]|\s?[백천](?!분)|\s(?:thousand|million|billion|trillion)\b)?",
    re.IGNORECASE,
)
_CODE = re.compile(r"`[^`\n]*`")
_NAMES = re.compile(  # E0382, UTF-8, v1.2, 정부24
    r"[A-Za-z_][A-Za-z0-9_]*(?:[.\-/][A-Za-z0-9_]+)*|(?<=[가-힣]{2})\d{1,3}(?=[\s()]|$|[가이은는을를의에])"
)
_COUNTED = re.compile(  # by whoever wrote the sentence: "3가지", "2단계"; and the numbers of a list
    r"^[\s>*#-]*\d{1,2}[.)](?=\s)|\(\d{1,2}\)|[①-⑳]|(?:제\s?)?(?<!\d)(?:10|\d)\s?(?:가지|단계|번째|종류|항목|째)"
)
_HOURS = re.compile(r"(?<!\d)(\d{1,2})(?=\s?시(?!간)|:\d\d|\s?[ap]\.?m)", re.IGNORECASE)

_ONES = {"한": 1, "하나": 1, "두": 2, "둘": 2, "세": 3, "셋": 3, "석": 3, "네": 4, "넷": 4, "넉": 4}
_ONES |= {"다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9}
_TENS = {"열": 10, "스물": 20, "스무": 20, "서른": 30, "마흔": 40, "쉰": 50}
_SINO = {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9, "십": 10}
_WHOLE = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "열흘": 10, "보름": 15, "절반": 50}
_ENGLISH = [
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    "twelve",
]
_COUNTERS = (
    "시 명 개 번 달 살 가지 배 곳 차례 사람 장 권 대 마리 잔 주 해 분 건 쪽 줄 단계 곱 종류 항목 "
    "년 일 월 층 회 차 학년"
)
_NATIVE = re.compile(
    rf"(?<![가-힣])(?P<ten>{'|'.join(_TENS)})?(?P<one>{'|'.join(sorted(_ONES, key=len, reverse=True))})?"
    rf"(?=\s?(?:{'|'.join(_COUNTERS.split())}))"
)
_SINO_WORD = re.compile(
    rf"(?<![가-힣])([{''.join(_SINO)}])(?=\s?(?:{'|'.join(_COUNTERS.split())}))"
)
_SAID = re.compile("|".join([*_WHOLE, *(rf"\b{one}\b" for one in _ENGLISH)]), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a source. values: what they are worth. digits: as they stand; bare: those without a unit."""

    values: frozenset[Decimal]
    digits: frozenset[str]
    bare: frozenset[str]

    def has(self, sentence: str) -> bool:
        """Whether every number of a sentence stands here."""
        text = _NAMES.sub(" ", _plain(_COUNTED.sub(" ", _CODE.sub(" ", sentence))))
        return all(self._holds(run) for run in _runs(text))

    def _holds(self, run: "list[_Figure]") -> bool:
        """Of a number such as `1억 2천만`: its worth, or else each of its parts."""
        if sum(one.value for one in run) in self.values:
            return True
        return all(
            one.value in self.values or one.digits in (self.bare if one.has_unit else self.digits)
            for one in run
        )


@dataclass(frozen=True, slots=True)
class _Figure:
    digits: str
    value: Decimal
    has_unit: bool


def figures(text: str) -> Figures:
    """All that a text can be said to have as a number."""
    text = _plain(text)
    runs = list(_runs(text))
    some = [one for run in runs for one in run]
    values = {one.value for one in some} | {sum((o.value for o in run), Decimal()) for run in runs}
    digits = {one.digits for one in some} | {_short(one) for one in re.findall(r"\d+", text)}
    years = {_short(one[2:]) for one in digits if len(one) == 4 and one[:2] in ("19", "20")}
    digits |= years | {str(one) for one in _said(text)}
    bare = {one.digits for one in some if not one.has_unit}
    return Figures(
        frozenset(values | {Decimal(one) for one in digits}), frozenset(digits), frozenset(bare)
    )


def _runs(text: str) -> Iterator[list[_Figure]]:
    """Numbers; those that are one number in parts (`1억 2천만`) together."""
    run, end = list[_Figure](), -2
    for found in _FIGURE.finditer(text):
        for one in _read(found):
            gap = text[end : found.start()] if end >= 0 else "|"
            if run and run[-1].has_unit and gap.strip() == "" and one.value < run[-1].value:
                run.append(one)
            else:
                if run:
                    yield run
                run = [one]
            end = found.end()
    if run:
        yield run


def _read(found: re.Match[str]) -> list[_Figure]:
    digits, unit = found["digits"].replace(",", ""), (found["unit"] or "").strip()
    if digits.count(".") > 1:  # a date or a version
        return [_Figure(_short(one), Decimal(one), False) for one in digits.split(".")]
    value = Decimal(digits)
    if unit:
        for one in [unit.casefold()] if unit.isascii() else unit:
            value *= _UNITS[one]
    return [_Figure(_short(digits), value, bool(unit))]


def _short(digits: str) -> str:
    """Without zeros that say nothing."""
    digits = digits.lstrip("0") or "0"
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return f"0{digits}" if digits.startswith(".") else digits or "0"


def _said(text: str) -> Iterator[int]:
    """Numbers that are written as words, and hours by the other clock."""
    for found in _NATIVE.finditer(text):
        if found[0]:
            number = _TENS.get(found["ten"] or "", 0) + _ONES.get(found["one"] or "", 0)
            yield number
            if text[found.end() : found.end() + 2].lstrip()[:1] == "시":
                yield (number + 12) % 24
    for word in _SINO_WORD.findall(text):
        yield _SINO[word]
    for found in _SAID.finditer(text):
        word = found[0].casefold()
        yield _WHOLE[word] if word in _WHOLE else _ENGLISH.index(word) + 1
    for hour in map(int, _HOURS.findall(text)):
        if hour < 24:
            yield (hour + 12) % 24


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)
