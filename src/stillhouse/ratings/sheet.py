"""The sheet as CSV: written for spreadsheets, and read as spreadsheets write it."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.ingest.files import LARGEST_CELL, MARK, open_text
from stillhouse.ratings.shown import guarded, unguarded

RATING_ID, CONVERSATION, REPLY, RATING, COMMENT = COLUMNS = (
    "rating_id", "conversation", "reply", "rating", "comment"
)  # fmt: skip
NEEDED = (RATING_ID, RATING)
SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile("\\Asep=.(?:\r\n|\r|\n)")
WORKBOOK = b"PK\x03\x04"
"""How a workbook (.xlsx, .ods) begins."""


@dataclass(frozen=True)
class Line:
    """One reply to rate, as it is shown."""

    rating_id: str
    conversation: str
    reply: str


@dataclass(frozen=True)
class Cells:
    """A row of a rater's sheet: its texts by column, and its number as spreadsheets count.

    A spreadsheet counts the header as row 1, and a row once, however many lines of the file it has.
    """

    number: int
    texts: dict[str, str]


def sheet_bytes(lines: Sequence[Line]) -> bytes:
    """The sheet in UTF-8 with a byte order mark, by which Excel knows it; equal lines, equal bytes.

    Cells that would be formulas are made texts (OWASP, CSV Injection).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in lines:
        cells = (line.rating_id, line.conversation, line.reply, "", "")
        writer.writerow([guarded(cell) for cell in cells])
    return f"{MARK}{text.getvalue()}".encode()


def read_sheet(path: Path) -> list[Cells]:
    """The rows of a rater's sheet that are not blank.

    Cells may be separated by commas, semicolons or tabs, columns stand in any order, and others may
    be added; `conversation`, `reply` and `comment` may be missing.
    """
    text = _text(path)
    separator = _separator(path, text)
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [_column(cell) for cell in next(reader)]
        rows = list(enumerate(reader, 2))
    except csv.Error as error:
        raise StillhouseError(
            f"{path}, line {reader.line_num}, is not well-formed CSV: {error}. Save the sheet as "
            "CSV again."
        ) from error
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise StillhouseError(f"{path} has two columns {twice[0]!r}; remove one of them.")
    found = []
    for number, cells in rows:
        if any(map(str.strip, cells)):
            if any(map(str.strip, cells[len(header) :])):
                raise StillhouseError(
                    f"{path}, row {number}, has {len(cells)} cells, but there are {len(header)} "
                    "columns. Save the sheet as CSV again, texts in double quotes."
                )
            padded = [*cells, *[""] * len(header)]
            texts = zip(header, map(unguarded, padded), strict=False)
            found.append(Cells(number, dict(texts)))
    return found


def _text(path: Path) -> str:
    if not path.is_file():
        near = [file.name for file in path.parent.glob("*")] if path.parent.is_dir() else []
        raise StillhouseError(f"{path} does not exist.{did_you_mean(path.name, near)}")
    with path.open("rb") as source:
        if source.read(len(WORKBOOK)) == WORKBOOK:
            raise StillhouseError(f"{path} is a workbook. Save it as CSV (UTF-8), and name that.")
    try:
        with open_text(path) as source:
            text = source.read().removeprefix(MARK)
    except UnicodeDecodeError as error:
        raise StillhouseError(
            f"{path} is not UTF-8 text (byte {error.start}). Save the sheet as `CSV UTF-8`."
        ) from error
    # A spreadsheet may say so in a line of its own, which it does not show as a row.
    return _SEPARATOR_LINE.sub("", text)


def _separator(path: Path, text: str) -> str:
    """The separator with which the first line has the columns that a sheet needs."""
    first = next(iter(text.splitlines()), "")
    headers = {mark: [_column(cell) for cell in first.split(mark)] for mark in SEPARATORS}
    for mark, header in headers.items():
        if set(NEEDED) <= set(header):
            return mark
    names = max(headers.values(), key=len)
    missing = next(name for name in NEEDED if name not in names)
    raise StillhouseError(
        f"{path} has no column `{missing}`: its first row should hold {', '.join(COLUMNS)}."
        f"{did_you_mean(missing, [name for name in names if name])}"
    )


def _column(cell: str) -> str:
    return "_".join(cell.strip().strip('"').casefold().split())
