"""The student by label: no class hides behind an accuracy."""

import pytest

from stillhouse.report.label_lines import label_lines
from stillhouse.report.labels import by_label, confusion
from stillhouse.statistics.agreement import AGREEMENT

TEST = [
    {"id": f"r{n}", "label": label, "choices": ["no", "yes"], "group": None}
    for n, label in enumerate(["no", "no", "yes", "Yes"])
]
GROUPS = {row["id"]: None for row in TEST}


def metrics(no, yes):
    return {"by_label": {"no": {"rows": 2} | no, "yes": {"rows": 2} | yes}}


def student(*right):
    return {row["id"]: float(row["id"] in right) for row in TEST}


def test_one_students_measures_are_its_own():
    evaluation = metrics({"recall": 0.5, "recall_low": 0.1}, {"recall": 1.0})
    found = by_label({0: evaluation}, {0: student("r0")}, TEST, GROUPS)
    assert found == evaluation["by_label"]
    assert by_label({0: {"accuracy": 1.0}}, {0: student()}, TEST, GROUPS) == {}


def test_several_students_are_averaged_and_the_recalls_interval_is_over_the_labels_rows():
    first = metrics({"recall": 0.5, "precision": 1.0, "predicted": 1}, {"recall": 1.0})
    second = metrics({"recall": 1.0, "precision": 0.5, "predicted": 4}, {"recall": 0.5})
    students = {0: student("r0", "r2", "r3"), 1: student("r0", "r1", "r2")}
    found = by_label({0: first, 1: second}, students, TEST, GROUPS)
    assert found["no"]["recall"] == found["no"]["precision"] == 0.75
    assert found["no"]["predicted"] == 2.5
    assert found["yes"]["recall_low"] < 0.75 < found["yes"]["recall_high"]
    assert "precision" not in found["yes"]


def test_confusions_of_all_seeds_are_added():
    tables = [
        "actual,predicted,rows\nno,no,3\nno,yes,1\nyes,,2\n",
        "actual,predicted,rows\nno,no,1\nno,yes,0\nyes,no,5\n",
    ]
    assert confusion(tables) == [
        ("yes", "no", 5),
        ("no", "no", 4),
        ("yes", None, 2),
        ("no", "yes", 1),
    ]
    assert confusion([]) == []


def test_of_many_labels_the_pairs_that_are_confused_most_are_kept():
    lines = [f"{a},{b},{a * b}" for a in range(1, 13) for b in range(1, 13)]
    pairs = confusion(["\n".join(["actual,predicted,rows", *lines])])
    assert pairs[0] == ("11", "12", 132)
    assert len(pairs) == 10
    assert all(gold != predicted for gold, predicted, _ in pairs)


def shown(labels, pairs=(), width=80, measure="accuracy", **student):
    found = {"measure": measure, "labels": labels, "confusion": list(pairs), "student": student}
    return list(label_lines(found, width))


def of_label(rows, recall, predicted=5, **others):
    return {"rows": rows, "recall": recall, "precision": 0.5, "predicted": predicted} | others


def test_without_gold_labels_there_is_the_agreement_by_the_teachers_label():
    shares = {"rows": 2, AGREEMENT: 0.5, f"{AGREEMENT}_low": 0.1, f"{AGREEMENT}_high": 0.9}
    test = [row | {"label": None} for row in TEST]
    evaluation = {f"{AGREEMENT}_by_label": {"no": shares, "yes": shares | {AGREEMENT: 1.0}}}
    found = by_label({0: evaluation}, {0: student("r0")}, test, GROUPS)
    assert found["no"] == {"rows": 2, "recall": 0.5, "recall_low": 0.1, "recall_high": 0.9}
    heading = shown(found, measure=AGREEMENT)[1]
    assert heading.split()[3:] == ["Rows", "Agreement", "95%", "interval"]
    both = by_label({0: evaluation, 1: evaluation}, {0: student(), 1: student()}, test, GROUPS)
    assert both["yes"] == {"rows": 2, "recall": 1.0}


def test_free_text_has_no_labels():
    assert shown({}) == []


def test_a_class_that_is_never_found_is_named():
    labels = {
        "bad": of_label(90, 0.9),
        "fair, good": {"rows": 5, "recall": 0.0, "predicted": 0},
        "odd": of_label(5, 0.0),
    }
    lines = shown(labels, macro_f1=0.3, macro_f1_low=0.25, macro_f1_high=0.35, none=3)
    assert 'Never predicted: "fair, good"' in lines
    assert "Never right: odd" in lines
    assert "Macro F1, the mean over labels: 30.0% (25.0% to 35.0%); 3 predictions name no" in lines


def test_few_labels_have_a_matrix_where_it_fits_and_else_the_worst_pairs():
    labels = {"low": of_label(9, 0.5), "high": of_label(9, 0.5)}
    pairs = [("low", "low", 5), ("low", "high", 4), ("high", None, 1_000)]
    lines = shown(labels, pairs)
    assert lines[-3:] == [
        "Gold, and taken for  low  high  no label",
        "low                    5     4         .",
        "high                   .     .     1,000",
    ]
    names = {f"{name} {'long ' * 4}name": values for name, values in labels.items()}
    pairs = [(gold and f"{gold} {'long ' * 4}name", said, n) for gold, said, n in pairs]
    told = " ".join(shown(names, pairs, width=60)[-3:])
    assert "Most often taken for another: low long" in told
    assert "for no label (1,000)" in told


def test_a_label_that_steers_a_terminal_is_written_out_on_one_line():
    name = "two\nlines\x1b[31m"
    lines = shown({name: of_label(4, 0.0, predicted=0), "b": of_label(4, 1.0)}, [(name, "b", 4)])
    text = "\n".join(lines)
    assert "\x1b" not in text
    assert text.count("two lines\\x1b[31m") == 4  # by label, as never predicted, down and across


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_many_labels_are_those_with_the_lowest_recall(width):
    labels = {f"label {n}": of_label(10, n / 40) for n in range(40)}
    lines = shown(labels, [("label 1", "label 2", 3)], width)
    assert [line.split("  ")[0] for line in lines[2:17]] == [f"label {n}" for n in range(15)]
    assert "and 25 more labels, recall 37.5% to 97.5%" in lines
    assert lines[-1] == "Most often taken for another: label 1 for label 2 (3)"
    assert max(map(len, lines)) <= width
