"""Files of the configuration that DVC or this program would pass over without a word."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from stillhouse.core import paths

FOLDERS = (paths.PARAMS, paths.CONF, Path("studies"))


def warnings(root: Path = Path()) -> Iterator[str]:
    """A line for each kind of file that is not seen, with what to do."""
    untracked = _untracked(root)
    if untracked:
        names = " ".join(untracked)
        yield (
            f"Git does not know {', '.join(untracked)}. `dvc repro` reads such files, but `dvc exp "
            f"run --temp` and `--queue` run from what Git knows: `git add {names}` before these."
        )
    for file in sorted((root / paths.CONF).rglob("*.yml")):
        shown = file.relative_to(root)
        yield f"{shown} is not read: call it {shown.with_suffix('.yaml')}."


def _untracked(root: Path) -> list[str]:
    """Files of the configuration beside those that Git tracks; none outside a repository."""
    try:
        listed = subprocess.run(  # noqa: S603 - no shell
            ["git", "ls-files", "-z", "--others", "--", *map(str, FOLDERS)],  # noqa: S607
            cwd=root,
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError:
        return []
    return sorted(name for name in listed.stdout.split("\0") if name.endswith((".yaml", ".jsonl")))
