"""A trained student out of the repository, by its name, into a folder that works alone."""

import csv

import pytest

from stillhouse.core import paths
from stillhouse.core.tables import EXAMPLES, predictions
from tests.conftest import REPOSITORY
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow


def test_an_artifact_is_fetched_by_name_and_predicts_as_it_was_tested(workspace, fast, tmp_path):
    workspace.run("git", "tag", "--annotate", "student@v1.0.0", "--message", "first")
    outside = Workspace(tmp_path / "outside", fast)
    outside.path.mkdir()
    outside.dvc("artifacts", "get", str(workspace.path), "student", "--out", "fetched")
    outside.dvc("get", str(workspace.path), str(paths.student(0)), "--out", "same")
    folder = outside.path / "fetched"
    assert {path.name for path in folder.iterdir()} == {"README.md", "serving.json", "model"}
    assert (folder / "README.md").read_bytes() == (outside.path / "same/README.md").read_bytes()

    tested = predictions("seed=0").of(workspace.path).read_rows()
    examples = EXAMPLES.of(workspace.path).read_rows()
    test = {row["id"] for row in tested}
    assert test == {row["id"] for row in examples if row["split"] == "test"}
    outside.env["PYTHONPATH"] = str(REPOSITORY / "src")
    command = [str(REPOSITORY / "tests/pipeline/command.py"), "predict", "--student", "fetched"]
    source = workspace.path / "data/raw/tiny/test.csv"
    outside.run("python", *command, "--file", str(source), "--out", "predicted.csv")
    with (outside.path / "predicted.csv").open(encoding="utf-8", newline="") as file:
        found = {row["name"]: row["prediction"] for row in csv.DictReader(file)}
    assert {row["id"]: row["prediction"] for row in tested} == {
        id_: prediction for id_, prediction in found.items() if id_ in test
    }
    assert test <= found.keys()


def test_a_card_is_written_anew_for_another_licence_and_nothing_else_runs(workspace):
    workspace.edit("conf/dataset/tiny.yaml", licence="CC BY 4.0")
    assert workspace.ran("repro") == {"card@0"}
    assert "CC BY 4.0" in (workspace.path / paths.student_card(0)).read_text(encoding="utf-8")
