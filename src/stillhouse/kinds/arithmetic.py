"""Safe arithmetic for equation answers: a small recursive parser, exact fractions, no `eval`.

`expression = term (('+' | '-') term)*`, `term = factor (('*' | '/') factor)*`,
`factor = ('+' | '-') factor | power`, `power = operand ['^' digits]`,
`operand = '(' expression ')' | number ['%']`. Numbers are ASCII, with thousands commas (`1,080`),
decimals, or one decimal behind a comma (`3,5`). `×`, `·` and an `x` between operands multiply, `÷`
divides, and so do the words `plus`, `minus`, `times`, `multiplied by`, `divided by`.
"""

import re
from fractions import Fraction

MAX_LENGTH = 300
MAX_DEPTH = 40
MAX_MAGNITUDE = 10**18
MAX_EXPONENT = 12

_NUMBER = (
    r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])(?:\.[0-9]*)?|[0-9]+,[0-9](?![0-9,])"
    r"|[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
)
_TOKEN = re.compile(rf"\s*({_NUMBER}|[-+*/()^%])")
_LETTER_TIMES = re.compile(r"(?<=[0-9)])\s*[xX]\s*(?=[0-9(])")
_WORDS = (
    (re.compile(r"\s+plus\s+"), " + "),
    (re.compile(r"\s+minus\s+"), " - "),
    (re.compile(r"\s+(?:times|multiplied by)\s+"), " * "),
    (re.compile(r"\s+divided by\s+"), " / "),
)
_SIGNS = str.maketrans(
    {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "[": "(", "]": ")", "{": "(", "}": ")"}
)


class _NoValueError(Exception):
    """The text has no value: malformed, too deep, too large, or a division by zero."""


def evaluate(text: str) -> Fraction | None:
    """The exact value of an arithmetic expression, or None when it has none.

    None for anything but numbers, + - * / and parentheses, for division by zero, and beyond the
    caps: 300 characters, 40 levels, a magnitude of 1e18. Never raises.
    """
    if len(text) > MAX_LENGTH:
        return None
    try:
        return _Parser(_tokens(text)).value()
    except _NoValueError:
        return None


def _tokens(text: str) -> list[str]:
    source = _LETTER_TIMES.sub("*", text.translate(_SIGNS)).rstrip()
    for words, sign in _WORDS:
        source = words.sub(sign, source)
    tokens, position = [], 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise _NoValueError
        tokens.append(match[1])
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [*tokens, ""]  # the empty token is the end
        self.position = 0
        self.depth = 0

    def value(self) -> Fraction:
        value = self._expression()
        if self._next() != "":
            raise _NoValueError
        return value

    def _peek(self) -> str:
        return self.tokens[self.position]

    def _next(self) -> str:
        token = self._peek()
        self.position += 1
        return token

    def _expression(self) -> Fraction:
        value = self._term()
        while self._peek() in ("+", "-"):
            value = _capped(value + self._term() if self._next() == "+" else value - self._term())
        return value

    def _term(self) -> Fraction:
        value = self._factor()
        while self._peek() in ("*", "/"):
            multiply = self._next() == "*"
            right = self._factor()
            if not (multiply or right):
                raise _NoValueError
            value = _capped(value * right if multiply else value / right)
        return value

    def _factor(self) -> Fraction:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _NoValueError
        symbol = self._next()
        if symbol in ("+", "-"):
            value = self._factor() if symbol == "+" else -self._factor()
        else:
            value = self._power(self._operand(symbol))
        self.depth -= 1
        return value

    def _power(self, base: Fraction) -> Fraction:
        if self._peek() != "^":
            return base
        self._next()
        exponent = self._next()
        if not exponent.isdigit() or int(exponent) > MAX_EXPONENT or self._peek() == "^":
            raise _NoValueError
        return _capped(base ** int(exponent))

    def _operand(self, symbol: str) -> Fraction:
        if symbol == "(":
            value = self._expression()
            if self._next() != ")":
                raise _NoValueError
            return value
        if not symbol or symbol in "+-*/)^%":
            raise _NoValueError
        whole, _, decimals = symbol.rpartition(",")
        point = whole and len(decimals) == 1  # a decimal comma; other commas are thousands
        value = _capped(Fraction(f"{whole}.{decimals}" if point else symbol.replace(",", "")))
        # A percentage is a hundredth only where it is reckoned with: `18 * 6%`.
        if self._peek() == "%" and len(self.tokens) > 3:
            self._next()
            return value / 100
        return value


def _capped(value: Fraction) -> Fraction:
    if abs(value) > MAX_MAGNITUDE:
        raise _NoValueError
    return value
