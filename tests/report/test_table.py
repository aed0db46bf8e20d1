"""The table in the terminal: aligned in 80 columns, complete, safe to print."""

import io

import pytest
from rich.console import Console

from stillhouse.report.table import latest_seconds, print_results
from tests.report.test_summary import one_seed, three_seeds, two_seeds

SECONDS = {
    "teacher_generate": 61.4,
    "train_student@0": 100.0,
    "train_student@1": 110.0,
    "evaluate@0": 20.0,
    "evaluate@1": 21.0,
    "baseline": 12.0,
}


def printed(summary, seconds=SECONDS):
    out = io.StringIO()
    print_results(summary, seconds, Console(file=out, width=80, highlight=False, markup=False))
    return out.getvalue()


def row(text, name):
    return next(line for line in text.splitlines() if line.strip().startswith(name))


@pytest.mark.parametrize("summary", [one_seed(), two_seeds()], ids=["one seed", "two seeds"])
def test_it_fits_and_aligns_in_80_columns(summary):
    text = printed(summary)
    assert max(map(len, text.splitlines())) <= 80
    heading = row(text, "Model")
    lines = text.splitlines()
    models = lines[lines.index(heading) + 2 :][: 4 if summary["student"]["seeds"] == 1 else 6]
    assert {len(line.rstrip()) for line in [heading, *models]} == {len(heading.rstrip())}
    assert "\x1b" not in text


def test_each_model_has_its_accuracy_interval_rows_and_seconds():
    text = printed(two_seeds())
    assert row(text, "Majority").split()[-6:] == ["50.0%", "25.0%", "to", "75.0%", "4", "-"]
    assert row(text, "Untrained").split()[-1] == "12"
    teacher = row(text, "Teacher,").split()
    assert teacher[-6] == "50.0%"
    assert teacher[-4] == "to"
    assert teacher[-2:] == ["8", "61"]
    assert row(text, "Student, seed 0").split()[-1] == "120"
    assert row(text, "Student, 2 seeds (s.e. 12.5)").split()[-2:] == ["4", "251"]
    assert "Gain over the untrained student: +37.5 points" in text
    assert "Teacher's completions: ok 75.0%, truncated 25.0%" in text
    assert "cost 3.00 EUR" in text


def test_it_says_what_its_intervals_are_of_and_what_could_be_seen():
    single, two, three = one_seed(), two_seeds(), three_seeds()
    for summary in (single, two, three):
        summary["student"]["rows"] = 500
        summary["detectable"] |= {"student": 0.0861}
    three["detectable"]["method"] = 0.0714
    told = [" ".join(printed(summary).split()) for summary in (single, two, three)]
    assert "is over test rows: it is of this student. Of the method nothing" in told[0]
    assert "it is of these 2 students" in told[1]
    assert "is over seeds and test rows" in told[2]
    for text in told:
        assert "With 500 test rows a difference of 8.6 points between two students is seen" in text
    assert "a smaller one if the two often agree." in told[0]
    assert "with 3 seeds a side, one of 7.1 points between methods." in told[2]
    assert "tell no two students apart" in " ".join(printed(one_seed()).split())


def test_a_teacher_that_gives_no_labels_has_no_line():
    summary = one_seed()
    del summary["teacher"]["teacher_label_accuracy"]
    assert "Teacher, rows" not in printed(summary)


def test_a_checkout_that_ran_nothing_has_no_seconds():
    text = printed(one_seed(), {})
    assert row(text, "Student").split()[-1] == "-"
    assert "Seconds of each stage" not in text


def test_it_says_what_to_try_next():
    lines = printed(one_seed()).splitlines()
    after = lines[lines.index("What to try next") + 1 :]
    assert sum(line.startswith("  dvc ") for line in after) >= 1


def test_names_are_never_markup():
    summary = one_seed()
    summary["teacher"]["cost"] = {"[bold]x[/bold]": 1.0}
    assert "[bold]x[/bold]" in printed(summary)


def test_seconds_are_those_of_each_stages_latest_run():
    events = [
        {"stage": "ingest", "seconds": 5},
        {"stage": "embed", "seconds": 7},
        {"stage": "ingest", "seconds": 3},
    ]
    assert list(latest_seconds(events).items()) == [("embed", 7), ("ingest", 3)]
