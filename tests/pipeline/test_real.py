"""The commands as a user runs them: DVC unpatched, each stage in a Python of its own."""

import sys
from pathlib import Path

import pytest
import yaml

from tests.pipeline.test_reruns import of_seed
from tests.pipeline.test_static import ALL, TRAIN
from tests.pipeline.workspace import create

pytestmark = pytest.mark.slow


def locked(workspace):
    """What dvc.lock says but for content: weights may differ with the number of threads."""
    stages = yaml.safe_load((workspace.path / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return {
        name: stage
        | {kind: [entry["path"] for entry in stage.get(kind, ())] for kind in ("deps", "outs")}
        for name, stage in stages.items()
    }


def test_the_pipeline_runs_and_runs_again_for_a_change(shared_folder, template, tmp_path):
    real = create(tmp_path / "repository", shared_folder / "models", Path(sys.executable).parent)
    assert real.ran("repro") == of_seed(ALL | {"code"})
    assert "up to date" in real.dvc("status")
    assert locked(real) == locked(template)  # so the other tests' quick DVC records the same

    real.edit("params.yaml", **{"lambda": 0.5})
    assert "changed" in real.dvc("status")
    assert real.ran("repro") == of_seed(TRAIN)
    assert "up to date" in real.dvc("status")
    assert real.ran("repro") == set()
