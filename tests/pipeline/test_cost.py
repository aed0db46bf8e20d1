"""`stillhouse cost` in a project of DVC: what it says is asked is what `dvc repro` then asks."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_what_is_said_is_asked_and_prompts_of_another_run_are_told(workspace):
    def cost():
        return json.loads(workspace.stillhouse("cost", "--json"))

    now = cost()
    assert now["prompts"]["current"]
    assert now["asked"][0]["to_ask"] == 0
    workspace.edit("params.yaml", k=3)
    said = workspace.stillhouse("cost")
    assert "warning: data/prompts.parquet is of another run (retrieve would run first)" in said
    workspace.dvc("repro", "prompt")
    (teacher,) = cost()["asked"]
    assert teacher["to_ask"] == 20
    # Measured on the last run: the teacher and the form of the reply are the same.
    assert teacher["expected"]["completion_tokens"] < teacher["most"]["completion_tokens"]
    workspace.dvc("repro", "teacher_generate")
    log = (workspace.path / ".stillhouse/log/runs.jsonl").read_text().splitlines()
    run = [event for line in log if (event := json.loads(line))["event"] == "teacher"][-1]
    assert run["asked"] == teacher["to_ask"]
    assert cost()["asked"][0]["to_ask"] == 0
    (workspace.path / "data/prompts.parquet").unlink()
    assert "`dvc repro prompt` makes it" in workspace.stillhouse("cost", fails=True)
