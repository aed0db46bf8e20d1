"""Content hashes of local files and folders, and the check against a pin."""

import hashlib
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import sha256_file


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, or of a folder's sorted lines `<relative path> <sha256>`."""
    if path.is_file():
        return sha256_file(path)
    digest = hashlib.sha256()
    for relative in sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()):
        digest.update(f"{relative} {sha256_file(path / relative)}\n".encode())
    return digest.hexdigest()


def require_hash(found: str, expected: str, what: str, advice: str) -> None:
    """Fail, showing both hashes, when `found` is not `expected`."""
    if found != expected:
        raise StillhouseError(
            f"{what} is not what the configuration pins.\n  expected sha256 {expected}\n"
            f"  found    sha256 {found}\n{advice}"
        )
