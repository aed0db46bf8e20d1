"""Joins by id, checked: no positional zips anywhere."""

from collections.abc import Iterable, Mapping
from typing import Any

from stillhouse.core.errors import StillhouseError


def by_id(rows: Iterable[Mapping[str, Any]], table: str) -> dict[str, Mapping[str, Any]]:
    """Index rows by `id`; a repeated id is an error."""
    index: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row["id"] in index:
            raise StillhouseError(f"Table '{table}' has the id {row['id']!r} twice.")
        index[row["id"]] = row
    return index


def require_ids(wanted: Iterable[str], known: Iterable[str], source: str, target: str) -> None:
    """Fail, naming an example, when an id of `source` is unknown to `target`."""
    missing = sorted(set(wanted) - set(known))
    if missing:
        raise StillhouseError(
            f"{len(missing)} ids of '{source}' are not in '{target}', the first {missing[0]!r}. "
            "The tables come from different runs: run `dvc repro`."
        )
