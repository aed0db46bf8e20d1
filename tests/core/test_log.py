"""The run log: events of a stage name the stage and the run of DVC that it belongs to."""

import json
import os
import subprocess
import sys

import pytest

from stillhouse.core.log import read_events, record, run_of


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A working directory below a DVC repository, within a stage."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setenv("DVC_STAGE", "train_student@1")
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def held(*processes):
        writers = {f"/out/{n}": {"pid": p, "cmd": "dvc repro"} for n, p in enumerate(processes)}
        (tmp_path / ".dvc/tmp/rwlock").write_text(json.dumps({"write": writers, "read": {}}))

    return held


@pytest.fixture
def ended():
    """The id of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_an_event_names_its_stage_and_the_dvc_that_holds_the_outputs(stage, ended):
    stage(os.getpid(), os.getpid(), ended)  # two outputs; and a run that was killed
    record("stage", seconds=1)
    (event,) = read_events("stage")
    assert event["stage"] == "train_student@1"
    assert event["run"] == run_of(os.getpid())
    assert event["run"].startswith(f"{os.getpid()}@")


def test_where_dvc_does_not_say_which_run_it_is_the_log_does_not_guess(stage, ended, tmp_path):
    record("stage")  # no lock at all
    stage(ended)
    record("stage")
    stage(os.getpid(), os.getppid())  # two commands at a time
    record("stage")
    (tmp_path / ".dvc/tmp/rwlock").write_text("{")
    record("stage")
    (tmp_path / ".dvc/tmp/rwlock").write_text('{"write": [1]}')
    record("stage")
    assert [event["run"] for event in read_events("stage")] == [None] * 5


def test_outside_of_a_stage_an_event_says_neither(stage, monkeypatch):
    monkeypatch.delenv("DVC_STAGE")
    stage(os.getpid())
    record("study", condition="a")
    (event,) = read_events("study")
    assert event.keys() == {"time", "event", "condition"}
