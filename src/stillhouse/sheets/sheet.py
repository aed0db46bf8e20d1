"""A sheet as a file: a CSV table for spreadsheets, and what these make of it when they save."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes
from stillhouse.core.text import whole
from stillhouse.sheets.draw import Candidate

COLUMNS = ("id", "query", "choices", "label")
TEACHER = "teacher"
BETWEEN = " | "
SEPARATORS = ",;\t"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True)
class SheetRow:
    """A row as it came back; `number` is what a spreadsheet calls it, whose header is row 1."""

    number: int
    id: str
    query: str
    label: str


@dataclass(frozen=True)
class Sheet:
    """The rows of a sheet, and the encoding that it was saved in."""

    rows: Sequence[SheetRow]
    encoding: str


def write_sheet(
    path: Path, rows: Sequence[Candidate], labels: Mapping[str, str], *, show_teacher: bool
) -> None:
    """Write a sheet; `labels` are known ones by id, filled in beforehand.

    A file that is there is never written over: it may hold somebody's work.
    """
    if path.exists():
        raise StillhouseError(
            f"{path} is there already and may hold labels. Give another name with `--out`, or "
            "remove it."
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*COLUMNS, TEACHER] if show_teacher else COLUMNS)
    for row in rows:
        cells = [row.id, row.query, BETWEEN.join(row.choices), labels.get(row.id, "")]
        if show_teacher:
            cells.append(row.teacher or "")
        writer.writerow(map(as_cell, cells))
    write_bytes(path, text.getvalue().encode("utf-8-sig"))


def as_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def is_same(cell: str, text: str, encoding: str) -> bool:
    """Whether a cell still says `text`, but for white space and what its encoding cannot write."""
    if encoding == "cp1252":
        text = text.encode(encoding, "replace").decode(encoding)
    return " ".join(cell.split()) in (" ".join(text.split()), " ".join(as_cell(text).split()))


def read_sheet(path: Path) -> Sheet:
    """Read a sheet as spreadsheets save it: commas, semicolons or tabs; UTF-8, UTF-16 or Windows.

    Raises StillhouseError for what is no such table.
    """
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise StillhouseError(
            f"{path} is a workbook; save it as `CSV UTF-8` in the spreadsheet, and read that."
        )
    if not path.is_file():
        raise StillhouseError(f"{path} does not exist. `stillhouse sample --out` writes a sheet.")
    text, encoding = _decoded(path)
    lines = text.splitlines(keepends=True)
    separator = _separator(path, lines[0] if lines else "")
    try:
        header, *found = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    except csv.Error as error:
        raise StillhouseError(f"{path} is not a well-formed table: {error}.") from error
    names = [name.strip().lower() for name in header]
    places = {name: names.index(name) for name in ("id", "query", "label")}
    rows = []
    for number, cells in enumerate(found, 2):
        if not any(cell.strip() for cell in cells):
            continue
        values = {
            name: cells[place] if place < len(cells) else "" for name, place in places.items()
        }
        rows.append(
            SheetRow(number, values["id"].strip(), values["query"], values["label"].strip())
        )
    if not rows:
        raise StillhouseError(f"{path} has no rows.")
    return Sheet(rows, encoding)


def _decoded(path: Path) -> tuple[str, str]:
    content = path.read_bytes()
    tried = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in tried:
        try:
            return whole(content.decode(encoding)), encoding
        except UnicodeDecodeError:
            continue
    raise StillhouseError(
        f"{path} is neither UTF-8 nor Windows text. Save it as `CSV UTF-8` in the spreadsheet."
    )


def _separator(path: Path, line: str) -> str:
    for separator in SEPARATORS:
        names = {name.strip().lower() for name in next(csv.reader([line], delimiter=separator), [])}
        if names.issuperset({"id", "query", "label"}):
            return separator
    raise StillhouseError(
        f"{path} has no header with `id`, `query` and `label`; it begins with {line.strip()!r}. A "
        "sheet keeps the columns that `stillhouse sample` wrote."
    )
