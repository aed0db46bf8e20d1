"""JSON that others wrote: every way in which a text is no JSON is one error."""

import json
import sys
from typing import Any

from stillhouse.core.errors import StillhouseError


def parse_json(text: str | bytes, where: str) -> Any:
    """The value of a JSON text (bytes: UTF-8); `where` says in the error where it stands.

    Thousands of brackets, or of digits, are an error like any other: the standard library raises
    RecursionError and ValueError there, which no caller expects of a text.
    """
    try:
        return json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at line {error.lineno}, column {error.colno}"
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8"
    except RecursionError:
        problem = "it is nested too deeply"
    except MemoryError:
        problem = "its value does not fit in memory"
    except ValueError:
        problem = f"a whole number has more than {sys.get_int_max_str_digits():,} digits"
    raise StillhouseError(f"{where} is not well-formed JSON: {problem}.")


def parse_json_object(text: str | bytes, where: str) -> dict[str, Any]:
    """The same for a text that has to be an object."""
    value = parse_json(text, where)
    if not isinstance(value, dict):
        raise StillhouseError(f"{where} should be a JSON object, found {type(value).__name__}.")
    return value
