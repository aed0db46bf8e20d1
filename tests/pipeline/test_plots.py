"""DVC draws the plots in a clone that has nothing but what is in Git."""

import json

import pytest

from stillhouse.core import paths
from tests.pipeline.workspace import Workspace

pytestmark = pytest.mark.slow


def test_a_fresh_clone_draws_losses_apart_and_accuracies_with_their_intervals(
    workspace, fast, tmp_path
):
    workspace.run("git", "clone", "--quiet", str(workspace.path), str(tmp_path / "clone"))
    clone = Workspace(tmp_path / "clone", fast)
    shown = json.loads(clone.dvc("plots", "show", "--json"))
    assert "errors" not in shown
    drawn = {}
    for name, plots in shown["data"].items():
        for plot in plots:
            content = plot["content"]
            drawn[name] = json.loads(content) if isinstance(content, str) else content
    assert all(name.endswith(".csv") for name in drawn)  # other figures draw nothing
    assert {str(paths.ACCURACY_PLOT), str(paths.STATUS_PLOT)} <= drawn.keys()
    accuracy = drawn[str(paths.ACCURACY_PLOT)]
    assert {"model", "accuracy", "low", "high", "rev"} <= accuracy["data"]["values"][0].keys()
    assert [layer["mark"]["type"] for layer in accuracy["layer"]] == ["bar", "rule", "tick", "tick"]
    training = drawn[str(paths.train_curve(0))]
    (fold,) = (step["fold"] for step in training["transform"] if "fold" in step)
    assert {"label_loss", "rationale_loss"} <= set(fold) & training["data"]["values"][0].keys()
    assert "<DVC_METRIC" not in json.dumps([accuracy, training])
