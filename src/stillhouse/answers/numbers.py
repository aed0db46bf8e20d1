"""Numbers as people write them: `$1,080`, `9 (apples)`, `42.`, `1/2`, `50%`."""

import re
from fractions import Fraction

from stillhouse.answers.equation import evaluate

DECIMALS = 6

_NUMBER = re.compile(
    r"""(?P<sign>[-+−]?)\s*[$€£¥]?\s*(?P<minus>-?)
    (?P<value>(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:\s*/\s*[0-9]+)?|\.[0-9]+)
    (?P<rest>.*)""",
    re.VERBOSE | re.DOTALL,
)
_BARE = re.compile(r"[\s%.,;!]*")
# What may follow the number: a unit, of words without a digit or a further operator.
_UNIT = re.compile(r"[\s%.,;!]*(?:-[^\W\d_]|[\s(]\(?[^\W\d_])[^\d=+*:]*")
_SCALE = re.compile(r"\b(?:hundred|thousand|million|billion|trillion)s?\b", re.IGNORECASE)
# A minus behind an operand subtracts; anywhere else it is the number's sign.
_IN_TEXT = r"(?:(?<![\w)])(?<![0-9)]\s)-)?[0-9][0-9,]*(?:\.[0-9]+)?"
_RESULT = r"=\s*[$€£¥]?\s*(-?[0-9][0-9,]*(?:\.[0-9]+)?)"


def read_number(text: str, *, unit: bool = True) -> Fraction | None:
    """The one number that `text` is, with or without a currency sign, a percent sign or a unit.

    A percent sign is a unit: `50%` is 50. Two numbers (`5 or 6`), a time (`3:30`) and scale words
    (`5 million`) have no value here. With `unit` false no words may follow the number.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None or (match["sign"] and match["minus"]):
        return None
    rest = match["rest"]
    if not _BARE.fullmatch(rest) and not (unit and _UNIT.fullmatch(rest)):
        return None
    value = None if _SCALE.search(rest) else evaluate(match["value"])
    negative = match["sign"] in ("-", "−") or match["minus"]
    return -value if value is not None and negative else value


def last_number(text: str) -> Fraction | None:
    """The result that a piece of reasoning ends on: behind its last `=`, else its last number."""
    found = re.findall(_RESULT, text) or re.findall(_IN_TEXT, text)
    return evaluate(found[-1].rstrip(",")) if found else None


def written(value: Fraction) -> str:
    """The canonical text of a number: `42`, `1080`, `0.5`; `1/3` where six decimals do not do."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 10**DECIMALS
    if scaled.denominator != 1:
        return str(value)
    digits = str(abs(scaled.numerator)).rjust(DECIMALS + 1, "0")
    whole, decimals = digits[:-DECIMALS], digits[-DECIMALS:].rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}.{decimals}"
