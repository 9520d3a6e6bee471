"""What models write where `[1]` was asked of them: `[1-2]`, `【1】`, `[[1]](#1)`, `**[1]**`, `(출처: [1])`."""

import re
from collections.abc import Container, Sequence

_LABELS = [
    "문서",
    "출처",
    "자료",
    "참고",
    "인용",
    "source",
    "sources",
    "document",
    "doc",
    "citation",
    "cite",
    "reference",
    "ref",
]
_LABEL = f"(?:{'|'.join(sorted(_LABELS, key=len, reverse=True))})"
_BEGUN = "|".join(
    sorted({re.escape(one[:n]) for one in [*_LABELS, "see"] for n in range(1, len(one) + 1)})
)
_AFTER = r"\s*[:.#]?\s*"  # behind a label
_PAGES = r"\d{1,4}(?:\s?[~–-]\s?\d{1,4})?"  # noqa: RUF001 - as it is written
_PAGE = rf"(?:\s*[,:]\s*|\s+)(?:(?:pp?\.?|pages?|lines?)\s?{_PAGES}|{_PAGES}\s?(?:쪽|페이지|행))"
_ITEM = (  # `1:3` is place 3 of source 1
    rf"(?:{_LABEL}{_AFTER}|[#^]\s*)?0{{0,2}}[1-9]\d{{0,2}}번?(?:\s?{_LABEL})?(?:{_PAGE}|:\d{{1,4}})?"
)
_AND = r"(?:[,;·&~–/-]|및|와|과|and)"  # noqa: RUF001 - as it is written
_BODY = rf"\s*{_ITEM}(?:\s*{_AND}\s*{_ITEM}){{0,11}}\s*(?:†[^\]】\n]{{0,20}})?"
_LINK = r"(?:\((?:#[^()\s]{0,60}|[^()\n:]{1,60}\.[a-z]{1,5}(?:#[^()\s]{0,60})?)\))?"  # to a place here, or a file
_MARK = (
    rf"(?:\[{_BODY}\]{_LINK}|\\\[{_BODY}\\\]|【{_BODY}】|［{_BODY}］|\({_LABEL}{_AFTER}{_BODY}\))"  # noqa: RUF001 - the same
)
_MARKS = rf"{_MARK}(?:[ ,;]{{0,2}}{_MARK}){{0,7}}"
_AROUND = (  # what is around markers alone goes with them
    (r"\*\*", r"\*\*"),
    (r"\*", r"\*"),
    ("~~", "~~"),
    ("__", "__"),
    ("_", "_"),
    (r"\[", rf"\]{_LINK}"),
    (rf"\((?:(?:{_LABEL}|see){_AFTER})?", r"(?:참고|참조)?\)"),
    ("<sup>", "</sup>"),
)
_IN = r"[\s\d,;:.·&~–/^#†a-z문서출처자료참고인용번및와과쪽페이지행-]{0,48}"  # noqa: RUF001 - the same
_OPEN, _SHUT = r"\\?[\[【［]", r"\\?[\]】］]"  # noqa: RUF001 - the same

_WORDS = ["문서", "자료", "출처", "참고", "sources", "source", "according to", "in", "see"]
_WORD = rf"(?:{'|'.join(_WORDS)})(?: ?: ?| )?"
_WORD_BEGUN = "|".join(sorted({one[:n] for one in _WORDS for n in range(1, len(one) + 1)}))

CLUSTER = re.compile(
    f"(?P<before> *{_WORD})?"
    f" *(?:{'|'.join(f'{first} ?{_MARKS} ?{last}' for first, last in _AROUND)}|{_MARKS})",
    re.IGNORECASE,
)
"""Markers side by side, with the spaces before them, what stands around them alone, and `문서 `, `출처: `, `in `."""

_REST = r"[\s:.#\d,;·&~–-]{0,16}"  # noqa: RUF001 - the same
_LABELLED = rf"\((?:{_BEGUN})?{_REST}"
_HALF_LINK = r"\((?:#[^()\s]{0,60}|[^()\n:]{0,60}(?:\.[a-z]{0,5}(?:#[^()\s]{0,60})?)?)"
_HALF_SUP = "<(?:s(?:u(?:p>?)?)?)?"
_HALF_END = "<(?:/(?:s(?:u(?:p>?)?)?)?)?"
MAYBE = re.compile(
    rf" {{0,40}}(?:(?:{_WORD_BEGUN})(?: ?: ?| )?)? {{0,2}}"
    rf"(?:\*{{1,2}}|~{{1,2}}|_{{1,2}}|{_LABELLED}|{_HALF_SUP})? ?"
    rf"(?:(?:{_OPEN}{{1,2}}{_IN}{_SHUT}{{1,2}}{_LINK}|\({_LABEL}{_REST}\))[ ,;]{{0,2}}){{0,8}}"
    rf"(?:{_OPEN}{{1,2}}{_IN}(?:\\|{_SHUT}{{1,2}}{_HALF_LINK})?|\\|{_LABELLED})?"
    rf"(?: ?(?:\*{{1,2}}|~{{1,2}}|_{{1,2}}|(?:참[고조]?)?\)?|{_HALF_END}))?",
    re.IGNORECASE,
)
"""All beginnings of a cluster, and a little more."""

_NUMBERS = re.compile(r"0*([1-9]\d{0,2})번?(?::\d+)?(?:\s*([~–-])\s*(?=\d))?")  # noqa: RUF001 - the same
_ONE = re.compile(_MARK, re.IGNORECASE)
_TAIL = re.compile(rf"†[^\]】]*|{_PAGE}|{_LINK}$", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9_)]$")
_VARIABLE = re.compile(r"(?:(?:^|[^A-Za-z0-9_])[A-Za-z]|\(\))$")  # of a single letter, or a call
_IN_CODE = re.compile(
    r"(?:[\]$]|[A-Za-z_]!|(?:[={]|\s\+)\s*|\breturn |\bfor \w+ in |=\s*\[[^\]]*|[A-Za-z_]\w*\([^)가-힣]*)$"
)
_LOOKED = 100  # letters before brackets that may make them code
_CODE_SIGNS = re.compile(r"[=(){}$_]|^\s*\S*$")  # or a line of no more than one word
_OVER = re.compile(r"(?:[.?!。]|[가-힣][다요])[\s*_)\"'”’」』]*$")  # noqa: RUF001 - as it is written
_LIST = re.compile(r"\[\s*\d+(?:\s*[,;/]\s*\d+)+\s*\]")
_PARTICLES = frozenset("에과와은는이가의을를로")
_ALONE = re.compile(rf"[\s(*>|-]*+{_LABEL}?\s*+:?[\s)*|.,;-]*+", re.IGNORECASE)
MOST = 20  # sources that a range may name


def numbers(cluster: str) -> list[int]:
    """The numbers that a cluster names, in its order; of `[1-3]` the one between, too. None of `[5-2]`."""
    found = list[int]()
    for mark in _ONE.findall(cluster):
        begin: int | None = None
        for one in _NUMBERS.finditer(_TAIL.sub("", mark)):
            number = int(one[1])
            if begin is not None and not begin < number <= begin + MOST:
                return []
            found += [number] if begin is None else range(begin + 1, number + 1)
            begin = number if one[2] else None
    return found


def is_text(before: str, cluster: str, after: str, known: Container[int]) -> bool:
    """True for brackets of a link, of code, and of lists: `array[1]은`, `vec![1, 2]`. known: the sources."""
    if after == "(" or not numbers(cluster) or _is_list(before, cluster, after, known):
        return True
    if cluster.startswith("([") and _NAME.search(before):
        return True
    return cluster.lstrip(" ").startswith("[") and _is_code(before, cluster, after)


def _is_list(before: str, cluster: str, after: str, known: Container[int]) -> bool:
    """True for numbers that are the thing itself; those behind a whole sentence are markers."""
    if not _LIST.fullmatch(cluster.strip()):
        return False
    if after in _PARTICLES - {"에"}:
        return True
    return not is_over(before) and not all(number in known for number in numbers(cluster))


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
_JOINT = r"\s*(?:과|와|및|,|and)\s*"
_LABELS_BEFORE = r"(?:(?:문서|자료|출처) ?)?"
_TAKEN = [  # from sentences that name a source which does not say it
    (rf"{_GONE}{_JOINT}(?={_LABELS_BEFORE}[\[\0])", ""),
    (rf"(?<=\]){_JOINT}{_LABELS_BEFORE}{_GONE}", ""),
    (rf"{_LABELS_BEFORE}{_GONE}에 (?:따르면|의하면),?\s*", ""),
    (rf"(?:according to|see) {_GONE},?\s*", ""),
    (rf"(?<=문서 |자료 |출처 ){_GONE}", r"\1"),
    (rf"(?<=in ){_GONE}", r"source \1"),
    (rf"{_GONE}(?=(?:에[서는도]?|과|와|은|는|이|가|의|을|를|로)(?:[\s,.]|$))", r"자료 \1"),
    (_GONE, ""),
    (r" ?\(\s*\)", ""),
]
_BEHIND = re.compile(
    r"^\s*(?:에 (?:따르면|의하면)|에[서는도]?|과|와|은|는|이|가|의|을|를|로)(?=[\s,])|^[\s:,]+"
)


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
    return after in _PARTICLES or bool(before.strip() and ":" not in before)


def is_joint(text: str) -> bool:
    """True for what joins two markers: `과`."""
    return bool(re.fullmatch(_JOINT, text))


def is_nothing(text: str) -> bool:
    """True where nothing is said: signs, or no more than `출처:`."""
    return bool(_ALONE.fullmatch(text))
