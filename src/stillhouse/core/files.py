"""Atomic writes, content hashes and the check for disk space."""

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stillhouse.core.errors import StillhouseError
from stillhouse.core.json_text import read_json_object


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that replaces it when the block succeeds.

    The file is synced before the rename, so a reader sees the old content or the new, never half.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        allow(temporary)  # mkstemp makes private files
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def allow(path: Path) -> None:
    """Let others do with a file or folder what the umask allows, as if it had been made plainly."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


def write_bytes(target: Path, content: bytes) -> None:
    """Write `content` to `target` atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, text: str) -> None:
    """Write `text` as UTF-8 to `target` atomically."""
    write_bytes(target, text.encode())


def write_json(target: Path, value: object) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal values give equal bytes."""
    write_bytes(target, json_bytes(value))


def json_bytes(value: object) -> bytes:
    """What `write_json` writes."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()


def read_json(path: Path) -> dict[str, Any]:
    """Read an object that a stage wrote; a missing file says how to make it."""
    if not path.exists():
        raise StillhouseError(f"{path} does not exist. Run `dvc repro` to build it.")
    return read_json_object(path)


@contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `target` that replaces it when the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"))
    try:
        yield temporary
        if target.exists():
            shutil.rmtree(target)
        allow(temporary)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256_file(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's content.

    What is no file is an error: a pipe would never end, and a device may have no content.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise StillhouseError(
            f"{path} is neither a file nor a folder, so it has no content to hash. Copy what it "
            "gives into a file, and name that."
        )
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def require_disk_space(directory: Path, needed: int, purpose: str) -> None:
    """Fail before the work starts when the disk under `directory` has fewer than `needed` bytes."""
    existing = next(p for p in [directory, *directory.parents] if p.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise StillhouseError(
            f"Not enough disk space for {purpose}: {needed / 1e6:,.0f} MB needed at {directory}, "
            f"{free / 1e6:,.0f} MB free. Free some space there, or move it with an environment "
            "variable (STILLHOUSE_CACHE for downloads)."
        )
