"""A repository with a branch `main`, of which a pull request is made, and `stillhouse` in it."""

import random
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stillhouse.cli import app
from stillhouse.core.errors import StillhouseError
from tests.pipeline.workspace import IDENTITY
from tests.pull_requests import runs

LOCK = {
    "train_student@0": {
        "cmd": "train",
        "deps": [{"path": "data/code/train_student.json", "md5": "1"}],
        "params": {"params.yaml": {"lambda": 0.5, "student": "small"}},
        "outs": [{"path": "models/student/seed=0/model", "md5": "2"}],
    }
}


class Repository:
    """Runs are committed to it as their files are; nothing is trained."""

    def __init__(self, path: Path) -> None:
        self.path, self.rows = path, runs.examples()
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *command: str) -> str:
        return subprocess.check_output(["git", *command], cwd=self.path, text=True).strip()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "run")

    def scores(self, share: float, seed: int = 0) -> dict[str, float]:
        return runs.scores(self.rows, random.Random(seed), "choice", share)

    def run(
        self,
        *of_seeds: dict[str, float],
        lock: Any = LOCK,
        prompt_tokens: int = 1000,
        cost: float = 1.0,
        metric: str = "choice",
        **others: dict[str, float],
    ) -> None:
        """Write what a run leaves in Git, and commit it."""
        by_seed = dict(enumerate(of_seeds))
        runs.write(self.path / "params.yaml", {"seeds": list(by_seed)})
        runs.write(self.path / "dvc.lock", {"schema": "2.0", "stages": lock})
        teacher = {"prompt_tokens": prompt_tokens, "completion_tokens": 10, "cost": {"EUR": cost}}
        found = runs.outcomes(self.rows, by_seed, metric, **others)
        runs.write_metrics(self.path, found, teacher=teacher)
        self.commit()

    def branch(self, name: str = "change") -> None:
        self.git("switch", "--quiet", "--create", name)

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    def comment(self, *arguments: str, code: int = 0) -> str:
        result = self.command("pr-comment", "--base", "main", *arguments)
        if isinstance(result.exception, StillhouseError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.stdout


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    made = Repository(tmp_path / "repository")
    monkeypatch.chdir(made.path)
    return made
