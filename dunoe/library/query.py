"""What a question says beside its words: phrases in quotes, words that must not occur, names of files."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

LONGEST = 8_000  # characters that are searched for; a whole document is no question
LONGEST_NAME = 100
MOST = 16  # phrases, excluded words or names: each is a check on every candidate

_QUOTED = re.compile(r'(?P<no>(?<!\S)-)?(?:"([^"]+)"|“([^”]+)”|「([^」]+)」)')
_EXCLUDED = re.compile(r"(?<!\S)-([^\W\d_][\w.+#-]+)")
_SUFFIXES = (
    "md markdown txt text rst html htm pdf doc docx ppt pptx xls xlsx csv hwp hwpx epub eml ipynb "
    "py pyi js jsx mjs ts tsx go rs java kt c h cc cpp cxx hpp cs rb php swift scala sql sh bash zsh ps1 "
    "yaml yml toml json xml ini cfg conf env lock log"
)
_BETWEEN = r"\s\"'“”「」<>|*?/\\,;:()\[\]"  # what stands around a file's name
_NAME = re.compile(
    rf"(?<![^{_BETWEEN}])[^{_BETWEEN}]{{1,255}}\.(?:{'|'.join(_SUFFIXES.split())})(?![A-Za-z0-9_])",
    re.I,
)
_IDENTIFIER = re.compile(
    r"[!-~]*(?:[A-Za-z][!-~]*\d|\d[!-~]*[A-Za-z]|[a-z][A-Z]|\w[_./\\:#>-]*[_./\\:#>]\w|\(\))[!-~]*"
)
_PARTS = re.compile(r"\s+")
_SIGNS = "?!.,;:()[]<>'`…"

Operator = Literal["AND", "OR", "NOT"]


@dataclass(frozen=True, slots=True)
class Query:
    """A question that was read.

    text: the words to search for, those of phrases and names among them; empty where nothing but exclusions was said.
    phrases: what a passage must say word for word; excluded: what it must not say. names: files that are spoken of.
    demanded: words, as `plain` gives them, that a passage must hold, in whatever form.
    """

    text: str
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()

    @property
    def is_identifier(self) -> bool:
        """True for one name out of code, such as `E0382`, `useEffect` or `std::map`: it means how it is spelled."""
        return len(self.text) <= LONGEST_NAME and bool(_IDENTIFIER.fullmatch(self.text))

    def allows(self, *texts: str) -> bool:
        """True when a passage says every phrase and no excluded word. texts: title, headings, text."""
        if not (self.phrases or self.excluded):
            return True
        said = [plain(text) for text in texts]
        has_all = all(any(phrase in text for text in said) for phrase in self.phrases)
        return has_all and not any(says(text, word) for text in said for word in self.excluded)


def read(question: str, operator: Operator = "OR") -> Query:
    """The parts of a question. Any text will do: what is no operator is a word.

    operator: between the words: any of them will do, all must be there, or none may be.
    """
    whole = unicodedata.normalize("NFC", question.replace("\0", " "))[:LONGEST]
    phrases, excluded = list[str](), list[str]()

    def quoted(found: re.Match[str]) -> str:
        said: str = next(filter(None, found.groups()[1:]))
        if phrase := plain(said):
            (excluded if found["no"] else phrases).append(phrase)
        return " " if found["no"] or operator == "NOT" else f" {said} "

    def minus(found: re.Match[str]) -> str:
        excluded.append(plain(found[1]))
        return " "

    rest = _EXCLUDED.sub(minus, _QUOTED.sub(quoted, whole))
    text = _PARTS.sub(" ", rest).strip()
    words = list(filter(None, (plain(word.strip(_SIGNS)) for word in text.split())))
    if operator == "NOT":
        excluded += [*phrases, *words]
        return Query("", excluded=tuple(excluded[:MOST]))
    return Query(
        text,
        tuple(phrases[:MOST]),
        tuple(excluded[:MOST]),
        tuple(dict.fromkeys(found[0] for found in _NAME.finditer(text)))[:MOST],
        tuple(words[:MOST]) if operator == "AND" else (),
    )


def plain(text: str) -> str:
    """Text as it is compared: composed, in one case, one space between words."""
    return _PARTS.sub(" ", unicodedata.normalize("NFC", text)).strip().casefold()


def says(text: str, word: str) -> bool:
    """True when the word stands there; both as `plain` gives them.

    Korean words may go on: with a particle they are the same word.
    """
    end = "" if "가" <= word[-1] <= "힣" else r"(?!\w)"
    return re.search(rf"(?<!\w){re.escape(word)}{end}", text) is not None
