"""Functions of a project's own under DVC: named in its configuration, seen when they change."""

import json

import pytest
import yaml

pytestmark = pytest.mark.slow

MINE = '''"""What is ours."""


def keep(row):
    """Rows that are kept."""
    return row["query"] > ""
'''


def stale(workspace):
    return {stage.partition("@")[0] for stage in json.loads(workspace.dvc("status", "--json"))}


def test_an_edit_of_a_filter_reruns_what_filters_and_no_teacher(workspace):
    module = workspace.path / "stages/own/filters.py"
    module.parent.mkdir()
    module.write_text(MINE, encoding="utf-8")
    workspace.edit("params.yaml", label_filter="python:own.filters:keep")
    assert workspace.stillhouse("check").endswith("files are fine.\n")
    # It keeps every row: what is trained is the same, and the card counts none rejected.
    assert workspace.ran("repro") == {"code", "feedback_split", "card@0", "report"}
    assert workspace.read("metrics/chosen.json")["rejected"] == 0
    workspace.commit()

    module.write_text(MINE.replace("Rows that", "Those that"), encoding="utf-8")
    assert workspace.ran("repro") == {"code"}

    module.write_text(MINE.replace('> ""', '> "The"'), encoding="utf-8")
    assert "own.filters.keep has changed" in workspace.stillhouse("why", "feedback_split")
    assert workspace.stillhouse("why", "teacher_generate").startswith("teacher_generate: nothing")
    assert workspace.ran("repro", "code") == {"code"}
    assert stale(workspace) == {"feedback_split"}
    assert "feedback_split" in workspace.ran("repro", "feedback_split")
    assert workspace.read("metrics/chosen.json")["rejected"] > 0

    module.write_text(MINE.replace("row[", "rows["), encoding="utf-8")
    output = workspace.dvc("repro", "feedback_split", fails=True)
    assert "stages/own/filters.py:6 in keep: NameError: name 'rows' is not defined" in output
    assert "Traceback" not in output


def test_a_dataset_and_a_metric_of_ones_own_go_through(workspace):
    (workspace.path / "stages/mine.py").write_text(
        "import csv\n\n\n"
        "def rows(split):\n"
        '    with open(f"data/raw/tiny/{split}.csv", newline="") as file:\n'
        "        yield from csv.DictReader(file)\n\n\n"
        "def score(prediction, label, choices):\n"
        "    return 1.0 if prediction == label else 0.25 * (prediction in choices)\n",
        encoding="utf-8",
    )
    path = workspace.path / "conf/dataset/tiny.yaml"
    dataset = yaml.safe_load(path.read_text(encoding="utf-8"))
    splits = {name: {"read": [name]} for name in ("train", "test")}
    answer = dataset["answer"] | {"metric": "python:mine:score"}
    workspace.edit(
        "conf/dataset/tiny.yaml", source="python:mine:rows", splits=splits, answer=answer
    )
    before = (workspace.path / "data/examples.parquet").read_bytes()
    ran = workspace.ran("repro", "evaluate@0")
    assert {"code", "ingest", "parse", "evaluate@0"} <= ran
    assert not ran & {"embed", "teacher_generate", "train_student@0"}  # the same rows
    assert (workspace.path / "data/examples.parquet").read_bytes() == before
    metrics = workspace.read("metrics/eval/seed=0.json")
    assert 0 <= metrics["accuracy"] <= 1
    assert workspace.ran("repro", "evaluate@0") == set()
