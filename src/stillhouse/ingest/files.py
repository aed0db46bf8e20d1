"""Readers of JSON Lines, JSON, CSV, TSV and Parquet: a file to raw rows that know their place."""

import csv
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

from stillhouse.config.dataset import Quoting
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.json_text import parse_json
from stillhouse.core.progress import announce

MARK = "\ufeff"
"""The byte order mark: at the head of a file, and within one that was joined from several."""
LARGEST_CELL = 2**31 - 1
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class RawRow:
    """One row as the source has it, and where it stands (`file:line`), for messages."""

    where: str
    values: dict[str, Any]


def read_file(path: Path, quoting: Quoting | None = None) -> list[RawRow]:
    """Read a table; the suffix, in any case, says how. An error names the line that is unreadable.

    `quoting` is for CSV and TSV: whether a double quote at the head of a cell quotes it (`double`)
    or is text (`none`). Where nobody says, it quotes, with a warning when rows then span lines.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in SEPARATORS:
            rows = list(_separated(path, SEPARATORS[suffix], quoting))
        elif suffix in _READERS:
            rows = list(_READERS[suffix](path))
        else:
            raise StillhouseError(
                f"{path}: cannot read a {path.suffix or 'suffixless'} file."
                f"{did_you_mean(suffix, SUFFIXES)}"
            )
    except UnicodeDecodeError as error:
        raise not_text(path, error) from error
    if not rows:
        raise StillhouseError(f"{path} has no rows.")
    return rows


def is_table(path: Path) -> bool:
    """Whether the suffix is that of a table that `read_file` reads."""
    return path.suffix.lower() in SUFFIXES


def open_text(path: Path) -> TextIO:
    """A text file open for reading: UTF-8, or UTF-16 where a byte order mark says so."""
    with path.open("rb") as source:
        encoding = "utf-16" if source.read(2) in UTF16_MARKS else "utf-8-sig"
    return path.open(encoding=encoding, newline="")


def not_text(name: object, error: UnicodeDecodeError) -> StillhouseError:
    """What to say of bytes that are no text."""
    return StillhouseError(f"{name} is not UTF-8 text (byte {error.start}); convert it to UTF-8.")


def present(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values, null where a column of numbers has NaN for what is missing."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in values.items()
    }


def json_lines(source: Iterable[str], name: str) -> Iterator[RawRow]:
    """The rows of JSON Lines, blank lines passed over; `name` is what messages call the source."""
    for number, line in enumerate(source, 1):
        if line.strip().strip(MARK):
            where = f"{name}:{number}"
            yield RawRow(where, _object(where, parse_json(line, where)))


def _json_lines(path: Path) -> Iterator[RawRow]:
    with open_text(path) as source:
        yield from json_lines(source, str(path))


def _json(path: Path) -> Iterator[RawRow]:
    with open_text(path) as source:
        values = parse_json(source.read(), str(path))
    if not isinstance(values, list):
        raise StillhouseError(
            f"{path} should be a JSON array of objects, found {type(values).__name__}."
        )
    for number, value in enumerate(values, 1):
        where = f"{path} item {number}"
        yield RawRow(where, _object(where, value))


def _object(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise StillhouseError(f"{where} should be a JSON object, found {type(value).__name__}.")
    return value


def _separated(path: Path, delimiter: str, quoting: Quoting | None) -> Iterator[RawRow]:
    csv.field_size_limit(LARGEST_CELL)
    style: Literal[0, 3] = csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL
    with open_text(path) as source:
        lines = (line.removeprefix(MARK) for line in source)
        reader = csv.reader(lines, delimiter=delimiter, quoting=style, strict=True)
        spans = _Spans(path)
        try:
            header = next(reader, [])
            if len(set(header)) != len(header):
                raise StillhouseError(f"{path}:1: a column name occurs twice in {header}.")
            line = reader.line_num + 1
            for cells in reader:
                if cells and len(cells) != len(header):
                    raise StillhouseError(_cells_message(f"{path}:{line}", cells, header, quoting))
                if cells:
                    spans.count(line, reader.line_num)
                    yield RawRow(f"{path}:{line}", dict(zip(header, cells, strict=True)))
                line = reader.line_num + 1
        except csv.Error as error:
            raise StillhouseError(
                f"{path}:{reader.line_num} is not well-formed: {error}."
                f"{'' if quoting == 'none' else _QUOTES}"
            ) from error
    if quoting is None:
        spans.warn()


_QUOTES = (
    " If double quotes are text in this file, write `quoting: none` beside the split's `read`."
)


def _cells_message(where: str, cells: list[str], header: list[str], quoting: Quoting | None) -> str:
    found = (
        f"{where} has {len(cells)} cells, but the header has {len(header)} columns "
        f"({', '.join(header)})."
    )
    if quoting == "none":
        return f"{found} With `quoting: none` no cell can hold the separator."
    return f"{found} Put cells that contain the separator in double quotes.{_QUOTES}"


class _Spans:
    """Counts lines against rows: a quote that is text swallows the lines up to the next one."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows, self.lines = path, 0, 0
        self.first: int | None = None

    def count(self, first: int, last: int) -> None:
        self.rows += 1
        self.lines += last - first + 1
        if last > first and self.first is None:
            self.first = first

    def warn(self) -> None:
        if self.first is not None:
            rows = f"{self.rows:,} row{'s' if self.rows > 1 else ''}"
            announce(
                f"warning: {self.path} has {self.lines:,} lines below its header, but {rows}: a "
                f"double quote makes a cell of several lines, the first one in line {self.first}. "
                "If double quotes are text in this file, write `quoting: none` beside the split's "
                "`read`; if cells have line breaks, write `quoting: double`."
            )


def _parquet(path: Path) -> Iterator[RawRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise StillhouseError(f"{path} is not a readable Parquet file: {error}.") from error
    for number, values in enumerate(table.to_pylist(), 1):
        yield RawRow(f"{path} row {number}", present(values))


SEPARATORS = {".csv": ",", ".tsv": "\t"}
_READERS: dict[str, Callable[[Path], Iterator[RawRow]]] = {
    ".jsonl": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
}
SUFFIXES = (*_READERS, *SEPARATORS)
