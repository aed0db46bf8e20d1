"""The modules of a project's own: beside the scripts of its stages, or in packages below."""

import sys
from collections.abc import Collection
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from stillhouse.core.errors import StillhouseError


def user_modules(folder: Path, scripts: Collection[str]) -> dict[str, Path]:
    """The modules in `folder` by the names that Python imports them by; `scripts` are none.

    What Python could not import, such as a file in a hidden folder, is no module.
    """
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts and all(map(str.isidentifier, parts)) and not (set(parts[:1]) & set(scripts)):
            found[".".join(parts)] = path
    return found


def require_own_name(name: str, file: Path, scripts: Collection[str]) -> None:
    """Raise StillhouseError where Python would take another module than the project's own.

    Without a full stop, to stand behind the key that names it.
    """
    top = name.partition(".")[0]
    if top in scripts:
        raise StillhouseError(
            f"stages/{top}.py is the script of a stage, so nothing else can be called {top!r}: put "
            "the function into a module of its own, such as stages/own.py"
        )
    other = elsewhere(top, file.parents[name.count(".") + (file.name == "__init__.py")])
    if other:
        raise StillhouseError(
            f"{file} cannot be told from the module {top!r} that is installed ({other}): call it "
            "otherwise"
        )


def elsewhere(top: str, folder: Path) -> str | None:
    """Where Python finds a module of that name but in `folder`; None if it finds none."""
    return _elsewhere(top, str(folder.resolve()), str(Path.cwd()))


@cache
def _elsewhere(top: str, folder: str, here: str) -> str | None:
    if top in sys.stdlib_module_names or top == "stillhouse":
        return "with Python" if top != "stillhouse" else "this program"
    places = [each for each in sys.path if str(Path(each).resolve()) not in (folder, here)]
    spec = PathFinder.find_spec(top, places)
    return spec.origin if spec else None  # a folder without `__init__.py` hides no module
