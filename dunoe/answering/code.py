"""Which letters of a Markdown text that comes letter by letter stand inside code."""

import re

ENDS = 300  # letters of a line's beginning, and of its end, that are looked at


def longer(line: str, letter: str) -> str:
    """A line and its next letter; of a long line only the two ends, so that no letter costs more than another."""
    line += letter
    return line if len(line) <= 2 * ENDS else line[:ENDS] + line[-ENDS:]


_FENCE = re.compile(r"[\s>]*+(?:(?:[-*+]|\d{1,3}[.)])\s+)?(`{3,}|~{3,}|<pre\b)")
_ITEM = re.compile(r"[\s>]*(?:[-*+•]|\d{1,3}[.)])\s")  # of a list
_INDENTED = re.compile(r"(?: {4}|\t)\s*(?![\s*+•|-]|\d{1,3}[.)])")


class Code:
    """Whether the next letter stands inside code: a fence, an indented block, a span in one line, `<code>`."""

    def __init__(self) -> None:
        self._line = ""
        self._fence = ""  # what opened the one that is open
        self._span = self._run = 0  # backticks that opened a span, and those just seen
        self._is_tagged = False
        self._is_listed = False  # indented lines belong to a list
        self._may_indent = True  # the line before is empty, or code

    @property
    def is_inside(self) -> bool:
        """Whether it does."""
        if self._fence or self._is_tagged or self._is_indented or _FENCE.match(self._line):
            return True
        return self._toggled() != 0

    def see(self, letter: str) -> None:
        """Take the next letter."""
        if letter == "\n":
            self._end_line()
            return
        self._line = longer(self._line, letter)
        if letter == "`":
            self._run += 1
            return
        self._span, self._run = self._toggled(), 0
        if letter == ">":
            if self._line.endswith("<code>"):
                self._is_tagged = True
            elif self._line.endswith("</code>"):
                self._is_tagged = False

    @property
    def _is_indented(self) -> bool:
        return self._may_indent and not self._is_listed and bool(_INDENTED.match(self._line))

    def _toggled(self) -> int:
        if not self._run:
            return self._span
        if not self._span:
            return self._run
        return 0 if self._span == self._run else self._span

    def _end_line(self) -> None:
        line = self._line
        self._may_indent = not line.strip() or self._is_indented
        if line.strip() and not line[0].isspace():
            self._is_listed = False
        if _ITEM.match(line):
            self._is_listed = True
        found = _FENCE.match(line)
        if self._fence:
            if self._is_closed_by(line):
                self._fence = ""
        elif found and "</pre>" not in line:
            self._fence = found[1]
        self._line, self._span, self._run, self._is_tagged = "", 0, 0, False

    def _is_closed_by(self, line: str) -> bool:
        if self._fence == "<pre":
            return "</pre>" in line
        signs = line.strip(" \t>")
        return len(signs) >= len(self._fence) and set(signs) == {self._fence[0]}
