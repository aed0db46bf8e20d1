"""Indexes: a file for each segment, by which a look-up reads what it returns and little else.

An index holds its segment's completions once more, in blocks that can be read one by one, and
before them the beginning of every key with the row it is of. It is a function of the segment's
content: made when the segment is first seen and has its checksum verified, never changed, and named
after it. Its time is that of the file that was verified, so that a segment whose size or time is
another one is verified again. It has checksums of its own, so that what it gives is what was
verified.

All indexes may be deleted at any time. One that is missing, damaged or cannot be written costs time
alone: the segment itself is read. They are read by position and not mapped into memory, which would
end the process where a file of a network file system goes away.

| part     | holds                                                                            |
|----------|----------------------------------------------------------------------------------|
| header   | HEADER: what follows how often; the checksum is of the header and the next parts |
| blocks   | BLOCK: of each block its place, its size unpacked and its checksum               |
| prefixes | the first 8 bytes of every key as a number, ascending                            |
| rows     | of each prefix the row                                                           |
| content  | the blocks: rows as in the segment, an Arrow record batch each, packed by LZ4    |
"""

import os
import struct
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillhouse.core.files import atomic_path
from stillhouse.store import segments
from stillhouse.store.key import KEY_BYTES
from stillhouse.store.sightings import latest_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Prefixes = NDArray[np.uint64]
    Rows = NDArray[np.int64]

FOLDER = "index"
SUFFIX = ".index"
SCHEMA = pa.schema(
    [segments.SCHEMA.field(name) for name in ("key", "max_tokens", "created", *segments.COMPLETION)]
)
EMPTY = pa.Table.from_batches([], SCHEMA)
HEADER = struct.Struct("<16sQqIIII")
"""MAGIC, the segment's size in bytes, the latest time of its rows, how many rows, rows a block and
blocks there are, and a CRC-32."""
MAGIC = b"stillhouse idx 1"
"""Ends in another number after every change of the format or SCHEMA: older ones are made anew."""
BLOCK = np.dtype([(name, "<u8") for name in ("start", "packed", "unpacked", "crc")])
PREFIX = np.dtype("<u8")
ROW = np.dtype("<u4")
BLOCK_BYTES = 32 << 10
"""Unpacked. Larger blocks make random look-ups slower, smaller ones all others."""
BLOCKS_AT_ONCE = 64
"""So that memory is taken for what a look-up returns, and not for all blocks that hold it."""
CODEC: Final = "lz4_raw"
"""Unpacks four times as fast as zstd, and zstd took half of a look-up."""


class UnusableIndexError(Exception):
    """There is no index, or it is damaged, or another version wrote it."""


def prefixes(keys: "pa.Array[Any] | pa.ChunkedArray[Any]") -> "Prefixes":
    """The first 8 bytes of each key, as numbers that have the order of the keys."""
    whole = keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
    if not len(whole):
        return np.empty(0, np.uint64)
    words = np.frombuffer(cast(Any, whole.buffers()[1]), np.dtype(">u8"))
    first = words[:: KEY_BYTES // 8][whole.offset : whole.offset + len(whole)]
    return first.astype(np.uint64)


def among(wanted: "Prefixes", found: "Prefixes") -> "Rows":
    """The places in `found` of what is in `wanted`, which is ascending."""
    if not len(wanted):
        return np.empty(0, np.int64)
    at = np.searchsorted(wanted, found)
    at[at == len(wanted)] = 0
    return np.flatnonzero(wanted[at] == found)


def index_path(folder: Path, name: str) -> Path:
    """Where the index of a segment is that is seen from the store in `folder`."""
    return folder / FOLDER / f"{name.removesuffix(segments.SUFFIX)}{SUFFIX}"


@contextmanager
def opened(path: Path) -> Iterator["Index"]:
    """The index in this file; what is done with it in the block may raise UnusableIndexError."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise UnusableIndexError(str(error)) from error
    try:
        yield Index(path, file)
    finally:
        os.close(file)


class Index:
    """An opened index. Its head is read and checked at once, a block when it is needed."""

    def __init__(self, path: Path, file: int) -> None:
        self._path, self._file = path, file
        status = os.fstat(file)
        head = self._read(0, HEADER.size)
        if len(head) < HEADER.size or not head.startswith(MAGIC):
            raise UnusableIndexError("not an index of this version")
        _, size, self.latest, rows, self._block_rows, blocks, crc = HEADER.unpack(head)
        start = blocks * BLOCK.itemsize
        rest = start + rows * (PREFIX.itemsize + ROW.itemsize)
        # Before it is read: a damaged count may ask for any amount of memory.
        tables = self._read(HEADER.size, rest) if rest <= status.st_size else b""
        if len(tables) != rest or crc32(tables, crc32(head[:-4])) != crc:
            raise UnusableIndexError("damaged")
        self.verified = (size, status.st_mtime_ns)
        """Size and time of the segment's file when it was verified."""
        self._blocks = np.frombuffer(tables, BLOCK, blocks)
        self._prefixes = np.frombuffer(tables, PREFIX, rows, start)
        self._rows = np.frombuffer(tables, ROW, rows, start + rows * PREFIX.itemsize)

    def confirm(self, status: os.stat_result) -> None:
        """Note that the segment's file was verified as it is now, where that can be noted."""
        with suppress(OSError):
            os.utime(self._path, ns=(status.st_mtime_ns, status.st_mtime_ns))

    def near(self, wanted: "Prefixes") -> pa.Table:
        """The rows whose keys begin like wanted ones, which ascend."""
        rows = np.sort(self._rows[among(wanted, self._prefixes)]).astype(np.int64)
        blocks = rows // self._block_rows
        needed = np.flatnonzero(np.bincount(blocks))
        found = []
        for start in range(0, len(needed), BLOCKS_AT_ONCE):
            some = needed[start : start + BLOCKS_AT_ONCE]
            mine = slice(*np.searchsorted(blocks, [some[0], some[-1] + 1]))
            # All blocks have as many rows but the segment's last, behind which there is none.
            before = np.searchsorted(some, blocks[mine]) * self._block_rows
            table = pa.Table.from_batches(map(self._block, some))
            found.append(table.take(before + rows[mine] % self._block_rows))
        return pa.concat_tables(found) if found else EMPTY

    def _block(self, number: int) -> pa.RecordBatch:
        start, packed, unpacked, crc = self._blocks[number].tolist()
        content = self._read(start, packed)
        if crc32(content) != crc:
            raise UnusableIndexError("damaged")
        batch = pa.decompress(content, unpacked, codec=CODEC)
        return pa.ipc.read_record_batch(batch, SCHEMA)

    def _read(self, start: int, size: int) -> bytes:
        """What is there, which is less than `size` bytes where the file ends or cannot be read."""
        parts = []
        try:
            while size and (part := os.pread(self._file, size, start)):
                parts.append(part)
                start, size = start + len(part), size - len(part)
        except OSError as error:
            raise UnusableIndexError(str(error)) from error
        return b"".join(parts)


def write(path: Path, segment: pq.ParquetFile, status: os.stat_result) -> None:
    """Write the index of a segment whose file was verified; OSError where that cannot be."""
    with atomic_path(path) as temporary:  # first, so that a store that is only read costs nothing
        temporary.write_bytes(encoded(segments.all_rows(segment), status.st_size))
        os.utime(temporary, ns=(status.st_mtime_ns, status.st_mtime_ns))


def encoded(rows: pa.Table, size: int) -> bytes:
    """The index of a segment of these rows that has so many bytes."""
    rows = rows.select(SCHEMA.names).cast(SCHEMA).combine_chunks()
    keys = prefixes(rows["key"])
    order = np.argsort(keys, kind="stable")
    block_rows = max(1, BLOCK_BYTES * rows.num_rows // max(1, rows.nbytes))
    unpacked, packed = [], []
    for batch in rows.to_batches(max_chunksize=block_rows):
        content = batch.serialize()
        unpacked.append(content.size)
        packed.append(pa.compress(content, codec=CODEC, asbytes=True))

    blocks = np.zeros(len(packed), BLOCK)
    blocks["packed"] = [len(block) for block in packed]
    blocks["unpacked"] = unpacked
    blocks["crc"] = [crc32(block) for block in packed]
    ends = np.cumsum(blocks["packed"], dtype=np.uint64)
    before = HEADER.size + blocks.nbytes + len(keys) * (PREFIX.itemsize + ROW.itemsize)
    blocks["start"] = before + ends - blocks["packed"]

    tables = blocks.tobytes() + keys[order].astype(PREFIX).tobytes() + order.astype(ROW).tobytes()
    latest = latest_time(rows["created"])
    values = (MAGIC, size, latest, rows.num_rows, block_rows, len(packed))
    head = HEADER.pack(*values, 0)[:-4]
    return b"".join([HEADER.pack(*values, crc32(tables, crc32(head))), tables, *packed])


def remove(path: Path) -> None:
    """Remove an index, where there is one and that is possible."""
    with suppress(OSError):
        path.unlink()


def check(path: Path, rows: pa.Table, size: int) -> None:
    """Remove an index that is not what a verified segment of these rows and this size gives."""
    with suppress(OSError):  # there is none
        if path.read_bytes() != encoded(rows, size):
            remove(path)


def keep_only(folder: Path, names: Container[str]) -> None:
    """Remove the indexes of all segments but those of these names."""
    for path in (folder / FOLDER).glob(f"*{SUFFIX}"):
        if f"{path.stem}{segments.SUFFIX}" not in names:
            remove(path)
