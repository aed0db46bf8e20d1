"""What comes first: what the student beats, or what does as well, as far as rows can show it."""

import pytest

from stillhouse.report.against import against, not_beaten, worth
from tests.report.results import contest


def told(**right):
    return worth(contest(**right)["against"])


def test_a_reference_that_does_as_well_is_named_first():
    (first,) = told(student=64, logistic_tfidf=65)
    assert first == (
        "A bag of words (TF-IDF + logistic regression) does at least as well as the student: 65.0% "
        "against 64.0%, a difference that 100 test rows cannot show (student -1.0 points, -3.0 to "
        "+0.0)."
    )


def test_a_student_ahead_by_chance_is_not_called_better():
    (first,) = told(student=64, nearest_neighbour=60)
    assert first.startswith(
        "100 test rows do not show that the student is better than the nearest neighbour's label: "
        "64.0% against 60.0% (student +4.0 points, "
    )


def test_a_reference_that_is_shown_to_be_better_is_called_so():
    (first,) = told(student=40, logistic_embeddings=80, logistic_tfidf=70)
    assert first.startswith(
        "Logistic regression on the embeddings does better than the student: 80.0% against 40.0%"
    )


def test_several_looks_at_the_test_rows_make_no_reference_better():
    """Six rows that differ are p = 0.03 for one reference, but not the least of three."""
    assert "does better than the student" in told(student=94, untrained=100)[0]
    alone = contest(student=94, untrained=100)["against"]
    three = alone | dict.fromkeys(("logistic_tfidf", "nearest_neighbour"), alone["untrained"])
    del alone["majority"], three["majority"]
    assert worth(alone)[0].startswith("The untrained student does better")
    assert "does at least as well as the student" in worth(three)[0]


def test_a_student_that_beats_all_is_measured_by_the_best_of_them():
    (first,) = told(student=80, logistic_tfidf=50, logistic_embeddings=60)
    assert first.startswith(
        "The student does better than all that costs nothing: 80.0% against 60.0% of logistic "
        "regression on the embeddings on 100 test rows (+20.0 points, +"
    )


def test_without_references_the_majority_class_and_the_untrained_student_are_beaten():
    (first,) = told(student=80)
    assert "better than the majority class and the untrained student: 80.0% against 0.0%" in first


@pytest.mark.parametrize(
    ("right", "said"),
    [
        (90, "The teacher does better on 100 test rows: 70.0% against 90.0% (student -20.0"),
        (72, "100 test rows do not tell the student from the teacher: 70.0% against 72.0% (-2.0"),
        (40, "The student does better than the teacher on 100 test rows: 70.0% against 40.0% (+30"),
    ],
)
def test_the_teacher_is_compared_on_the_same_rows(right, said):
    assert told(student=70, teacher=right)[1].startswith(said)


def test_a_teacher_that_was_asked_some_rows_is_compared_on_these():
    students = {0: {"r0": 1.0, "r1": 0.0, "r2": 0.0}}
    found = against({"r0": 1.0, "r1": 1.0}, students, dict.fromkeys(students[0]))
    assert (found["rows"], found["student"], found["other"]) == (2, 0.5, 1.0)


def test_what_is_not_beaten_is_listed_the_best_first():
    found = contest(student=64, logistic_tfidf=62, nearest_neighbour=66, untrained=3)
    assert not_beaten(found["against"]) == ["nearest_neighbour", "logistic_tfidf"]


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_any_number_of_seeds_is_compared(seeds):
    found = contest(student=80, logistic_tfidf=50, seeds=seeds)["against"]["logistic_tfidf"]
    assert found["p_value"] < 0.05
    assert found["difference"] == pytest.approx(found["student"] - found["other"])
    assert found["difference_low"] < found["difference"] < found["difference_high"]


def test_rows_of_one_group_are_one():
    students = {0: {f"r{n}": 1.0 for n in range(8)}}
    other = dict.fromkeys(students[0], 0.0)
    assert against(other, students, dict.fromkeys(other))["p_value"] < 0.05
    assert against(other, students, dict.fromkeys(other, "all"))["p_value"] == 1.0


def test_a_student_on_gold_labels_alone_is_compared_by_name():
    better = contest(100, untrained=5, gold=50, student=80)
    told = worth(better["against"], gold_labels=40)
    assert told[1].startswith(
        "It does better than a student trained on 40 gold labels alone, on 100 test rows: 80.0% "
        "against 50.0% (+30.0 points, "
    )
    equal = contest(100, untrained=5, gold=79, student=80)
    assert "100 test rows do not tell it from a student" in worth(equal["against"])[1]
