"""Validation through the whole pipeline: carved out of the train rows, and never the test rows."""

import csv

import pytest

from stillhouse.core import paths, tables
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow


def test_an_experiment_holds_rows_out_and_selects_on_them(workspace: Workspace):
    hold_out = "conf/dataset/tiny.yaml:+splits.validation={hold_out_from: train, share: 0.3}"
    select = "conf/student/tiny.yaml:+training.validation={steps: 1, metric: loss}"
    ran = workspace.ran("exp", "run", "-S", hold_out, "-S", select, "train_student")
    assert {"ingest", "feedback_split", "train_student@0"} <= ran
    validation = tables.VALIDATION.of(workspace.path).read_rows()
    examples = tables.EXAMPLES.of(workspace.path).read_rows()
    assert {row["id"] for row in validation} == {
        row["id"] for row in examples if row["split"] == "validation"
    }
    training = tables.TRAINING.of(workspace.path).read_rows()
    assert len(validation) == 9
    assert {row["id"] for row in validation}.isdisjoint(row["id"] for row in training)
    with (workspace.path / paths.train_curve(0)).open(newline="") as file:
        assert all(float(row["validation"]) > 0 for row in csv.DictReader(file))


def test_a_changed_test_row_trains_nothing_again(workspace: Workspace):
    path = workspace.path / "data/raw/tiny/test.csv"
    path.write_text(path.read_text().replace("What colour", "Which colour", 1))
    ran = workspace.ran("repro", "train_student")
    assert "ingest" in ran
    assert "feedback_split" in ran
    assert "train_student@0" not in ran
