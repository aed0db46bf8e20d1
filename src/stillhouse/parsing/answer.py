"""Reading the answer that stands in the tail of a completion."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from stillhouse.answers.choices import named_choices, negates, read_choice
from stillhouse.answers.equation import evaluate
from stillhouse.answers.numbers import read_number, written
from stillhouse.config.dataset import Metric
from stillhouse.parsing.text import first_sentence

_NAME = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Reading:
    """A label, and whether the text was the answer alone (`exact`) or had to be mended."""

    label: str
    exact: bool


def read_answer(tail: str, metric: Metric, choices: Sequence[str]) -> Reading | None:
    """The one answer in `tail`: all of it, its first line, its first sentence, or a mended one.

    With choices the label is a choice's text, whether the metric is `choice` or `exact`; a number
    is written canonically, an equation as the teacher wrote it. None when there is no single one.
    """
    candidates = _candidates(tail)
    for candidate in candidates:
        reading = _read(candidate, metric, choices)
        if reading:
            return Reading(reading.label, exact=reading.exact and candidate == candidates[0])
    return _mend(candidates[-1], metric, choices) if candidates else None


def read_last_line(text: str, metric: Metric, choices: Sequence[str]) -> tuple[str, str] | None:
    """The text before the last line and its label, when that line is exactly an answer.

    Free text has no form that could be recognised, so `exact` needs choices.
    """
    before, _, line = text.rstrip().rpartition("\n")
    if metric == "exact" and not choices:
        return None
    reading = _read(_bare(line), metric, choices)
    return (before, reading.label) if reading and reading.exact else None


def _candidates(tail: str) -> list[str]:
    whole = _bare(tail)
    line = _bare(whole.split("\n", 1)[0])
    return list(dict.fromkeys(c for c in (whole, line, _bare(first_sentence(line))) if c))


def _bare(text: str) -> str:
    """Without emphasis around it, and without the colon or equals sign behind a marker.

    Only a double `*` is emphasis: a lone one multiplies.
    """
    before = None
    while before != text:
        before = text
        text = text.lstrip(" \t\r\n`:=").rstrip(" \t\r\n`").removeprefix("**")
        text = text.removesuffix("**.").removesuffix("**")
    return text


def _read(text: str, metric: Metric, choices: Sequence[str]) -> Reading | None:
    if choices and metric in ("choice", "exact"):
        choice = read_choice(text, choices)
        return Reading(choice.text, choice.exact) if choice else None
    if metric == "exact":
        label = text.removesuffix(".").rstrip()
        return Reading(label, exact=True) if label and "\n" not in label else None
    if metric == "number":
        value = read_number(text)
        bare = read_number(text, unit=False) is not None
        return None if value is None else Reading(written(value), exact=bare)
    expression = " ".join(text.removesuffix(".").split())
    return None if evaluate(expression) is None else Reading(expression, exact=True)


def _mend(text: str, metric: Metric, choices: Sequence[str]) -> Reading | None:
    if choices and metric in ("choice", "exact"):
        named = set(named_choices(text, choices))
        if len(named) != 1 or negates(text, choices):
            return None
        return Reading(choices[named.pop()], exact=False)
    return None if metric in ("choice", "exact") else _mend_arithmetic(text, metric)


def _mend_arithmetic(text: str, metric: Metric) -> Reading | None:
    """Read `18 / 6 = 3 groups`, `x = 14`, `(84 / 2`, `$5 * 3`; every side must have one value."""
    sides = [_balanced(side) for side in text.removesuffix(".").replace("$", "").split("=")]
    valued = [(side, value) for side in sides if (value := _value(side)) is not None]
    unnamed = any(_value(side) is None and not _NAME.fullmatch(side) for side in sides)
    if unnamed or len({value for _, value in valued}) != 1:
        return None
    side, value = valued[0]
    expression = side if evaluate(side) is not None else written(value)
    return Reading(expression if metric == "equation" else written(value), exact=False)


def _value(side: str) -> Fraction | None:
    value = evaluate(side)
    return read_number(side) if value is None else value


def _balanced(side: str) -> str:
    """Close the brackets that were left open, drop the closing ones that are too many."""
    side = side.strip()
    missing = side.count("(") - side.count(")")
    if missing >= 0:
        return side + ")" * missing
    return side[:missing] if side.endswith(")" * -missing) else side
