"""Readers of JSON Lines, JSON, CSV, TSV and Parquet: a file to raw rows that know their place."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError, did_you_mean


@dataclass(frozen=True)
class RawRow:
    """One row as the source has it, and where it stands (`file:line`), for messages."""

    where: str
    values: dict[str, Any]


def read_file(path: Path) -> list[RawRow]:
    """Read a table; the suffix says how. An unreadable line is an error that names it."""
    reader = READERS.get(path.suffix)
    if reader is None:
        raise StillhouseError(
            f"{path}: cannot read a {path.suffix or 'suffixless'} file."
            f"{did_you_mean(path.suffix, READERS)}"
        )
    try:
        rows = list(reader(path))
    except UnicodeDecodeError as error:
        raise StillhouseError(
            f"{path} is not UTF-8 text (byte {error.start}); convert it to UTF-8."
        ) from error
    if not rows:
        raise StillhouseError(f"{path} has no rows.")
    return rows


def json_lines(source: Iterable[str], name: str) -> Iterator[RawRow]:
    """The rows of JSON Lines, blank lines passed over; `name` is what messages call the source."""
    for number, line in enumerate(source, 1):
        if line.strip():
            where = f"{name}:{number}"
            yield RawRow(where, _object(where, _parsed(where, line)))


def _json_lines(path: Path) -> Iterator[RawRow]:
    with path.open(encoding="utf-8-sig") as source:
        yield from json_lines(source, str(path))


def _json(path: Path) -> Iterator[RawRow]:
    values = _parsed(str(path), path.read_text(encoding="utf-8-sig"))
    if not isinstance(values, list):
        raise StillhouseError(
            f"{path} should be a JSON array of objects, found {type(values).__name__}."
        )
    for number, value in enumerate(values, 1):
        where = f"{path} item {number}"
        yield RawRow(where, _object(where, value))


def _parsed(where: str, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        hint = " Name it .jsonl if it has an object a line." if error.msg == "Extra data" else ""
        raise StillhouseError(
            f"{where} is not well-formed JSON: {error.msg} at line {error.lineno}, column "
            f"{error.colno}.{hint}"
        ) from error


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StillhouseError(f"{where} should be a JSON object, found {type(value).__name__}.")
    return value


def _csv(path: Path) -> Iterator[RawRow]:
    return _separated(path, ",")


def _tsv(path: Path) -> Iterator[RawRow]:
    return _separated(path, "\t")


def _separated(path: Path, delimiter: str) -> Iterator[RawRow]:
    with path.open(encoding="utf-8-sig", newline="") as source:
        reader = csv.reader(source, delimiter=delimiter, strict=True)
        try:
            header = next(reader, [])
            if len(set(header)) != len(header):
                raise StillhouseError(f"{path}:1: a column name occurs twice in {header}.")
            line = reader.line_num + 1
            for cells in reader:
                if cells and len(cells) != len(header):
                    raise StillhouseError(
                        f"{path}:{line} has {len(cells)} cells, but the header has "
                        f"{len(header)} columns ({', '.join(header)}). Put cells that contain "
                        "the separator in double quotes."
                    )
                if cells:
                    yield RawRow(f"{path}:{line}", dict(zip(header, cells, strict=True)))
                line = reader.line_num + 1
        except csv.Error as error:
            raise StillhouseError(
                f"{path}:{reader.line_num} is not well-formed: {error}."
            ) from error


def _parquet(path: Path) -> Iterator[RawRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise StillhouseError(f"{path} is not a readable Parquet file: {error}.") from error
    for number, values in enumerate(table.to_pylist(), 1):
        yield RawRow(f"{path} row {number}", values)


READERS: dict[str, Callable[[Path], Iterator[RawRow]]] = {
    ".jsonl": _json_lines,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
