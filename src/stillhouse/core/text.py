"""Text from outside, made fit to be stored and to be shown, and cut at stop strings."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar, cast

T = TypeVar("T")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSAFE = re.compile("[^\n\t -~]")


def whole(value: T) -> T:
    """A text, or JSON's values with texts in them, with U+FFFD for every lone surrogate, which no
    file can hold: half a character, of a text that was cut in an emoji.
    """
    found: Any = value
    if isinstance(value, str):
        found = _SURROGATE.sub("\ufffd", value)
    elif isinstance(value, dict):
        found = {whole(key): whole(part) for key, part in value.items()}
    elif isinstance(value, list):
        found = [whole(part) for part in value]
    return cast(T, found)


def printable(text: str) -> str:
    """The text as a terminal may show it: what would steer one is written out as its code.

    That is every control character but newline and tab, of ASCII and of C1, and the marks that
    change the direction of what follows. Letters and signs of all scripts stay.
    """
    return _UNSAFE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    return character if character.isprintable() else repr(character)[1:-1]


def size(count: int) -> str:
    """A number of bytes as people read it: `812 B`, `45.6 kB`, `1.2 GB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if round(value, 1 if unit != "B" else 0) < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"


def cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the earliest stop string, and whether there was one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
