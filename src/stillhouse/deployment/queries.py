"""Queries for a student: a text, lines, or tables with a column `query`."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TextIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.text import whole
from stillhouse.ingest import files
from stillhouse.ingest.files import RawRow


class Query(BaseModel):
    """One query; other columns of its row are passed over."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    id: str
    text: Annotated[str, Field(alias="query", pattern=r"\S")]
    choices: tuple[str, ...] = ()


def read_queries(
    text: str | None, file: Path | None, stdin: TextIO, json_lines: bool
) -> list[Query]:
    """The queries of `text`, else of `file`, else of standard input.

    A table (`.jsonl`, `.csv`, `.parquet` ...) has a column `query`, and may have `id` and
    `choices`; without ids rows are counted from 1. Any other file, and standard input unless
    `json_lines`, has one query a line. Half a character, as a terminal or a cut text may give,
    becomes U+FFFD.
    """
    read = files.json_lines if json_lines else _lines
    if text is not None:
        return [_query(RawRow("the text", {"query": text}), 1)]
    if file is None:
        rows = _rows(read, stdin, "standard input")
    elif not file.is_file():
        near = [path.name for path in file.parent.glob("*")] if file.parent.is_dir() else []
        raise StillhouseError(f"{file} does not exist.{did_you_mean(file.name, near)}")
    elif files.is_table(file):
        rows = files.read_file(file)
    else:
        with files.open_text(file) as source:
            rows = _rows(read, source, str(file))
    if not rows:
        raise StillhouseError("There is no query. Give a text, a file, or lines on standard input.")
    queries = [_query(row, number) for number, row in enumerate(rows, 1)]
    seen: set[str] = set()
    for query in queries:
        if query.id in seen:
            raise StillhouseError(f"The id {query.id!r} occurs twice; give every query its own.")
        seen.add(query.id)
    return queries


def _rows(
    read: Callable[[TextIO, str], Iterable[RawRow]], source: TextIO, name: str
) -> list[RawRow]:
    try:
        return list(read(source, name))
    except UnicodeDecodeError as error:
        raise files.not_text(name, error) from error


def _lines(source: TextIO, name: str) -> Iterable[RawRow]:
    return (
        RawRow(f"{name}:{number}", {"query": line.rstrip("\r\n").removeprefix(files.MARK)})
        for number, line in enumerate(source, 1)
        if line.strip()
    )


def _query(row: RawRow, number: int) -> Query:
    values: dict[str, Any] = {"id": str(number)} | {
        k: whole(v) for k, v in row.values.items() if v is not None
    }
    if "query" not in values:
        raise StillhouseError(f"{row.where} has no `query`.{did_you_mean('query', row.values)}")
    try:
        return Query.model_validate(values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        found = f"{detail['input']!r:.60}"
        raise StillhouseError(f"{row.where}: `{where}` is {found}: {detail['msg']}.") from error
