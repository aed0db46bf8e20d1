"""Studies in a real repository: run, interrupted, failed, stale, tabulated."""

import csv
import os
import signal
import subprocess
import sys

import pytest
from filelock import FileLock

from tests.pipeline.workspace import Workspace, write_yaml

pytestmark = pytest.mark.slow

STUDY = {
    "description": "Rationales or not",
    "reference": "labels",
    "knobs": {"limit": 20},
    "rows": {
        "labels": {"title": "Labels alone", "knobs": {"lambda": 0}},
        "both": {"title": "Rationales, too", "knobs": {"lambda": 0.5}},
    },
    "columns": {
        "half": {"title": "50%", "knobs": {"fraction": 0.5}},
        "all": {"title": "100%", "knobs": {"fraction": 1.0, "seeds": [0, 1]}},
    },
    "cells": {"both": {"half": None}},
    "published": {"source": "A paper, Table 1", "values": {"labels": {"all": 62.5}}},
    "small": {"description": "One seed", "columns": ["all"], "knobs": {"seeds": [0]}},
}
NAMES = ["tiny-labels-half", "tiny-labels-all", "tiny-both-all"]


@pytest.fixture(scope="module")
def finished(template, fast, shared_folder):
    """A repository with a study that has run, and the output of its run; for all processes."""
    folder, output = shared_folder / "study", shared_folder / "study-output"
    with FileLock(shared_folder / "study-lock"):
        if not output.exists():
            workspace = with_study(template, folder, fast)
            assert set(states(workspace).values()) == {"missing"}
            output.write_text(workspace.stillhouse("study", "run", "tiny"))
    return Workspace(folder, fast), output.read_text()


@pytest.fixture
def study(finished, fast, tmp_path):
    """A copy of that repository, to change."""
    return finished[0].copy(tmp_path / "repository", fast)


def with_study(template, folder, fast):
    """A repository with a study of which nothing has run."""
    workspace = template.copy(folder, fast)
    write_yaml(workspace.path / "studies/tiny.yaml", STUDY)
    workspace.commit()
    return workspace


def ran(output):
    """The conditions that a run of a study started."""
    return [line.split()[1] for line in output.splitlines() if line.startswith("[")]


def states(workspace, *arguments):
    output = workspace.stillhouse("study", "status", "tiny", *arguments)
    return {line.split()[1]: line.split()[0] for line in output.splitlines()[:-1]}


def test_every_condition_is_an_experiment_and_stands_in_the_table(finished):
    workspace, output = finished
    assert ran(output) == NAMES
    for stage in ("ingest", "teacher_generate"):  # in DVC's cache from the commit's own run
        assert f"Running stage '{stage}'" not in output
    assert set(NAMES) <= set(workspace.dvc("exp", "list", "--name-only").split())
    # What was here is as it was, and the clone is gone.
    assert workspace.run("git", "status", "--porcelain").split() == ["??", "studies/results/"]
    assert [path.name for path in (workspace.path / ".stillhouse/studies/tiny").iterdir()] == [
        "lock"
    ]
    assert "train_student@1" in (workspace.path / ".stillhouse/log/runs.jsonl").read_text()

    results = workspace.path / "studies/results"
    rows = list(csv.DictReader((results / "tiny.csv").open()))
    assert [row["experiment"] for row in rows] == NAMES
    assert [row["seeds"] for row in rows] == ["1", "2", "2"]
    assert [row["difference"] != "" for row in rows] == [False, False, True]
    text = (results / "tiny.md").read_text()
    shown = output[output.index("Rationales or not") :]
    assert max(map(len, shown.splitlines())) <= 80
    for words in (
        "(published",
        "62.50)",
        "These students:",
        "The method: nothing can be said",
        "Seen from",
    ):
        assert words in shown
        assert words in text
    assert "A paper, Table 1" in text
    assert "<svg" in (results / "tiny.svg").read_text()


def test_what_has_run_does_not_run_again(study):
    again = study.stillhouse("study", "run", "tiny")
    assert ran(again) == []
    assert "3 finished, 0 to run" in again
    assert study.stillhouse("study", "table", "tiny").strip() in again
    small = study.stillhouse("study", "run", "tiny", "--small")
    assert ran(small) == ["tiny-small-labels-all", "tiny-small-both-all"]
    assert "Running stage 'train_student" not in small  # a seed of what ran above
    assert "published" not in (study.path / "studies/results/tiny-small.md").read_text()


def test_a_change_of_the_settings_or_of_the_code_is_seen(study):
    study.edit("studies/tiny.yaml", knobs={"limit": 20, "k": 1})
    assert set(states(study).values()) == {"missing"}
    study.edit("studies/tiny.yaml", knobs=STUDY["knobs"])
    study.commit()  # the table, which no stage reads
    assert set(states(study).values()) == {"finished"}

    code = study.path / "src/stillhouse/parse/statements.py"
    code.write_text(code.read_text() + "# a comment\n")
    message = study.stillhouse("study", "run", "tiny", fails=True)
    assert " M src/stillhouse/parse/statements.py" in message
    study.commit()
    assert set(states(study).values()) == {"finished"}
    code.write_text(code.read_text().replace("MOST = 20", "MOST = 21"))
    study.commit()
    assert set(states(study).values()) == {"stale"}
    assert "the code of parse" in study.stillhouse("study", "status", "tiny")
    assert "†" in study.stillhouse("study", "table", "tiny")

    output = study.stillhouse("study", "run", "tiny")
    assert ran(output) == NAMES
    assert "Running stage 'parse'" in output
    assert "Running stage 'train_student" not in output  # equal output ended the wave
    assert "†" not in (study.path / "studies/results/tiny.md").read_text()


def test_a_failed_condition_is_named_and_the_others_run(study):
    rows = {
        "none": {"title": "Impossible", "knobs": {"rationale_filter": "consistent", "lambda": 0.5}},
        "labels": STUDY["rows"]["labels"] | {"knobs": {"lambda": 0, "exemplar_seed": 1}},
    }
    columns = {"half": STUDY["columns"]["half"]}
    changes = {"rows": rows, "columns": columns, "cells": {}, "published": None, "small": None}
    study.edit("studies/tiny.yaml", **changes)
    output = study.stillhouse("study", "run", "tiny", fails=True)
    assert ran(output) == ["tiny-none-half", "tiny-labels-half"]
    reason = "tiny-none-half: error in feedback_split: `rationale_filter: consistent` leaves no"
    assert reason in output
    assert states(study) == {"tiny-none-half": "failed", "tiny-labels-half": "finished"}
    assert "| failed" in (study.path / "studies/results/tiny.md").read_text()
    log = study.path / ".stillhouse/studies/failed/tiny-none-half.log"
    assert "Running stage 'feedback_split'" in log.read_text()
    assert ran(study.stillhouse("study", "run", "tiny", fails=True)) == ["tiny-none-half"]


def test_an_interrupted_study_goes_on(study):
    columns = STUDY["columns"] | {"all": {"title": "100%", "knobs": {"fraction": 1.0}}}
    study.edit("studies/tiny.yaml", knobs={"limit": 20, "tau": 2.0}, columns=columns)

    def interrupt(number, condition):
        """Run the study, and send the signal while the condition runs its stages."""
        command = (sys.executable, "-c", "from stillhouse.cli import main; main()")
        process = subprocess.Popen(
            [*command, "study", "run", "tiny"],
            cwd=study.path,
            env=study.env | {"PYTHONPATH": "src"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        before = []
        for line in process.stdout:
            before.append(line)
            if line.startswith("Running stage") and ran("".join(before))[-1] == condition:
                break
        os.kill(process.pid, number)
        after, _ = process.communicate()
        return process.returncode, after

    status, output = interrupt(signal.SIGTERM, NAMES[0])
    assert status == 130
    assert "`stillhouse study run tiny` goes on" in output
    clones = study.path / ".stillhouse/studies/tiny"
    assert not list(clones.glob("clone-*"))

    assert interrupt(signal.SIGKILL, NAMES[1])[0] == -signal.SIGKILL
    assert states(study)[NAMES[0]] == "finished"
    assert ran(study.stillhouse("study", "run", "tiny")) == NAMES[1:]
    assert set(states(study).values()) == {"finished"}
    assert not list(clones.glob("clone-*"))


def test_a_mistake_in_a_study_is_found_before_anything_runs(template, fast, tmp_path):
    study = with_study(template, tmp_path / "repository", fast)
    study.edit("studies/tiny.yaml", knobs={"limt": 20})
    message = study.stillhouse("study", "run", "tiny", fails=True)
    assert "studies/tiny.yaml: `knobs`: there is no knob 'limt'" in message
    assert "Did you mean 'limit'" in message
    study.edit("studies/tiny.yaml", knobs={"student": "tinny", "k": -1})
    message = study.stillhouse("check", fails=True)
    assert "condition labels, all: `k` is -1" in message
    assert "conf/student/tinny.yaml does not exist. Did you mean 'tiny'" in message
    message = study.stillhouse("study", "status", "tinny", fails=True)
    assert "There is no study 'tinny'. Did you mean 'tiny'" in message
