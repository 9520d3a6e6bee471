"""Tokens put together to statements: Jinja without imports, inheritance, blocks and extensions."""

from collections.abc import Callable

from dunoe.weights.jinja.expressions import (
    ArrayOf,
    Binary,
    Call,
    Choice,
    Literal,
    Logic,
    Member,
    Name,
    Named,
    Not,
    ObjectOf,
    Signed,
    Slice,
    Test,
    Unsupported,
    filtered,
)
from dunoe.weights.jinja.lexer import Token, tokens
from dunoe.weights.jinja.macros import Parameter
from dunoe.weights.jinja.meter import Fault
from dunoe.weights.jinja.runtime import Body, Expression, Statement
from dunoe.weights.jinja.statements import (
    CallWith,
    Filtered,
    For,
    If,
    Jump,
    MacroOf,
    Set,
    Words,
    Write,
)

SOURCE_LIMIT = 2**20  # characters; the longest known template has 30,000


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
            elif self._begins_argument():
                args = [self.called()]
            operand = Test(operand, name, args, negated)
        return operand

    def _begins_argument(self) -> bool:
        """Whether the argument of a test follows, without brackets."""
        if self.sees("name"):
            return not self.sees("name", "and", "or", "else")
        return self.token.kind in ("string", "integer", "float") or self.sees("sign", "[", "{")

    def piped(self) -> Expression:
        operand = self.called()
        while self.took("sign", "|"):
            name = self.want("name")
            args = self.arguments() if self.sees("sign", "(") else None
            operand = filtered(operand, name, args)
            if args is not None and self.sees("sign", ".", "[", "("):
                self.suffixed(operand)
                operand = Unsupported("elements of a filter's value without brackets")
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
                    owner = Member(owner, self.primary())
                else:
                    name = self.want("name")
                    owner = Member(owner, Literal(name.encode()), name)
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
            return Member(owner, bounds[0])
        if len(bounds) == 1 or len(bounds) > 3:
            raise Fault(f"line {self.token.line}: no key between [ and ]")
        return Slice(owner, [*bounds, None, None][:3])

    def arguments(self) -> list[Expression]:
        self.want("sign", "(")
        found: list[Expression] = []
        while not self.took("sign", ")"):
            if self.took("sign", "*"):
                self.expression()
                given: Expression = Unsupported("arguments with a *")
            else:
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
