"""JSON as people's files hold it, with what Python's own reader chokes on."""

import json
import re
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.text import whole

LONGEST_INTEGER = 1000
"""Digits. Longer ones stay texts: Python refuses to convert them."""
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str, where: str) -> Any:
    """The value of a JSON text; `where` names it in an error.

    `NaN` is null, as in tables that other tools wrote: a missing number. A lone surrogate becomes
    U+FFFD. A byte order mark is passed over.
    """
    try:
        value = json.loads(
            text.removeprefix("\ufeff"),
            parse_int=lambda digits: int(digits) if len(digits) <= LONGEST_INTEGER else digits,
            parse_constant=lambda name: None if name == "NaN" else float(name),
        )
        return whole(value) if _ESCAPED_SURROGATE.search(text) else value
    except json.JSONDecodeError as error:
        hint = " Name it .jsonl if it has an object a line." if error.msg == "Extra data" else ""
        raise StillhouseError(
            f"{where} is not well-formed JSON: {error.msg} at line {error.lineno}, column "
            f"{error.colno}.{hint}"
        ) from error
    except RecursionError as error:
        raise StillhouseError(
            f"{where} is JSON nested too deeply to be read. Flatten it."
        ) from error


def read_json_file(path: Path) -> Any:
    """The value of a JSON file that somebody else wrote."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StillhouseError(
            f"{path} is not well-formed JSON: byte {error.start} is not UTF-8."
        ) from error
    return parse_json(text, str(path))


def read_json_object(path: Path) -> dict[str, Any]:
    """The same for a file that has to hold an object."""
    value = read_json_file(path)
    if not isinstance(value, dict):
        raise StillhouseError(f"{path} should be a JSON object, found {type(value).__name__}.")
    return value
