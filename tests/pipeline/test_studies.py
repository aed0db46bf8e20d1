"""Studies in a real repository: run, interrupted, failed, stale, tabulated."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.pipeline.workspace import write_yaml

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-c", "from stillhouse.cli import main; main()", "study")
STUDY = {
    "description": "Rationales or not",
    "reference": "labels",
    "knobs": {"limit": 20, "seeds": [0, 1]},
    "rows": {
        "labels": {"title": "Labels alone", "knobs": {"lambda": 0}},
        "both": {"title": "Rationales, too", "knobs": {"lambda": 0.5}},
    },
    "columns": {
        "half": {"title": "50%", "knobs": {"fraction": 0.5}},
        "all": {"title": "100%", "knobs": {"fraction": 1.0}},
    },
    "cells": {"both": {"half": None}},
    "published": {"source": "A paper, Table 1", "values": {"labels": {"all": 62.5}}},
    "small": {"description": "One seed", "columns": ["all"], "knobs": {"seeds": [0]}},
}


@pytest.fixture
def study(workspace):
    """`stillhouse study`, with this checkout's code, in a repository that has a study."""
    workspace.env["PYTHONPATH"] = "src"
    write_yaml(workspace.path / "studies/tiny.yaml", STUDY)
    workspace.commit()

    def run(*arguments, fails=False):
        return workspace.run(*COMMAND, *arguments, fails=fails)

    return run


def ran(output):
    """The conditions that a run of a study started."""
    lines = [line for line in output.splitlines() if line.startswith("[")]
    return [line.split()[1] for line in lines]


def states(output):
    return {line.split()[1]: line.split()[0] for line in output.splitlines()[:-1]}


def test_a_study_runs_once_and_is_tabulated(workspace, study):
    assert states(study("status", "tiny")) == {
        "tiny-labels-half": "missing",
        "tiny-labels-all": "missing",
        "tiny-both-all": "missing",
    }
    params = workspace.path / "params.yaml"
    before = params.read_text()

    output = study("run", "tiny")
    assert ran(output) == ["tiny-labels-half", "tiny-labels-all", "tiny-both-all"]
    assert output.count("Running stage 'ingest'") <= 1  # shared through DVC's cache
    assert "Running stage 'teacher_generate'" not in output  # answered by the commit's own run
    assert params.read_text() == before
    assert workspace.run("git", "status", "--porcelain").split() == ["??", "studies/results/"]
    assert not list((workspace.path / ".stillhouse/studies/tiny").glob("clone-*"))

    shown = workspace.dvc("exp", "show", "--csv", "--no-pager")
    assert "tiny-both-all" in shown
    results = workspace.path / "studies/results"
    rows = list(csv.DictReader((results / "tiny.csv").open()))
    assert [row["experiment"] for row in rows] == ran(output)
    assert [row["seeds"] for row in rows] == ["2", "2", "2"]
    assert [row["difference"] != "" for row in rows] == [False, False, True]
    assert [row["published"] for row in rows] == ["", "0.625", ""]
    text = (results / "tiny.md").read_text()
    assert text in output
    assert "(published 62.50)" in text
    assert "A paper, Table 1" in text
    assert "<svg" in (results / "tiny.svg").read_text()

    again = study("run", "tiny")
    assert ran(again) == []
    assert "3 finished, 0 to run" in again
    assert study("table", "tiny").strip() in again

    small = study("run", "tiny", "--small")
    assert ran(small) == ["tiny-small-labels-all", "tiny-small-both-all"]
    assert "Running stage" not in small.replace("Running stage 'report'", "")  # trained above
    assert "published" not in (results / "tiny-small.md").read_text()


def test_a_change_of_the_study_or_of_the_code_is_seen(workspace, study):
    study("run", "tiny", "--small")
    small = dict(STUDY["small"], knobs={"seeds": [0], "k": 1})
    workspace.edit("studies/tiny.yaml", small=small)
    assert set(states(study("status", "tiny", "--small")).values()) == {"missing"}
    workspace.edit("studies/tiny.yaml", small=STUDY["small"])

    readme = workspace.path / "README.md"
    readme.write_text("Another commit, the same pipeline.\n")
    workspace.commit()
    assert set(states(study("status", "tiny", "--small")).values()) == {"finished"}

    code = workspace.path / "src/stillhouse/feedback/augment.py"
    code.write_text(code.read_text() + "# a comment\n")
    message = study("run", "tiny", "--small", fails=True)
    assert "src/stillhouse/feedback/augment.py" in message
    assert "Commit these first" in message
    workspace.commit()
    status = study("status", "tiny", "--small")
    assert set(states(status).values()) == {"stale"}
    assert "changed since: src/stillhouse/feedback" in status
    assert "†" in study("table", "tiny", "--small")

    output = study("run", "tiny", "--small")
    assert len(ran(output)) == 2
    assert "Running stage 'train_student@0'" not in output  # equal output ended the wave
    assert "†" not in (workspace.path / "studies/results/tiny-small.md").read_text()


def test_a_failed_condition_is_named_and_the_others_run(workspace, study):
    """Row `both` cannot train: its teacher labels are asked of a prompt that gives none."""
    rows = STUDY["rows"] | {
        "both": {"title": "Impossible", "knobs": {"rationale_source": "gold", "dataset": "bare"}}
    }
    columns = {"all": STUDY["columns"]["all"]}
    write_yaml(
        workspace.path / "studies/tiny.yaml",
        STUDY | {"rows": rows, "columns": columns, "cells": {}, "small": None, "reference": "both"},
    )
    dataset = workspace.path / "conf/dataset/tiny.yaml"
    text = dataset.read_text()
    (workspace.path / "conf/dataset/bare.yaml").write_text(
        text.replace("  rationale:", "  meta: {}\n  #")
    )
    workspace.commit()

    output = study("run", "tiny", fails=True)
    assert ran(output) == ["tiny-labels-all", "tiny-both-all"]
    assert "tiny-both-all: error in feedback_split: None of the" in output
    assert "failed" in (workspace.path / "studies/results/tiny.md").read_text()
    assert states(study("status", "tiny")) == {
        "tiny-labels-all": "finished",
        "tiny-both-all": "failed",
    }
    log = workspace.path / ".stillhouse/studies/failed/tiny-both-all.log"
    assert "None of the" in log.read_text()
    assert ran(study("run", "tiny", fails=True)) == ["tiny-both-all"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_an_interrupted_study_goes_on(workspace, study, number):
    process = subprocess.Popen(
        [*COMMAND, "run", "tiny"],
        cwd=workspace.path,
        env=workspace.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for line in process.stdout:
        if "tiny-labels-all" in line:
            break
    time.sleep(1)  # in the middle of the second condition
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode == (130 if number == signal.SIGTERM else -signal.SIGKILL)
    assert ran(study("run", "tiny")) == ["tiny-labels-all", "tiny-both-all"]
    assert set(states(study("status", "tiny")).values()) == {"finished"}
    assert not list((workspace.path / ".stillhouse/studies/tiny").glob("clone-*"))


def test_a_mistake_in_a_study_is_found_before_anything_runs(workspace, study):
    knobs = {"limt": 20}
    workspace.edit("studies/tiny.yaml", knobs=knobs)
    message = study("run", "tiny", fails=True)
    assert "studies/tiny.yaml: `knobs` is {'limt': 20}: there is no knob 'limt'" in message
    assert "Did you mean 'limit'" in message
    workspace.edit("studies/tiny.yaml", knobs={"student": "tinny", "k": -1})
    message = workspace.run(*COMMAND[:-1], "check", fails=True)
    assert "condition labels, all: `k` is -1" in message
    assert "conf/student/tinny.yaml does not exist. Did you mean 'tiny'" in message
    message = study("status", "tinny", fails=True)
    assert "There is no study 'tinny'. Did you mean 'tiny'" in message
