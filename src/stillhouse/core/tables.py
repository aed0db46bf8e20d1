"""The Parquet tables that stages exchange: schemas, reading, writing.

Every table is sorted by its key, checked against its schema at both ends, and written with fixed
options, so that equal content gives equal bytes: DVC's early cut-off depends on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import atomic_path, require_disk_space

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table's name, place, columns and unique key. Columns are nullable where the field says."""

    name: str
    path: Path
    schema: pa.Schema
    key: tuple[str, ...] = ("id",)

    def at(self, path: Path) -> "Table":
        """The same table in another place."""
        return replace(self, path=path)

    def of(self, root: Path) -> "Table":
        """The table of another project."""
        return self.at(root / self.path)

    def read_rows(self) -> list[Row]:
        """Read the table as dictionaries, in key order."""
        rows: list[Row] = self.read().to_pylist()
        return rows

    def read(self) -> pa.Table:
        """Read and check the table; an error names the file, the column and both types."""
        if not self.path.exists():
            raise StillhouseError(
                f"{self.path} does not exist: table '{self.name}' is missing. Run `dvc repro` to "
                "build it, or `dvc pull` to fetch it."
            )
        try:
            # Not pq.read_table: that imports the dataset module and pandas, half a second a stage.
            with pq.ParquetFile(self.path) as file:
                table = file.read()
        except (pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) is not None:
                raise  # the system's, such as a missing permission: no fault of the content
            raise StillhouseError(
                f"{self.path} is not a readable Parquet file ({error}). Remove it and run "
                "`dvc repro`."
            ) from error
        if set(table.schema.names) != set(self.schema.names):
            raise StillhouseError(
                f"{self.path}: table '{self.name}' should have columns {self.schema.names}, "
                f"found {table.schema.names}. It was written by another version: run `dvc repro`."
            )
        try:
            table = table.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
            raise StillhouseError(
                f"{self.path}: table '{self.name}' does not have the expected types: {error}."
            ) from error
        self._checked_order(table)
        return table

    def write_rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows as the table; columns must match exactly, keys must be unique."""
        listed = list(rows)
        expected = set(self.schema.names)
        for row in listed:
            if row.keys() != expected:
                raise StillhouseError(
                    f"{self.path}: a row of table '{self.name}' has columns {sorted(row)}, "
                    f"but the schema asks for {sorted(expected)}."
                )
        columns = []
        for field in self.schema:
            try:
                columns.append(pa.array([row[field.name] for row in listed], type=field.type))
            except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError) as error:
                raise StillhouseError(
                    f"{self.path}: column '{field.name}' of table '{self.name}' must be "
                    f"{field.type}: {error}."
                ) from error
        self.write(pa.Table.from_arrays(columns, schema=self.schema))

    def write(self, table: pa.Table) -> None:
        """Check, sort by key and write an Arrow table, atomically, with fixed Parquet options."""
        ordered = table.take(self._checked_order(table)).combine_chunks()
        # Column statistics of the key only are enough for us; metadata would leak writer details.
        require_disk_space(self.path.parent, table.nbytes, f"table '{self.name}'")
        with atomic_path(self.path) as temporary:
            pq.write_table(
                ordered.replace_schema_metadata(None),
                temporary,
                compression="zstd",
                row_group_size=1 << 16,
                store_schema=False,
            )

    def _checked_order(self, table: pa.Table) -> "pa.Array[Any]":
        """Where the rows stand by key; fails unless every cell and every key is as it must be."""
        for field in self.schema:
            if not field.nullable and table.column(field.name).null_count:
                nulls = table.column(field.name).is_null().to_pylist().index(True)
                raise StillhouseError(
                    f"{self.path}: column '{field.name}' of table '{self.name}' is empty in row "
                    f"{table.column(self.key[0])[nulls].as_py()!r}; every row needs a value."
                )
        # Neither Table.sort_by nor group_by: both load the dataset module and pandas.
        order = pc.sort_indices(table, sort_keys=[(column, "ascending") for column in self.key])
        keys = table.select(self.key).take(order)
        ahead, behind = keys.slice(1), keys.slice(0, max(0, len(keys) - 1))
        equal = [pc.equal(ahead[column], behind[column]) for column in self.key]
        repeats = reduce(pc.and_, equal)
        if pc.any(repeats).as_py():
            key = keys.slice(pc.index(repeats, True).as_py(), 1).to_pylist()[0]
            count = keys.to_pylist().count(key)
            raise StillhouseError(
                f"{self.path}: table '{self.name}' has {count} rows with {key}; "
                f"{' and '.join(self.key)} must be unique."
            )
        return order


def _table(place: str, *fields: "pa.Field[Any]", key: tuple[str, ...] = ("id",)) -> Table:
    path = Path("data") / f"{place}.parquet"
    return Table(path.stem, path, pa.schema(fields), key)


def _text(name: str, *, nullable: bool = False) -> "pa.Field[Any]":
    return pa.field(name, pa.string(), nullable=nullable)


MESSAGE = pa.struct([_text("role"), _text("content")])

EXEMPLAR = "exemplar"
"""The split of the exemplars that people wrote."""

EXAMPLES = _table(
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
EMBEDDINGS = _table(
    "embeddings",
    _text("id"),
    pa.field("vector", pa.list_(pa.float32()), nullable=False),
)
EXEMPLARS = _table(
    "exemplars",
    _text("id"),
    pa.field("rank", pa.int32(), nullable=False),
    _text("exemplar_id"),
    pa.field("distance", pa.float32(), nullable=True),
    key=("id", "rank"),
)
PROMPTS = _table("prompts", _text("id"), pa.field("messages", pa.list_(MESSAGE), nullable=False))
COMPLETIONS = _table(
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
PARSED = _table(
    "parsed",
    _text("id"),
    pa.field("sample", pa.int32(), nullable=False),
    _text("rationale", nullable=True),
    _text("label", nullable=True),
    _text("status"),
    key=("id", "sample"),
)
TEACHER_LABELS = _table("teacher_labels", _text("id"), _text("label"))
"""The teacher's labels that stand in where evaluation lacks gold ones; else empty."""
FEEDBACK_PREDICTIONS = _table("feedback/predictions", _text("id"), _text("prediction"))
VERDICTS = _table(
    "feedback/verdicts",
    _text("id"),
    _text("asked"),
    pa.field("teacher_score", pa.float64(), nullable=True),
    pa.field("student_score", pa.float64(), nullable=True),
    key=("id", "asked"),
)
CHOSEN = _table(
    "chosen",
    _text("id"),
    _text("query"),
    _text("label"),
    _text("rationale", nullable=True),
    _text("difficulty", nullable=True),
)
VALIDATION = _table("validation", _text("id"), _text("query"), _text("label"))
TRAINING = _table(
    "training",
    _text("id"),
    _text("query"),
    _text("label"),
    _text("rationale", nullable=True),
    _text("origin"),
)
_PREDICTIONS = _table(
    "predictions",
    _text("id"),
    _text("prediction"),
    _text("normalised", nullable=True),
    pa.field("score", pa.float64(), nullable=False),
)
RATINGS = _table(
    "ratings",
    _text("model"),
    _text("id"),
    pa.field("turn", pa.int32(), nullable=False),
    pa.field("rating", pa.float64(), nullable=True),
    key=("model", "id", "turn"),
)
"""What the judge says of each reply; empty where rows are single queries."""
REFERENCES = _table(
    "references",
    _text("model"),
    *_PREDICTIONS.schema,
    key=("model", "id"),
)
COMPLEXITY = _table("complexity", _text("id"), pa.field("score", pa.float64(), nullable=True))
ZERO_SHOT = replace(REFERENCES, name="zero_shot", path=Path("data/zero_shot.parquet"))
"""Models asked about the test rows as they are; what the report alone reads."""


def predictions(model: str) -> Table:
    """The predictions of one model by row: `seed=N`, or the untrained student's."""
    return _PREDICTIONS.at(paths.PREDICTIONS / f"{model}.parquet")
