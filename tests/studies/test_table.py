"""The table of a study in its three forms, from known predictions."""

import csv
import io
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from stillhouse.config.teacher import Price
from stillhouse.core.errors import StillhouseError
from stillhouse.experiments.revisions import Revision
from stillhouse.kinds.measures import ENTITY_DENSITY
from stillhouse.studies import table
from stillhouse.studies.complexity import Complexity, complexity_svg
from stillhouse.studies.cost import Cost
from stillhouse.studies.plot import svg
from stillhouse.studies.state import Found
from tests.studies.studies import found, study

ROWS = 100
RIGHT = {"s-labels-half": (40, 50), "s-labels-all": (45, 55), "s-both-all": (89, 91)}


def run(name, right, rows=ROWS):
    ids = [f"r{number:03}" for number in range(rows)]
    test = {id_: {"query": id_, "label": "x", "choices": [], "group": None} for id_ in ids}
    correct = {
        n: {id_: float(i < many) for i, id_ in enumerate(ids)} for n, many in enumerate(right)
    }
    return Revision(name, correct, test)


@pytest.fixture
def runs(monkeypatch):
    """Predictions by commit, in place of those that a repository would hold."""
    known = {name: run(name, right) for name, right in RIGHT.items()}
    monkeypatch.setattr(table, "read_revision", lambda commit, _models: known[commit])
    return known


def results(change=lambda each: each, *, small=False):
    conditions = study().conditions("s", small=small)
    return table.results("s", study(), [change(found(each)) for each in conditions], small=small)


def lines(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_each_condition_is_compared_with_the_reference_of_its_column(runs):
    half, all_, both = lines(table.as_csv(results()))
    assert [float(row["accuracy"]) for row in (half, all_, both)] == [0.45, 0.5, 0.9]
    assert float(all_["standard_error"]) == pytest.approx(0.05)
    assert float(half["accuracy_low"]) < 0.45 < float(half["accuracy_high"])
    assert float(both["difference"]) == pytest.approx(0.4)
    assert float(both["students_low"]) < 0.4 < float(both["students_high"])
    # Two seeds a side: of the method nothing can be said, and no two single students are compared.
    assert both["students_p"] == both["method_p"] == both["method_low"] == ""
    assert 0 < float(both["students_detectable"]) < 0.4
    assert half["difference"] == all_["difference"] == ""
    assert [row["published"] for row in (half, all_, both)] == ["", "", "0.625"]


def test_the_markdown_shows_the_table_and_the_differences(runs):
    text = table.markdown(results())
    grid, accuracies, students = (part for part in text.split("\n\n") if part.startswith("|"))
    header, _, labels, both = grid.splitlines()
    assert [cell.strip() for cell in header.split("|")] == ["", "", "50%", "100%", ""]
    assert "45.0 ± 5.0" in labels
    assert "90.0 ± 1.0 (published 62.50)" in both
    assert "| (published 55.00) " in both  # a cell that stays empty here
    assert "Both \\| all" in both
    assert "36.2% to" not in grid
    assert "100%" in accuracies.splitlines()[-1]
    assert "+40.0 (" in students
    assert "The method: nothing can be said without 3 seeds a side." in text
    assert "Published figures: A paper." in text
    for shown in (grid, accuracies, students):
        assert len({len(line) for line in shown.splitlines()}) == 1  # aligned


THREE = {
    "rows": {name: {"title": name.title(), "knobs": {}} for name in ("labels", "one", "two")},
    "columns": {"single": {"title": "One seed"}, "three": {"title": "Three seeds"}},
    "cells": {},
    "published": None,
    "small": None,
}


@pytest.fixture
def three(runs):
    """A study of three rows, in one column with one seed and in the other with three."""
    runs |= {
        "s-labels-single": run("a", (50,)),
        "s-one-single": run("b", (57,)),
        "s-two-single": run("c", (40,)),
        "s-labels-three": run("d", (50, 51, 49)),
        "s-one-three": run("e", (55, 57, 56)),
        "s-two-three": run("f", (30, 31, 29)),
    }
    conditions = study(**THREE).conditions("s", small=False)
    return table.results("s", study(**THREE), [found(each) for each in conditions], small=False)


def test_single_students_and_methods_are_told_apart(three):
    by_name = {row["experiment"]: row for row in lines(table.as_csv(three))}
    single, several = by_name["s-one-single"], by_name["s-one-three"]
    assert float(single["students_p"]) == pytest.approx(2 / 2**7, abs=1e-6)  # McNemar's, 0 of 7
    assert single["method_p"] == ""
    assert several["students_p"] == ""
    assert 0 < float(several["method_p"]) < 1
    low, high = float(several["method_low"]), float(several["method_high"])
    assert low < float(several["difference"]) < high


def test_a_lower_condition_is_as_significant_as_a_higher(three):
    by_name = {row["experiment"]: row for row in lines(table.as_csv(three))}
    lower = by_name["s-two-three"]
    assert float(lower["method_p"]) < 0.05
    assert float(lower["method_high"]) < 0
    assert float(by_name["s-two-single"]["students_p"]) < 0.05


def test_p_values_are_adjusted_for_the_comparisons_of_their_column(three):
    by_name = {row["experiment"]: row for row in lines(table.as_csv(three))}
    for kind, column in (("students", "single"), ("method", "three")):
        one, two = (by_name[f"s-{row}-{column}"] for row in ("one", "two"))
        assert float(two[f"{kind}_p"]) < float(one[f"{kind}_p"])
        assert float(two[f"{kind}_holm"]) == pytest.approx(2 * float(two[f"{kind}_p"]), abs=2e-6)
        assert float(one[f"{kind}_holm"]) == pytest.approx(float(one[f"{kind}_p"]), abs=2e-6)
    text = table.markdown(three)
    assert text.count("| Row ") == 3  # accuracies, these students, the method
    assert "Nothing can be said of conditions with fewer than 3 seeds a side." in text
    assert "0.016" in text


def test_the_terminal_shows_the_same_aligned_in_80_columns(three, capsys):
    table.print_results(three)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for words in ("These students", "The method", "Seen from", "Holm", "-20.0 ("):
        assert words in shown


def test_what_has_not_run_or_ran_with_other_code_says_so(runs):
    def change(each):
        if each.condition.row == "both":
            return Found(each.condition, failure="error in ingest: no")
        return found(each.condition, changed=("src/x",))

    text = table.markdown(results(change))
    assert "45.0 ± 5.0†" in text
    assert "† run before these changed, so a run today may differ: src/x." in text
    assert "failed (published 62.50)" in text
    assert "s-both-all failed: error in ingest: no" in text
    assert [row["state"] for row in lines(table.as_csv(results(change)))] == [
        "stale",
        "stale",
        "failed",
    ]


def test_other_test_rows_are_not_compared(runs):
    runs["s-both-all"] = run("s-both-all", (89, 91), rows=99)
    assert lines(table.as_csv(results()))[-1]["difference"] == ""


def test_the_small_form_stands_without_published_figures(runs):
    runs |= {"s-small-labels-half": run("x", (3,)), "s-small-both-half": run("y", (4,))}
    text = table.markdown(results(small=True))
    assert text.startswith("# s, small form\n\nLess\n")
    assert "ublished" not in text
    assert "4.0" in text


def test_the_plot_is_well_formed_and_shows_every_figure(runs):
    drawn = ElementTree.fromstring(svg(results()))
    texts = {element.text for element in drawn.iter() if element.text}
    assert {"s", "Labels", "Both | all", "50%", "100%"} <= texts
    circles = [element for element in drawn.iter() if element.tag.endswith("circle")]
    assert len(circles) == 2 + 3 + 2  # the legend, the conditions, published figures
    height = float(drawn.get("height"))
    assert all(0 < float(circle.get("cy")) < height for circle in circles)


def test_a_study_that_has_not_run_has_a_table_too():
    empty = results(lambda each: Found(each.condition))
    assert "missing" in table.markdown(empty)
    assert {row["accuracy"] for row in lines(table.as_csv(empty))} == {""}
    ElementTree.fromstring(svg(empty))


def graded(name, mean):
    scores = {f"r{n:02}": mean + 0.02 * ((7 * n) % 11 - 5) / 5 for n in range(55)}
    test = {id_: {"query": id_, "label": None, "choices": [], "group": None} for id_ in scores}
    return Revision(name, {0: scores}, test, ENTITY_DENSITY)


def test_graded_scores_stand_on_their_own_scale(monkeypatch, capsys):
    means = {"s-labels-half": 0.08, "s-labels-all": 0.09, "s-both-all": 0.12}
    known = {name: graded(name, mean) for name, mean in means.items()}
    monkeypatch.setattr(table, "read_revision", lambda commit, _models: known[commit])
    changed = study(published={"source": "A paper", "values": {"both": {"all": 0.15}}})
    conditions = changed.conditions("s", small=False)
    made = table.results("s", changed, [found(each) for each in conditions], small=False)
    (half, _, both) = lines(table.as_csv(made))
    assert float(half["entity_density"]) == pytest.approx(0.08, abs=1e-3)
    assert float(both["entity_density_low"]) < 0.12 < float(both["entity_density_high"])
    assert both["published"] == "0.15"
    assert "accuracy" not in both
    text = table.markdown(made)
    assert "Entity density on the test rows: mean over seeds" in text
    assert "0.120 (published 0.150)" in text
    assert "the randomisation test of two single students" in text
    assert "McNemar" not in text
    assert "ccuracy" not in text
    assert "points" not in text
    table.print_results(made)
    assert "Entity density" in capsys.readouterr().out
    drawn = svg(made)
    ElementTree.fromstring(drawn)
    assert ">0.200<" in drawn  # the top of the axis, above 0.15
    assert "0%<" not in drawn.replace("50%<", "").replace("100%<", "")  # but in the titles


def test_conditions_of_two_measures_are_no_one_table(runs):
    runs["s-both-all"] = graded("s-both-all", 0.1)
    with pytest.raises(StillhouseError, match="scored by accuracy and entity density"):
        results()


TEACHERS = {
    "labels": {"title": "Labels", "knobs": {"lambda": 0}},
    "both": {"title": "Both", "knobs": {"lambda": 0.5}},
    "teacher": {"title": "Teacher", "of": "both", "model": "teacher:vanilla"},
}


def of_teachers(monkeypatch, **changes):
    """A study with a row that shows the teacher of another row's runs, 70 rows of it right."""
    given = study(rows=TEACHERS, cells={}, small=None, published=None, **changes)
    conditions = given.conditions("s", small=False)
    asked = {}

    def read(commit, models):
        asked[commit] = list(models)
        revision = run(commit, (40,))
        scores = {id_: float(n < 70) for n, id_ in enumerate(revision.test)}
        return replace(revision, models=dict.fromkeys(models, scores))

    monkeypatch.setattr(table, "read_revision", read)
    made = table.results("s", given, [found(each) for each in conditions], small=False)
    return made, conditions, asked


def test_a_row_of_another_model_runs_nothing_and_is_compared_like_the_others(monkeypatch):
    made, conditions, asked = of_teachers(monkeypatch)
    assert {each.row for each in conditions} == {"labels", "both"}
    assert asked["s-both-half"] == ["teacher:vanilla"]
    assert asked["s-labels-half"] == []
    teacher = {row["column"]: row for row in lines(table.as_csv(made)) if row["row"] == "Teacher"}
    assert teacher.keys() == {"50%", "100%"}
    assert float(teacher["50%"]["accuracy"]) == 0.7
    assert float(teacher["50%"]["difference"]) == pytest.approx(0.3)
    assert float(teacher["50%"]["students_p"]) < 0.001


def test_it_can_be_what_the_others_are_compared_with(monkeypatch):
    made, _, _ = of_teachers(monkeypatch, reference="teacher")
    labels = {row["row"]: row for row in lines(table.as_csv(made)) if row["column"] == "50%"}
    assert labels["Teacher"]["difference"] == ""
    assert float(labels["Labels"]["difference"]) == pytest.approx(-0.3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"title": "T", "of": "both"}, "go together"),
        ({"title": "T", "model": "gold"}, "go together"),
        ({"title": "T", "of": "bath", "model": "gold"}, "Did you mean 'both'"),
        ({"title": "T", "of": "both", "model": "gold", "knobs": {"k": 1}}, "leave out its own"),
        ({"title": "T", "of": "both", "model": "teachers"}, "pattern"),
    ],
)
def test_a_row_says_whose_model_it_shows(line, said):
    with pytest.raises(ValueError, match=said):
        study(rows=TEACHERS | {"teacher": line}, cells={}, small=None, published=None)


def test_what_is_published_may_be_money_and_stands_beside_money_alone(runs, monkeypatch):
    price = Price(prompt=1.0)
    costs = {"s-both-all": Cost(6.5, price), "s-labels-all": Cost(0.25, price)}
    monkeypatch.setattr(table, "cost_of", lambda commit, _model: costs.get(commit))
    published = {"source": "A paper", "figure": "cost", "values": {"both": {"all": 6.74}}}
    given = study(published=published)
    conditions = given.conditions("s", small=False)
    page = table.markdown(table.results("s", given, [found(c) for c in conditions], small=False))
    scores, costs_ = page.split("Money for 1,000 answers")
    assert "6.74" not in scores
    assert "6.50 USD (published 6.74)" in costs_
    assert "0.2500 USD" in costs_


def test_complexity_stands_beside_the_gaps_that_it_may_explain(runs, monkeypatch):
    said = {"half": Complexity(2.5, 2.0), "all": Complexity(1.25, 1.0)}
    monkeypatch.setattr(table, "complexity_of", lambda commit: said[commit.rpartition("-")[2]])
    made = results()
    (point,) = table.points_of(made)  # of the one condition that is compared
    assert (point.row, point.column) == ("Both | all", "100%")
    assert point.gap == pytest.approx(40)
    assert point.low < 40 < point.high
    page = table.markdown(made)
    assert "How complex a judge finds the test questions." in page
    assert "1.25" in page
    drawn = ElementTree.fromstring(complexity_svg("A & B", table.points_of(made)))
    texts = [element.text for element in drawn.iter() if element.text]
    assert "A & B" in texts
    assert "100% 1.25" in texts


def test_what_people_rated_stands_by_itself(runs):
    published = {"source": "A paper", "figure": "people", "values": {"both": {"all": 3.71}}}
    given = study(published=published)
    conditions = given.conditions("s", small=False)
    made = table.results("s", given, [found(c) for c in conditions], small=False)
    scores, rated = table.markdown(made).split("What people rated, as published.")
    assert "3.71" not in scores
    assert "3.71" in rated
    assert 'r="6"' not in svg(made)  # no ring of a published score
