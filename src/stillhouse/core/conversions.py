"""What templates may make of a value: a number only of a number, and no text of a null.

Jinja2's own `int` and `float` give 0 for whatever is no number, an empty cell included, and its
`int` cuts 4.5 to 4; its text filters write "None" for a null. Such a value went on as if it
were one that the data has.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import jinja2

_NOTHING = object()
_WHOLE = re.compile(r"([+-]?\d+)(?:\.0*)?")
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_TRUTHS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0", "0.0"), False),
}
SHOWN = 60
"""Characters of a value that a message shows."""


def whole_number(value: object, default: Any = _NOTHING, base: int = 10) -> Any:
    """The filter `int`: 4 of `4`, `' 4 '`, `4.0`, `'4.0'` and `'4e0'`.

    What is no number is `default`, and an error without one. 4.5 is a number, but not a whole one:
    an error even with a default, since rounding it is a choice.
    """
    if base != 10 and isinstance(value, str):
        try:
            return int(value, base)
        except ValueError:
            return _otherwise(value, default, f"no number of base {base}", "int")
    number = _number_of(value)
    if isinstance(number, float):
        if not number.is_integer():
            raise ValueError(
                f"{_shown(value)} is no whole number; `float` keeps what is behind the point, "
                "`float | round | int` rounds"
            )
        return int(number)
    return _otherwise(value, default, "no number", "int") if number is None else number


def number(value: object, default: Any = _NOTHING) -> Any:
    """The filter `float`: a finite number; what is none is `default`, and an error without one."""
    found = _number_of(value)
    return _otherwise(value, default, "no number", "float") if found is None else float(found)


def truth(value: object, default: Any = _NOTHING) -> Any:
    """The filter `bool`: whether a cell says so.

    In CSV all is text, and as a condition every text but the empty one is true, `False`, too.
    """
    written = str(_defined(value)).strip().casefold()
    if written in _TRUTHS:
        return _TRUTHS[written]
    return _otherwise(value, default, "neither true nor false", "bool")


def _number_of(value: object) -> int | float | None:
    """The number that a value is or that a text writes; None for others, and what is not finite."""
    _defined(value)
    if isinstance(value, str):
        text = value.strip()
        if found := _WHOLE.fullmatch(text):
            value = found[1]
        elif not _DECIMAL.fullmatch(text):
            return None
        else:
            value = float(text)
    try:
        if isinstance(value, (str, int)):
            return int(value)
        found_number = float(value)  # type: ignore[arg-type] # such as Parquet's decimals
    except (TypeError, ValueError, OverflowError):
        return None
    return found_number if math.isfinite(found_number) else None


def _defined(value: object) -> object:
    """The value; a column that is not there is the error that it is elsewhere."""
    if isinstance(value, jinja2.Undefined):
        str(value)
    return value


def _otherwise(value: object, default: Any, what: str, name: str) -> Any:
    if default is not _NOTHING:
        return default
    example = "false" if name == "bool" else "0"
    raise ValueError(
        f"{_shown(value)} is {what}; what stands for such values can be given, as in "
        f"`{name}({example})`"
    )


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


OF_TEXT = (
    *("capitalize", "center", "e", "escape", "forceescape", "format", "indent", "lower", "replace"),
    *("string", "striptags", "title", "trim", "truncate", "upper", "urlencode", "wordcount"),
    "wordwrap",
)
"""Jinja2's filters that write a value as text first."""


def conversions(filters: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """What stands for Jinja2's own `filters`."""
    ours = {"int": whole_number, "float": number, "bool": truth, "join": _joining(filters["join"])}
    return ours | {name: _null_is_no_text(filters[name]) for name in OF_TEXT}


def text_of(value: object) -> object:
    """A value as text is made of it: a null is no text, not "None"."""
    return "" if value is None else value


def _null_is_no_text(own: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(own)
    def filtered(*values: Any, **options: Any) -> Any:
        return own(*map(text_of, values), **options)

    return filtered


def _joining(own: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(own)
    def join(context: Any, values: Any, *options: Any, **named: Any) -> Any:
        return own(context, map(text_of, values), *options, **named)

    return join
