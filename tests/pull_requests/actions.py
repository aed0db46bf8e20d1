"""GitHub's runner for the steps of a workflow, as far as ours needs one: in a shell, here.

What is `uses:` is either left out or done in a folder; expressions are looked up, and one that is
not known is an error.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillhouse.core.yaml import read_yaml
from tests.conftest import REPOSITORY

FILE = REPOSITORY / ".github/workflows/stillhouse.yml"
WORKFLOW: dict[str, Any] = read_yaml(FILE)
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")
UPLOADED = "https://example.org/artifacts/"


@dataclass
class Runner:
    """One run of a job."""

    job: str
    folder: Path
    """The workspace of the job."""
    kept: Path
    """The artifacts of all jobs."""
    github: dict[str, str]
    env: dict[str, str]
    left_out: tuple[str, ...] = ()
    """The names of steps whose work is done already."""
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    said: str = ""
    summary: str = ""

    def run(self) -> bool:
        """Run the job's steps in turn; whether it succeeds."""
        job = WORKFLOW["jobs"][self.job]
        self.env |= {name: self.filled(value) for name, value in WORKFLOW["env"].items()} | self.env
        for step in job["steps"]:
            if step.get("name") in self.left_out or not self.wanted(step.get("if", "")):
                continue
            outputs = self.uses(step) if "uses" in step else self.shell(step)
            self.steps[step.get("id", "")] = outputs
            if outputs["outcome"] == "failure" and not step.get("continue-on-error"):
                return False
        return True

    def wanted(self, condition: str) -> bool:
        if not condition:
            return True
        path, value = re.fullmatch(r"(\S+) != '(.*)'", condition).groups()
        return self.value(path) != value

    def value(self, path: str) -> str:
        """`github.base_ref`, or `steps.lock.outcome`, or `steps.say.outputs.status`."""
        of, _, rest = path.partition(".")
        if of == "github":
            return self.github[rest]
        assert of == "steps", path
        step, _, name = rest.partition(".")
        assert step in {each.get("id") for each in WORKFLOW["jobs"][self.job]["steps"]}, path
        return self.steps.get(step, {}).get(name.removeprefix("outputs."), "")

    def filled(self, text: str) -> str:
        return EXPRESSION.sub(lambda found: self.value(found[1]), str(text))

    def shell(self, step: dict[str, Any]) -> dict[str, str]:
        files = {name: self.kept / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("", encoding="utf-8")
        assert WORKFLOW["defaults"]["run"]["shell"] == "bash"
        own = {name: self.filled(value) for name, value in step.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            check=False,
            cwd=self.folder,
            env=self.env | own | {name: str(path) for name, path in files.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said += done.stdout
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return outputs | {"outcome": "failure" if done.returncode else "success"}

    def uses(self, step: dict[str, Any]) -> dict[str, str]:
        """The actions that keep files and bring them back; a checkout is made beforehand."""
        action, given = step["uses"].partition("@")[0], step.get("with", {})
        done = {"outcome": "success"}
        if action == "actions/upload-artifact":
            path = self.filled(given["path"])
            (self.kept / given["name"]).mkdir(exist_ok=True)
            shutil.copy(self.folder / path, self.kept / given["name"] / Path(path).name)
            return done | {"artifact-url": UPLOADED + given["name"]}
        if action == "actions/download-artifact":
            shutil.copytree(self.kept / given["name"], self.folder, dirs_exist_ok=True)
            return done
        assert action in ("actions/checkout", "actions/setup-python"), action
        return done
