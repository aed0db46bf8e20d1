"""The version of stillhouse that a project is built with: its requirements.txt, held to."""

import re
from pathlib import Path

import stillhouse
from stillhouse.core.errors import StillhouseError

REQUIREMENTS = Path("requirements.txt")
_PIN = re.compile(r"^stillhouse(?:\[[^\]]*\])?\s*==\s*([^\s;#]+)", re.MULTILINE)


def pinned(root: Path = Path()) -> str | None:
    """The version that the project pins; None where it has no such line."""
    file = root / REQUIREMENTS
    found = _PIN.search(file.read_text(encoding="utf-8")) if file.is_file() else None
    return found[1] if found else None


def require_pinned_version(root: Path = Path()) -> None:
    """Raise StillhouseError where another version is installed than the project pins.

    DVC sees the pin, not what is installed: with another version, what a stage makes would be
    filed under code that did not make it.
    """
    wanted = pinned(root)
    if wanted not in (None, stillhouse.__version__):
        raise StillhouseError(
            f"stillhouse {stillhouse.__version__} is installed, and {REQUIREMENTS} says {wanted}. "
            "`stillhouse upgrade` moves the project to the installed one, and says which stages "
            f"that reruns; `pip install -r {REQUIREMENTS}` goes back to the pinned one."
        )
