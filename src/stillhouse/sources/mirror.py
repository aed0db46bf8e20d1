"""STILLHOUSE_MIRROR: a folder that is looked in before the cache and the network."""

import os
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.inner_paths import inner_path


def mirror_root() -> Path | None:
    """The mirror's folder, if one is set.

    A relative one counts from the repository's root (DVC_ROOT), so that it also holds in the
    temporary workspaces of queued experiments.
    """
    value = os.environ.get("STILLHOUSE_MIRROR")
    if not value:
        return None
    root = Path(os.environ.get("DVC_ROOT") or ".") / Path(value).expanduser()
    if not root.is_dir():
        raise StillhouseError(
            f"STILLHOUSE_MIRROR is {value!r}, but {root} is not a folder. Correct or unset it."
        )
    return root


def mirrored(path: str | None) -> Path | None:
    """The mirror's copy of `path`, a path below the mirror's root, if there is one."""
    if path is None:
        return None
    try:
        inner = inner_path(path)
    except ValueError as error:
        raise StillhouseError(f"`mirror` is {path!r}: {error}.") from None
    root = mirror_root()
    if root is None:
        return None
    found = root / inner
    if found.exists() and not (found.is_file() or found.is_dir()):
        raise StillhouseError(f"STILLHOUSE_MIRROR: {found} is neither a file nor a folder.")
    return found if found.exists() else None
