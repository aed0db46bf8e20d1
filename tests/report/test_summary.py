"""The summary: every figure of a run, numbers only, over matching rows."""

import json
from statistics import stdev

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record
from stillhouse.report.advice import advice
from stillhouse.report.plots import accuracy_csv, status_csv
from stillhouse.report.summary import models, numbers, summarise
from tests.report.results import RUN, examples, predictions, scores, stages

ONE = {"untrained": predictions("r0"), "seed=0": predictions("r0", "r1", "r2")}
TWO = ONE | {"seed=1": predictions("r0", "r1")}


def one_seed():
    return summarise(stages(), {0: scores(0.75)}, examples(), ONE, **RUN)


def two_seeds():
    return summarise(stages(), {0: scores(0.75), 1: scores(0.5)}, examples(), TWO, **RUN)


def three_seeds():
    evaluations = {0: scores(0.75), 1: scores(0.5), 2: scores(0.5)}
    predicted = TWO | {"seed=2": predictions("r0", "r2")}
    return summarise(stages(), evaluations, examples(), predicted, **RUN)


def leaves(value):
    for inner in value.values():
        yield from leaves(inner) if isinstance(inner, dict) else [inner]


def test_one_student_has_an_interval_over_rows_and_no_standard_error():
    student = one_seed()["student"]
    assert student["accuracy"] == 0.75
    assert 0 <= student["accuracy_low"] < 0.75 < student["accuracy_high"] <= 1
    assert student["seeds"] == 1
    assert student["rows"] == 4
    assert "standard_error" not in student
    assert "seeds" not in one_seed()


def test_seeds_are_averaged_with_their_standard_error():
    summary = two_seeds()
    student = summary["student"]
    assert student["accuracy"] == 0.625
    assert student["exact_match"] == 0.625
    assert student["standard_error"] == pytest.approx(stdev([0.75, 0.5]) / 2**0.5, abs=1e-6)
    assert student["accuracy_low"] < 0.625 < student["accuracy_high"]
    assert summary["seeds"]["1"]["accuracy"] == 0.5


def test_figures_of_each_label_stay_in_the_models_own_file():
    of_labels = {"by_label": {"yes": {"recall": 0.5}}, "macro_f1": 0.5}
    evaluations = {0: scores(0.75) | of_labels, 1: scores(0.5) | of_labels | {"macro_f1": 0.75}}
    made = stages() | {
        "baseline": dict.fromkeys(("untrained", "majority"), scores(0.25) | of_labels)
    }
    summary = summarise(made, evaluations, examples(), TWO, **RUN)
    models_ = [summary[name] for name in ("student", "untrained", "majority")]
    for measured in (*models_, *summary["seeds"].values()):
        assert "by_label" not in measured
    assert [measured["macro_f1"] for measured in models_] == [0.625, 0.5, 0.5]


def test_the_gain_is_paired_by_row():
    gain = one_seed()["gain_over_untrained"]
    assert gain["accuracy"] == 0.5
    assert gain["accuracy_low"] >= 0  # no row got worse, so no resample can
    same = summarise(
        stages(),
        {0: scores(0.25)},
        examples(),
        ONE | {"seed=0": predictions("r0")},
        **RUN,
    )
    gain = same["gain_over_untrained"]
    assert gain["accuracy"] == 0
    assert gain["accuracy_high"] == -gain["accuracy_low"] == pytest.approx(0.4899, abs=1e-4)


def test_the_cost_is_tokens_times_price_in_its_currency():
    assert one_seed()["teacher"]["cost"] == {"EUR": pytest.approx(2.0 + 1.0)}


def test_the_teachers_interval_is_the_parse_stages_own():
    teacher = one_seed()["teacher"]
    assert teacher["teacher_label_accuracy"] == 0.5
    assert teacher["teacher_label_accuracy_low"] == 0.25
    assert teacher["teacher_label_accuracy_high"] == 0.75


def test_few_seeds_have_an_interval_of_these_students_three_of_the_method():
    two, three = two_seeds(), three_seeds()
    assert two["detectable"].keys() == {"student"}
    assert three["detectable"].keys() == {"student", "method"}
    assert all(value > 0 for value in three["detectable"].values())
    # Two degrees of freedom, and rows: far wider than what two students show.
    assert three["student"]["accuracy_low"] < 0.2 < two["student"]["accuracy_low"]
    gain = three["gain_over_untrained"]
    assert gain["accuracy_low"] < 0 < gain["accuracy"] < gain["accuracy_high"]
    assert two["gain_over_untrained"]["accuracy_low"] >= 0  # of these two, on these rows


def test_rows_of_a_group_are_one_in_the_interval():
    one_group = [row | {"group": "all"} for row in examples()]
    found = summarise(stages(), {0: scores(0.75)}, one_group, ONE, **RUN)["student"]
    alone = one_seed()["student"]
    assert found["accuracy"] == alone["accuracy"]
    assert (found["accuracy_low"], found["accuracy_high"]) != (
        alone["accuracy_low"],
        alone["accuracy_high"],
    )


def test_a_teacher_that_was_not_asked_about_training_rows_has_no_figures():
    summary = summarise(
        stages() | {"parse": {"rows": 0}},
        {0: scores(0.75)},
        examples(),
        ONE,
        **RUN,
    )
    assert "teacher_label_accuracy" not in summary["teacher"]
    assert status_csv(summary).splitlines()[1] == "ok,0"
    assert advice(summary)


def test_of_what_ingest_counted_a_summary_has_the_single_numbers():
    ingest = stages()["ingest"]
    bulky = {"tables": {"labels": [{"label": "a", "train": 3}]}, "more": {"a": 1}}
    counted = {"duplicates": 3, "taken_out": {"train": 1}, "rejects": {"empty `text`": 2}}
    both = stages() | {"ingest": ingest | counted | bulky}
    summary = summarise(both, {0: scores(0.75)}, examples(), ONE, **RUN)
    assert summary["data"] == numbers(ingest) | counted


def test_a_summary_holds_numbers_alone_in_a_fixed_form():
    summary = two_seeds()
    assert all(isinstance(leaf, (int, float)) for leaf in leaves(summary))
    assert json.dumps(summary, sort_keys=True) == json.dumps(two_seeds(), sort_keys=True)
    assert summary["data"]["rows"] == {"train": 8, "test": 4}
    assert summary["chosen"]["selected"] == 6
    assert numbers({"a": None, "b": "text", "c": {"d": 1 / 3}}) == {"c": {"d": 0.333333}}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"untrained": predictions()[:3]}, "'untrained'.*1 ids, the first 'r3'"),
        ({"seed=0": [*predictions(), {"id": "x", "score": 1.0}]}, "'seed=0'.*first 'x'"),
        ({"seed=0": predictions() * 2}, "'r0' twice"),
    ],
)
def test_predictions_of_other_rows_are_refused(changed, said):
    with pytest.raises(StillhouseError, match=said):
        summarise(stages(), {0: scores(0.75)}, examples(), ONE | changed, **RUN)


def test_models_are_named_like_their_predictions():
    assert models([0, 3]) == ["untrained", "seed=0", "seed=3"]


def test_the_plots_are_small_tables():
    lines = accuracy_csv(two_seeds()).splitlines()
    assert lines[0] == "model,accuracy,low,high"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["majority", "0.5"],
        ["untrained", "0.25"],
        ["student", "0.625"],
        ["student seed=0", "0.75"],
        ["student seed=1", "0.5"],
    ]
    assert status_csv(one_seed()).splitlines() == [
        "status,rows",
        "ok,6",
        "truncated,2",
    ]


def test_events_of_older_runs_do_not_reach_the_summary():
    before = one_seed()
    record("stage", stage="ingest", seconds=5)
    assert one_seed() == before
