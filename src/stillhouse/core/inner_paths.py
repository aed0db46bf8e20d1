"""Paths below something that is pinned or watched: they must not lead out of it."""

import posixpath
import re

_DRIVE = re.compile(r"[A-Za-z]:")


def inner_path(path: str) -> str:
    """`path` without `.`, `..` and doubled slashes; one that leads out is a ValueError."""
    normal = posixpath.normpath(path) if path else path
    if path.startswith(("/", "\\", "~")) or _DRIVE.match(path):
        raise ValueError("it is absolute; give a path below the source, without a leading slash")
    if normal.split("/")[0] == "..":
        raise ValueError(
            "it leads out of the folder that it is in; give a path below that, without `..`"
        )
    if any(ord(character) < 32 for character in path):
        raise ValueError("it holds a control character")
    return normal
