"""Writing a project's files without touching what is there."""

from collections.abc import Mapping
from pathlib import Path

from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_bytes

SHOWN = 5


def require_absent(folder: Path, files: Mapping[Path, bytes]) -> None:
    """Raise StillhouseError when a file is there already, whatever it holds."""
    taken = [place for place in sorted(files) if (folder / place).exists()]
    if taken:
        more = f" and {len(taken) - SHOWN} more" if len(taken) > SHOWN else ""
        raise StillhouseError(
            f"{folder} has {', '.join(map(str, taken[:SHOWN]))}{more} already, and nothing is "
            "overwritten. Name another folder, or move them away."
        )


def write_all(folder: Path, files: Mapping[Path, bytes]) -> None:
    """Write files below a folder."""
    for place, content in sorted(files.items()):
        try:
            write_bytes(folder / place, content)
        except OSError as error:
            raise StillhouseError(
                f"{folder / place} cannot be written: {error.strerror}. Name another folder."
            ) from error


def as_bytes(files: Mapping[Path, str]) -> dict[Path, bytes]:
    """Texts as what is written."""
    return {place: text.encode() for place, text in files.items()}
