"""Tables of rows to predict, and the same tables with the student's answers beside them."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.files import atomic_path, write_text
from stillhouse.core.text import printable
from stillhouse.deployment.asker import Answer, Asker, Query
from stillhouse.ingest import files
from stillhouse.ingest.files import RawRow
from stillhouse.students.serving import Serving

LINES = ".txt"
"""The kind of what is no table: a query a line."""
PARQUET = ".parquet"
SHOWN = 3


@dataclass(frozen=True)
class Asked:
    """The rows of a file in its order, and the query of each."""

    rows: Sequence[RawRow]
    queries: Sequence[Query]


def read_rows(file: Path, serving: Serving | None = None) -> list[RawRow]:
    """The rows of a table; a file that is none has a text a line, blank ones included.

    CSV and TSV are read as those that the student was trained on.
    """
    if not file.is_file():
        raise StillhouseError(f"{file} does not exist.{near_files(file)}")
    if files.is_table(file):
        quoting, separator = (serving.quoting, serving.separator) if serving else (None, None)
        return files.read_file(file, quoting or "double", separator)
    with files.open_text(file) as source:
        try:
            rows = list(lines(source, str(file)))
        except UnicodeDecodeError as error:
            raise files.not_text(file, error) from error
    if not any(row.values[""].strip() for row in rows):
        raise StillhouseError(f"{file} has no text in it.")
    return rows


def near_files(file: Path) -> str:
    """What a file that is not there could have meant."""
    beside = (path for path in file.parent.glob("[!.]*") if path.is_file())
    names = [path.name for path in beside if files.is_table(path) or path.suffix == LINES]
    return did_you_mean(file.name, names) if names else ""


def lines(source: Iterable[str], name: str) -> Iterator[RawRow]:
    """A row a line, its text under an empty name."""
    for number, line in enumerate(source, 1):
        text = line.rstrip("\r\n").removeprefix(files.MARK)
        yield RawRow(f"{name}:{number}", {"": text})


def suffix_of(file: Path) -> str:
    """The kind of a file."""
    return file.suffix.lower() if files.is_table(file) else LINES


def queries_of(asker: Asker, rows: Sequence[RawRow], file: Path) -> list[Query]:
    """A query for each row. A file whose rows all lack a column is an error, with the near names;
    a single row that no query can be made of is a query that says so.
    """
    if not files.is_table(file):
        return [asker.of_text(row.values[""]) for row in rows]
    _require_columns(asker, rows, file)
    given = {"_file": file.stem}
    return [
        asker.of_row(given | {"_row": place} | row.values, row.where)
        for place, row in enumerate(rows)
    ]


def _require_columns(asker: Asker, rows: Sequence[RawRow], file: Path) -> None:
    there = dict.fromkeys(name for row in rows for name in row.values)
    missing = [name for name in asker.columns if name not in there]
    # A template may do without a column: `{{ title | default('') }}`.
    if not missing or asker.of_row(rows[0].values, rows[0].where).problem is None:
        return
    of = "a query as the dataset writes it" if asker.raw else "the training rows"
    raise StillhouseError(
        f"{file} has no column {', '.join(map(repr, missing))}, as {of} have."
        + "".join(did_you_mean(name, there) for name in missing[:1])
    )


def added(answers: Iterable[Answer], prefix: str, *, rationale: bool) -> list[dict[str, Any]]:
    """The columns that are added to each row."""
    names = ("prediction", "score", *(("rationale",) if rationale else ()))
    return [{f"{prefix}{name}": getattr(each, name) for name in names} for each in answers]


def require_new(rows: Sequence[RawRow], names: Iterable[str], file: Path) -> None:
    """Fail where the file has columns of these names already."""
    there = {name for row in rows for name in row.values}
    if taken := [name for name in names if name in there]:
        raise StillhouseError(
            f"{file} has a column {taken[0]!r} already. Give what is added names of its own: "
            "`--prefix student_` writes `student_prediction` and `student_score`."
        )


def require_output(out: Path | None, kind: str, *, force: bool) -> str:
    """The kind of table that is written; an error where it cannot be."""
    if out is None:
        if kind == PARQUET:
            raise StillhouseError("A Parquet table is not for a terminal: name a file with --out.")
        return kind
    if out.is_dir():
        raise StillhouseError(f"{out} is a folder; name a file, such as {out}/predictions.csv.")
    if out.exists() and not force:
        raise StillhouseError(f"{out} exists. Give another name, or --force to overwrite it.")
    if kind != LINES and not files.is_table(out):
        raise StillhouseError(
            f"{out}: cannot write a {out.suffix or 'suffixless'} file."
            f"{did_you_mean(out.suffix, files.SUFFIXES)}"
        )
    return suffix_of(out)


def as_text(rows: Sequence[RawRow], more: Sequence[Mapping[str, Any]], kind: str) -> str:
    """The rows with what is added to each, as a file of that kind."""
    joined = [row.values | dict(new) for row, new in zip(rows, more, strict=True)]
    if kind in files.SEPARATORS:
        return _separated(joined, files.SEPARATORS[kind])
    if kind == LINES:
        return "".join(line(new) + "\n" for new in more)
    if kind == ".json":
        return json.dumps(joined, ensure_ascii=False, indent=2, default=str) + "\n"
    return "".join(json_line(row) + "\n" for row in joined)


def line(new: Mapping[str, Any]) -> str:
    """What is added to a row as one line, tabs between: a cell's own white space is a blank, and
    nothing in it steers a terminal.
    """
    return "\t".join(printable(" ".join(_cell(value).split())) for value in new.values())


def json_line(row: Mapping[str, Any]) -> str:
    """A row as a JSON object on one line."""
    text = json.dumps(row, ensure_ascii=False, default=str)
    # A terminal must not obey what a model wrote; escaped it is the same JSON.
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _separated(rows: Sequence[Mapping[str, Any]], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    names = dict.fromkeys(name for row in rows for name in row)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in names])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def write(
    out: Path, source: Path, rows: Sequence[RawRow], more: Sequence[Mapping[str, Any]]
) -> None:
    """Write the rows with what is added to each; a Parquet table keeps the types it had."""
    kind = suffix_of(out)
    if kind == PARQUET:
        _write_parquet(out, source, rows, more)
    else:
        write_text(out, as_text(rows, more, kind))


def _write_parquet(
    out: Path, source: Path, rows: Sequence[RawRow], more: Sequence[Mapping[str, Any]]
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = source.suffix.lower() == PARQUET
    try:
        table = pq.read_table(source) if own else pa.Table.from_pylist([r.values for r in rows])
    except pa.ArrowException as error:
        raise StillhouseError(
            f"{source} does not fit a Parquet table: {error}. Write .jsonl instead."
        ) from error
    for name in more[0]:
        kind = pa.float64() if name.endswith("score") else pa.string()
        table = table.append_column(name, pa.array([new[name] for new in more], kind))
    with atomic_path(out) as temporary:
        pq.write_table(table, temporary)


def notes(asker: Asker, answers: Sequence[Answer], places: Sequence[str]) -> Iterator[str]:
    """What should be known of the answers, a line each; `places` name the rows."""
    total = f"{len(answers):,} row{'s' if len(answers) != 1 else ''}"
    problems = Counter(each.problem for each in answers if each.problem)
    for problem, count in problems.most_common():
        where = [p for p, each in zip(places, answers, strict=True) if each.problem == problem]
        yield f"{count:,} of {total} without a prediction: {problem} ({_listed(where)})"
    cut = [p for p, each in zip(places, answers, strict=True) if each.truncated]
    if cut:
        limit = asker.manifest.max_query_tokens
        yield (
            f"{len(cut):,} of {total} lost the end of the {'chat' if asker.chats else 'query'}, "
            f"which is longer than the student sees (max_query_tokens is {limit}): {_listed(cut)}"
        )
    unscored = sum(each.score is None and each.problem is None for each in answers)
    if unscored and not asker.chats:
        yield f"{unscored:,} of {total} without a score: the prediction is none of the choices"
    if len(answers) > unscored + sum(problems.values()):
        yield asker.scores


def _listed(places: Sequence[str]) -> str:
    more = f" and {len(places) - SHOWN:,} more" if len(places) > SHOWN else ""
    return ", ".join(places[:SHOWN]) + more
