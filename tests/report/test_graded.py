"""Graded scores, such as an entity density, all through the report: nothing is an accuracy."""

import json

import pytest

from stillhouse.experiments.compare import Compared, as_json, print_comparison
from stillhouse.kinds.measures import ENTITY_DENSITY
from stillhouse.report.advice import advice
from stillhouse.report.plots import accuracy_csv, graded_csv
from stillhouse.report.summary import summarised
from stillhouse.statistics.graded import score_interval
from stillhouse.statistics.intervals import as_metrics
from stillhouse.statistics.paired import compare
from tests.report.results import ANSWER, example, report, stages
from tests.report.test_table import flat, printed, row

ROWS = 60
GRADED = ANSWER.model_copy(update={"metric": "summary"})


def densities(mean, spread=0.02):
    """Some scores by row around a mean, none of which is 0 or 1."""
    return {f"r{n:02}": mean + spread * ((7 * n) % 11 - 5) / 5 for n in range(ROWS)}


def figures(scores):
    found = as_metrics("entity_density", score_interval([*scores.values()], ENTITY_DENSITY.scale))
    beside = {"rouge_l": 0.312, "entity_density_all": 0.141, "tokens": 81.26}
    return (
        found
        | beside
        | {"rows": ROWS, "validation_entity_density": 0.1, "validation_entity_density_high": 0.11}
    )


def predicted(scores):
    return [{"id": id_, "score": score} for id_, score in scores.items()]


def graded(student=0.11, untrained=0.06, seeds=1):
    own = {seed: densities(student + seed / 1000) for seed in range(seeds)}
    before, made = densities(untrained, 0.03), stages()
    made["baseline"] = {"untrained": figures(before)}
    made["references"] = {}
    made["parse"] = {
        "rows": 8,
        "status": {"ok": 1.0},
        "teacher_label_entity_density": 0.132,
        "teacher_label_entity_density_low": 0.12,
        "teacher_label_entity_density_high": 0.14,
    }
    tables = {f"seed={seed}": predicted(scores) for seed, scores in own.items()}
    tables["untrained"] = predicted(before)
    test = [example(id_, "test", None) for id_ in before]
    return report(
        made,
        {seed: figures(scores) for seed, scores in own.items()},
        [*test, example("t0", "train")],
        tables,
        answer=GRADED,
    )


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_nothing_is_called_an_accuracy_or_written_as_a_share(seeds):
    found = graded(seeds=seeds)
    text = printed(found, width=150)
    assert "ccuracy" not in text
    assert "points" not in text
    assert "ccuracy" not in json.dumps(summarised(found))
    assert found["measure"] == "entity_density"
    assert "Entity density on 60 test rows" in text


def test_the_first_line_says_by_how_much_it_scores_higher():
    text = flat(printed(graded(), width=200))
    assert text.startswith(
        "The student scores higher than the untrained student: entity density 0.110 against 0.060 "
        "on 60 test rows (+0.050, +0.0"
    )
    lower = flat(printed(graded(student=0.05), width=200))
    assert lower.startswith("The untrained student scores higher than the student: entity density")
    assert "majority" not in text


def test_each_model_has_its_mean_its_interval_and_what_stands_beside():
    text = printed(graded(), width=200)
    cells = row(text, "Student ").split()
    assert cells[1] == "0.110"
    assert 0.1 < float(cells[2]) < 0.11 < float(cells[4]) < 0.12
    assert cells[5:8] == ["0.141", "31.2%", "81.3"]
    assert "All entities  ROUGE-L  Tokens" in text
    assert "entity density 0.132 over its labels (0.120 to 0.140)" in flat(text)
    assert "difference of 0.0" in flat(text)


def test_what_people_compare_has_the_measures_own_name():
    student = summarised(graded(seeds=2))["student"]
    assert student["entity_density"] == pytest.approx(0.1105, abs=1e-4)
    assert student["entity_density_low"] < 0.11 < student["entity_density_high"]
    assert student["standard_error"] == pytest.approx(0.0005)
    assert (student["rouge_l"], student["validation_entity_density"]) == (0.312, 0.1)
    assert summarised(graded())["teacher"]["train_entity_density"] == 0.132


def test_the_plot_of_accuracies_is_empty_and_that_of_graded_scores_is_not():
    assert accuracy_csv(graded()) == "model,accuracy,low,high\n"
    header, untrained, student = graded_csv(graded()).splitlines()
    assert header == "measure,model,score,low,high"
    assert untrained.startswith("Entity density,Untrained student,0.06")
    assert student.startswith("Entity density,Student,0.11")
    assert "nothing" not in graded_csv(graded(seeds=2))


def test_no_advice_speaks_of_the_majority_class():
    said = " ".join(f"{step.command} {step.reason}" for step in advice(graded(student=0.05)))
    assert "majority" not in said
    assert "right" not in said


def test_two_revisions_are_compared_by_the_randomisation_test(capsys):
    one, other = {0: densities(0.1)}, {0: densities(0.12, 0.03)}
    found = compare(one, other, scale=ENTITY_DENSITY.scale)
    compared = Compared("main", "brave-colt", found, ENTITY_DENSITY)
    print_comparison(compared)
    said = capsys.readouterr().out
    assert "Entity density" in said
    assert "These students: +0.020 (+0.0" in said
    assert "Randomisation: first higher in" in said
    assert "A difference of 0.0" in said
    assert "points" not in said
    assert "%" not in said.replace("95%", "").replace("5%", "").replace("80%", "")
    values = json.loads(as_json(compared))
    assert values["one"]["entity_density"]["mean"] == pytest.approx(0.1, abs=0.01)
    assert "accuracy" not in values["one"]
