"""A project in a temporary folder, with modules of its own."""

import sys
from pathlib import Path

import pytest

from stillhouse.hooks import load
from stillhouse.kinds import registry

PIPELINE = """
stages:
  code: {cmd: python stages/code.py}
  parse: {cmd: PYTHONPATH=src python stages/parse.py}
"""


class Project:
    """Writes modules of a project's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("code", "parse"):
            self.write(name, "")
        (root / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")

    def write(self, module: str, text: str) -> Path:
        path = self.root / "stages" / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield Project(tmp_path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    load.load.cache_clear()
    registry._kind.cache_clear()
