"""Rounds of feedback in the pipeline: what they depend on, and nothing else."""

import json

import pytest

from stillhouse.core import paths
from stillhouse.core.tables import TRAINING
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow

LOOP = {"feedback": "wrong", "synthetic": 4}


def test_rounds_depend_on_the_student_and_not_on_where_it_is_computed(workspace: Workspace):
    workspace.edit("params.yaml", **LOOP)
    workspace.edit("conf/augment/tiny.yaml", rounds=2, queries_per_seed=4)
    assert "augment" in workspace.ran("repro")
    metrics = workspace.read(str(paths.AUGMENT_METRICS))
    assert metrics["rounds"].keys() == {"2"}
    assert metrics["rounds"]["2"]["trained_on"] == 20 + 2
    table = TRAINING.of(workspace.path).read_rows()
    assert sum(row["origin"] == "synthetic" for row in table) == metrics["synthetic"] == 4
    assert workspace.ran("repro") == set()

    written = (workspace.path / TRAINING.path).read_bytes()
    workspace.dvc("repro", "--force", "--single-item", "augment")
    assert (workspace.path / TRAINING.path).read_bytes() == written

    workspace.edit("conf/student/tiny.yaml", compute={"eval_batch_size": 3})
    assert workspace.ran("repro") == set()
    training = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}
    workspace.edit("conf/student/tiny.yaml", training=training)
    assert {"feedback_predict", "augment"} <= workspace.ran("repro", "augment")

    workspace.edit("conf/augment/tiny.yaml", rounds=1)
    assert "feedback_predict" not in workspace.ran("repro", "augment")
    assert "rounds" not in workspace.read(str(paths.AUGMENT_METRICS))


def test_what_the_judge_may_be_asked_between_rounds_is_in_the_cost(workspace: Workspace):
    workspace.edit("params.yaml", **LOOP | {"feedback": "hard"})
    for rounds, judged in ((1, None), (2, 22), (3, 22 + 23)):
        workspace.edit("conf/augment/tiny.yaml", rounds=rounds)
        found = json.loads(workspace.stillhouse("cost", "--json"))["asked"]
        asked = {each["what"]: each["requests"] for each in found}
        assert asked.get("judge between rounds") == (judged and 2 * judged)
