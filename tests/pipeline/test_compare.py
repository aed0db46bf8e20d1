"""`stillhouse compare` over real revisions, experiments and the workspace."""

import json
import shutil

import pytest

pytestmark = pytest.mark.slow


def files(workspace):
    return workspace.run("git", "status", "--porcelain", "--untracked-files=all")


def test_a_commit_an_experiment_and_the_workspace(workspace):
    workspace.dvc("exp", "run", "--name", "trained", "-S", "seeds=[0,1]", "-S", "lambda=0.1")
    workspace.run("git", "reset", "--quiet", "--hard")
    workspace.dvc("checkout", "--force")
    before = files(workspace)

    found = json.loads(workspace.stillhouse("compare", "HEAD", "trained", "--json"))
    assert (found["rows"], found["one"]["seeds"], found["other"]["seeds"]) == (12, 1, 2)
    assert found["one"]["revision"] == "HEAD"
    assert found["one"]["accuracy"]["mean"] == pytest.approx(
        workspace.read("metrics/summary.json")["student"]["accuracy"], abs=1e-6
    )
    difference = found["other"]["accuracy"]["mean"] - found["one"]["accuracy"]["mean"]
    assert found["difference"]["mean"] == pytest.approx(difference)
    assert found["mcnemar"].keys() == {"0"}

    same = workspace.stillhouse("compare", "main")  # with the workspace, which is as committed
    assert "Difference: +0.0 points (+0.0 to +0.0, paired by row)" in same
    assert "0 rows right in the first alone, 0 in the second, p = 1" in same
    assert "The difference is not significant at 5%" in same
    assert files(workspace) == before


def test_what_cannot_be_read_says_why(workspace, tmp_path):
    workspace.dvc("remote", "add", "--default", "store", str(tmp_path / "remote"))
    workspace.commit()
    workspace.dvc("exp", "save", "--name", "saved")
    message = workspace.stillhouse("compare", "HEAD", "save", fails=True)
    assert "no revision or experiment 'save'. Did you mean 'saved'?" in message

    workspace.edit("params.yaml", seeds=[5])
    workspace.commit()
    message = workspace.stillhouse("compare", "HEAD", "saved", fails=True)
    assert "'HEAD' has no data/predictions/seed=5.parquet" in message
    assert "dvc repro" in message

    shutil.copytree(workspace.path / ".dvc/cache", tmp_path / "remote")
    shutil.rmtree(workspace.path / ".dvc/cache")
    assert "12 test rows" in workspace.stillhouse("compare", "HEAD~1", "saved")  # from the remote

    shutil.rmtree(tmp_path / "remote")
    message = workspace.stillhouse("compare", "HEAD~1", "saved", fails=True)
    assert "The predictions of 'HEAD~1' are not here" in message
    assert "dvc fetch" in message
    assert "Traceback" not in message
