"""Training in several processes: the same losses and weights as in one, and no process hangs."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stillhouse.config.student import StudentCompute, StudentConf
from stillhouse.config.whole import load_entry
from stillhouse.core import paths, tables
from stillhouse.core.errors import StillhouseError
from stillhouse.core.files import write_json
from stillhouse.core.log import state_directory
from stillhouse.core.yaml import read_yaml
from stillhouse.sources.pin import pin
from stillhouse.train_student import launching
from stillhouse.train_student.launching import is_idle, launches, share
from stillhouse.train_student.training import train_student, write_curve
from tests.config.project import ENTRIES, edit, write_project
from tests.conftest import REPOSITORY
from tests.students.conftest import MODEL, rows
from tests.train_student.test_checkpoints import Stopped, stop_after

# On a CPU, too, where there are no GPUs; at a port that is free, since tests run side by side.
LAUNCHER = "accelerate launch --multi_gpu --num_processes 2 --main_process_port 0"
LABELLED = [{name: row[name] for name in ("id", "query", "label")} for row in rows(7)]
# 13 rows in batches of 4: the fourth batch has one row for two processes.
TRAINING = {
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "weight_decay": 0.1,
    "validation": {"steps": 2, "metric": "loss"},
}
HOOK = """
import os
if os.environ.get("RANK") == "1":
    from stillhouse.core.errors import StillhouseError
    from stillhouse.train_student import validation
    def failing(*_):
        raise StillhouseError("the second process is broken")
    validation.is_exhausted = failing
"""
BEHIND = """
import os
if os.environ.get("RANK") == "1":
    from stillhouse.train_student.checkpoints import Checkpoints
    Checkpoints.newest = lambda self: None
"""


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_the_processes_share_a_batch(size: int, processes: int):
    batch = list(range(10, 10 + size))
    shares = [share(batch, number, processes) for number in range(processes)]
    own = [rows for number, rows in enumerate(shares) if not is_idle(batch, number)]
    assert sorted(place for rows in own for place in rows) == batch
    assert max(map(len, own)) - min(map(len, own)) <= 1
    assert all(len(rows) == 1 for number, rows in enumerate(shares) if is_idle(batch, number))


def test_without_a_launcher_nothing_is_launched():
    assert launches(None) is False
    assert (launching.process(), launching.processes()) == (0, 1)


def test_variables_of_another_launcher_are_not_ours(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (launching.process(), launching.processes()) == (0, 1)


@pytest.mark.parametrize(
    ("launcher", "said"), [("acelerate launch", "'acelerate'"), ("a 'b", "no command")]
)
def test_a_launcher_that_is_not_there_is_named(launcher: str, said: str):
    with pytest.raises(StillhouseError, match=said):
        launches(launcher)


def test_a_launcher_that_fails_without_a_word_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["stage.py"])
    with pytest.raises(StillhouseError, match="ended with status 1"):
        launches("false")


@pytest.fixture
def project(tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose training tables are there, and whose student trains in two processes."""
    monkeypatch.setattr(
        "stillhouse.students.weights.model_folder", lambda *_: tiny_models / "decoder"
    )
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    tables.TRAINING.write_rows(rows(13))
    tables.VALIDATION.write_rows(LABELLED)
    write_json(paths.ASKED, {})
    splits = ENTRIES["dataset/own"]["splits"]
    held_out = {"validation": {"hold_out_from": "train", "share": 0.1}}
    edit(tmp_path, "conf/dataset/own.yaml", splits=splits | held_out)
    edit(
        tmp_path,
        "conf/student/small.yaml",
        model=MODEL | {"family": "decoder", "source": pin(tiny_models / "decoder")},
        training=TRAINING,
        compute={"device": "cpu", "launcher": LAUNCHER, "micro_batch_size": 1},
    )
    return tmp_path


def run_stage(*hooks: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "stages/train_student.py"), "0"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "src"), *map(str, hooks)]),
            "OMP_NUM_THREADS": "1",
        },
    )


def curve(path: Path) -> list[list[float]]:
    with path.open(newline="") as file:
        return [[float(cell or 0) for cell in row.values()] for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_train_as_one(project: Path):
    result = run_stage()
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("Train seed 0") == 1  # the other process is silent
    assert "in 2 processes" in result.stderr
    conf = StudentConf.model_validate(
        read_yaml(Path("conf/student/small.yaml")) | {"compute": {"device": "cpu"}}
    )
    one = train_student(rows(13), conf, 1.0, 0, Path("one"), validation=LABELLED)
    write_curve(Path("one.csv"), one, 1.0)
    for found, expected in zip(curve(paths.train_curve(0)), curve(Path("one.csv")), strict=True):
        assert found == pytest.approx(expected, rel=1e-5, abs=1.01e-5)  # five decimals are written
    several, alone = (
        load_file(folder / "model.safetensors") for folder in (paths.student_model(0), Path("one"))
    )
    for name, weight in alone.items():
        torch.testing.assert_close(several[name], weight, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_process_that_fails_ends_them_all_with_its_message(project: Path, tmp_path: Path):
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/sitecustomize.py").write_text(HOOK)
    result = run_stage(tmp_path / "hooks")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last == "error in train_student: the second process is broken", result.stderr
    assert not paths.student_model(0).exists()


@pytest.mark.slow
def test_processes_that_found_different_checkpoints_do_not_go_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    conf = load_entry(StudentConf, "small", tmp_path)
    alone = {"device": "cpu", "checkpoint_minutes": 1e-9}
    conf = conf.model_copy(update={"compute": StudentCompute.model_validate(alone)})
    table = tables.TRAINING.read_rows()
    held_out = tables.VALIDATION.read_rows()
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(2, patch)
        train_student(table, conf, 1.0, 0, Path("stopped"), validation=held_out)
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/sitecustomize.py").write_text(BEHIND)
    result = run_stage(tmp_path / "hooks")
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert "found different checkpoints" in last, result.stderr
    # Where all of them find it they go on together.
    result = run_stage()
    assert result.returncode == 0, result.stderr
    assert paths.student_model(0).exists()
    assert not list((state_directory() / "checkpoints").glob("*/*"))
