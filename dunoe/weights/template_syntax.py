"""The text of a chat template, cut into tokens and put together to statements, as llama.cpp reads it.

That is Jinja with `trim_blocks` and `lstrip_blocks`, without imports, inheritance, blocks and extensions.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from dunoe.weights.template_nodes import (
    ArrayOf,
    Binary,
    Body,
    Call,
    CallWith,
    Choice,
    Expression,
    Filtered,
    For,
    If,
    Jump,
    Literal,
    Logic,
    MacroOf,
    Member,
    Name,
    Named,
    Not,
    ObjectOf,
    Parameter,
    Set,
    Signed,
    Slice,
    Statement,
    Test,
    Words,
    Write,
    filtered,
)
from dunoe.weights.template_values import Fault

SOURCE_LIMIT = 2**20  # characters; the longest known template has 30,000


class Token(NamedTuple):
    """kind: `text`, `{{`, `}}`, `{%`, `%}`, `name`, `string`, `integer`, `float`, `sign`, `end`."""

    kind: str
    text: str
    line: int


_SPACE = " \t\n\r\x0b\x0c"
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


def parse(source: str) -> Body:
    """A template's statements; raise `Fault`."""
    if len(source) > SOURCE_LIMIT:
        raise Fault(f"it is longer than {SOURCE_LIMIT:,} characters")
    try:
        return _Parser(tokens(source)).body(())
    except RecursionError:
        raise Fault("its parts are nested too deep") from None


class _Parser:
    """Reads tokens from left to right. One method for each level of precedence, loosest first."""

    def __init__(self, found: list[Token]) -> None:
        self.tokens, self.at = found, 0

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def next(self) -> Token:
        token = self.token
        self.at += token.kind != "end"
        return token

    def sees(self, kind: str, *texts: str) -> bool:
        return self.token.kind == kind and (not texts or self.token.text in texts)

    def took(self, kind: str, *texts: str) -> bool:
        """Step over this token, if it is the next one."""
        seen = self.sees(kind, *texts)
        self.at += seen
        return seen

    def want(self, kind: str, *texts: str) -> str:
        token = self.next()
        if token.kind != kind or (texts and token.text not in texts):
            wanted = " or ".join(texts) or kind
            raise Fault(f"line {token.line}: expected {wanted}, got {token.text!r}")
        return token.text

    # Statements

    def body(self, ends: tuple[str, ...]) -> Body:
        """Statements up to a tag that begins with one of `ends`, or to the end of the template."""
        found: Body = []
        while True:
            token = self.next()
            if token.kind == "text":
                found.append(Words(token.text.encode("utf-8", "surrogatepass")))
            elif token.kind == "{{":
                found.append(Write(self.expression()))
                self.want("}}")
            elif token.kind == "{%":
                if self.sees("name", *ends) and ends:
                    return found
                found += self.statement()
            elif token.kind == "end" and not ends:
                return found
            else:
                raise Fault(f"line {token.line}: expected {' or '.join(ends)}, got {token.text!r}")

    def block(self, end: str) -> Body:
        """The rest of the tag that opens it, the body, and the tag that ends it."""
        self.want("%}")
        found = self.body((end,))
        self.want("name", end)
        self.want("%}")
        return found

    def statement(self) -> Body:
        token = self.next()
        kinds: dict[str, Callable[[], Statement]] = {
            "set": self.set,
            "if": self.if_,
            "for": self.for_,
            "macro": self.macro,
            "call": self.call_with,
            "filter": self.filter_block,
        }
        if token.kind == "name" and token.text in kinds:
            return [kinds[token.text]()]
        if token.kind == "name" and token.text in ("break", "continue"):
            self.want("%}")
            return [Jump(token.text == "break")]
        if token.kind == "name" and token.text in ("generation", "endgeneration"):
            self.want("%}")
            return []
        raise Fault(f"line {token.line}: Unknown statement: {token.text}")

    def set(self) -> Set:
        targets, is_tuple, owner = [self.want("name")], False, None
        if self.sees("sign", ".", "["):
            self.at -= 1
            member = self.member(Name(self.want("name")))
            if not isinstance(member, Member) or member.name is None:
                raise Fault(f"line {self.token.line}: Cannot assign to computed member")
            targets, owner = [member.name], member.owner
        while owner is None and self.took("sign", ","):
            targets.append(self.want("name"))
            is_tuple = True
        if self.took("sign", "="):
            given: Expression | Body = self.sequence()
            self.want("%}")
        else:
            given = self.block("endset")
        return Set(targets, is_tuple, owner, given)

    def if_(self) -> If:
        test = self.expression()
        self.want("%}")
        yes = self.body(("elif", "else", "endif"))
        if self.took("name", "elif"):
            return If(test, yes, [self.if_()])
        if self.took("name", "else"):
            return If(test, yes, self.block("endif"))
        self.want("name", "endif")
        self.want("%}")
        return If(test, yes, [])

    def for_(self) -> For:
        targets, is_tuple = [], False
        in_brackets = self.took("sign", "(")
        targets.append(self.want("name"))
        while self.took("sign", ","):
            targets.append(self.want("name"))
            is_tuple = True
        if in_brackets:
            self.want("sign", ")")
        self.want("name", "in")
        iterable = self.expression()
        test: Expression | None = None
        if isinstance(iterable, Choice) and iterable.no is None:
            test, iterable = iterable.test, iterable.yes
        self.want("%}")
        body: Body = self.body(("else", "endfor"))
        no: Body = []
        if self.took("name", "else"):
            no = self.block("endfor")
        else:
            self.want("name", "endfor")
            self.want("%}")
        return For(targets, is_tuple, iterable, test, body, no)

    def macro(self) -> MacroOf:
        name = self.want("name")
        return MacroOf(name, self.parameters(), self.block("endmacro"))

    def call_with(self) -> CallWith:
        parameters = self.parameters() if self.sees("sign", "(") else []
        callee = Name(self.want("name"))
        return CallWith(callee, self.arguments(), parameters, self.block("endcall"))

    def filter_block(self) -> Filtered:
        name = self.want("name")
        args = self.arguments() if self.sees("sign", "(") else None
        return Filtered(name, args, self.block("endfilter"))

    def parameters(self) -> list[Parameter]:
        self.want("sign", "(")
        found = []
        while not self.took("sign", ")"):
            name = self.want("name")
            found.append(Parameter(name, self.expression() if self.took("sign", "=") else None))
            self.took("sign", ",")
        return found

    # Expressions

    def sequence(self) -> Expression:
        """One value, or several with commas between them: a tuple."""
        first = self.expression()
        if not self.sees("sign", ","):
            return first
        items = [first]
        while self.took("sign", ","):
            items.append(self.expression())
        return ArrayOf(items, is_tuple=True)

    def expression(self) -> Expression:
        value = self.disjunction()
        if not self.took("name", "if"):
            return value
        test = self.disjunction()
        return Choice(test, value, self.expression() if self.took("name", "else") else None)

    def disjunction(self) -> Expression:
        left = self.conjunction()
        while self.took("name", "or"):
            left = Logic(False, left, self.conjunction())
        return left

    def conjunction(self) -> Expression:
        left = self.negation()
        while self.took("name", "and"):
            left = Logic(True, left, self.negation())
        return left

    def negation(self) -> Expression:
        return Not(self.negation()) if self.took("name", "not") else self.comparison()

    def comparison(self) -> Expression:
        left = self.sum()
        while True:
            if self.sees("sign", "==", "!=", "<", ">", "<=", ">="):
                sign = self.next().text
            elif self.took("name", "in"):
                sign = "in"
            elif self.sees("name", "not") and self.tokens[self.at + 1][:2] == ("name", "in"):
                self.at += 2
                sign = "not in"
            else:
                return left
            left = Binary(sign, left, self.sum())

    def sum(self) -> Expression:
        left = self.product()
        while self.sees("sign", "+", "-", "~"):
            left = Binary(self.next().text, left, self.product())
        return left

    def product(self) -> Expression:
        left = self.tested()
        while self.sees("sign", "*", "/", "%"):
            left = Binary(self.next().text, left, self.tested())
        return left

    def tested(self) -> Expression:
        operand = self.piped()
        while self.took("name", "is"):
            negated = self.took("name", "not")
            name = self.want("name")
            args: list[Expression] = []
            if self.sees("sign", "("):
                args = self.arguments()
            elif self.sees("string") or self.sees("integer") or self.sees("float"):
                args = [self.primary()]
            elif self.sees("sign", "[", "{") or (
                self.sees("name")
                and not self.sees("name", "and", "or", "not", "if", "else", "is", "in")
            ):
                args = [self.called()]
            operand = Test(operand, name, args, negated)
        return operand

    def piped(self) -> Expression:
        operand = self.called()
        while self.took("sign", "|"):
            name = self.want("name")
            args = self.arguments() if self.sees("sign", "(") else None
            operand = filtered(operand, name, args)
            if args is not None and self.sees("sign", ".", "["):
                operand = self.suffixed(operand)
        return operand

    def called(self) -> Expression:
        if self.sees("sign", "-", "+"):
            return Signed(self.next().text, self.called())
        return self.suffixed(self.primary())

    def suffixed(self, owner: Expression) -> Expression:
        """Members, elements, slices and calls, as many as follow."""
        while True:
            if self.sees("sign", ".", "["):
                owner = self.member(owner)
            elif self.sees("sign", "("):
                owner = Call(owner, self.arguments())
            else:
                return owner

    def member(self, owner: Expression) -> Expression:
        while self.sees("sign", ".", "["):
            if self.next().text == ".":
                if self.sees("integer"):
                    owner = Member(owner, None, self.primary())
                else:
                    owner = Member(owner, self.want("name"))
            else:
                owner = self.element(owner)
        return owner

    def element(self, owner: Expression) -> Expression:
        bounds: list[Expression | None] = [None]
        while not self.took("sign", "]"):
            if self.took("sign", ":"):
                bounds.append(None)
            else:
                bounds[-1] = self.expression()
        if len(bounds) == 1 and bounds[0] is not None:
            return Member(owner, None, bounds[0])
        if len(bounds) == 1 or len(bounds) > 3:
            raise Fault(f"line {self.token.line}: no key between [ and ]")
        return Slice(owner, [*bounds, None, None][:3])

    def arguments(self) -> list[Expression]:
        self.want("sign", "(")
        found: list[Expression] = []
        while not self.took("sign", ")"):
            given = self.expression()
            if isinstance(given, Name) and self.took("sign", "="):
                given = Named(given.name, self.expression())
            found.append(given)
            self.took("sign", ",")
        return found

    def primary(self) -> Expression:
        token = self.next()
        if token.kind == "name":
            return _CONSTANTS.get(token.text) or Name(token.text)
        if token.kind == "string":
            text = token.text
            while self.sees("string"):
                text += self.next().text
            return Literal(text.encode("utf-8", "surrogatepass"))
        if token.kind == "integer":
            if len(token.text) > 19 or int(token.text) >= 2**63:
                raise Fault(f"line {token.line}: the number {token.text[:20]} is too great")
            return Literal(int(token.text))
        if token.kind == "float":
            return Literal(float(token.text[:400]))
        if token.kind == "sign" and token.text in ("(", "[", "{"):
            return self.bracketed(token.text)
        raise Fault(f"line {token.line}: Unexpected token: {token.text!r}")

    def bracketed(self, bracket: str) -> Expression:
        if bracket == "(":
            inner = self.sequence()
            self.want("sign", ")")
            return inner
        items: list[Expression] = []
        pairs: list[tuple[Expression, Expression]] = []
        while not self.took("sign", "]" if bracket == "[" else "}"):
            item = self.expression()
            if bracket == "{":
                self.want("sign", ":")
                pairs.append((item, self.expression()))
            else:
                items.append(item)
            self.took("sign", ",")
        return ArrayOf(items) if bracket == "[" else ObjectOf(pairs)


_CONSTANTS: dict[str, Expression] = {
    "true": Literal(True),
    "True": Literal(True),
    "false": Literal(False),
    "False": Literal(False),
    "none": Literal(None),
    "None": Literal(None),
}
