"""Answers that are a calculation, compared by its value."""

import re
from collections.abc import Sequence
from fractions import Fraction

from stillhouse.kinds.arithmetic import evaluate
from stillhouse.kinds.kind import MAX_STATEMENT, Kind, Reading
from stillhouse.kinds.markup import bare
from stillhouse.kinds.numbers import holds_number, is_date, last_number, read_number, written

_MULTIPLIED = re.compile(r"(?<=[0-9)])\(")
_NAME = re.compile(r"\s*[^\W\d_]+\s*")
# Behind the calculation: its result, in words or brackets, or the unit of it.
_RESULT = re.compile(
    r"(?:,?\s+which (?:is|equals|gives|makes)|,?\s+(?:or\b|that is\b|i\.e\.),?"
    r"|\s+(?=\())\s*(?P<result>[^=]*?)\s*"
)
_UNIT = re.compile(r"(?P<expression>.*[0-9)\]])\s+[^\W\d_]+(?:\s+[^\W\d_]+)?", re.DOTALL)
MAX_SIDES = 8
MAX_UNBALANCED = 120


class Equation(Kind):
    def __init__(self, choices: Sequence[str] = ()) -> None:
        """`choices` have no part in a calculation."""

    def read(self, statement: str) -> Reading | None:
        """A calculation as it was written, its brackets mended; every result named must be its."""
        if len(statement) > MAX_STATEMENT:
            return None
        text = _MULTIPLIED.sub("*(", bare(statement))
        if is_date(text):
            return None
        ended = re.search(r"[.!?](?=\s)", text)
        first_sentence = text[: ended.end()] if ended else text
        for candidate in (text, first_sentence):
            expression = candidate.removesuffix(".").rstrip()
            if evaluate(expression) is not None:
                return Reading(expression, exact=candidate == text)
            if mended := _mended(expression):
                return Reading(mended, exact=False)
        return None

    def canonical(self, answer: str) -> str | None:
        value = evaluate(answer.strip().removesuffix("."))
        if value is None and (reading := self.read(answer)):
            value = evaluate(reading.label)
        return None if value is None else written(value)

    def ends_on(self, rationale: str, label: str) -> bool | None:
        result = last_number(rationale)
        return None if result is None else written(result) == self.canonical(label)

    def names_answer(self, text: str) -> bool:
        return holds_number(text)


def common_value(text: str) -> Fraction | None:
    """The one value of all sides of `18 / 6 = 3 groups` or `x = 14`; None where they differ."""
    found = _sides(text)
    return found[0][1] if found else None


def _mended(text: str) -> str | None:
    """Read `18 / 6 = 3 groups`, `x = 14`, `(84 / 2`, `$5 * 3`, `18 - 6, which is 12`."""
    text = text.replace("$", "")
    for end in [match.start() for match in _RESULT.finditer(text)][:MAX_SIDES]:
        match = _RESULT.fullmatch(text, end)
        value = evaluate(text[:end])
        if match and value is not None:
            said = _value(match["result"].strip(" ()."))
            return text[:end].strip() if said == value else None
    found = _sides(text)
    if found:
        side, value = found[0]
        return side if evaluate(side) is not None else written(value)
    unit = _UNIT.fullmatch(text)
    expression = unit["expression"].strip() if unit else ""
    if (
        not re.search(r"[-+*/×÷^]", expression)
        or read_number("1" + text[len(expression) :]) is None
    ):
        return None
    return expression if evaluate(expression) is not None else None


def _sides(text: str) -> list[tuple[str, Fraction]]:
    """The sides that have a value, when all those have the same and the others are names."""
    sides = text.split("=", MAX_SIDES)
    if len(sides) > MAX_SIDES:
        return []
    balanced = [_balanced(side) for side in sides]
    valued = [(side, value) for side in balanced if (value := _value(side)) is not None]
    unnamed = any(_value(side) is None and not _NAME.fullmatch(side) for side in balanced)
    return [] if unnamed or len({value for _, value in valued}) != 1 else valued


def _value(side: str) -> Fraction | None:
    value = evaluate(side)
    if value is None and (found := read_number(side)):
        value = found[0]
    return value


def _balanced(side: str) -> str:
    """Add the one bracket that is missing, where every place for it gives the same value."""
    side = side.strip()
    missing = side.count("(") - side.count(")")
    if abs(missing) != 1 or len(side) > MAX_UNBALANCED:
        return side
    places = [
        at for at in range(len(side) + 1) if not re.match(r"[0-9.,]{2}", side[at - 1 : at + 1])
    ]
    bracket = ")" if missing > 0 else "("
    placed = [f"{side[:at]}{bracket}{side[at:]}" for at in places]
    values = {value for text in placed if (value := evaluate(text)) is not None}
    mended = f"{side})" if missing > 0 else side.removesuffix(")")
    return mended if len(values) == 1 and evaluate(mended) in values else side
