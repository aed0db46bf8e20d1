"""The figures of a run: all of them, over matching rows; and the few that people compare."""

import json
from statistics import stdev

import pytest

from stillhouse.core.errors import StillhouseError
from stillhouse.core.log import record
from stillhouse.report.advice import advice
from stillhouse.report.plots import accuracy_csv, status_csv
from stillhouse.report.summary import models, numbers, summarised
from stillhouse.statistics.agreement import AGREEMENT
from tests.report.results import contest, example, examples, predictions, report, scores, stages

ONE = {"untrained": predictions("r0"), "seed=0": predictions("r0", "r1", "r2")}
TWO = ONE | {"seed=1": predictions("r0", "r1")}


def one_seed():
    return report(stages(), {0: scores(0.75)}, examples(), ONE)


def two_seeds():
    return report(stages(), {0: scores(0.75), 1: scores(0.5)}, examples(), TWO)


def three_seeds():
    evaluations = {0: scores(0.75), 1: scores(0.5), 2: scores(0.5)}
    predicted = TWO | {"seed=2": predictions("r0", "r2")}
    return report(stages(), evaluations, examples(), predicted)


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
    found = two_seeds()
    student = found["student"]
    assert student["accuracy"] == 0.625
    assert student["standard_error"] == pytest.approx(stdev([0.75, 0.5]) / 2**0.5, abs=1e-6)
    assert student["accuracy_low"] < 0.625 < student["accuracy_high"]
    assert found["seeds"]["1"]["accuracy"] == 0.5


def test_what_the_student_is_better_by_is_paired_by_row():
    found = one_seed()["against"]
    assert found["untrained"]["difference"] == 0.5
    assert found["untrained"]["difference_low"] >= 0  # no row got worse, so no resample can
    assert found["majority"]["other"] == 0.5
    predicted = ONE | {"seed=0": predictions("r0")}
    same = report(stages(), {0: scores(0.25)}, examples(), predicted)["against"]["untrained"]
    assert same["difference"] == 0
    assert same["difference_high"] == -same["difference_low"] == pytest.approx(0.4899, abs=1e-4)


def test_the_cost_is_tokens_times_price_in_its_currency():
    assert one_seed()["teacher"]["cost"] == {"EUR": pytest.approx(2.0 + 1.0)}


def test_the_teachers_measures_stand_by_split():
    made = stages()
    made["parse"]["unlabelled"] = {"rows": 3, "status": {"no_marker": 1.0}}
    made["parse"]["test"] = {"rows": 0}
    rows = [*examples(), example("u0", "unlabelled", None)]
    asked = report(made, {0: scores(0.75)}, rows, ONE)["teacher"]["splits"]
    assert asked.keys() == {"train", "unlabelled"}
    assert asked["train"]["teacher_label_accuracy"] == 0.5
    assert "unlabelled" not in asked["train"]


def test_the_teacher_on_test_rows_is_scored_by_row_over_its_samples():
    found = contest(student=70, teacher=60)
    assert found["against"]["teacher"]["other"] == 0.6
    assert "teacher" not in contest(student=70)["against"]
    made = stages()
    made["parse"]["test"] = {"rows": 4, "teacher_label_accuracy": 0.75}
    parsed = [
        {"id": id_, "sample": sample, "label": label}
        for id_, labels in {"r0": ("a", "b"), "r2": ("b", "b"), "t0": ("a", "a")}.items()
        for sample, label in enumerate(labels)
    ]
    of_teacher = report(made, {0: scores(0.75)}, examples(), ONE, parsed=parsed)["against"][
        "teacher"
    ]
    assert of_teacher["other"] == 0.75
    assert of_teacher["rows"] == 2


def test_a_teacher_that_saw_the_label_is_not_compared():
    """A prompt that asks for rationales alone gives none: metrics/parse.json has no accuracy."""
    made = stages()
    made["parse"]["test"] = {"rows": 4, "status": {"ok": 1.0}}
    parsed = [{"id": f"r{n}", "sample": 0, "label": None} for n in range(4)]
    found = report(made, {0: scores(0.75)}, examples(), ONE, parsed=parsed)
    assert "teacher" not in found["against"]


def test_few_seeds_have_an_interval_of_these_students_three_of_the_method():
    two, three = two_seeds(), three_seeds()
    assert two["detectable"].keys() == {"student"}
    assert three["detectable"].keys() == {"student", "method"}
    assert all(value > 0 for value in three["detectable"].values())
    # Two degrees of freedom, and rows: far wider than what two students show.
    assert three["student"]["accuracy_low"] < 0.2 < two["student"]["accuracy_low"]
    gain = three["against"]["untrained"]
    assert gain["difference_low"] < 0 < gain["difference"] < gain["difference_high"]
    assert two["against"]["untrained"]["difference_low"] >= 0  # of these two, on these rows


def test_rows_of_a_group_are_one_in_the_interval():
    one_group = [row | {"group": "all"} for row in examples()]
    found = report(stages(), {0: scores(0.75)}, one_group, ONE)["student"]
    alone = one_seed()["student"]
    assert found["accuracy"] == alone["accuracy"]
    ends = ("accuracy_low", "accuracy_high")
    assert [found[end] for end in ends] != [alone[end] for end in ends]


def test_a_teacher_that_was_not_asked_about_training_rows_has_no_figures():
    found = report(stages() | {"parse": {"rows": 0}}, {0: scores(0.75)}, examples(), ONE)
    assert found["teacher"]["splits"] == {}
    assert status_csv(found).splitlines()[1] == '"ok, train",0'
    assert advice(found)
    assert summarised(found)


def test_agreement_with_the_teacher_is_never_called_accuracy():
    def agreeing(share):
        return {AGREEMENT: share, f"{AGREEMENT}_low": 0.1, f"{AGREEMENT}_high": 0.9, "rows": 3}

    made = stages() | {"baseline": {"untrained": agreeing(0.5), "majority": agreeing(0.2)}}
    del made["parse"]["teacher_label_accuracy"]
    rows = [row | {"label": None} if row["split"] == "test" else row for row in examples()]
    asked = {name: rows[:3] for name, rows in ONE.items()}  # one has no label of the teacher's
    found = report(made, {0: agreeing(2 / 3)}, rows, asked)
    assert found["measure"] == AGREEMENT
    assert found["student"][AGREEMENT] == 1.0
    assert found["student"]["rows"] == 3
    assert found["against"].keys() == {"untrained"}
    assert "accuracy" not in json.dumps(summarised(found)).replace("label_accuracy", "")
    assert accuracy_csv(found) == "model,accuracy,low,high\n"


def test_the_summary_holds_few_numbers_in_a_fixed_form():
    summary = summarised(two_seeds())
    assert all(isinstance(leaf, (int, float)) for leaf in leaves(summary))
    assert json.dumps(summary, sort_keys=True) == json.dumps(
        summarised(two_seeds()), sort_keys=True
    )
    assert summary["student"]["accuracy"] == 0.625
    assert summary["references"] == {"majority": 0.5, "untrained": 0.25}
    assert summary["teacher"]["train_accuracy"] == 0.5
    assert summary["teacher"]["train_unread"] == 0.25
    assert summary["rows"] == {"selected": 6, "synthetic": 0}
    assert numbers({"a": None, "b": "text", "c": {"d": 1 / 3}}) == {"c": {"d": 0.333333}}


def test_no_list_in_the_report_is_empty():
    """DVC looks for points to draw in every list of a file that is listed as a plot."""
    assert "[]" not in json.dumps([one_seed(), three_seeds(), contest(student=70)])


def test_the_summary_of_many_labels_and_references_stays_short():
    labels = {f"label {n}": {"rows": 4, "recall": n / 40, "predicted": n} for n in range(40)}
    found = contest(student=70, logistic_tfidf=60, nearest_neighbour=50, teacher=80)
    found["labels"] = labels
    found["student"] |= {"macro_f1": 0.5, "mean_answer_tokens": 3.0}
    summary = summarised(found)
    assert summary["student"]["lowest_recall"] == 0
    assert summary["student"]["labels_never_right"] == 1
    assert len(list(leaves(summary))) <= 30
    found["labels"] = dict(list(labels.items())[:3])
    assert summarised(found)["student"]["recall"] == {
        "label 0": 0,
        "label 1": 0.025,
        "label 2": 0.05,
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"untrained": predictions()[:3]}, "'untrained'.*1 ids, the first 'r3'"),
        ({"seed=0": [*predictions(), {"id": "x", "score": 1.0}]}, "'seed=0'.*first 'x'"),
        ({"seed=0": predictions() * 2}, "'r0' twice"),
        ({"logistic_tfidf": predictions()[:2]}, "'logistic_tfidf'.*2 ids"),
    ],
)
def test_predictions_of_other_rows_are_refused(changed, said):
    with pytest.raises(StillhouseError, match=said):
        report(stages(), {0: scores(0.75)}, examples(), ONE | changed)


def test_models_are_named_like_their_predictions():
    assert models([0, 3]) == ["untrained", "seed=0", "seed=3"]


def test_the_plots_are_small_tables():
    lines = accuracy_csv(two_seeds()).splitlines()
    assert lines[0] == "model,accuracy,low,high"
    assert lines[1:] == [
        "Majority class,0.5,0.25,0.75",
        "Untrained student,0.25,0.25,0.75",
        '"Student, seed 0",0.75,0.25,0.75',
        '"Student, seed 1",0.5,0.25,0.75',
        *[line for line in lines[1:] if line.startswith("Student,0.625,")],
    ]
    with_teacher = accuracy_csv(contest(student=70, teacher=60, logistic_tfidf=50)).splitlines()
    assert [line.split(",")[0] for line in with_teacher[1:]] == [
        "Majority class",
        "TF-IDF + logistic regression",
        "Untrained student",
        "Teacher",
        "Student",
    ]
    assert status_csv(one_seed()).splitlines() == [
        "status,rows",
        '"ok, train",6',
        '"truncated, train",2',
    ]


def test_events_of_older_runs_do_not_reach_the_report():
    before = one_seed()
    record("stage", stage="ingest", seconds=5)
    assert one_seed() == before
