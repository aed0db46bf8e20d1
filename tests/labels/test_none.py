"""Rows without labels, from the source to the report: nothing is called accuracy."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from stillhouse.core import tables
from stillhouse.core.tables import CHOSEN, EXAMPLES, PARSED, TEACHER_LABELS, TRAINING
from tests.labels.project import BEFORE, SCORE, TRAIN, edit, write_project
from tests.pipeline import scripts


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_models):
    monkeypatch.chdir(tmp_path)
    write_project(tiny_models)
    return tmp_path


def read(name):
    return json.loads(Path(name).read_text(encoding="utf-8"))


def names(value):
    for name, inner in value.items():
        yield name
        yield from names(inner) if isinstance(inner, dict) else ()


def test_rows_without_labels_only(project, capsys):
    scripts.run(*BEFORE, *TRAIN, *SCORE)
    examples = {row["id"]: row for row in EXAMPLES.read_rows()}
    assert {row["label"] for row in examples.values()} == {None}
    test = {id_ for id_, row in examples.items() if row["split"] == "test"}
    assert 5 < len(test) < 30

    # The teacher is asked about test rows for comparison, and none of them is trained on.
    assert {row["id"] for row in PARSED.read_rows()} == examples.keys()
    for table in (CHOSEN, TRAINING):
        assert not test & {row["id"] for row in table.read_rows()}
    said = {row["id"]: row["label"] for row in TEACHER_LABELS.read_rows()}
    assert test <= said.keys()

    scores = read("metrics/eval/seed=0.json")
    predicted = tables.predictions("seed=0").read_rows()
    agrees = [row["score"] for row in predicted]
    assert {row["id"] for row in predicted} == test
    assert scores["agreement_with_teacher"] == pytest.approx(sum(agrees) / len(agrees), abs=1e-6)
    by_label = scores["agreement_with_teacher_by_label"]
    assert {label: each["rows"] for label, each in by_label.items()} == {
        label: sum(said[id_] == label for id_ in test) for label in ("no", "yes")
    }
    for each in by_label.values():
        assert each["agreement_with_teacher_low"] <= each["agreement_with_teacher"]
        assert each["agreement_with_teacher"] <= each["agreement_with_teacher_high"]
    baseline = read("metrics/baseline.json")
    unlabelled = [said[id_] for id_ in examples if id_ not in test]
    most = max(("no", "yes"), key=unlabelled.count)
    share = sum(said[id_] == most for id_ in test) / len(test)
    assert baseline["majority"]["agreement_with_teacher"] == pytest.approx(share, abs=1e-6)
    for file in ("eval/seed=0", "baseline", "references", "summary", "report"):
        assert not [name for name in names(read(f"metrics/{file}.json")) if "accuracy" in name]
    shown = capsys.readouterr().out
    assert "Agreement with the teacher" in shown
    assert "Accuracy" not in shown
    assert "accuracy" not in Path("models/student/seed=0/README.md").read_text()
    assert Path("metrics/plots/accuracy.csv").read_text() == "model,accuracy,low,high\n"
    assert 'ok, unlabelled",45' in Path("metrics/plots/status.csv").read_text()
    references = read("metrics/references.json")
    assert references["logistic_tfidf"]["agreement_with_teacher"] > 0.5
    assert "trained_on" in references["logistic_tfidf"]


SAMPLED = "Because of it. The answer is {{ ['yes', 'no', 'yes'][(digest + sample) % 3] }}."


def test_several_samples_agree_or_not_by_label_too(project, capsys):
    edit(
        "conf/teacher/tiny.yaml",
        model={"name": "tiny", "source": f"scripted:{SAMPLED}"},
        decoding={"max_tokens": 40, "temperature": 1.0, "samples": 3},
    )
    edit("params.yaml", seeds=[0, 1])
    scripts.run(*BEFORE, *TRAIN, "train_student@1", *SCORE[:-1], "evaluate@1", "report")
    given = [row for row in PARSED.read_rows() if row["id"].startswith("unlabelled")]
    rows = {}
    for row in given:
        rows.setdefault(row["id"], []).append(row["label"])
    pairs = [[a == b for a, b in combinations(labels, 2)] for labels in rows.values()]
    measured = read("metrics/parse.json")["unlabelled"]
    mean = sum(map(sum, pairs)) / (3 * len(pairs))
    assert measured["sample_agreement"] == pytest.approx(mean)
    assert measured["sample_agreement_rows"] == len(rows) == 45
    assert measured["sample_agreement_low"] < mean < measured["sample_agreement_high"]
    by_label = measured["sample_agreement_by_label"]
    firsts = [labels[0] for labels in rows.values()]
    assert {label: each["rows"] for label, each in by_label.items()} == Counter(firsts)
    # Of several samples the first is the label, in training and in the comparison.
    assert {row["label"] for row in TRAINING.read_rows()} <= {"yes", "no"}
    first = {row["id"]: row["label"] for row in PARSED.read_rows() if row["sample"] == 0}
    assert {row["id"]: row["label"] for row in TEACHER_LABELS.read_rows()} == first
    assert "samples of a row agree in" in capsys.readouterr().out
    student = read("metrics/summary.json")["student"]
    assert student["seeds"] == 2
    assert student["agreement_with_teacher_low"] <= student["agreement_with_teacher"]


def test_completions_that_give_no_label_are_compared_with_nothing(project):
    unread = (
        "{% if 'awful' in prompt %}I do not know{% else %}So it is. The answer is yes.{% endif %}"
    )
    edit("conf/teacher/tiny.yaml", model={"name": "tiny", "source": f"scripted:{unread}"})
    scripts.run(*BEFORE, *TRAIN, *SCORE)
    examples = {row["id"]: row for row in EXAMPLES.read_rows() if row["split"] == "test"}
    read_ = {id_ for id_, row in examples.items() if "awful" not in row["query"]}
    assert read_ < examples.keys()
    assert {row["id"] for row in tables.predictions("seed=0").read_rows()} == read_
    assert read("metrics/summary.json")["student"]["rows"] == len(read_)


def test_validation_rows_choose_the_checkpoint_by_the_teachers_labels(project):
    splits = {
        "unlabelled": {"read": ["reviews.csv"]},
        "validation": {"hold_out_from": "unlabelled", "share": 0.2},
        "test": {"hold_out_from": "unlabelled", "share": 0.2},
    }
    edit("conf/dataset/tiny.yaml", splits=splits)
    edit("conf/prompt/tiny.yaml", splits=["unlabelled", "validation", "test"])
    validated = {"epochs": 2, "batch_size": 8, "learning_rate": 0.01}
    validated["validation"] = {"metric": "accuracy", "steps": 3, "patience": 1}
    edit("conf/student/tiny.yaml", training=validated)
    scripts.run(*BEFORE, *TRAIN, *SCORE)
    said = {row["id"]: row["label"] for row in PARSED.read_rows()}
    rows = tables.VALIDATION.read_rows()
    assert len(rows) == 12
    assert all(row["label"] == said[row["id"]] for row in rows)
    assert not [name for name in names(read("metrics/summary.json")) if "accuracy" in name]
