"""The version of stillhouse that a project is built with: its requirements.txt, held to."""

import re
import shutil
import subprocess
import sys
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


def warning_of_python() -> str | None:
    """What to say where the `python` that DVC runs has no stillhouse, or another one."""
    found = shutil.which("python")
    if found is not None and Path(found).parent == Path(sys.executable).parent:
        return None
    answered = ""
    if found is not None:
        told = "import stillhouse; print(stillhouse.__version__)"
        done = subprocess.run([found, "-c", told], check=False, capture_output=True, text=True)  # noqa: S603
        answered = done.stdout.strip()
    if answered == stillhouse.__version__:
        return None
    holds = f"stillhouse {answered}" if answered else "no stillhouse"
    where = f"the `python` on PATH ({found}), which has {holds}" if found else "a `python` on PATH"
    return (
        f"DVC runs stages with {where}. Put this environment first: `export "
        f"PATH={Path(sys.executable).parent}:$PATH`, or activate it."
    )
