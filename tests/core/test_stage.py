"""How a stage ends: quietly, with one message, or interrupted."""

import errno

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import read_events, record, state_directory
from stillhouse.stage import running


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Not in the checkout, whose last run may have been of other code."""
    monkeypatch.chdir(tmp_path)


def test_a_finished_stage_records_its_seconds_outside_dvc(monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "train_student@3")
    with running("train_student"):
        pass
    (event,) = read_events("stage")
    assert event["stage"] == "train_student@3"
    assert 0 <= event["seconds"] < 5


def test_a_users_mistake_is_one_message(capsys):
    with pytest.raises(SystemExit) as exit_, running("ingest"):
        raise StillhouseError("no such file")
    assert exit_.value.code == "error in ingest: no such file"
    assert read_events("stage") == []


def test_an_interrupt_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit) as exit_, running("embed"):
        raise KeyboardInterrupt()
    assert exit_.value.code == 130
    assert "dvc repro" in capsys.readouterr().err


def test_a_full_disk_is_a_users_error():
    full = OSError(errno.ENOSPC, "No space left on device", "data/x")
    with pytest.raises(SystemExit, match="No space left on device at data/x"), running("embed"):
        raise full


@pytest.mark.parametrize("error", [ValueError("a fault of ours"), OSError(errno.EIO, "I/O error")])
def test_a_fault_of_ours_keeps_its_traceback(error):
    with pytest.raises(type(error)), running("embed"):
        raise error


def test_a_log_line_cut_short_is_passed_over():
    record("stage", stage="one", seconds=1)
    log = state_directory() / "log" / "runs.jsonl"
    log.write_text(log.read_text() + '{"event": "stage", "sta')
    assert [event["stage"] for event in read_events("stage")] == ["one"]
    assert read_events("other") == []
