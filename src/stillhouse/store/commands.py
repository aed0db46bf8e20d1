"""What `stillhouse store` does: each command a function from a store to a report."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes
from stillhouse.store import index, location, segments
from stillhouse.store.pack import pack as pack_folder
from stillhouse.store.store import Store
from stillhouse.store.versions import fetch_published, settle


@dataclass
class ModelStats:
    """The completions of one model."""

    completions: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cut: int = 0
    """Completions that the limit cut short."""


@dataclass(frozen=True)
class Stats:
    """What a store holds; `bytes` on disk, `completions` with repeats counted once."""

    live: str
    published: list[str]
    segments: int
    published_segments: int
    damaged: int
    bytes: int
    published_bytes: int
    """Of them, those of segments that are published alone."""
    completions: int
    models: dict[str, ModelStats]


@dataclass(frozen=True)
class Verified:
    """The segments that were checked, and what was wrong with some."""

    checked: int
    damaged: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Packed:
    """Segments before and after."""

    before: int
    after: int


@dataclass(frozen=True)
class Published:
    """Segments newly copied to `folder`, and their bytes."""

    folder: str
    segments: int
    bytes: int


@dataclass(frozen=True)
class Merged:
    """Segments of other versions that were brought into `folder`, and all that are there now."""

    folder: str
    brought: int
    segments: int


@dataclass(frozen=True)
class Imported:
    """Segments newly copied into this machine's store; `known` were there already."""

    segments: int
    known: int


def stats(store: Store) -> Stats:
    """Count segments, bytes, and completions by model."""
    paths = store.paths()
    names = {path.name for path in segments.segment_paths(store.live)}
    elsewhere = [path for path in paths if path.name not in names]
    rows = _all_rows(paths)
    return Stats(
        live=str(store.live),
        published=[str(folder) for folder in store.published],
        segments=len(names),
        published_segments=len(elsewhere),
        damaged=len(list(store.live.glob(f"*{segments.DAMAGED}"))),
        bytes=sum(path.stat().st_size for path in paths),
        published_bytes=sum(path.stat().st_size for path in elsewhere),
        completions=rows.num_rows,
        models=_by_model(rows),
    )


def _all_rows(paths: list[Path]) -> pa.Table:
    columns = ["key", "max_tokens", "finish_reason", "prompt_tokens", "completion_tokens", "model"]
    read = []
    for path in paths:
        try:
            read.append(segments.open_segment(path).read(columns))
        except (segments.DamagedSegmentError, FileNotFoundError):
            continue
    if not read:
        return segments.SCHEMA.empty_table().select(columns)
    return pa.concat_tables(read).group_by(columns).aggregate([])


def _by_model(rows: pa.Table) -> dict[str, ModelStats]:
    counted = rows.append_column("cut", pc.equal(rows["finish_reason"], pa.scalar("length")))
    grouped = counted.group_by("model").aggregate(
        [(name, "sum") for name in ("prompt_tokens", "completion_tokens", "cut")]
        + [([], "count_all")]
    )
    return {
        row["model"]: ModelStats(
            completions=row["count_all"],
            prompt_tokens=row["prompt_tokens_sum"] or 0,
            completion_tokens=row["completion_tokens_sum"] or 0,
            cut=row["cut_sum"] or 0,
        )
        for row in sorted(grouped.to_pylist(), key=lambda row: str(row["model"]))
    }


def verify(store: Store) -> Verified:
    """Read every segment in full; damaged ones of this machine are set aside.

    An index that does not agree with its segment is removed, and made anew when it is needed.
    """
    paths = store.paths()
    damaged = []
    for path in paths:
        place = index.index_path(store.live, path.name)
        try:
            index.check(place, segments.read_segment(path), path.stat().st_size)
        except FileNotFoundError:
            continue
        except segments.DamagedSegmentError:
            damaged.append(str(path))
            if path.parent == store.live:
                segments.set_aside(path)
                index.remove(place)
    return Verified(len(paths), damaged)


def pack(store: Store) -> Packed:
    """Merge this machine's segments into few large ones; published ones keep their names."""
    before = len(segments.segment_paths(store.live))
    published = (path for folder in store.published for path in segments.segment_paths(folder))
    pack_folder(store.live, keep={path.name for path in published})
    return Packed(before, len(segments.segment_paths(store.live)))


def publish(store: Store, *, track: bool = True) -> Published:
    """Pack, copy what is new to `data/store`, and `dvc add` it.

    Published segments are never changed or removed: what others have published is kept, also where
    it was not pulled, or a merge took one side. This machine keeps its own copy: checking out an
    older revision must not lose paid completions.
    """
    target = location.PUBLISHED
    if track:
        fetch_published(target)
    pack(Store(store.live, [*store.published, target]))
    copied = [_copy(path, target) for path in segments.segment_paths(store.live)]
    new = [size for size in copied if size]
    if track:
        _track(target)
    return Published(str(target), len(new), sum(new))


def merge() -> Merged:
    """Make `data/store` hold all that both sides of a merge have published, and `dvc add` it."""
    target = location.PUBLISHED
    brought = fetch_published(target)
    if not target.is_dir():
        raise StillhouseError(
            f"There is nothing to merge: no version of {target}.dvc was committed here. "
            "`stillhouse store publish` makes the first."
        )
    _track(target)
    return Merged(str(target), brought, len(segments.segment_paths(target)))


def import_segments(store: Store, source: Path) -> Imported:
    """Copy the segments of another store, folder or file into this machine's, each verified."""
    if not source.exists():
        raise StillhouseError(f"{source} does not exist: give a store's folder or a segment.")
    found = [source] if source.is_file() else sorted(source.rglob(f"*{segments.SUFFIX}"))
    if not found:
        raise StillhouseError(f"{source} holds no segments (files named <sha256>.parquet).")
    copied = [_copy(path, store.live) for path in found]
    return Imported(sum(size > 0 for size in copied), copied.count(0))


def _copy(path: Path, target: Path) -> int:
    """Bytes written: 0 when the segment was there."""
    if (target / path.name).exists():
        return 0
    try:
        content = segments.verified_bytes(path)
    except segments.DamagedSegmentError as error:
        raise StillhouseError(
            f"{path} is not an intact segment: its content does not have the SHA-256 in its name. "
            "Run `stillhouse store verify`, or fetch the file anew."
        ) from error
    write_bytes(target / path.name, content)
    return len(content)


def _track(folder: Path) -> None:
    settle(folder)
    here = Path(sys.executable).parent  # an environment that is used without being activated
    program = shutil.which("dvc", path=os.pathsep.join([str(here), os.environ.get("PATH", "")]))
    if program is None:
        raise StillhouseError(f"`dvc` is not installed here. Run `dvc add {folder}` yourself.")
    done = subprocess.run(  # noqa: S603 - fixed arguments
        [program, "add", "--quiet", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode:
        raise StillhouseError(
            f"The segments are in {folder}, but `dvc add {folder}` failed: {done.stderr.strip()} "
            "In the middle of a merge, settle the other conflicts first (dvc.lock: take either "
            "side), and run this again."
        )
