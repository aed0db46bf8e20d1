"""Readers of JSON Lines, JSON, CSV, TSV and Parquet: a file to raw rows that know their place."""

import csv
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any, Literal, TextIO

from stillhouse.config.dataset import Quoting
from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.json_text import parse_json
from stillhouse.core.progress import announce

MARK = "\ufeff"
"""The byte order mark: at the head of a file, and within one that was joined from several."""
LARGEST_CELL = 2**31 - 1
AROUND = 20
"""Bytes on either side that a message shows."""
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class RawRow:
    """One row as the source has it, and where it stands (`file:line`), for messages."""

    where: str
    values: dict[str, Any]


def read_file(
    path: Path, quoting: Quoting | None = None, separator: str | None = None
) -> list[RawRow]:
    """Read a table; the suffix, in any case, says how. An error names the line that is unreadable.

    `quoting` is for CSV and TSV: whether a double quote at the head of a cell quotes it (`double`)
    or is text (`none`). Where nobody says, it quotes, with a warning when rows then span lines.
    `separator` stands between their cells, where it is not the one that the suffix says.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in SEPARATORS:
            rows = list(_separated(path, separator or SEPARATORS[suffix], quoting, not separator))
        elif suffix in _READERS:
            rows = list(_READERS[suffix](path))
        else:
            raise StillhouseError(
                f"{path}: cannot read a {path.suffix or 'suffixless'} file."
                f"{did_you_mean(suffix, SUFFIXES)}"
            )
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
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
    return StillhouseError(f"{name} is not UTF-8 text{_in_windows(error)}; convert it to UTF-8.")


def _not_text(path: Path, error: UnicodeDecodeError) -> StillhouseError:
    """The same of a file: where, and the command to type."""
    content = path.read_bytes()
    if b"\0" in content and error.encoding == "utf-8":
        return _holds_nul(path)
    try:
        content.decode(error.encoding)
    except UnicodeDecodeError as of_all:  # `error` is of a piece of the file
        line = content.count(b"\n", 0, of_all.start) + 1
        if said := _in_windows(of_all):
            command = _iconv("WINDOWS-1252", path)
            return StillhouseError(
                f"{path}:{line} is not UTF-8 text{said}. If that is right: `{command}` "
                "(`stillhouse init` takes --encoding); otherwise convert it from the encoding that "
                "it has."
            )
        return not_text(f"{path}:{line}", of_all)
    return not_text(path, error)


def _iconv(encoding: str, path: Path) -> str:
    """The command that makes UTF-8 of a file in another encoding."""
    new = path.with_stem(f"{path.stem}_utf8")
    return f"iconv -f {encoding} -t UTF-8 {quote(str(path))} > {quote(str(new))}"


def _in_windows(error: UnicodeDecodeError) -> str:
    """How the text around an error reads in Windows-1252, the encoding of many spreadsheets."""
    if error.encoding != "utf-8":
        return ""
    start, end = max(0, error.start - AROUND), error.start + AROUND
    piece = error.object[start:end].splitlines()
    line = next(
        (part for part in piece if error.object[error.start : error.start + 1] in part), b""
    )
    try:
        return f" (read as Windows-1252 it has {line.decode('cp1252')!r})"
    except UnicodeDecodeError:
        return ""


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


def _separated(
    path: Path, delimiter: str, quoting: Quoting | None, guessed: bool
) -> Iterator[RawRow]:
    csv.field_size_limit(LARGEST_CELL)
    style: Literal[0, 3] = csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL
    with open_text(path) as source:
        lines = (_without_nul(line.removeprefix(MARK), path) for line in source)
        reader = csv.reader(lines, delimiter=delimiter, quoting=style, strict=True)
        spans = _Spans(path)
        try:
            header = next(filter(None, reader), [])
            if header == ["sep=", ""]:  # spreadsheets say so in a line of their own
                header = next(filter(None, reader), [])
            _check_header(f"{path}:{reader.line_num}", header, other := _other(header, guessed))
            line = reader.line_num + 1
            for cells in reader:
                where = f"{path}:{line}"
                if cells and len(cells) != len(header):
                    raise StillhouseError(_cells_message(where, cells, header, quoting) + other)
                if cells == header and len(header) > 1:
                    raise StillhouseError(
                        f"{where} is the header again: remove that line, and look whether several "
                        "files were joined."
                    )
                if cells:
                    spans.count(line, reader.line_num)
                    yield RawRow(where, dict(zip(header, cells, strict=True)))
                line = reader.line_num + 1
        except csv.Error as error:
            raise StillhouseError(
                f"{path}:{reader.line_num} is not well-formed: {error}."
                f"{'' if quoting == 'none' else _QUOTES}"
            ) from error
    if quoting is None:
        spans.warn()


def _without_nul(line: str, path: Path) -> str:
    if "\0" in line:
        raise _holds_nul(path)
    return line


def _holds_nul(path: Path) -> StillhouseError:
    return StillhouseError(
        f"{path} holds NUL characters, so it is no UTF-8 text. Where it is UTF-16 without its "
        f"mark: `{_iconv('UTF-16LE', path)}`."
    )


def _check_header(where: str, header: list[str], other: str) -> None:
    repeated = sorted(name for name, count in Counter(header).items() if count > 1)
    if header.count("") > 1:
        places = [place for place, name in enumerate(header, 1) if not name]
        raise StillhouseError(
            f"{where}: the columns {', '.join(map(str, places))} have no name. Name them, or "
            f"remove the separators behind the last column.{other}"
        )
    if repeated:
        raise StillhouseError(
            f"{where}: a column name occurs twice in {header}: {repeated}.{other}"
        )
    if len(header) == 1 and other:
        raise StillhouseError(f"{where}: the header has one column, {header[0]!r}.{other}")


def _other(header: list[str], guessed: bool) -> str:
    """What to do where the names of a header hold another separator than the suffix says."""
    found = next((sign for sign in OTHERS if any(sign in name for name in header)), None)
    if found is None or not guessed:
        return ""
    return (
        f" Where cells are separated by {OTHERS[found]}, write `separator: {json.dumps(found)}` "
        "beside the split's `read` (`stillhouse init` takes --delimiter)."
    )


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
OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}
_READERS: dict[str, Callable[[Path], Iterator[RawRow]]] = {
    ".jsonl": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
}
SUFFIXES = (*_READERS, *SEPARATORS)
