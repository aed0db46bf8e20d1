"""Content hashes of local files and folders, and the check against a pin."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import sha256_file

MOST_LINKED = 100_000
"""Files reached through linked folders: links within links multiply without end."""
DEEPEST = 200
"""Folders within folders."""


def content_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, or of a folder's sorted lines `<relative path> <sha256>`.

    Links are followed, to folders, too, and must stay in the folder. Names are taken in Unicode's
    composed form (NFC), since one system or another decomposes them.
    """
    if not path.is_dir():
        return sha256_file(path)
    digest = hashlib.sha256()
    for name, file in files_below(path):
        digest.update(f"{name} {sha256_file(file)}\n".encode())
    return digest.hexdigest()


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """The relative names of a folder's files, sorted, and the files.

    Anything that would make the hash mean something else than the folder is an error: links that
    leave it, pipes and devices, two names that are one, names with line breaks.
    """
    linked = 0
    for name, file, through_link in _walk(folder, folder.resolve(), "", (), False):
        linked += through_link
        if linked > MOST_LINKED:
            raise StillhouseError(
                f"{folder} has more than {MOST_LINKED:,} files in linked folders; links to folders "
                "that hold links multiply. Remove them."
            )
        yield name, file


def _walk(
    folder: Path, root: Path, prefix: str, above: tuple[Path, ...], linked: bool
) -> Iterator[tuple[str, Path, bool]]:
    real = folder.resolve()
    if real in above:
        raise StillhouseError(
            f"{folder} is a link to a folder that it lies in, so its content has no end. Remove it."
        )
    if len(above) > DEEPEST:
        raise StillhouseError(f"{root} has folders nested more than {DEEPEST} deep: {folder}.")
    found: dict[str, tuple[Path, bool]] = {}
    for entry in os.scandir(folder):
        path = folder / entry.name
        mode = _mode(path, root, entry.is_symlink())
        # A folder sorts as its files do, whose names go on with a slash.
        name = _name(path) + ("/" if stat.S_ISDIR(mode) else "")
        if name in found:
            raise StillhouseError(
                f"{folder} has two entries whose names are one but for the form of a character: "
                f"{entry.name!r} and {found[name][0].name!r}. Rename one."
            )
        found[name] = path, linked or entry.is_symlink()
    for name in sorted(found):
        path, through_link = found[name]
        if name.endswith("/"):
            yield from _walk(path, root, prefix + name, (*above, real), through_link)
        else:
            yield prefix + name, path, linked


def _name(path: Path) -> str:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise StillhouseError(f"{path!r} has a name that is not UTF-8. Rename it.") from None
    # The hash is over lines, which a line break in a name could forge.
    if any(ord(character) < 32 for character in path.name):
        raise StillhouseError(f"{str(path)!r} has a control character in its name. Rename it.")
    return unicodedata.normalize("NFC", path.name)


def _mode(path: Path, root: Path, is_link: bool) -> int:
    """What kind of entry `path` is, or what it links to."""
    try:
        mode = path.stat().st_mode
    except OSError as error:  # a broken link, or one to itself
        raise StillhouseError(f"{path} cannot be read: {error.strerror}. Remove it.") from error
    if is_link and not path.resolve().is_relative_to(root):
        raise StillhouseError(
            f"{path} is a link that leaves {root}, so the hash could not vouch for it. Put a copy "
            "in its place (`cp -rL` copies a whole folder so)."
        )
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise StillhouseError(f"{path} is neither a file nor a folder. Remove it.")
    return mode


def require_hash(found: str, expected: str, what: str, advice: str) -> None:
    """Fail, showing both hashes, when `found` is not `expected`."""
    if found != expected:
        raise StillhouseError(
            f"{what} is not what the configuration pins.\n  expected sha256 {expected}\n"
            f"  found    sha256 {found}\n{advice}"
        )
