"""Files of the configuration that DVC or this program would pass over without a word."""

import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError
from stillhouse.core.yaml import parse_yaml

FOLDERS = (paths.PARAMS, paths.CONF, paths.STAGES, Path("studies"))


def warnings(root: Path = Path()) -> Iterator[str]:
    """A line for each kind of file that is not seen, with what to do."""
    untracked = _untracked(root)
    if untracked:
        names = " ".join(untracked)
        yield (
            f"Git does not know {', '.join(untracked)}. `dvc repro` reads such files, but `dvc exp "
            f"run --temp` and `--queue` run from what Git knows: `git add {names}` before these."
        )
    for file in sorted((root / paths.CONF).rglob("*.yaml")):
        for key in _altered(file):
            yield (
                f"{file.relative_to(root)}: DVC cannot keep `{key}` in dvc.lock as it is, so its "
                "stages would run at every `dvc repro`. It breaks a text of several lines at a "
                "backslash: write that text without backslashes, or in one line."
            )
    for file in sorted((root / paths.CONF).rglob("*.yml")):
        shown = file.relative_to(root)
        yield f"{shown} is not read: call it {shown.with_suffix('.yaml')}."


def _altered(file: Path) -> list[str]:
    """The keys of a file whose values DVC's lock does not give back."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if "\\" not in text:
        return []
    try:
        values = parse_yaml(text, str(file))
    except StillhouseError:
        return []  # the check itself says so
    if not isinstance(values, dict):
        return []
    return [key for key, value in values.items() if _locked(str(file), key, value) != value]


def _locked(file: str, key: str, value: object) -> object:
    """A value as it comes back from dvc.lock, written where and as DVC does."""
    written = StringIO()
    writer = YAML()
    writer.default_flow_style = False
    writer.dump({"stages": {"stage": {"params": {file: {key: value}}}}}, written)
    lock = YAML(typ="safe").load(written.getvalue())
    return lock["stages"]["stage"]["params"][file][key]


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
    seen = (".yaml", ".jsonl", ".py")
    return sorted(
        name for name in listed.stdout.split("\0") if name.endswith(seen) and "/." not in name
    )
