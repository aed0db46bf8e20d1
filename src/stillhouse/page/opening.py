"""`stillhouse open`: a page in the browser, where there is one."""

import webbrowser
from pathlib import Path

from stillhouse.core import paths
from stillhouse.core.errors import StillhouseError


def open_page(path: Path) -> None:
    """Open a page in the browser, where there is one."""
    if not path.is_file():
        raise StillhouseError(
            f"{path} does not exist. `dvc repro report` writes {paths.PAGE}, and `dvc pull "
            f"{paths.PAGE}` fetches another's."
        )
    try:
        webbrowser.get().open(path.resolve().as_uri())
    except webbrowser.Error:  # a machine without one: its user has the path
        return
