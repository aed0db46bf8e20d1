"""Merging segments into fewer, larger ones, without locks and under the eyes of readers.

A merge writes the new segment first and removes the old ones after: a kill in between leaves rows
twice, which readers take once. A reader that finds a listed segment gone lists again. Two processes
that merge the same segments write the same file. Rows that came later than their time says stay in
segments of their own, since `sightings` knows them by that name.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from stillhouse.store import index, segments
from stillhouse.store.sightings import Sightings

SMALL_BYTES = 1 << 20
MERGE_AT = 32
"""So many small segments are merged in passing, so that a long run does not leave thousands."""
PACKED_BYTES = 32 << 20
STALE_SECONDS = 24 * 3600.0


def merge_small(folder: Path) -> Path | None:
    """Merge the folder's small segments when there are many; returns the new one."""
    small = [path for path, size in _sizes(folder) if size < SMALL_BYTES]
    return merge(folder, small) if len(small) >= MERGE_AT else None


def merge(folder: Path, paths: Sequence[Path]) -> Path | None:
    """Replace segments by one with the same rows; damaged, vanished and late ones stay."""
    seen = Sightings.read(folder)
    read = {
        path: rows
        for path in paths
        if (rows := _rows(path)) is not None and not seen.is_late(path.name, rows["created"])
    }
    if len(read) < 2:
        return None
    rows = segments.distinct(segments.concatenated(read.values()))
    name, _ = segments.encoded(rows)
    if seen.is_late(name, rows["created"]):  # as it would seem to who sees it first
        seen.adopt(name)
    merged = segments.write_segment(folder, rows)
    for path in read:
        if path != merged:
            path.unlink(missing_ok=True)
            index.remove(index.index_path(folder, path.name))
    return merged


def pack(folder: Path, keep: Iterable[str] = ()) -> list[Path]:
    """Merge segments up to PACKED_BYTES each, but those named in `keep`; returns the new ones."""
    kept = set(keep)
    groups: list[list[Path]] = [[]]
    filled = 0
    for path, size in _sizes(folder):
        if path.name in kept or size >= PACKED_BYTES // 2:
            continue
        if filled + size > PACKED_BYTES:
            groups.append([])
            filled = 0
        groups[-1].append(path)
        filled += size
    merged = [merge(folder, group) for group in groups]
    _sweep(folder, kept)
    return [path for path in merged if path]


def _rows(path: Path) -> pa.Table | None:
    try:
        return segments.read_segment(path)
    except (segments.DamagedSegmentError, FileNotFoundError):
        return None


def _sizes(folder: Path) -> list[tuple[Path, int]]:
    sizes = []
    for path in segments.segment_paths(folder):
        try:
            sizes.append((path, path.stat().st_size))
        except FileNotFoundError:  # merged away by another process
            continue
    return sizes


def _sweep(folder: Path, kept: set[str]) -> None:
    """Remove what nobody uses any more: indexes without a segment, files of killed writers."""
    index.keep_only(folder, kept | {path.name for path in segments.segment_paths(folder)})
    for path in [*folder.glob(".*.tmp"), *(folder / index.FOLDER).glob(".*.tmp")]:
        with suppress(FileNotFoundError):  # its writer has just renamed it
            # A day old, none is in use. Not mtime: that of an index is its segment's.
            if time.time() - path.stat().st_ctime > STALE_SECONDS:
                path.unlink()
