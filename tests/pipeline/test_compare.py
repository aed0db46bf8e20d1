"""`stillhouse compare` over real revisions, experiments and the workspace."""

import json
import shutil
import sys

import pytest

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-c", "from stillhouse.cli import main; main()", "compare")


@pytest.fixture
def compare(workspace):
    """Run the command in the workspace, with this checkout's code."""
    workspace.env["PYTHONPATH"] = "src"

    def run(*arguments, fails=False):
        return workspace.run(*COMMAND, *arguments, fails=fails)

    return run


def files(workspace):
    return workspace.run("git", "status", "--porcelain", "--untracked-files=all")


def test_a_commit_an_experiment_and_the_workspace(workspace, compare):
    workspace.dvc("exp", "run", "--name", "trained", "-S", "seeds=[0,1]", "-S", "lambda=0.1")
    workspace.run("git", "reset", "--quiet", "--hard")
    workspace.dvc("checkout", "--force")
    before = files(workspace)

    found = json.loads(compare("HEAD", "trained", "--json"))
    assert (found["rows"], found["one"]["seeds"], found["other"]["seeds"]) == (12, 1, 2)
    assert found["one"]["revision"] == "HEAD"
    assert found["one"]["accuracy"]["mean"] == pytest.approx(
        workspace.read("metrics/summary.json")["student"]["accuracy"], abs=1e-6
    )
    difference = found["other"]["accuracy"]["mean"] - found["one"]["accuracy"]["mean"]
    assert found["difference"]["mean"] == pytest.approx(difference)
    assert found["mcnemar"].keys() == {"0"}

    same = compare("main")  # with the workspace, which is as committed
    assert "Difference: +0.0 points (+0.0 to +0.0, paired by row)" in same
    assert "0 rows right in the first alone, 0 in the second, p = 1" in same
    assert "The difference is not significant at 5%" in same
    assert files(workspace) == before


def test_what_cannot_be_compared_says_why(workspace, compare):
    workspace.dvc("exp", "run", "--name", "halved", "-S", "fraction=0.5")
    workspace.dvc("exp", "run", "--name", "other-rows", "-S", "dataset=other")
    workspace.run("git", "reset", "--quiet", "--hard")

    message = compare("HEAD", "halve", fails=True)
    assert "no revision or experiment 'halve'. Did you mean 'halved'?" in message
    message = compare("HEAD", "other-rows", fails=True)
    assert "'HEAD' and 'other-rows' were tested on other rows: 21 ids" in message

    workspace.edit("params.yaml", seeds=[5])
    workspace.run("git", "commit", "--quiet", "--all", "--message", "not run")
    message = compare("HEAD", "HEAD~1", fails=True)
    assert "'HEAD' has no data/predictions/seed=5.parquet" in message
    assert "dvc repro" in message

    shutil.rmtree(workspace.path / ".dvc/cache")
    message = compare("HEAD~1", "halved", fails=True)
    assert "The predictions of 'HEAD~1' are not here" in message
    assert "dvc fetch" in message
    assert "Traceback" not in message


def test_other_gold_labels_are_refused(workspace, compare):
    path = workspace.path / "data/raw/tiny/test.csv"
    path.write_text(path.read_text().replace(",red,", ",blue,", 1))
    workspace.dvc("repro")
    message = compare("HEAD", fails=True)
    assert "another label for the test row 'row-1" in message


def test_predictions_on_the_remote_are_enough(workspace, compare, tmp_path):
    workspace.dvc("remote", "add", "--default", "store", str(tmp_path / "remote"))
    workspace.commit()
    workspace.dvc("push")
    shutil.rmtree(workspace.path / ".dvc/cache")
    assert "12 test rows" in compare("HEAD", "HEAD")
