"""Scores, the majority class, and the errors around them."""

from typing import Any

import pytest

from stillhouse.config.dataset import Answer
from stillhouse.core.errors import StillhouseError
from stillhouse.core.tables import predictions
from stillhouse.evaluate.evaluate import evaluate_majority
from stillhouse.evaluate.majority import majority_predictions
from stillhouse.evaluate.scoring import confusion_csv, score, split_rows


def row(
    id_: str, label: str | None, split: str = "test", choices: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "id": id_,
        "split": split,
        "query": f"question {id_}",
        "label": label,
        "choices": list(choices),
        "gold_rationale": None,
        "group": None,
        "meta": None,
    }


def test_equations_count_by_value_and_text_apart():
    rows = [row("a", "3 + 4"), row("b", "2 * 5"), row("c", "8 / 2")]
    table, metrics = score(
        {"a": "4 + 3", "b": "2 * 5", "c": "no idea"}, rows, Answer(metric="equation")
    )
    assert metrics["accuracy"] == pytest.approx(2 / 3, abs=1e-6)
    assert metrics["exact_match"] == pytest.approx(1 / 3, abs=1e-6)
    assert metrics["rows"] == 3
    assert [line["score"] for line in table] == [1.0, 1.0, 0.0]
    assert table[2]["normalised"] is None
    assert set(table[0]) == set(predictions("seed=0").schema.names)


@pytest.mark.parametrize(
    ("metric", "choices", "names"),
    [
        ("exact", (), set()),
        ("choice", ("yes", "no"), {"macro_f1"}),
        ("exact", ("yes", "no"), {"choice_match"}),
        ("number", (), {"exact_match"}),
        ("latex", (), {"exact_match"}),
    ],
)
def test_nothing_is_given_that_says_the_same_as_accuracy(
    metric: Any, choices: tuple[str, ...], names: set[str]
):
    label = "yes" if choices or metric == "exact" else "42"
    _, metrics = score({"a": label}, [row("a", label, choices=choices)], Answer(metric=metric))
    names = names | {"accuracy"}
    ends = {f"{name}{end}" for name in names for end in ("", "_low", "_high")}
    of_classes = {"by_label", "none"} if "macro_f1" in names else set()
    assert metrics.keys() == ends | {"rows"} | of_classes
    assert all(metrics[f"{name}_low"] <= metrics[name] <= metrics[f"{name}_high"] for name in names)


def test_predictions_and_rows_are_joined_by_id():
    rows = [row("a", "yes"), row("b", "no")]
    _, metrics = score({"b": "no", "a": "yes"}, rows, Answer(metric="exact"))
    assert metrics["accuracy"] == 1.0
    with pytest.raises(StillhouseError, match="'b'"):
        score({"a": "yes"}, rows, Answer(metric="exact"))
    with pytest.raises(StillhouseError, match="'c'"):
        score({"a": "yes", "b": "no", "c": "no"}, rows, Answer(metric="exact"))


def test_a_dataset_without_test_rows_is_an_error():
    rows = [row("a", "yes", split="train"), row("b", None, split="test")]
    with pytest.raises(StillhouseError, match="no labelled rows in its test split"):
        split_rows(rows, "test", "exact")


def test_the_majority_class_is_the_most_frequent_label_of_train():
    train = [row(str(i), label, "train") for i, label in enumerate(["no", "yes", "yes", "no", "x"])]
    assert majority_predictions(train, [row("t", "x")]) == {"t": "no"}
    assert majority_predictions(train[:2] + train[2:3], [row("t", "x")]) == {"t": "yes"}


def test_with_choices_the_majority_class_is_a_place():
    train = [
        row("1", "cat", "train", ("dog", "cat")),
        row("2", "tea", "train", ("milk", "tea", "beer")),
        row("3", "red", "train", ("red", "blue")),
    ]
    test = [row("t", "up", choices=("down", "up")), row("u", "left", choices=("left",))]
    assert majority_predictions(train, test) == {"t": "up", "u": "left"}


def test_with_fixed_choices_place_and_label_are_one():
    choices = ("entailment", "neutral", "contradiction")
    train = [row(str(i), choices[i % 3], "train", choices) for i in range(10)]
    assert majority_predictions(train, [row("t", "neutral", choices=choices)]) == {
        "t": "entailment"
    }


def test_the_majority_is_scored_on_test_rows_alone():
    examples = [row(f"r{i}", "yes", "train") for i in range(3)]
    examples += [row(f"t{i}", "yes" if i else "no") for i in range(4)]
    metrics = evaluate_majority(examples, Answer(metric="exact"))
    assert (metrics["rows"], metrics["accuracy"]) == (4, 0.75)
    assert not any(name.startswith("validation") for name in metrics)


def test_validation_rows_have_an_accuracy_of_their_own():
    examples = [row(f"r{i}", "yes", "train") for i in range(3)]
    examples += [row(f"t{i}", "no") for i in range(4)]
    examples += [row(f"v{i}", "yes" if i < 3 else "no", "validation") for i in range(5)]
    examples += [row("unlabelled", None, "validation")]
    metrics = evaluate_majority(examples, Answer(metric="exact"))
    assert (metrics["rows"], metrics["accuracy"]) == (4, 0.0)
    assert (metrics["validation_rows"], metrics["validation_accuracy"]) == (5, 0.6)
    assert metrics["validation_accuracy_low"] < 0.6 < metrics["validation_accuracy_high"]


def test_a_share_of_nil_has_an_interval_and_groups_count_once():
    rows = [row(f"r{i}", "yes") for i in range(500)]
    wrong = dict.fromkeys((r["id"] for r in rows), "no")
    _, metrics = score(wrong, rows, Answer(metric="exact"))
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == (0.0, 0.007624)
    grouped = [r | {"group": f"g{i // 5}"} for i, r in enumerate(rows)]
    _, metrics = score(wrong, grouped, Answer(metric="exact"))
    assert metrics["accuracy_high"] == pytest.approx(0.0370, abs=1e-4)  # as of 100 rows


CLASSES = ("red", "green", "blue")


def test_fixed_choices_are_classes_with_measures_of_their_own():
    rows = [row(str(i), CLASSES[i % 2], choices=CLASSES) for i in range(6)]
    predictions = {
        str(i): text for i, text in enumerate(["(a)", "green", "red", "mauve", "blue", ""])
    }
    answer = Answer(metric="choice")
    table, metrics = score(predictions, rows, answer)
    assert list(metrics["by_label"]) == list(CLASSES)
    red = metrics["by_label"]["red"]
    assert (red["rows"], red["predicted"], red["precision"]) == (3, 2, 1.0)
    assert (red["recall"], red["f1"]) == (pytest.approx(2 / 3, abs=1e-6), 0.8)
    assert metrics["none"] == 2
    assert confusion_csv(table, rows, answer).splitlines() == [
        "actual,predicted,rows",
        "red,red,2", "red,green,0", "red,blue,1", "red,,0",
        "green,red,0", "green,green,1", "green,blue,0", "green,,2",
        "blue,red,0", "blue,green,0", "blue,blue,0", "blue,,0",
    ]  # fmt: skip


def test_choices_in_another_order_are_the_same_classes():
    rows = [row("a", "red", choices=CLASSES), row("b", "red", choices=CLASSES[::-1])]
    _, metrics = score({"a": "(a)", "b": "(a)"}, rows, Answer(metric="choice"))
    red, blue = (metrics["by_label"][label] for label in ("red", "blue"))
    assert (red["rows"], red["predicted"], blue["predicted"]) == (2, 1, 1)


def test_choices_of_each_rows_own_are_no_classes():
    rows = [row("a", "up", choices=("up", "down")), row("b", "left", choices=("left", "right"))]
    answer = Answer(metric="choice")
    table, metrics = score({"a": "up", "b": "right"}, rows, answer)
    assert not {"macro_f1", "by_label", "none"} & metrics.keys()
    assert confusion_csv(table, rows, answer) == "actual,predicted,rows\n"
