"""Projects that `stillhouse init` begins, in this process."""

import pytest

from stillhouse.project.cli import app


@pytest.fixture
def stillhouse(tmp_path, monkeypatch):
    """Run `stillhouse init`, `add`, `conf` or `upgrade` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int | None:
        return app(list(arguments), standalone_mode=False)

    return run
