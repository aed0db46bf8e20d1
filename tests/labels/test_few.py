"""Labels by hand of single rows: a file of ids and labels makes a split of them."""

import csv
from pathlib import Path

import pytest

from stillhouse.core.tables import EXAMPLES, PARSED, TRAINING
from tests.labels.project import (
    BEFORE,
    DATASET,
    SCORE,
    TRAIN,
    edit,
    truth,
    write_project,
)
from tests.labels.test_none import names, read
from tests.pipeline import scripts

LABELS = Path("data/raw/tiny_labels.csv")
UNLABELLED = {"read": ["reviews.csv"]}


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_models):
    monkeypatch.chdir(tmp_path)
    write_project(tiny_models)
    return tmp_path


def write_labels(labels, path=LABELS):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "label"])
        writer.writerows(labels.items())


def use(path=LABELS, **others):
    test = {"hold_out_from": "unlabelled", "labels": str(path)}
    edit(DATASET, splits={"unlabelled": UNLABELLED, "test": test} | others)


def label_some(count=12):
    """The first rows of the split `unlabelled` with their true labels, as a file says them."""
    scripts.run("ingest")
    rows = [row for row in EXAMPLES.read_rows() if row["split"] == "unlabelled"][:count]
    labels = {row["id"]: truth(row["query"]) for row in rows}
    write_labels(labels)
    return labels


def test_a_few_labelled_test_rows_and_many_without(project, capsys):
    labels = label_some()
    use()
    scripts.run(*BEFORE, *TRAIN, *SCORE)
    examples = {row["id"]: row for row in EXAMPLES.read_rows()}
    assert len(examples) == 60
    assert {id_: row["label"] for id_, row in examples.items() if row["label"]} == labels
    assert {id_ for id_, row in examples.items() if row["split"] == "test"} == labels.keys()
    assert not labels.keys() & {row["id"] for row in TRAINING.read_rows()}
    assert len(TRAINING.read_rows()) == 48

    # Gold labels score; the majority class is that of the teacher's labels, which are trained on.
    scores, baseline = read("metrics/eval/seed=0.json"), read("metrics/baseline.json")
    assert scores["rows"] == len(labels)
    assert "accuracy" in scores
    said = {row["id"]: row["label"] for row in PARSED.read_rows()}
    trained = [label for id_, label in said.items() if id_ not in labels]
    most = max(("no", "yes"), key=trained.count)
    share = list(labels.values()).count(most) / len(labels)
    assert baseline["majority"]["accuracy"] == pytest.approx(share, abs=1e-6)
    assert not [name for name in names(read("metrics/summary.json")) if "agreement" in name]
    teacher = sum(said[id_] == label for id_, label in labels.items()) / len(labels)
    assert read("metrics/parse.json")["test"]["teacher_label_accuracy"] == pytest.approx(teacher)
    assert "Accuracy" in capsys.readouterr().out


def test_a_row_is_found_whatever_split_its_id_was_made_in(project):
    scripts.run("ingest")
    ids = [row["id"] for row in EXAMPLES.read_rows()]
    assert {id_.partition("-")[0] for id_ in ids} == {"test", "unlabelled"}
    write_labels(dict.fromkeys(ids[:5] + ids[-5:], "yes"))
    use()
    scripts.run("ingest")
    found = {row["id"] for row in EXAMPLES.read_rows() if row["split"] == "test"}
    assert found == {*ids[:5], *ids[-5:]}


def test_rows_that_ask_the_same_are_taken_out_and_counted(project):
    labels = label_some(3)
    reviews = Path("data/raw/tiny/reviews.csv")
    queries = [row["query"] for row in EXAMPLES.read_rows() if row["id"] in labels]
    reviews.write_text(reviews.read_text() + "".join(f"{q.upper()}\n" for q in queries))
    use()
    scripts.run("ingest")
    assert len(EXAMPLES.read_rows()) == 60
    assert read("metrics/ingest.json")["taken_out"] == {"unlabelled": 3}


def test_rows_of_a_group_of_which_one_is_scored_are_left_out_and_told(project, capsys):
    fields = {"query": "{{ review }}", "choices": ["yes", "no"]}
    edit(DATASET, fields=fields | {"group": "{{ review.split()[1] | int // 2 }}"})
    label_some(3)
    capsys.readouterr()
    use()
    scripts.run("ingest")
    rows = EXAMPLES.read_rows()
    told = 60 - len(rows)
    assert told > 0
    assert f"{told} rows without a label are of a group" in capsys.readouterr().err
    groups = {row["group"] for row in rows if row["split"] == "test"}
    assert not groups & {row["group"] for row in rows if row["split"] != "test"}


def test_a_training_split_by_hand_beside_a_held_out_test(project):
    labels = label_some()
    edit(
        DATASET,
        splits={
            "unlabelled": UNLABELLED,
            "train": {"hold_out_from": "unlabelled", "labels": str(LABELS)},
            "test": {"hold_out_from": "unlabelled", "share": 0.25},
        },
    )
    scripts.run("ingest")
    examples = EXAMPLES.read_rows()
    assert {row["id"] for row in examples if row["split"] == "train"} == labels.keys()
    assert {row["label"] for row in examples if row["split"] == "test"} == {None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda ids: {"stranger": "yes"},
            ["a label is of no row", "tiny_labels.csv:2: 'stranger'"],
        ),
        (lambda ids: {ids[0]: "maybe"}, ["not among the choices", "'maybe'", "tiny_labels.csv:2"]),
        (lambda ids: {ids[0]: " "}, ["the label is empty", "tiny_labels.csv:2"]),
        (lambda ids: {ids[0]: "yes", f"test-{ids[0][-16:]}": "no"}, ["labelled twice"]),
    ],
)
def test_mistakes_in_the_file(project, change, said):
    label_some(1)
    ids = [row["id"] for row in EXAMPLES.read_rows() if row["split"] == "unlabelled"]
    write_labels(change(ids))
    use()
    with pytest.raises(SystemExit) as end:
        scripts.run("ingest")
    assert [word for word in said if word not in str(end.value.code)] == [], end.value.code


def test_a_file_that_is_missing_elsewhere_or_has_other_columns(project):
    for path, said in (
        ("data/raw/none.csv", "no such file. `stillhouse sample`"),
        ("labels.csv", "put the file below data/raw"),
    ):
        use(path)
        with pytest.raises(SystemExit) as end:
            scripts.run("ingest")
        assert said in str(end.value.code)
    LABELS.write_text("id,lable\na,b\n")
    use()
    with pytest.raises(SystemExit, match=r"no column `label`.*Did you mean 'lable'"):
        scripts.run("ingest")
