"""What models write where `[1]` was asked of them: `[1-2]`, `【1】`, `[[1]](#1)`, `**[1]**`, `(출처: [1])`."""

import re
from collections.abc import Container, Sequence

_LABELS = [
    "문서",
    "출처",
    "자료",
    "참고",
    "참고문헌",
    "참조",
    "인용",
    "근거",
    "각주",
    "source",
    "sources",
    "document",
    "doc",
    "passage",
    "citation",
    "cite",
    "note",
    "reference",
    "ref",
]
_LABEL = f"(?:{'|'.join(sorted(_LABELS, key=len, reverse=True))})"
_POINTING = [
    "더",
    "자세한",
    "상세한",
    "내용은",
    "사항은",
    "see",
    "also",
    "as",
    "in",
    "for",
    "more",
    "details",
]
_BEGUN = "|".join(
    sorted({re.escape(one[:n]) for one in [*_LABELS, *_POINTING] for n in range(1, len(one) + 1)})
)
_AFTER = r"\s*[:.#_]?\s*"  # behind a label
_PAGES = r"\d{1,4}(?:\s?[~–-]\s?\d{1,4})?"  # noqa: RUF001 - as it is written
_PAGE = (
    rf"(?:\s*[,:]\s*|\s+)(?:(?:pp?\.?|pages?|lines?|L|§)\s?{_PAGES}|{_PAGES}\s?(?:쪽|페이지|행|줄)"
    rf"|제\s?{_PAGES}\s?[조항장절])"
)
_SPOT = r":\d{1,4}(?:\s?[~–-]\s?\d{1,4}(?![\d:]))?"  # noqa: RUF001 - the same; `1:3-5`: of source 1
_NUMBER = r"[0０]{0,2}[1-9１-９]\d{0,2}"  # noqa: RUF001 - as it is written
_NTH = r"(?:번째?)?"
_ITEM = (
    rf"(?:{_LABEL}{_AFTER}|[#^]\s*)?(?:{_NUMBER}|0){_NTH}(?:\s?{_LABEL}){{0,2}}(?:{_PAGE}|{_SPOT})?"
)
_SIGNS = r",;·&~–/，、-"  # noqa: RUF001 - the same
_AND = rf"(?:\s*(?:[+|{_SIGNS}]|및|와|과|또는|그리고|and|or)\s*|\s+)"
_FILE = r"[^\[\]()<>【】［］,:†\n]{1,60}\.[a-z]{1,5}"  # noqa: RUF001 - the same
_BODY = (
    rf"\s*{_ITEM}(?:{_AND}{_ITEM}){{0,24}}\.?(?:\s*[,:]\s*{_FILE})?\s*(?:†[^\[\]()【】\n]{{0,60}})?"
)
_LINK = (  # to a place here, or a file
    r"(?:\((?:#[^()\s]{0,60}|<?(?:https?://(?:localhost|127\.0\.0\.1)(?::\d+)?/)?"
    r"[^()<>\n:]{1,60}\.[a-z]{1,5}(?:#[^()<>\s]{0,60})?>?(?: \"[^\"\n]{0,60}\")?)\))?"
)
_MARK = (
    rf"(?>\[\[{_BODY}\]\]{_LINK}|\[{_BODY}\]{_LINK}|\\\[{_BODY}\\\]|【{_BODY}】|［{_BODY}］"  # noqa: RUF001 - the same
    rf"|\({_LABEL}{_AFTER}{_BODY}\)|\({_NUMBER}{_NTH}(?:\s?{_LABEL}){{1,2}}\)"
    rf"|<sup>{_BODY}</sup>|<cite>{_BODY}</cite>)"
)
_NAMES = "문서|자료|출처"
_JOINT = rf"(?: ?(?:[{_SIGNS}]|및|과|와|또는|그리고|and|or) ?(?:(?:{_NAMES}) ?)?| )?"
_MARKS = rf"{_MARK}(?:{_JOINT}{_MARK}){{0,7}}"
_POINTER = rf"(?:(?:{_LABEL}|{'|'.join(_POINTING)}){_AFTER}){{1,4}}"
_REST = (  # behind a marker, what only points to it
    rf"(?:번 ?(?:{_NAMES}))?[을를]? ?(?:참고|참조|확인)(?:[하해바][가-힣]{{0,6}})?(?: [주바][가-힣]{{1,4}})?"
    r"|for (?:more |further )?(?:details?|information)"
)
_IN = (
    r"[\s\d,;:.·&~–/+|，、^#_†a-z문서출처자료참고인용근거각주조문헌번째그리고및와과또는쪽페이지행줄제항장절§-]{0,100}"  # noqa: RUF001 - the same
    r"(?:(?<=\w)\s?[,:†][^\[\]()【】［］\n]{0,64})?"  # noqa: RUF001 - the same
)
_OPEN, _SHUT = r"\\?[\[【［]", r"\\?[\]】］]"  # noqa: RUF001 - the same

_AHEAD = [f"{more}자세한 {one}" for more in ("더 ", "") for one in ("내용은", "사항은")]
_WORDS = [
    "문서",
    "자료",
    "출처",
    "참고",
    "sources",
    "source",
    "according to",
    "in",
    "see",
    "as",
    *_AHEAD,
]
_WORD = (
    rf"(?P<bold>\*\*)?(?:{'|'.join(_WORDS)})(?(bold)(?:\*\*(?: ?: ?| )?| ?: ?\*\* ?)|(?: ?: ?| )?)"
)
_WORD_BEGUN = "|".join(sorted({one[:n] for one in _WORDS for n in range(1, len(one) + 1)}))

_STRESS = r"\*{1,2}|~~|_{1,2}"
CLUSTER = re.compile(
    rf"(?:(?P<before> {{0,40}}{_WORD}) {{0,2}}| {{0,40}})"
    rf"(?:(?P<stress>{_STRESS}) ?)??(?:(?P<round>\((?:{_POINTER})?)|(?P<square>\[)|(?P<sup><sup>))??"
    rf" ?(?:(?P<inner>{_STRESS}) ?)??{_MARKS}(?(inner) ?(?P=inner))(?: (?:참고|참조)(?=[.\n]|$))?"
    rf"(?(round) ?(?:{_REST})?\.?\))(?(square) ?\]{_LINK})(?(sup) ?</sup>)(?(stress) ?(?P=stress))",
    re.IGNORECASE,
)
"""Markers side by side, with the spaces before them, what stands around them alone, and `문서 `, `출처: `, `in `."""

_LABELLED = rf"\((?:(?:{_POINTER})?(?:{_BEGUN})?|{_LABEL}(?>{_IN})|\d{{1,5}}{_NTH}(?:\s?{_LABEL})?\s?(?:{_BEGUN})?)?"
_HALF_REST = "(?:[가-힣 ]{0,24}|f[a-z ]{0,28})"
_HALF_LINK = r"\([^()\n]{0,200}"
_HALF_JOINT = (
    rf"(?: ?(?:[{_SIGNS}]|및|과|와|또는?|그(?:리고?)?|an?d?|or?) ?(?:문서?|자료?|출처?)? ?| )?"
)
_HALF_TAG = "(?:s(?:u(?:p>?)?)?|c(?:i(?:t(?:e>?)?)?)?)?"
_HALF_SUP = f"<{_HALF_TAG}"
_HALF_END = f"<(?:/{_HALF_TAG})?"
_SUP = rf"<(?:sup|cite)>{_IN}"
MAYBE = re.compile(
    rf" {{0,40}}(?:(?:\*\*)?(?:{_WORD_BEGUN})\*{{0,2}}(?: ?: ?| )?(?:\*{{1,2}} ?)?)? {{0,2}}"
    rf"(?:[*~_]{{1,2}} ?)?(?:\[|(?P<round>{_LABELLED})|{_HALF_SUP})? ?(?:[*~_]{{1,2}} ?)?"
    rf"(?>(?:{_OPEN}{{1,2}}{_IN}{_SHUT}{{1,2}}{_LINK}|\({_LABEL}{_IN}\)"
    rf"|\(\d{{1,5}}{_NTH}(?:\s?{_LABEL}){{1,2}}\)|{_SUP}</(?:sup|cite)>){_HALF_JOINT}){{0,8}}"
    rf"(?:{_OPEN}{{1,2}}{_IN}(?:\\|{_SHUT}{{1,2}}{_HALF_LINK})?|\\|{_LABELLED}|{_SUP}|{_HALF_SUP})?"
    rf"(?: ?[*~_]{{1,2}})?(?: ?(?:(?(round){_HALF_REST}\.?\)?|참[고조]?)|{_HALF_END}|\](?:{_HALF_LINK})?))?"
    r"(?: ?[*~_]{1,2})?",
    re.IGNORECASE,
)
"""All beginnings of a cluster, and a little more."""

_NUMBERS = re.compile(rf"({_NUMBER}|0){_NTH}(?:\s*([~–-])\s*(?=\d))?")  # noqa: RUF001 - the same
_ONE = re.compile(_MARK, re.IGNORECASE)
_TAIL = re.compile(
    rf"†[^\]】]*|[,:]\s*{_FILE}(?=[\]】］])|{_PAGE}|(?<=[\d번째]){_SPOT}|{_LINK}$",  # noqa: RUF001 - the same
    re.IGNORECASE,
)
_TO = re.compile(r"\]\s?([~–-])\s?\[")  # noqa: RUF001 - the same
_NAME = re.compile(r"[A-Za-z0-9_)]$")
_VARIABLE = re.compile(r"(?:(?:^|[^A-Za-z0-9_])[A-Za-z]|\(\))$")  # of a single letter, or a call
_IN_CODE = re.compile(
    r"(?:[\]$]|[A-Za-z_]!|(?:[={]|\s\+)\s*|\breturn |\bfor \w+ in |=\s*\[[^\]]*|[A-Za-z_]\w*\([^)가-힣]*)$"
)
_LOOKED = 100  # letters before brackets that may make them code
_CODE_SIGNS = re.compile(r"[=(){}$_]|^\s*\S*$")  # or a line of no more than one word
_OVER = re.compile(r"(?:[.?!。]|[가-힣][다요])[\s*_)\"'”’」』]*$")  # noqa: RUF001 - as it is written
_LIST = re.compile(rf"\[\s*\d+(?:(?:\s*[+|{_SIGNS}]\s*|\s+)\d+)+\s*\]")
_INTERVAL = re.compile(r"\[\s*\d+\s*[~–-]\s*\d+\s*\]")  # noqa: RUF001 - the same
_RARE = re.compile(r"\[0\]|<sup>\d+</sup>")
_ACCORDING = re.compile(r"에 (?:따르면|의하면)")
_PARTICLES = frozenset("에과와은는이가의을를로")
_ALONE = re.compile(rf"[\s(*>|-]*+{_LABEL}?\s*+:?[\s)*|.,;-]*+", re.IGNORECASE)
MOST = 20  # sources that a range may name


def numbers(cluster: str) -> list[int]:
    """The numbers that a cluster names, in its order; of `[1-3]` the one between, too. None of `[5-2]`.

    Of a range that is longer than all sources together only its ends.
    """
    found = list[int]()
    for mark in _ONE.findall(_TO.sub(r"\1", cluster)):
        begin: int | None = None
        for one in _NUMBERS.finditer(_TAIL.sub("", mark)):
            number = int(one[1])
            if begin is not None and number <= begin:
                return []
            is_short = begin is not None and number <= begin + MOST
            found += range(begin + 1, number + 1) if begin is not None and is_short else [number]
            begin = number if one[2] else None
    return found


def is_text(before: str, cluster: str, after: str, known: Container[int]) -> bool:
    """True for brackets of a link, of code, and of lists: `array[1]은`, `vec![1, 2]`. known: the sources."""
    if after == "(" or not numbers(cluster) or _is_list(before, cluster, after, known):
        return True
    if cluster.startswith("([") and _NAME.search(before):
        return True
    if _RARE.fullmatch(cluster.strip()) and not is_over(before):
        return True  # of a power, or the first of a list
    return cluster.lstrip(" ").startswith("[") and _is_code(before, cluster, after)


def _is_list(before: str, cluster: str, after: str, known: Container[int]) -> bool:
    """True for numbers that are the thing itself; those behind a whole sentence are markers."""
    if not _LIST.fullmatch(cluster.strip()):
        return False
    if after in _PARTICLES - {"에"}:
        return True
    said = numbers(cluster)
    if _INTERVAL.fullmatch(cluster.strip()) and said[-1] - said[0] <= MOST:
        return False
    return not is_over(before) and not all(number in known for number in said)


def is_thing(cluster: str, after: str) -> bool:
    """True for numbers that may be the thing itself, and no source of what is said: of `[1, 3]에서`."""
    return bool(_LIST.fullmatch(cluster.strip())) and not _ACCORDING.match(after)


def _is_code(before: str, cluster: str, after: str) -> bool:
    spaces = cluster[: len(cluster) - len(cluster.lstrip(" "))]
    if _IN_CODE.search(before[-_LOOKED:] + spaces) or (after == ";" and _CODE_SIGNS.search(before)):
        return True
    if spaces or not _NAME.search(before):
        return False
    return after.isalnum() or after in ("_", "=") or bool(_VARIABLE.search(before))


def is_attached(before: str, cluster: str) -> bool:
    """True where brackets follow a name or number at once: who takes them away may take away code."""
    return cluster.startswith("[") and bool(_NAME.search(before))


def is_over(text: str) -> bool:
    """True where a sentence has ended."""
    return bool(_OVER.search(text))


_GONE = "\0([\\d, ]+)\0"
_NO = rf"(?:(?:{_NAMES}) ?)?{_GONE}(?:번 ?(?:{_NAMES}))?"
_TAKEN = [  # from sentences that name a source which does not say it
    (rf"(?:{'|'.join(_AHEAD)}) {_GONE}[^.,!?\n]*", ""),
    (rf"(?:(?:{_NAMES}|참고|see)\s?:?\s?)?{_GONE}\s?(?:{_REST})(?=[.,)]|\s*$),?", ""),
    (rf"{_NO}(?:에 (?:따르면|의하면)|에서[는도]?|에[는도]|처럼|대로)(?=[\s,]),?\s*", ""),
    (rf"as {_GONE} (?:say|state|show|note|explain|describe|mention)s,?\s*", ""),
    (rf"(?:according to|see|as) {_GONE},?\s*", ""),
    (rf"\*\*(?:{_NAMES}|참고)\*\* {_GONE}", ""),
    (rf"(?<=문서 |자료 |출처 ){_GONE}", r"\1"),
    (
        rf"(?<=in ){_GONE}|{_GONE}(?= (?:say|state|show|note|explain|describe|mention)s\b)",
        r"source \1\2",
    ),
    (rf"{_GONE}(?=번 )", r"\1"),
    (
        rf"{_GONE}(?=(?:에[서는도]?|과|와|은|는|이|가|의|을|를|로|처럼|부터|까지|보다|만|도)(?:[\s,.]|$))",
        r"자료 \1",
    ),
    (_GONE, ""),
    (r" ?\(\s*\)", ""),
]
_BEHIND = re.compile(
    rf"^\s*(?:번 ?(?:{_NAMES}))?"
    r"(?:에 (?:따르면|의하면)|에서?[는도]?|과|와|은|는|이|가|의|을|를|로|처럼|부터|까지|보다|만|도)(?=[\s,])|^[\s:,]+"
)
_POINTS = re.compile(rf"\s*(?:{_REST})[\s.)]*", re.IGNORECASE)


def gone(said: Sequence[int]) -> str:
    """What stands for markers that do not hold until their sentence is mended."""
    return f"\0{', '.join(map(str, dict.fromkeys(said)))}\0"


def mended(text: str) -> str:
    """A sentence without the markers that do not hold, and without the words that make no sense without them."""
    for pattern, put in _TAKEN:
        text = re.sub(pattern, put, text, flags=re.IGNORECASE)
    return text


def without_particle(text: str) -> str:
    """What is said behind a marker: of `에 따르면 연차는` the last word."""
    return _BEHIND.sub("", text).lstrip(" :,")


def is_word(before: str, cluster: str, after: str) -> bool:
    """True where a marker is a word of its sentence: `[1]에 따르면`, `According to [1]`."""
    if cluster.lstrip(" ").startswith("("):
        return False
    return "가" <= after <= "힣" or bool(before.strip() and ":" not in before)


def is_nothing(text: str) -> bool:
    """True where nothing is said: signs, or no more than `출처:`."""
    return bool(_ALONE.fullmatch(text))


def is_pointer(text: str) -> bool:
    """True for what only points to the marker before it: `을 참고하세요.`, `for details.`"""
    return bool(_POINTS.fullmatch(text))
