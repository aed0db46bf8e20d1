"""The student on gold labels alone: its rows are those of `label_source: gold`, and no others."""

from typing import Any

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.core.errors import StillhouseError
from stillhouse.feedback_split.split import take_fraction
from stillhouse.gold_student.gold_student import gold_rows, score_gold_student
from tests.evaluate.test_scoring import row
from tests.students.conftest import Make, local_models, make_conf

__all__ = ["local_models", "make_conf"]  # fixtures

CHOICE = Answer(metric="choice")
COLOURS = ("red", "blue")


def examples() -> list[dict[str, Any]]:
    rows = [row(f"t{n:02d}", COLOURS[n % 2], "train", COLOURS) for n in range(12)]
    rows += [row(f"u{n:02d}", None, "unlabelled", COLOURS) for n in range(6)]
    rows += [row(f"s{n:02d}", COLOURS[n % 2], "test", COLOURS) for n in range(4)]
    return [each | {"query": f"Which colour is {each['id']}?"} for each in rows]


@pytest.mark.parametrize("fraction", [1.0, 0.5])
def test_its_rows_are_those_of_label_source_gold(fraction):
    rows = examples()
    taken = take_fraction(rows, [], fraction=fraction, label_source="gold")
    assert [each["id"] for each in gold_rows(rows, fraction)] == taken.ids
    assert all(each["rationale"] is None for each in gold_rows(rows, fraction))


def test_without_a_gold_label_there_is_nothing_to_train_on():
    rows = [each for each in examples() if each["split"] != "train"]
    with pytest.raises(StillhouseError, match="no training row has one"):
        score_gold_student(rows, None, CHOICE, fraction=1.0)  # type: ignore[arg-type]


def test_it_is_trained_and_scored_on_the_test_rows_and_leaves_nothing(
    tmp_path, monkeypatch, make_conf: Make
):
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    conf = make_conf()
    table, metrics = score_gold_student(examples(), conf, CHOICE, fraction=1.0)
    assert [each["id"] for each in table] == ["s00", "s01", "s02", "s03"]
    assert metrics["trained_on"] == 12
    assert 0 <= metrics["accuracy_low"] <= metrics["accuracy"] <= metrics["accuracy_high"] <= 1
    again = score_gold_student(examples(), conf, CHOICE, fraction=1.0)
    assert again == (table, metrics)
    assert not list((tmp_path / ".stillhouse/scratch").iterdir())
