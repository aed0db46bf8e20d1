"""`stillhouse doctor`: each thing that is missing is named, with what to do; the rest goes on."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from stillhouse.doctor import checks
from stillhouse.doctor.doctor import NOTE, OK, WRONG, Check, Finding, examine, run
from tests.config.project import edit, write_project
from tests.pipeline.workspace import IDENTITY


def test_each_check_has_its_time_and_no_failure_stops_the_others():
    hangs = threading.Event()

    def broken():
        raise ValueError("a library's own\nfailure \x1b[31m")

    def partly():
        yield Finding(OK, "first")
        raise OSError("then this")

    said = []
    started = time.monotonic()
    status = examine(
        [
            Check("Hangs", lambda: [Finding(OK, str(hangs.wait(60)))], seconds=0.2),
            Check("Broken", broken),
            Check("Partly", partly),
            Check("Fine", lambda: [Finding(OK, "all well"), Finding(NOTE, "word " * 30)]),
        ],
        width=60,
        say=said.append,
    )
    assert time.monotonic() - started < 10
    assert status == 1
    assert said[0] == "wrong  Hangs   no answer within 0.2 s."
    assert said[1].startswith("wrong  Broken  the check failed: ValueError: a library's own")
    assert "\x1b" not in "".join(said)
    assert "ok     Partly  first" in said
    assert "ok     Fine    all well" in said
    assert max(map(len, said)) <= 60
    assert said[-1] == "3 of 6 wrong."
    hangs.set()
    assert examine([Check("Fine", lambda: [Finding(NOTE, "a word")])], 60, said.append) == 0
    assert said[-1] == "Nothing is missing."


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in a Git repository, as far as the checks look."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    write_project(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(name):
    return run(next(check for check in checks.checks(write=False) if check.name == name))


def levels(name):
    return {finding.level for finding in found(name)}


def test_a_key_is_named_where_it_is_missing_and_shown_nowhere(project, monkeypatch):
    entry = "conf/teacher/small.yaml"
    address = "https://teacher.example.org/v1"
    edit(
        project,
        entry,
        model={"name": "large", "source": "hf://a/b@" + "0" * 40},
        format="chat",
        compute={"backend": "openai", "base_url": address, "api_key_env": "THE_KEY"},
    )
    assert levels("Configuration") == {OK}, found("Configuration")
    (missing,) = [each for each in found("Models") if each.level == WRONG]
    assert "export THE_KEY=..." in missing.text
    assert address in missing.text
    monkeypatch.setenv("THE_KEY", "sk-secret-1234")
    told = found("Models")
    assert {each.level for each in told} == {OK}
    assert "THE_KEY, which is set" in told[0].text
    assert "sk-secret" not in str(told)


def test_a_backend_that_is_not_installed_and_a_gpu_that_is_not_there(project, monkeypatch):
    monkeypatch.setenv("PATH", str(project))  # no nvidia-smi either
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    entry = "conf/teacher/small.yaml"
    model = {"name": "m", "source": "hub:a/b@" + "0" * 40}
    edit(project, entry, model=model, compute={"backend": "vllm"})
    (only,) = checks._of_compute("teacher small", _compute(project / entry))
    assert only.level == WRONG
    assert only.text.endswith("vllm, which is not installed: `pip install 'stillhouse[vllm]'`.")
    edit(project, entry, compute={"backend": "transformers", "device": "cuda:1"})
    (only,) = checks._of_compute("teacher small", _compute(project / entry))
    assert only.level == WRONG
    assert "`device: cuda:1`, and there is no GPU" in only.text
    assert [each.text for each in found("GPU")] == ["none: models run on the CPU"]


def _compute(entry):
    from pydantic import TypeAdapter

    from stillhouse.config.compute import TeacherCompute

    return TypeAdapter(TeacherCompute).validate_python(yaml.safe_load(entry.read_text())["compute"])


def test_a_gpu_that_torch_cannot_use(project, monkeypatch):
    tool = project / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(checks, "_version", lambda name: "2.13.0+cpu")
    (only,) = found("GPU")
    assert (only.level, "is a build for CPUs" in only.text) == (NOTE, True)
    monkeypatch.setattr(checks, "_version", lambda name: "2.13.0+cu130")
    assert found("GPU") == [Finding(OK, "NVIDIA H200, 143771 MiB")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert "hidden by CUDA_VISIBLE_DEVICES" in found("GPU")[0].text


def test_versions_are_held_against_the_lock(project, monkeypatch):
    assert levels("Libraries") == {OK}
    lock = project / "requirements.lock"
    installed = {name: checks._version(name) for name in checks.LIBRARIES}
    lines = [f"{name}=={found.partition('+')[0]}" for name, found in installed.items()]
    lock.write_text("\n".join(["# a comment", *lines, "other==1.0"]))
    (only,) = found("Libraries")
    assert only.text.endswith("all as requirements.lock says")
    lock.write_text("PyArrow==1.0\ntorch==0.1\n")
    (only,) = found("Libraries")
    assert only.level == NOTE
    assert f"pyarrow {installed['pyarrow']} (1.0)" in only.text
    assert f"torch {installed['torch']} (0.1)" in only.text
    monkeypatch.setattr(checks, "_version", lambda name: None if name == "peft" else "1")
    lock.unlink()
    assert [each.level for each in found("Libraries")] == [WRONG]
    assert "not installed: peft" in found("Libraries")[0].text


def test_git_without_a_repository_a_commit_or_a_name(project, monkeypatch, tmp_path_factory):
    told = found("Git")
    assert [each.level for each in told] == [NOTE, OK]
    assert "nothing is committed yet" in told[0].text
    assert "test <test@example.org>" in told[1].text
    for name in IDENTITY:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert "git config user.name" in found("Git")[-1].text
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert found("Git")[0].level == WRONG
    monkeypatch.setenv("PATH", str(project))
    assert found("Git") == [Finding(WRONG, "`git` is not on PATH. Install Git.")]


def test_python_and_dvc_of_another_environment(project, monkeypatch):
    other = project / "bin"
    other.mkdir()
    for name, says in (("python", ""), ("dvc", "2.0.0")):
        (other / name).write_text(f"#!/bin/sh\necho {says}\n")
        (other / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert levels("Python") == levels("DVC") == {OK}
    monkeypatch.setenv("PATH", f"{other}:{os.environ['PATH']}")
    assert f"{other / 'python'}), which has no stillhouse" in found("Python")[1].text
    assert found("Python")[1].level == WRONG
    assert "is 2.0.0, this environment's is" in found("DVC")[0].text
    monkeypatch.setenv("PATH", "/nowhere")
    assert "`dvc` is not on PATH" in found("DVC")[0].text
    shutil.rmtree(project / ".dvc")
    assert levels("DVC") == {WRONG}


def test_what_a_killed_run_has_left(project):
    assert found("State") == [Finding(OK, "no run under way, nothing half-built")]
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    lock = project / ".dvc/tmp/rwlock"
    held = {
        "/a": {"pid": ended.pid, "cmd": "dvc repro"},
        "/b": {"pid": os.getpid(), "cmd": "/x/dvc"},
    }
    lock.write_text(json.dumps({"write": held, "read": {}}))
    half = project / "data/feedback/.predictions.parquet.x1.tmp"
    half.parent.mkdir(parents=True)
    half.touch()
    (project / "dvc.lock").write_text("stages:\n<<<<<<< HEAD\n")
    told = found("State")
    assert [each.level for each in told] == [NOTE, NOTE, NOTE, WRONG]
    assert f"was killed at its work (process {ended.pid})" in told[0].text
    assert f"process {os.getpid()} builds here: dvc" in told[1].text
    assert "data/feedback/.predictions.parquet.x1.tmp" in told[2].text
    assert "merge conflict" in told[3].text
    lock.write_text("[1")
    assert "cannot be read" in found("State")[0].text


def test_the_lock_that_dvc_holds_at_this_moment(project):
    import zc.lockfile

    held = zc.lockfile.LockFile(str(project / ".dvc/tmp/lock"))
    try:
        assert "a DVC command holds .dvc/tmp/lock" in found("State")[0].text
    finally:
        held.close()
    assert levels("State") == {OK}


def test_the_store_the_disk_and_the_mirror(project, monkeypatch):
    store = project / "store"
    monkeypatch.setenv("STILLHOUSE_STORE", str(store))
    assert str(store / "segments") in found("Store")[0].text
    monkeypatch.setattr(checks.os, "access", lambda *_: False)
    assert "STILLHOUSE_STORE" in found("Store")[0].text
    assert levels("Store") == {WRONG}
    usage = shutil.disk_usage(project)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage._replace(free=int(5e8)))
    assert levels("Disk") == {WRONG}
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage._replace(free=int(5e9)))
    assert levels("Disk") == {NOTE}
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(project / "nosuch"))
    assert levels("Mirror") == {WRONG}
    monkeypatch.setenv("STILLHOUSE_MIRROR", str(project))
    assert found("Mirror") == [Finding(OK, str(project))]


def test_a_configuration_with_mistakes(project):
    edit(project, "params.yaml", k=-1, tau="x")
    (only,) = found("Configuration")
    assert only.level == WRONG
    assert only.text == "2 mistakes in the configuration. `stillhouse check` lists them."
    assert found("Models") == []
    (project / "params.yaml").unlink()
    (only,) = found("Configuration")
    assert only.text.endswith("where params.yaml and dvc.yaml are.")
