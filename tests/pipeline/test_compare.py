"""`stillhouse compare` over real revisions, experiments and the workspace."""

import json
import re
import shutil
import time

import pytest

from tests.pipeline.workspace import Workspace

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
    assert found["students"]["difference"]["mean"] == pytest.approx(difference)
    assert found["students"]["pairs"].keys() == {"0"}
    assert found["students"]["pairs"]["0"]["test"] == "mcnemar"
    assert found["method"] == {"significant": None}  # one seed against two

    teacher = workspace.read("metrics/report.json")["teacher"]["splits"]["train"]
    low, high = (teacher[f"teacher_label_accuracy_{end}"] for end in ("low", "high"))
    assert low < teacher["teacher_label_accuracy"] < high

    same = workspace.stillhouse("compare", "main")  # with the workspace, which is as committed
    assert "These students: +0.0 points (-24.2 to +24.2, over test rows)" in same
    assert "McNemar: first alone right in 0 rows, second in 0: p = 1" in same
    assert "Not significant at 5%" in same
    assert "The method: nothing can be said without 3 seeds a side; these have 1 and 1." in same
    assert max(map(len, same.splitlines())) <= 80
    assert files(workspace) == before


def test_a_clone_in_which_nothing_was_built_is_what_was_committed(workspace, fast, tmp_path):
    cache = workspace.path / ".dvc/cache"
    clone = Workspace(tmp_path / "clone", fast)
    workspace.run("git", "clone", "--quiet", str(workspace.path), str(clone.path))
    clone.dvc("config", "--local", "cache.dir", str(cache))
    shown = clone.stillhouse("compare", "main")
    assert "Nothing is built here, so HEAD stands for the workspace." in shown
    assert "These students: +0.0 points" in shown
    found = clone.stillhouse("compare", "main", "--json")
    found = json.loads(found[found.index("{") :])
    assert (found["one"]["revision"], found["other"]["revision"]) == ("main", "HEAD")

    # Where something was built, what is missing is a mistake and not HEAD's.
    clone.dvc("checkout", "data/examples.parquet")
    assert "predictions/seed=0.parquet does not exist" in clone.stillhouse(
        "compare", "main", fails=True
    )


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


def test_experiments_beside_each_other(workspace):
    workspace.dvc("exp", "run", "--name", "less", "-S", "lambda=0.1")
    workspace.run("git", "reset", "--quiet", "--hard")
    workspace.dvc("exp", "run", "--name", "equal", "-S", "conf/student/tiny.yaml:description=Other")
    workspace.run("git", "reset", "--quiet", "--hard")
    workspace.dvc("checkout", "--force")
    workspace.dvc("exp", "run", "--queue", "--name", "waits", "-S", "k=1")
    workspace.dvc("exp", "run", "--queue", "--name", "fails", "-S", "prompt=nosuch")
    before = files(workspace)
    found = {row["name"]: row for row in json.loads(workspace.stillhouse("exps", "--json"))}
    assert list(found) == ["HEAD", "equal", "less", "waits", "fails"]
    assert found["equal"]["verdict"] == "same"
    assert found["equal"]["changed"] == ["student.description=Other"]
    assert found["waits"]["state"] == found["fails"]["state"] == "queued"
    assert found["waits"]["changed"] == ["k=1"]
    compared = json.loads(workspace.stillhouse("compare", "HEAD", "less", "--json"))["students"]
    mean = 100 * compared["difference"]["mean"]
    assert found["less"]["difference"].startswith(f"{mean:+.1f} (")
    (pair,) = compared["pairs"].values()
    word = ("better" if mean > 0 else "worse") if compared["significant"] else "noise"
    same = not pair["only_one"] and not pair["only_other"]
    assert found["less"]["verdict"] == ("same" if same else word)
    workspace.dvc("queue", "remove", "waits")
    workspace.dvc("queue", "start")
    deadline = time.monotonic() + 180
    while "Failed" not in workspace.dvc("queue", "status"):
        assert time.monotonic() < deadline
        time.sleep(1)
    shown = workspace.stillhouse("exps")
    assert re.search(r"^fails .* failed ", shown, re.MULTILINE)
    assert "`dvc queue logs NAME` says why" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 100
    assert files(workspace) == before

    # What is not in the cache is not fetched, and not guessed.
    workspace.dvc("remote", "add", "--default", "store", "/nowhere")
    shutil.rmtree(workspace.path / ".dvc/cache")
    shown = workspace.stillhouse("exps")
    assert re.search(r"^less .* not compared ", shown, re.MULTILINE)
    assert "is not in DVC's cache" in " ".join(shown.split())
