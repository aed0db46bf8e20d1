"""Rows from end to end: joined by id, filtered, and shown without steering a terminal."""

import csv
import json
from io import StringIO

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.core import tables
from stillhouse.core.errors import StillhouseError
from stillhouse.report.rows import Filter, as_csv, as_json_lines, as_lines, filtered, joined_rows

ANSWER = Answer(metric="choice", markers=("The answer is",))
CHOICES = ["up", "down"]


def example(id_, split, label):
    return {
        "id": id_, "split": split, "query": f"query of {id_}", "label": label, "choices": CHOICES,
        "gold_rationale": None, "group": None, "meta": None,
    }  # fmt: skip


def completion(id_, text, sample=0):
    return {
        "id": id_, "sample": sample, "text": text, "reasoning": None, "finish_reason": "stop",
        "prompt_tokens": 1, "completion_tokens": 1,
    }  # fmt: skip


def parsed(id_, label, status="ok", sample=0):
    rationale = None if label is None else "since it is so"
    return {"id": id_, "sample": sample, "rationale": rationale, "label": label, "status": status}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Three rows for training, one for testing, and one that people wrote; all stages have run."""
    monkeypatch.chdir(tmp_path)
    tables.EXAMPLES.write_rows(
        [
            example("a", "train", "up"), example("b", "train", "down"),
            example("c", "train", None), example("t", "test", "up"),
            example("0", "exemplar", "up"),
        ]
    )  # fmt: skip
    tables.EXEMPLARS.write_rows(
        [
            {"id": "a", "rank": rank, "exemplar_id": e, "distance": 0.5}
            for rank, e in enumerate("b0")
        ]
    )
    message = {"role": "user", "content": "What is \x1b[31mup?"}
    tables.PROMPTS.write_rows([{"id": id_, "messages": [message]} for id_ in "abc"])
    tables.COMPLETIONS.write_rows(
        [
            completion("a", "Up."),
            completion("b", "Up."),
            completion("c", "?"),
            completion("a", "Hm", 1),
        ]
    )
    tables.PARSED.write_rows(
        [
            parsed("a", "up"),
            parsed("b", "UP"),
            parsed("c", None, "no_marker"),
            parsed("a", None, "empty", 1),
        ]
    )
    trained = {"query": "query of a", "label": "up", "rationale": "since", "origin": "real"}
    tables.TRAINING.write_rows([{"id": "a"} | trained, {"id": "synthetic-1"} | trained])
    for model, prediction in {"untrained": "", "seed=0": "down"}.items():
        row = {"id": "t", "prediction": prediction, "normalised": None, "score": 0.0}
        tables.predictions(model).write_rows([row])


def test_a_row_has_what_every_stage_made_of_it(project):
    rows = {row["id"]: row for row in joined_rows(ANSWER, [0])}
    assert list(rows) == ["a", "b", "c", "t", "0"]  # people's exemplars last
    row = rows["a"]
    assert [(e["id"], e["label"]) for e in row["exemplars"]] == [("b", "down"), ("0", "up")]
    assert [(c["text"], c["status"]) for c in row["completions"]] == [
        ("Up.", "ok"),
        ("Hm", "empty"),
    ]
    assert row["trained"] == {"label": "up", "rationale": "since"}
    assert rows["t"]["predictions"]["seed=0"] == {"prediction": "down", "score": 0.0}
    assert {id_: row["agrees"] for id_, row in rows.items()} == {
        "a": True, "b": False, "c": None, "t": None, "0": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Filter(), "abct0"),
        (Filter(split="train"), "abc"),
        (Filter(label="up"), "at0"),
        (Filter(status="empty"), "a"),
        (Filter(disagree=True), "b"),
        (Filter(wrong=True), "t"),
        (Filter(ids=["t", "a"], split="train"), "a"),
        (Filter(split="test", disagree=True), ""),
    ],
)
def test_filters_narrow_each_other_down(project, wanted, ids):
    assert "".join(row["id"] for row in filtered(joined_rows(ANSWER, [0]), wanted)) == ids


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Filter(split="tain"), "No row has the split 'tain'. Did you mean 'train'"),
        (Filter(status="empt"), "Did you mean 'empty'"),
        (Filter(ids=["zzz"]), "No row has the id 'zzz'"),
    ],
)
def test_a_value_that_no_row_has_is_said(project, wanted, said):
    with pytest.raises(StillhouseError, match=said):
        filtered(joined_rows(ANSWER, [0]), wanted)


def test_the_untrained_student_makes_no_row_wrong(project):
    row = {"id": "t", "prediction": "up", "normalised": "up", "score": 1.0}
    tables.predictions("seed=0").write_rows([row])
    assert filtered(joined_rows(ANSWER, [0]), Filter(wrong=True)) == []


def test_stages_that_have_not_run_are_left_out(project):
    for table in (tables.PARSED, tables.COMPLETIONS, tables.TRAINING, tables.predictions("seed=0")):
        table.path.unlink()
    rows = joined_rows(ANSWER, [0])
    assert all(not row["completions"] and row["trained"] is None for row in rows)
    assert list(rows[3]["predictions"]) == ["untrained"]


def test_tables_of_different_runs_are_not_joined(project):
    tables.PROMPTS.write_rows([{"id": "stranger", "messages": []}])
    with pytest.raises(StillhouseError, match="'stranger'"):
        joined_rows(ANSWER, [0])


def test_json_and_csv_hold_all_of_it(project):
    rows = joined_rows(ANSWER, [0])
    assert [json.loads(line) for line in as_json_lines(rows)] == rows
    read = {row["id"]: row for row in csv.DictReader(StringIO(as_csv(rows)))}
    assert read["a"]["completion"] == "Up."
    assert (read["a"]["label"], read["b"]["agrees"]) == ("up", "False")
    assert read["t"]["prediction seed=0"] == "down"
    assert as_csv([]) == "id\n"


def test_the_terminal_shows_a_row_and_cuts_what_is_long(project):
    row = joined_rows(ANSWER, [0])[0]
    row["query"] = "long " * 200
    short, whole = ("\n".join(as_lines(row, whole=whole)) for whole in (False, True))
    assert "long ..." in short
    assert whole.count("long") == 200
    assert "prompt" in whole
    assert "prompt" not in short
    for said in ("# a  train", "gold        up", "teacher     agrees", "(1 with the gold label)"):
        assert said in short
