"""The Parquet tables that stages exchange: schemas, reading, writing.

Every table is sorted by its key, checked against its schema at both ends, and written with fixed
options, so that equal content gives equal bytes: DVC's early cut-off depends on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import atomic_path, require_disk_space

Row = dict[str, Any]


@dataclass(frozen=True)
class TableSpec:
    """A table's name, columns and unique key. Columns are nullable only where the field says so."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...] = ("id",)


def _text(name: str, *, nullable: bool = False) -> "pa.Field[Any]":
    return pa.field(name, pa.string(), nullable=nullable)


def _spec(name: str, *fields: "pa.Field[Any]", key: tuple[str, ...] = ("id",)) -> TableSpec:
    return TableSpec(name, pa.schema(fields), key)


MESSAGE = pa.struct([_text("role"), _text("content")])

EXAMPLES = _spec(
    "examples",
    _text("id"),
    _text("split"),
    _text("query"),
    _text("label", nullable=True),
    pa.field("choices", pa.list_(pa.string()), nullable=False),
    _text("gold_rationale", nullable=True),
    _text("group", nullable=True),
    _text("meta", nullable=True),
)
EMBEDDINGS = _spec(
    "embeddings",
    _text("id"),
    pa.field("vector", pa.list_(pa.float32()), nullable=False),
)
EXEMPLARS = _spec(
    "exemplars",
    _text("id"),
    pa.field("rank", pa.int32(), nullable=False),
    _text("exemplar_id"),
    pa.field("distance", pa.float32(), nullable=True),
    key=("id", "rank"),
)
PROMPTS = _spec("prompts", _text("id"), pa.field("messages", pa.list_(MESSAGE), nullable=False))
COMPLETIONS = _spec(
    "completions",
    _text("id"),
    pa.field("sample", pa.int32(), nullable=False),
    _text("text"),
    _text("reasoning", nullable=True),
    _text("finish_reason"),
    pa.field("prompt_tokens", pa.int32(), nullable=True),
    pa.field("completion_tokens", pa.int32(), nullable=True),
    key=("id", "sample"),
)
PARSED = _spec(
    "parsed",
    _text("id"),
    pa.field("sample", pa.int32(), nullable=False),
    _text("rationale", nullable=True),
    _text("label", nullable=True),
    _text("status"),
    key=("id", "sample"),
)
FEEDBACK_PREDICTIONS = _spec("feedback_predictions", _text("id"), _text("prediction"))
VERDICTS = _spec(
    "verdicts",
    _text("id"),
    _text("asked"),
    pa.field("teacher_score", pa.float64(), nullable=True),
    pa.field("student_score", pa.float64(), nullable=True),
    key=("id", "asked"),
)
CHOSEN = _spec(
    "chosen",
    _text("id"),
    _text("query"),
    _text("label"),
    _text("rationale", nullable=True),
    _text("difficulty", nullable=True),
)
VALIDATION = _spec("validation", _text("id"), _text("query"), _text("label"))
TRAINING = _spec(
    "training",
    _text("id"),
    _text("query"),
    _text("label"),
    _text("rationale", nullable=True),
    _text("origin"),
)
PREDICTIONS = _spec(
    "predictions",
    _text("id"),
    _text("prediction"),
    _text("normalised", nullable=True),
    pa.field("score", pa.float64(), nullable=False),
)


def write_rows(path: Path, spec: TableSpec, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as the table `spec`; columns must match exactly, keys must be unique."""
    listed = list(rows)
    expected = set(spec.schema.names)
    for row in listed:
        if row.keys() != expected:
            raise StillhouseError(
                f"{path}: a row of table '{spec.name}' has columns {sorted(row)}, "
                f"but the schema asks for {sorted(expected)}."
            )
    columns = {name: [row[name] for row in listed] for name in spec.schema.names}
    write_table(path, spec, _cast(path, spec, columns))


def _cast(path: Path, spec: TableSpec, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    arrays = []
    for field in spec.schema:
        try:
            arrays.append(pa.array(columns[field.name], type=field.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
            raise StillhouseError(
                f"{path}: column '{field.name}' of table '{spec.name}' must be {field.type}: "
                f"{error}."
            ) from error
    return pa.Table.from_arrays(arrays, schema=spec.schema)


def write_table(path: Path, spec: TableSpec, table: pa.Table) -> None:
    """Check, sort by key and write an Arrow table, atomically and with fixed Parquet options."""
    _check(path, spec, table)
    ordered = table.sort_by([(column, "ascending") for column in spec.key]).combine_chunks()
    # Column statistics of the key only are enough for us; metadata would leak writer details.
    require_disk_space(path.parent, table.nbytes, f"table '{spec.name}'")
    with atomic_path(path) as temporary:
        pq.write_table(
            ordered.replace_schema_metadata(None),
            temporary,
            compression="zstd",
            row_group_size=1 << 16,
            store_schema=False,
        )


def read_table(path: Path, spec: TableSpec) -> pa.Table:
    """Read and check the table `spec`; an error names the file, the column and both types."""
    if not path.exists():
        raise StillhouseError(
            f"{path} does not exist: table '{spec.name}' is missing. Run `dvc repro` to build it, "
            "or `dvc pull` to fetch it."
        )
    try:
        # Not pq.read_table: that imports the dataset module and pandas, half a second a stage.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise  # the system's, such as a missing permission: no fault of the content
        raise StillhouseError(
            f"{path} is not a readable Parquet file ({error}). Remove it and run `dvc repro`."
        ) from error
    if set(table.schema.names) != set(spec.schema.names):
        raise StillhouseError(
            f"{path}: table '{spec.name}' should have columns {spec.schema.names}, "
            f"found {table.schema.names}. It was written by another version: run `dvc repro`."
        )
    try:
        table = table.select(spec.schema.names).cast(spec.schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise StillhouseError(
            f"{path}: table '{spec.name}' does not have the expected types: {error}."
        ) from error
    _check(path, spec, table)
    return table


def read_rows(path: Path, spec: TableSpec) -> list[Row]:
    """Read the table `spec` as dictionaries, in key order."""
    rows: list[Row] = read_table(path, spec).to_pylist()
    return rows


def _check(path: Path, spec: TableSpec, table: pa.Table) -> None:
    for field in spec.schema:
        if not field.nullable and table.column(field.name).null_count:
            nulls = table.column(field.name).is_null().to_pylist().index(True)
            raise StillhouseError(
                f"{path}: column '{field.name}' of table '{spec.name}' is empty in row "
                f"{table.column(spec.key[0])[nulls].as_py()!r}; every row needs a value."
            )
    counts = table.group_by(list(spec.key)).aggregate([([], "count_all")])
    if counts.num_rows != table.num_rows:
        repeated = next(row for row in counts.to_pylist() if row["count_all"] > 1)
        key = {column: repeated[column] for column in spec.key}
        raise StillhouseError(
            f"{path}: table '{spec.name}' has {repeated['count_all']} rows with {key}; "
            f"{' and '.join(spec.key)} must be unique."
        )
