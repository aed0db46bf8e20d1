"""Print a local path as a pinned source."""

from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.sources.content import content_hash


def pin(path: Path) -> str:
    """A local file or folder as a source with its hash.

    Below `data/raw`, too: a dataset's source may leave the hash out there, a model's may not.
    """
    if not path.exists():
        raise StillhouseError(f"{path} does not exist, so there is nothing to pin.")
    try:
        shown = path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        shown = path.resolve().as_posix()
    if "#" in shown or any(ord(character) < 32 for character in shown):
        raise StillhouseError(
            f"{shown!r} cannot be written as a source: rename what has a # or a control character."
        )
    if not (path.is_file() or path.is_dir()):
        raise StillhouseError(
            f"{path} is neither a file nor a folder, so there is nothing to pin. Copy what it "
            "gives into a file."
        )
    return f"file:{shown}#sha256={content_hash(path)}"
