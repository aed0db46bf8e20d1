"""A training that was stopped goes on and ends as if it had not been; nothing else is taken up."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch

import stillhouse
from stillhouse.code import record
from stillhouse.code.fingerprint import Sources
from stillhouse.config import pipeline
from stillhouse.config.student import StudentConf
from stillhouse.core.log import state_directory
from stillhouse.sources.pin import pin
from stillhouse.train_student import checkpoints as module
from stillhouse.train_student.checkpoints import AFTERWARDS, Checkpoints, training_key
from stillhouse.train_student.training import train_student
from tests.conftest import REPOSITORY
from tests.students.conftest import Make, rows

ALWAYS = {"device": "cpu", "checkpoint_minutes": 1e-9}
LORA = {"method": "lora", "lora": {"rank": 4, "alpha": 8, "dropout": 0.2}}
VALIDATION = {"steps": 2, "metric": "loss"}
LABELLED = [{name: row[name] for name in ("id", "query", "label")} for row in rows(7)]


class Stopped(BaseException):
    """What a kill is to the code: nothing after it runs."""


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the training when the checkpoint of `step` is written."""
    write = Checkpoints.write

    def writing(self: Checkpoints, checkpoint: Any) -> None:
        write(self, checkpoint)
        if checkpoint.step == step:
            raise Stopped

    monkeypatch.setattr(Checkpoints, "write", writing)


def folders() -> list[Path]:
    return sorted((state_directory() / "checkpoints").glob("*/*"))


def complete() -> list[Path]:
    return [path for path in folders() if path.name.startswith("step-")]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def train(conf: Any, folder: Path) -> Any:
    return train_student(rows(10), conf, 0.5, 3, folder, validation=LABELLED)


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        pytest.param("decoder", {}, id="decoder"),
        pytest.param("encoder_decoder", {}, id="t5-with-dropout", marks=pytest.mark.slow),
        pytest.param("decoder", LORA, id="lora-with-dropout"),
        pytest.param("decoder", {"training": {"validation": VALIDATION}}, id="validation"),
        pytest.param("decoder", {"compute": ALWAYS | {"micro_batch_size": 3}}, id="micro-batches"),
    ],
)
def test_resumed_equals_uninterrupted(
    tmp_path: Path,
    make_conf: Make,
    monkeypatch: pytest.MonkeyPatch,
    family: str,
    changes: dict[str, Any],
):
    training = {"epochs": 3, "warmup_share": 0.2, "weight_decay": 0.1}
    training |= changes.get("training", {})
    conf = make_conf(family, **({"compute": ALWAYS} | changes | {"training": training}))
    whole = train(conf, tmp_path / "whole")
    assert len(whole.losses) == 8
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(5, patch)
        train(conf, tmp_path / "resumed")
    assert not (tmp_path / "resumed").exists()
    assert [path.name for path in folders()] == ["step-000000005"]  # older ones are gone
    resumed = train(conf, tmp_path / "resumed")
    assert resumed == whole
    assert bytes_of(tmp_path / "resumed") == bytes_of(tmp_path / "whole")
    assert folders() == []


def test_a_training_goes_on_after_its_newest_checkpoint(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    conf = make_conf(training={"epochs": 3}, compute=ALWAYS)
    steps: list[int] = []
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(5, patch)
        train(conf, tmp_path / "student")
    write = Checkpoints.write
    monkeypatch.setattr(
        Checkpoints, "write", lambda self, c: (steps.append(c.step), write(self, c))[1]
    )
    train(conf, tmp_path / "student")
    assert steps == [6, 7]


def test_a_short_training_writes_no_checkpoint(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    def unwanted(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Checkpoints, "write", unwanted)
    train(make_conf(), tmp_path / "student")
    train(make_conf(compute={"device": "cpu", "checkpoint_minutes": None}), tmp_path / "without")
    assert not (state_directory() / "checkpoints").exists()


def interrupted(conf: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the checkpoint of a training that was stopped after three steps."""
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(3, patch)
        train(conf, tmp_path / "student")
    (folder,) = folders()
    return folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_another(path: Path) -> None:
    state = json.loads(path.with_name(module.STATE).read_text())
    path.with_name(module.STATE).write_text(json.dumps(state | {"key": "other"}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flip, "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged"),
        (lambda path: path.unlink(), "is damaged"),
        (lambda path: path.with_name(module.STATE).write_text("{}"), "is damaged"),
        (lambda path: path.with_name(module.STATE).write_text("[half"), "is damaged"),
        (of_another, "is of another student or configuration"),
    ],
    ids=["flipped bit", "cut short", "no tensors", "no state", "half a state", "another's"],
)
def test_a_checkpoint_that_cannot_be_used_is_named_and_left(
    caplog: pytest.LogCaptureFixture, damage: Any, said: str
):
    checkpoints = Checkpoints("key")
    checkpoints.write(module.Checkpoint(7, {"a": torch.ones(9)}, {"b": [1.5]}))
    found = checkpoints.newest()
    assert found is not None
    assert (found.step, found.values) == (7, {"b": [1.5]})
    (folder,) = folders()
    damage(folder / module.TENSORS)
    assert checkpoints.newest() is None
    (message,) = [record.getMessage() for record in caplog.records]
    assert said in message
    assert str(folder) in message


def test_training_starts_afresh_where_the_checkpoint_is_damaged(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    conf = make_conf(training={"epochs": 2}, compute=ALWAYS)
    whole = train(conf, tmp_path / "whole")
    flip(interrupted(conf, tmp_path, monkeypatch) / module.TENSORS)
    assert train(conf, tmp_path / "student") == whole
    assert bytes_of(tmp_path / "student") == bytes_of(tmp_path / "whole")


def test_another_training_never_meets_a_checkpoint(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    conf = make_conf(training={"epochs": 2}, compute=ALWAYS)
    folder = interrupted(conf, tmp_path, monkeypatch)
    before = bytes_of(folder)
    hot = make_conf(training={"epochs": 2, "learning_rate": 2e-2}, compute=ALWAYS)
    assert len(train(hot, tmp_path / "hot").losses) == 5
    assert bytes_of(folder) == before


def test_the_key_is_of_all_that_decides_the_result(make_conf: Make):
    def key(**changes: Any) -> str:
        given = {"rows": rows(4), "validation": LABELLED, "lambda_": 1.0, "seed": 0}
        return training_key(**(given | {"conf": make_conf()} | changes))

    different = [
        key(),
        key(rows=rows(5)),
        key(rows=rows(4)[::-1]),
        key(validation=[]),
        key(lambda_=0.5),
        key(seed=1),
        key(conf=make_conf(training={"epochs": 2})),
        key(conf=make_conf(source="other")),
        key(conf=make_conf(method="lora", lora={"rank": 4, "alpha": 8})),
    ]
    assert len(set(different)) == len(different)
    same = make_conf(compute={"device": "auto", "micro_batch_size": 2}, description="another")
    assert key(conf=same) == key()


def test_the_key_covers_what_the_stage_declares():
    tracked = pipeline.stage("train_student", REPOSITORY).entries["student"]
    left = StudentConf.model_fields.keys() - AFTERWARDS - StudentConf.UNTRACKED
    assert left == tracked


def test_the_key_changes_with_the_code_of_training(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    before = training_key([], [], make_conf(), 1.0, 0)
    package = tmp_path / "stillhouse"
    shutil.copytree(Path(stillhouse.__file__).parent, package)
    monkeypatch.setattr(record, "sources", lambda: Sources(package, tmp_path / "stages"))
    assert training_key([], [], make_conf(), 1.0, 0) == before
    objective = package / "train_student/objective.py"
    with objective.open("a") as code:
        code.write("# a comment\n")
    assert training_key([], [], make_conf(), 1.0, 0) == before
    objective.write_text(objective.read_text().replace("means[0] + lambda_", "means[0] - lambda_"))
    assert training_key([], [], make_conf(), 1.0, 0) != before


def test_a_full_disk_stops_no_training_and_keeps_the_last_checkpoint(
    tmp_path: Path,
    make_conf: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    conf = make_conf(training={"epochs": 2}, compute=ALWAYS)
    whole = train(conf, tmp_path / "whole")
    folder = interrupted(conf, tmp_path, monkeypatch)
    kept: list[bool] = []

    def full(tensors: object, path: Path) -> None:
        kept.append((folder / module.STATE).exists())
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("safetensors.torch.save_file", full)
    assert train(conf, tmp_path / "student") == whole
    assert kept == [True]  # step 4; the fifth is the last, and needs none
    assert "goes on without a checkpoint" in caplog.text
    assert "No space left on device" in caplog.text


def test_too_little_disk_for_a_checkpoint_is_said(
    make_conf: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 99, 1))
    caplog.set_level(logging.WARNING)
    Checkpoints("key").write(module.Checkpoint(1, {"a": torch.zeros(9)}, {}))
    assert "Not enough disk space for a checkpoint" in caplog.text
    assert folders() == []


def test_a_student_that_cannot_be_saved_keeps_its_checkpoint(
    tmp_path: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    conf = make_conf(training={"epochs": 2}, compute=ALWAYS)
    whole = train(conf, tmp_path / "whole")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.safetensors")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr("stillhouse.train_student.training.save_student", full)
        train(conf, tmp_path / "student")
    assert [path.name for path in folders()] == ["step-000000004"]
    assert train(conf, tmp_path / "student") == whole


CHILD = """
import json, sys
from pathlib import Path
from stillhouse.config.student import StudentConf
from stillhouse.train_student.training import train_student
given = json.loads(sys.stdin.read())
conf = StudentConf.model_validate(given["conf"])
train_student(given["rows"], conf, 0.5, 3, Path(given["folder"]))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_goes_on_and_ends_the_same(
    tmp_path: Path, tiny_models: Path, make_conf: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "stillhouse.students.weights.model_folder", lambda source, mirror: tiny_models / "decoder"
    )
    table = rows(10)
    settings = {"source": pin(tiny_models / "decoder"), "training": {"epochs": 40}}
    conf = make_conf(**settings, compute=ALWAYS)
    given = {"conf": conf.model_dump(mode="json"), "rows": table}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},  # as many threads as here
    ) as child:
        assert child.stdin is not None
        child.stdin.write(json.dumps(given | {"folder": str(tmp_path / "student")}))
        child.stdin.close()
        while child.poll() is None and not complete():
            time.sleep(0.001)
        child.send_signal(signal.SIGKILL)  # wherever in a step or in writing that may fall
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "student").exists()
    assert complete()[-1].name < "step-000000100"
    conf = make_conf(**settings)  # writing no more checkpoints is no other training
    resumed = train_student(table, conf, 0.5, 3, tmp_path / "student")
    assert resumed == train_student(table, conf, 0.5, 3, tmp_path / "whole")
    assert bytes_of(tmp_path / "student") == bytes_of(tmp_path / "whole")
    assert folders() == []
