"""Git's output is read as it was written, whatever the terminal's locale."""

import os
import subprocess
import sys

from tests.conftest import REPOSITORY

READ = """
from stillhouse.experiments.git import objects, read_text
print(ascii([read_text("HEAD", "a.yaml"), *objects("HEAD", ["."])]))
"""
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
IDENTITY = ["-c", "user.name=test", "-c", "user.email=test@example.org"]


def test_what_a_commit_holds_is_utf_8_in_any_locale(tmp_path):
    (tmp_path / "a.yaml").write_text("label: 分類", encoding="utf-8")
    (tmp_path / "café.yaml").touch()
    for command in (["init"], ["add", "."], [*IDENTITY, "commit", "-m", "naïve"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    found = subprocess.run(
        [sys.executable, "-c", READ],
        cwd=tmp_path,
        check=True,
        env=os.environ | ASCII | {"PYTHONPATH": str(REPOSITORY / "src")},
        stdout=subprocess.PIPE,
        encoding="ascii",
    )
    expected = ["label: 分類", "a.yaml", "café.yaml"]
    assert found.stdout == f"{expected!a}\n"
