"""The report in the terminal: as wide as that is, complete, safe to print."""

import io

import pytest
from rich.console import Console

from stillhouse.report.table import latest_seconds, print_results
from stillhouse.statistics.agreement import AGREEMENT
from tests.report.results import contest
from tests.report.test_summary import one_seed, three_seeds, two_seeds

SECONDS = {
    "teacher_generate": 61.4,
    "train_student@0": 100.0,
    "train_student@1": 110.0,
    "evaluate@0": 20.0,
    "evaluate@1": 21.0,
    "baseline": 12.0,
}


def printed(found, seconds=SECONDS, width=80):
    out = io.StringIO()
    print_results(found, seconds, Console(file=out, width=width, highlight=False, markup=False))
    return out.getvalue()


def row(text, name):
    return next(line for line in text.splitlines() if line.startswith(name))


def flat(text):
    return " ".join(text.split())


def full(**right):
    """A report with something in each of its parts."""
    found = contest(rows=200, student=150, teacher=160, logistic_tfidf=140, **right)
    by_label = {"rows": 40, "recall": 0.5, "recall_low": 0.35, "recall_high": 0.65}
    by_label |= {"precision": 0.5, "precision_low": 0.35, "precision_high": 0.65, "f1": 0.5}
    found["labels"] = {f"a label of {n} words": by_label | {"predicted": n} for n in range(5)}
    found["confusion"] = [("a label of 1 words", "a label of 2 words", 9)]
    found["student"] |= {"macro_f1": 0.5}
    return found


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("make", [one_seed, two_seeds, three_seeds, full])
def test_it_fits_the_width_and_ends_no_line_in_spaces(make, width):
    text = printed(make(), width=width)
    commands = [line for line in text.splitlines() if line.startswith("  dvc ")]
    assert all(len(line) <= width for line in text.splitlines() if line not in commands)
    assert all(line == line.rstrip() for line in text.splitlines())
    assert "\x1b" not in text
    assert "…" not in text


def test_its_first_line_says_what_the_student_is_worth():
    assert printed(full()).startswith("The student does better than all that costs nothing")
    tied = contest(student=64, logistic_tfidf=65)
    assert printed(tied).startswith("A bag of words (TF-IDF + logistic regression) does at least")


def test_each_model_has_its_accuracy_interval_and_seconds():
    text = printed(two_seeds(), width=100)
    assert "Accuracy on 4 test rows" in text
    assert row(text, "Majority").split()[2:6] == ["50.0%", "25.0%", "to", "75.0%"]
    assert row(text, "Majority").split()[-1] == "-"
    assert row(text, "Untrained").split()[-1] == "12"
    assert row(text, "Student, seed 0").split()[-1] == "120"
    assert row(text, "Student, 2 seeds (s.e. 12.5)").split()[-1] == "251"
    assert "cost 3.00 EUR" in text


def test_models_are_listed_from_what_costs_nothing_to_the_student():
    lines = printed(full()).splitlines()
    first = lines.index(row(printed(full()), "Majority"))
    names = ("Majority", "TF-IDF +", "Untrained", "Teacher", "Student")
    assert [line.startswith(name) for line, name in zip(lines[first:], names, strict=False)] == [
        True
    ] * 5


def test_a_wide_terminal_shows_the_students_lead():
    assert "lead" not in printed(full(), width=80)
    wide = row(printed(full(), width=120), "TF-IDF")
    assert wide.split("%")[-1].split()[:4] == ["-", "+5.0", "(+2.0", "to"]


def test_the_teacher_is_listed_on_test_rows_alone():
    """What it gets right of the training rows is told, but not beside accuracies on test rows."""
    text = printed(one_seed())
    assert "Teacher " not in text
    assert "50.0% of its labels are right (25.0% to 75.0%)" in flat(text)
    found = contest(student=70, teacher=60)
    assert row(printed(found), "Teacher ").split()[1] == "60.0%"
    found["against"]["teacher"]["rows"] = 50  # it was asked about half of them
    assert row(printed(found), "Teacher ").split()[5] == "50"
    assert row(printed(found), "Student ").split()[5] == "100"


def test_statuses_and_rationales_are_told_of_every_split():
    found = contest(student=70, teacher=60)
    found["teacher"]["splits"]["unlabelled"] = {
        "rows": 1_000,
        "status": {"ok": 0.7, "no_marker": 0.3, "empty": 0.0},
        "rationale": {"agrees": 0.8, "disagrees": 0.05, "names_none": 0.15},
    }
    text = flat(printed(found))
    assert "Teacher, 8 train completions: ok 75.0%, truncated 25.0%; 50.0% of its" in text
    assert "Teacher, 1,000 unlabelled completions: ok 70.0%, no_marker 30.0%" in text
    assert "Of its rationales 80.0% end on its label, 5.0% on another, 15.0% on none" in text


def test_it_says_what_limit_cut_off_and_what_was_trained_on():
    found = one_seed()
    assert "8 of 30 labelled training rows (limit)" in printed(found)
    assert "Trained on 6 rows of the dataset" in printed(found)
    found["augment"]["synthetic"] = 50
    assert "Trained on 6 rows of the dataset and 50 synthetic ones" in printed(found)
    found["data"]["unlimited"] = {"train": 8}
    assert "(limit)" not in printed(found)
    found["data"]["overlap"] = {"test": {"train": {"ids": 0, "queries": 3}}}
    assert "3 test rows ask what a training row asks" in printed(found)


def test_it_says_what_its_intervals_are_of_and_what_could_be_seen():
    single, two, three = one_seed(), two_seeds(), three_seeds()
    for found in (single, two, three):
        found["student"]["rows"] = 500
        found["detectable"] |= {"student": 0.0861}
    three["detectable"]["method"] = 0.0714
    told = [flat(printed(found)) for found in (single, two, three)]
    assert "is over test rows: it is of this student. Of the method nothing" in told[0]
    assert "it is of these 2 students" in told[1]
    assert "is over seeds and test rows" in told[2]
    for text in told:
        assert "With 500 test rows a difference of 8.6 points between two students is seen" in text
    assert "a smaller one if the two often agree." in told[0]
    assert "with 3 seeds a side, one of 7.1 points between methods." in told[2]
    assert "tell no two students apart" in flat(printed(one_seed()))


def test_agreement_with_the_teacher_is_told_as_such():
    found = contest(student=70, logistic_tfidf=69)
    for scores in (found["student"], *found["references"].values()):
        for end in ("", "_low", "_high"):
            scores[f"{AGREEMENT}{end}"] = scores.pop(f"accuracy{end}")
    found["measure"] = AGREEMENT
    text = printed(found)
    assert text.startswith("No test row has a label of its own")
    assert "In agreement with it: 100 test rows do not show" in flat(text)
    assert "Agreement with the teacher on 100 test rows" in text
    assert "ccuracy" not in text


def test_a_checkout_that_ran_nothing_has_no_seconds():
    text = printed(one_seed(), {})
    assert "Seconds" not in text


def test_it_says_what_to_try_next():
    lines = printed(one_seed()).splitlines()
    after = lines[lines.index("What to try next") + 1 :]
    assert sum(line.startswith("  dvc ") for line in after) >= 1


def test_names_are_never_markup():
    found = one_seed()
    found["teacher"]["cost"] = {"[bold]x[/bold]": 1.0}
    assert "[bold]x[/bold]" in printed(found)


def test_seconds_are_those_of_each_stages_latest_run():
    events = [
        {"stage": "ingest", "seconds": 5},
        {"stage": "embed", "seconds": 7},
        {"stage": "ingest", "seconds": 3},
    ]
    assert list(latest_seconds(events).items()) == [("embed", 7), ("ingest", 3)]
