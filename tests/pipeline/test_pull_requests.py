"""Pull requests of a real pipeline: the workflow's steps in a clone that has nothing but Git."""

import shutil
import sys

import pytest

from tests.pipeline.workspace import STILLHOUSE, Workspace
from tests.pull_requests.actions import UPLOADED, Runner

pytestmark = pytest.mark.slow


@pytest.fixture
def origin(workspace, tmp_path):
    """A bare repository that has the workspace's `main`."""
    bare = tmp_path / "origin"
    workspace.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", str(bare))
    workspace.run("git", "remote", "add", "origin", str(bare))
    workspace.run("git", "push", "--quiet", "origin", "main")
    workspace.run("git", "switch", "--quiet", "--create", "change")
    return bare


@pytest.fixture
def compare(workspace, fast, origin, tmp_path):
    """Push `change`, and run the job `compare` on its merge; the runner, when it is done."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    command = f'#!/bin/sh\nPYTHONPATH=src exec "{sys.executable}" "{STILLHOUSE}" "$@"\n'
    (bin_ / "stillhouse").write_text(command, encoding="utf-8")
    (bin_ / "stillhouse").chmod(0o755)

    def run():
        workspace.run("git", "push", "--quiet", "--force", "origin", "change")
        shutil.rmtree(tmp_path / "clone", ignore_errors=True)
        clone = Workspace(tmp_path / "clone", fast)
        workspace.run("git", "clone", "--quiet", str(origin), str(clone.path))
        merge = ("merge", "--quiet", "--no-ff", "--message", "merge", "origin/change")
        clone.run("git", "switch", "--quiet", "--detach", "origin/main")
        clone.run("git", *merge)
        kept = tmp_path / "kept"
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        env = clone.env | {"PATH": f"{bin_}:{clone.env['PATH']}"}
        runner = Runner("compare", clone.path, kept, {"base_ref": "main"}, env, ("Set up",))
        runner.succeeded = runner.run()
        assert not (clone.path / "data/examples.parquet").exists()
        assert (kept / "comment/comment.md").read_text(encoding="utf-8") == runner.summary
        return runner

    return run


def test_a_change_that_was_run(workspace, compare):
    workspace.edit("params.yaml", **{"lambda": 0.5}, k=3)
    workspace.dvc("repro")
    workspace.dvc("remote", "add", "--default", "store", str(workspace.path.parent / "remote"))
    workspace.dvc("push", "report.html")
    workspace.commit()
    ran = compare()
    assert ran.succeeded, ran.said
    assert "dvc.lock belongs to them: none of" in ran.said
    verdict, *_ = ran.summary.splitlines()
    assert verdict.startswith("**")
    assert "12 test rows" in verdict
    assert "| `k` | `2` | `3` |" in ran.summary
    assert "| `retrieve` | knobs, outputs |" in ran.summary
    assert f"[The report of this run]({UPLOADED}report)" in ran.summary
    assert (ran.kept / "report/report.html").exists()


def test_a_change_that_was_not_run_fails_and_says_so(workspace, compare):
    workspace.edit("params.yaml", k=3)
    script = workspace.path / "stages/embed.py"
    script.write_text(script.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    workspace.commit()
    ran = compare()
    assert not ran.succeeded
    assert "\n  retrieve: params.yaml: k\n" in ran.said
    assert "embed:" not in ran.said
    assert "::error::dvc.lock does not belong to this commit" in ran.said
    assert ran.summary.startswith("**Stale**: ")

    workspace.edit("params.yaml", k=2)  # a comment alone means nothing
    workspace.commit()
    ran = compare()
    assert ran.succeeded, ran.said
    assert "Code has changed and means the same" in ran.said
    assert ran.summary.startswith("**The same**: all 12 test rows score as in `origin/main`")

    text = script.read_text(encoding="utf-8")
    script.write_text(f"{text}\nprint('imported')\n", encoding="utf-8")
    metrics = workspace.path / "metrics/augment.json"
    metrics.write_text("{}", encoding="utf-8")
    workspace.run("git", "rm", "--quiet", "metrics/outcomes.json")
    workspace.commit()
    ran = compare()
    assert not ran.succeeded
    assert "report: metrics/augment.json has changed, metrics/outcomes.json is missing" in ran.said
    assert "augment: metrics/augment.json is another" in ran.said
    assert "\n  embed: its code means something else\n" in ran.said
    assert "**Not compared row by row**: this commit has no" in ran.summary


def test_data_that_dvc_tracks_in_a_folder_need_not_be_here(workspace, compare):
    (workspace.path / "data/raw/large.bin").write_bytes(bytes(1000))
    workspace.dvc("add", "data/raw/large.bin")
    workspace.dvc("repro")
    workspace.commit()
    ran = compare()
    assert ran.succeeded, ran.said

    (workspace.path / "data/raw/large.bin").write_bytes(bytes(1001))
    workspace.dvc("add", "data/raw/large.bin")
    workspace.commit()
    ran = compare()
    assert not ran.succeeded
    assert "ingest: data/raw has changed" in ran.said
