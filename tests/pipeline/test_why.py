"""`stillhouse why`: what a stage's next run is for, in words."""

import pytest

from tests.conftest import REPOSITORY
from tests.pipeline.test_edits import EDITS, make
from tests.pipeline.workspace import STILLHOUSE

pytestmark = pytest.mark.slow


def test_why_names_the_definition_the_knob_and_the_table(workspace):
    assert workspace.stillhouse("why", "parse").startswith(
        "parse: nothing that it depends on has changed since it last ran."
    )
    make(workspace.path, EDITS["the parser"])
    workspace.edit("params.yaml", k=3, **{"lambda": 0.5})
    workspace.edit("conf/prompt/tiny.yaml", reply="label")
    table = workspace.path / "data/examples.parquet"
    table.unlink()
    said = workspace.stillhouse("why", "parse")
    assert "parse runs again, since:" in said
    assert "parse.statements.MOST has changed" in said
    assert 'conf/prompt/tiny.yaml: reply: "rationale_then_label" → "label"' in said
    assert "data/examples.parquet is missing" in said
    before = "embed, ingest, prompt, retrieve, teacher_generate, teacher_select"
    assert f"after {before}: `stillhouse why STAGE`" in said
    assert "k: 2 → 3" in workspace.stillhouse("why", "retrieve")
    assert "lambda: 1.0 → 0.5" in workspace.stillhouse("why", "train_student")


def test_why_looks_back_to_a_revision(workspace):
    workspace.edit("params.yaml", k=3)
    workspace.ran("repro", "retrieve")
    assert "has changed since it last ran" in workspace.stillhouse("why", "retrieve")
    assert "k: 2 → 3" in workspace.stillhouse("why", "retrieve", "HEAD")


def test_an_unknown_stage_suggests_a_near_one(workspace):
    said = workspace.stillhouse("why", "pares", fails=True)
    assert "no stage 'pares'" in said
    assert "parse" in said
    assert "Traceback" not in said


def test_outside_of_a_project_it_says_so(workspace, tmp_path):
    workspace.path = tmp_path
    workspace.env["PYTHONPATH"] = str(REPOSITORY / "src")
    said = workspace.run("python", str(STILLHOUSE), "why", "parse", fails=True)
    assert "DVC cannot read this project" in said
    assert "Traceback" not in said
