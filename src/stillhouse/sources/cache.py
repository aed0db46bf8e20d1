"""The cache of fetched and converted things: each is complete, or it is not there."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from stillhouse.core.files import allow


def cache_root() -> Path:
    """`$STILLHOUSE_CACHE`, else `~/.cache/stillhouse`."""
    return Path(os.environ.get("STILLHOUSE_CACHE") or "~/.cache/stillhouse").expanduser()


def cached(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache; `fill` writes it when it is not there yet.

    It is filled beside its place and renamed when whole, so a kill leaves none half filled, and of
    two processes that fill it at once the later one takes the earlier one's.
    """
    target = cache_root() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name[:40]}."))
    try:
        fill(temporary)
        _settle(temporary)
        allow(temporary)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _settle(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            allow(path)  # some writers make private files; a cache may be shared
            with path.open("rb") as written:
                os.fsync(written.fileno())
