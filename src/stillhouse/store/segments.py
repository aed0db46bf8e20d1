"""Segments: immutable Parquet files of completions, each named by the SHA-256 of its bytes."""

import errno
import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes
from stillhouse.store.key import KEY_BYTES

SUFFIX = ".parquet"
DAMAGED = ".damaged"
FIELDS: list["pa.Field[Any]"] = [
    pa.field("key", pa.binary(KEY_BYTES), nullable=False),
    pa.field("max_tokens", pa.int32(), nullable=False),
    pa.field("created", pa.int64(), nullable=False),
    pa.field("text", pa.string(), nullable=False),
    pa.field("reasoning", pa.string()),
    pa.field("finish_reason", pa.string(), nullable=False),
    pa.field("prompt_tokens", pa.int32()),
    pa.field("completion_tokens", pa.int32()),
    pa.field("model", pa.string(), nullable=False),
    pa.field("backend", pa.string(), nullable=False),
]
SCHEMA = pa.schema(FIELDS)
"""`max_tokens` is the limit a completion was asked under, `created` its arrival in milliseconds
since 1970; `model` and `backend` are for people (`store stats`) and decide nothing. `reasoning` is
what a server gives as the model's reasoning, kept beside the text; segments written before it was
kept lack it."""
COMPLETION = ["text", "reasoning", "finish_reason", "prompt_tokens", "completion_tokens"]
"""The columns of a row that are the completion."""
LATER = frozenset({"reasoning"})
"""Columns that older segments lack: read as nulls."""


class DamagedSegmentError(Exception):
    """A segment's bytes do not have the checksum in its name."""


def segment_paths(folder: Path) -> list[Path]:
    """The segments of a folder by name; temporary and damaged files are passed over."""
    listed = _listing(folder)
    # A listing that overlaps a merge can miss the old segments and the new one alike.
    while (again := _listing(folder)) != listed:
        listed = again
    return listed


def _listing(folder: Path) -> list[Path]:
    found = [path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")]
    return sorted(found, key=lambda path: path.name)


def encoded(rows: pa.Table) -> tuple[str, bytes]:
    """The name of a segment of these rows, and its content: equal rows, equal names."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows.select(SCHEMA.names).cast(SCHEMA).combine_chunks(),
        sink,
        compression="zstd",
        use_dictionary=["max_tokens", "finish_reason", "model", "backend"],  # type: ignore[arg-type]
        write_statistics=False,
    )
    content = sink.getvalue().to_pybytes()
    return f"{hashlib.sha256(content).hexdigest()}{SUFFIX}", content


def write_segment(folder: Path, rows: pa.Table) -> Path:
    """Write rows as one segment; when this returns it survives a crash of the machine.

    Equal rows make one file, however often they are written.
    """
    name, content = encoded(rows)
    path = folder / name
    # Also when it is there already: a damaged file of this name must not stand for these rows.
    write_bytes(path, content)
    _sync_folder(folder)
    return path


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems refuse
            raise
    finally:
        os.close(handle)


def verified_bytes(path: Path) -> bytes:
    """The content of a segment, checked against its name.

    Raises DamagedSegmentError, or FileNotFoundError when another process merged it away.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        if error.errno == errno.EIO:
            raise DamagedSegmentError(str(path)) from error
        raise
    verified(path.name, content)
    return content


def verified(name: str, content: bytes) -> bytes:
    """The content, or DamagedSegmentError when it is not what the segment's name says."""
    if f"{hashlib.sha256(content).hexdigest()}{SUFFIX}" != name:
        raise DamagedSegmentError(name)
    return content


def open_segment(path: Path) -> pq.ParquetFile:
    """A segment ready to be read by column, its checksum verified."""
    opened = pq.ParquetFile(pa.BufferReader(verified_bytes(path)))
    names = opened.schema_arrow.names
    if names != [name for name in SCHEMA.names if name in names or name not in LATER]:
        raise StillhouseError(
            f"The segment {path} has columns {names}, not {SCHEMA.names}: "
            "another version of stillhouse wrote it. Move it out of the store."
        )
    return opened


def read_segment(path: Path) -> pa.Table:
    """All rows of a segment, its checksum verified."""
    return all_rows(open_segment(path))


def all_rows(segment: pq.ParquetFile) -> pa.Table:
    """All rows of an opened segment; a column that it lacks is null."""
    rows = segment.read()
    for name in LATER - set(rows.column_names):
        field = SCHEMA.field(name)
        rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
    return rows.select(SCHEMA.names).cast(SCHEMA)


def set_aside(path: Path) -> Path:
    """Rename a damaged segment, so that it is kept for a look but never read again."""
    target = path.with_name(path.name + DAMAGED)
    with suppress(FileNotFoundError):  # another process set it aside first
        path.rename(target)
    return target


def distinct(rows: pa.Table) -> pa.Table:
    """Rows without exact repeats, each with its earliest time, ordered by time and key."""
    columns = [name for name in SCHEMA.names if name != "created"]
    grouped = rows.group_by(columns, use_threads=False).aggregate([("created", "min")])
    renamed = grouped.rename_columns([*columns, "created"])
    ordered = renamed.sort_by([("created", "ascending"), ("key", "ascending")])
    return ordered.select(SCHEMA.names)


def concatenated(tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of all tables; none give an empty table."""
    return pa.concat_tables([SCHEMA.empty_table(), *tables])
