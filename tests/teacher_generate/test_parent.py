"""A stage whose `dvc` is killed ends itself, and loses nothing that was completed."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.teacher_generate.parent import Parent
from stillhouse.teacher_generate.plan import make_plan
from tests.conftest import REPOSITORY
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.test_two_processes import asked

STAGE = """
import os
import time
from pathlib import Path

import pytest
from stillhouse.core.errors import StillhouseError
from stillhouse.teacher_generate.generate import generate
from tests.teacher_generate.helpers import prompts, store, teacher
from tests.teacher_generate.scripts import Puppet, completion, install

Path("pid").write_text(str(os.getpid()))
log = os.open("asked", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def complete(request):
    os.write(log, f"{request.id}\\n".encode())
    time.sleep(0.02)
    return completion("x")

with pytest.MonkeyPatch.context() as patch:
    install(patch, Puppet(complete, chunk=1))
    try:
        generate(prompts(range(10_000)), teacher(), store(Path.cwd()))
    except StillhouseError as error:
        Path("error").write_text(str(error))
"""
DVC = """
stages:
  ask:
    cmd: {python} stage.py {after}
"""


def wait_for(happened) -> None:
    while not happened():
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("after", ["", "; true"], ids=["a child of dvc", "a child of its shell"])
def test_a_killed_dvc_takes_its_stage_with_it(tmp_path, after):
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "dvc.yaml").write_text(DVC.format(python=sys.executable, after=after))
    environment = os.environ | {
        "PYTHONPATH": f"{REPOSITORY / 'src'}:{REPOSITORY}",
        "DVC_NO_ANALYTICS": "1",
        "SHELL": "/bin/sh",
    }
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "--quiet"], cwd=tmp_path, env=environment, check=True)
    running = subprocess.Popen(
        [*dvc, "repro"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (tmp_path / "asked").exists() and asked(tmp_path) > 5)
    stage = psutil.Process(int((tmp_path / "pid").read_text()))
    running.send_signal(signal.SIGKILL)  # not waited for yet: it is a zombie, and dead all the same
    wait_for(lambda: not stage.is_running() or stage.status() == psutil.STATUS_ZOMBIE)
    running.wait()
    assert "has ended, so nothing more is asked" in (tmp_path / "error").read_text()
    assert asked(tmp_path) < 10_000
    plan = make_plan(prompts(range(10_000)), teacher(), store(tmp_path))
    assert plan.reused == asked(tmp_path)


def test_without_dvc_nobody_is_watched(monkeypatch):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    monkeypatch.setattr("os.getppid", lambda: 1)
    Parent.of_stage().require_alive()


def test_another_parent_is_no_parent(monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "teacher_generate")
    parent = Parent.of_stage()
    parent.require_alive()
    monkeypatch.setattr("os.getppid", lambda: 1)
    with pytest.raises(StillhouseError, match="has ended"):
        parent.require_alive()
