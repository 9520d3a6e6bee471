"""The text of a template, cut into tokens, with `trim_blocks` and `lstrip_blocks`."""

import re
from typing import NamedTuple

from dunoe.weights.jinja.meter import Fault


class Token(NamedTuple):
    """kind: `text`, `{{`, `}}`, `{%`, `%}`, `name`, `string`, `integer`, `float`, `sign`, `end`."""

    kind: str
    text: str
    line: int


_OPEN = re.compile(r"\{[{%#]")


_INSIDE = re.compile(
    r"""[ \t\n\r\x0b\x0c]*(?:
        (?P<close>-?[%}]\})
      | (?P<float>[0-9]+\.[0-9]+)
      | (?P<integer>[0-9]+)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<sign>==|!=|<=|>=|[-+~*/%<>=.,:|(){}\[\]])
    )""",
    re.VERBOSE | re.DOTALL,
)


_ESCAPES = dict(zip("ntrbfv\\'\"", "\n\t\r\b\f\v\\'\"", strict=True))


def tokens(source: str) -> list[Token]:
    """Cut a template; raise `Fault` for what is no token."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    source = source.removesuffix("\n")
    found: list[Token] = []
    at, line, closed = 0, 1, ""
    while True:
        opening = _OPEN.search(source, at)
        stop = opening.start() if opening else len(source)
        text = _text(source, at, stop, closed)
        if text:
            found.append(Token("text", text, line))
        line += source.count("\n", at, stop)
        if opening is None:
            return [*found, Token("end", "the end of the template", line)]
        if opening[0] == "{#":
            end = source.find("#}", stop + 2)
            if end < 0:
                raise Fault(f"line {line}: a comment does not end")
            at, closed = end + 2, "-#}" if source[end - 1] == "-" else "#}"
        else:
            found.append(Token(opening[0], opening[0], line))
            at, closed = _inside(source, opening.end(), line, found)
        line += source.count("\n", stop, at)


def _text(source: str, start: int, stop: int, closed: str) -> str:
    """The text between two tags, without the space that they take away.

    closed: how the tag before ended; "" at the start of the template.
    """
    text, after = source[start:stop], source[stop : stop + 3]
    if after[:2] in ("{%", "{#"):
        bare = text.rstrip(" \t\r\x0b\x0c")
        if bare.endswith("\n") or (not bare and not start):
            text = bare
    if closed in ("%}", "#}", "-%}", "-#}", "-}}"):
        text = text.removeprefix("\n")
    if closed.startswith("-"):
        text = text.lstrip(" \t\r\n")
    if after[2:] == "-":
        text = text.rstrip(" \t\r\n")
    return text


def _inside(source: str, at: int, line: int, found: list[Token]) -> tuple[int, str]:
    """Cut one tag; where it ends, and how. A `}}` within braces does not end it."""
    if source.startswith("-", at):
        at += 1
    depth = 0
    while True:
        match = _INSIDE.match(source, at)
        if match is None:
            raise Fault(f"line {line}: unexpected {source[at : at + 20].strip()!r}")
        group, text = str(match.lastgroup), str(match[str(match.lastgroup)])
        at = match.end()
        if group == "close" and not (text == "}}" and depth):
            found.append(Token(text[-2:], text, line))
            return at, text
        if group == "close":
            at, group, text = at - 1, "sign", "}"
        if group == "sign" and text in "{}":
            depth += 1 if text == "{" else -1
        if group == "string":
            text = _unescaped(text[1:-1], line)
        found.append(Token(group, text, line))


def _unescaped(text: str, line: int) -> str:
    def letter(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPES:
            raise Fault(f"line {line}: unknown escape character \\{match[1]}")
        return _ESCAPES[match[1]]

    return re.sub(r"\\(.)", letter, text, flags=re.DOTALL)
