"""Rows that a function of the project's own gives."""

import datetime
import decimal
from collections.abc import Iterable, Mapping, Sequence

from stillhouse.core.errors import StillhouseError
from stillhouse.hooks.hook import ROWS
from stillhouse.hooks.load import Function, load, users_code
from stillhouse.ingest.files import RawRow, present

_PLAIN = (
    str,
    int,
    float,
    bool,
    type(None),
    datetime.date,
    datetime.datetime,
    datetime.time,
    decimal.Decimal,
)


def read_own(source: str, names: Sequence[str]) -> dict[str, list[RawRow]]:
    """The rows of each of a source's splits, by the names that the dataset's `read` gives them.

    Raises StillhouseError, with the user's own line and the row, for what the function raises and
    for what is no row.
    """
    function = load("source", source, ROWS)
    return {name: _rows(function, source, name) for name in names}


def _rows(function: Function, source: str, name: str) -> list[RawRow]:
    said = f"`source: {source}`, split {name!r}"
    found: list[RawRow] = []
    with users_code(f"{said}, failed"):
        given = function(split=name)
    if isinstance(given, Mapping | str | bytes) or not isinstance(given, Iterable):
        raise StillhouseError(
            f"{said}, gave {type(given).__name__}; {function.place} has to yield a dictionary for "
            "each row, or to return a list of them."
        )
    rows = iter(given)
    while True:
        with users_code(f"{said}, failed at row {len(found) + 1}"):
            try:
                row = next(rows)
            except StopIteration:
                break
        found.append(_row(row, f"{source} {name} row {len(found) + 1}", function.place))
    if not found:
        raise StillhouseError(f"{said}, gave no rows: see {function.place}.")
    return found


def _row(row: object, where: str, place: str) -> RawRow:
    if not isinstance(row, dict) or not all(isinstance(name, str) for name in row):
        raise StillhouseError(
            f"{where} is {str(row)[:80]!r}, a {type(row).__name__}; {place} has to give "
            "dictionaries whose keys are the names of columns."
        )
    for name, value in row.items():
        if (other := _no_value(value)) is not None:
            raise StillhouseError(
                f"{where}: the column {name!r} holds a {_type(other)} ({place}). Make a text, a "
                "number, a list or a dictionary of it: anything else may look otherwise in another "
                "run."
            )
    return RawRow(where, present(row))


def _type(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _no_value(value: object) -> object:
    """What is in a value that is neither text nor number, nor a list or a dictionary of such."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        return next((other for each in value if (other := _no_value(each)) is not None), None)
    return None if type(value) in _PLAIN else value
