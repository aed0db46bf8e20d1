"""`stillhouse repro`: DVC's run, and in its last line what of the pipeline ran."""

import os
import re
import signal
import subprocess
import sys

import pytest

from tests.pipeline.workspace import STILLHOUSE

pytestmark = pytest.mark.slow
EVERY = 22


def last(output):
    return output.splitlines()[-1]


def test_what_ran_what_was_restored_and_what_did_not_have_to(workspace):
    nothing = workspace.stillhouse("repro")
    assert last(nothing) == f"0 of {EVERY} stages ran, {EVERY} unchanged."
    assert "Accuracy on 12 test rows" in nothing  # the table as it was
    assert workspace.stillhouse("repro", "--dry").splitlines()[-1] != last(nothing)

    workspace.edit("params.yaml", k=1)
    changed = workspace.stillhouse("repro")
    ran = re.findall(r"^Running stage '(.+)':", changed, re.MULTILINE)
    answers = workspace.read("metrics/teacher.json")["requests"]
    assert 5 < len(ran) < EVERY
    assert last(changed).startswith(f"{len(ran)} of {EVERY} stages ran, {EVERY - len(ran)} ")
    assert re.search(rf"; {answers} answers asked; [\d.]+ EUR\.$", last(changed))
    # The report ends with them, too, but for those that ran after it.
    table = changed.partition("Stages of the latest run\n")[2].partition("In all")[0]
    told = [line.split()[0] for line in table.splitlines()[1:]]
    assert told == ran[: len(told)]
    assert set(ran[len(told) :]) <= {"report", "card@0"}
    row = next(line.split() for line in table.splitlines() if line.startswith("teacher_generate"))
    assert row[1:4] == ["20", str(answers), "0"]

    workspace.edit("params.yaml", k=2)  # as it was
    back = last(workspace.stillhouse("repro"))
    ran, restored, unchanged = map(
        int,
        re.match(
            rf"(\d+) of {EVERY} stages ran, (\d+) restored from DVC's cache, (\d+) unchanged", back
        ).groups(),
    )
    assert restored > 5
    assert ran + restored + unchanged == EVERY
    assert workspace.stillhouse("repro", "ingest").splitlines()[-1] == "0 stages ran."


def test_a_stage_that_fails_is_said_and_its_status_kept(workspace):
    path = workspace.path / "data/raw/tiny/train.csv"
    path.write_text(path.read_text().replace(",red,", ",green,", 1))
    output = workspace.stillhouse("repro", fails=True)
    assert "error in ingest:" in output
    assert last(output) == "Stopped with an error: 0 stages ran. Run it again to go on."
    output = workspace.stillhouse("repro", "--nosuch", fails=True)
    assert "unrecognized arguments: --nosuch" in output
    assert "stages ran" not in output
    workspace.edit("params.yaml", k=-1)
    output = workspace.stillhouse("repro", fails=True)
    assert "Running stage" not in output  # nothing begins where the configuration is wrong


def test_ctrl_c_ends_the_stage_and_says_so(workspace):
    workspace.edit("params.yaml", **{"lambda": 0.25})
    workspace.env["PYTHONPATH"] = "src"
    process = subprocess.Popen(
        [sys.executable, str(STILLHOUSE), "repro"],
        cwd=workspace.path,
        env=workspace.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith("> ") and "train_student" in line:
            os.killpg(process.pid, signal.SIGINT)
    assert process.wait() != 0, seen
    assert "Traceback" not in "".join(seen)
    assert seen[-1].startswith("Interrupted: 0 stages ran.")
