"""Answers that are one number, whatever its currency sign, commas or unit."""

import re
from collections.abc import Sequence
from fractions import Fraction

from stillhouse.kinds.arithmetic import evaluate
from stillhouse.kinds.equation import common_value
from stillhouse.kinds.kind import MAX_STATEMENT, Kind, Reading
from stillhouse.kinds.markup import bare
from stillhouse.kinds.numbers import holds_number, is_date, last_number, read_number, written

# `5-6` and `2020–2025` are ranges; a difference has blanks around its sign.
_RANGE = re.compile(r"[0-9]\s*[-–—][0-9]|[0-9]\s*[–—]\s*[0-9]")


_TWO_SIGNS = re.compile(r"\s*[-+]\s*[-+]")


class Number(Kind):
    def __init__(self, choices: Sequence[str] = ()) -> None:
        """`choices` have no part in a number."""

    def read(self, statement: str) -> Reading | None:
        found = _value(statement)
        return Reading(written(found[0]), found[1]) if found else None

    def canonical(self, answer: str) -> str | None:
        found = _value(answer)
        return written(found[0]) if found else None

    def ends_on(self, rationale: str, label: str) -> bool | None:
        result = last_number(rationale)
        return None if result is None else written(result) == self.canonical(label)

    def names_answer(self, text: str) -> bool:
        return holds_number(text)


def _value(statement: str) -> tuple[Fraction, bool] | None:
    if len(statement) > MAX_STATEMENT:
        return None
    if found := read_number(statement):
        return found
    text = bare(statement).removesuffix(".").replace("$", "")
    if "=" in text:
        text = re.sub(r"\s[–—]\s", " - ", text)
    if _RANGE.search(text) or _TWO_SIGNS.match(text) or is_date(text):
        return None
    value = evaluate(text)
    if value is None:
        value = common_value(text)
    return None if value is None else (value, False)
