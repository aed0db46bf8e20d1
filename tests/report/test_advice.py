"""Advice follows from the results, knows what was run, and its commands are ones that work."""

import re

import pytest

from stillhouse.config.knobs import Knobs
from stillhouse.report.advice import ASIDE, advice
from stillhouse.statistics.agreement import AGREEMENT
from tests.report.results import TRAINING, contest
from tests.report.test_summary import one_seed, three_seeds, two_seeds

SEEDS = "dvc exp run -S 'seeds=[0,1,2]'"


def better(seeds=1, **right):
    """A student clear of its references, and a teacher without faults."""
    found = contest(student=90, seeds=seeds, **right)
    found["teacher"]["splits"]["train"]["status"] = {"ok": 1.0}
    return found


def commands(found):
    return [step.command for step in advice(found)]


def test_completions_cut_short_come_first_with_more_tokens_than_there_were():
    first = advice(one_seed())[0]
    assert first.command == "dvc exp run -S conf/teacher/small.yaml:decoding.max_tokens=128"
    assert "25% of the train completions" in first.reason


def test_where_a_search_says_how_the_teacher_is_asked_its_entry_is_to_be_changed():
    found = one_seed()
    found["teacher"]["splits"]["train"]["status"] |= {"no_marker": 0.5}
    found["run"]["search"] = "two"
    reasons = [step.reason for step in advice(found)]
    assert reasons[0].endswith("have conf/search/two.yaml try a larger `decoding.max_tokens`")
    assert reasons[1].endswith("have conf/search/two.yaml try other `prompts`")
    assert not any("-S prompt" in step.reason for step in advice(found))


@pytest.mark.parametrize("split", ["train", "unlabelled", "test"])
@pytest.mark.parametrize("status", ["no_marker", "ambiguous", "empty", "malformed", "refused"])
def test_unreadable_completions_of_any_split_ask_for_another_prompt(split, status):
    found = better()
    found["teacher"]["splits"][split] = {"rows": 9, "status": {"ok": 0.7, status: 0.3}}
    first = advice(found)[0]
    assert first.command == "stillhouse list prompt"
    assert f"30% of the {split} completions" in first.reason


def test_rationales_that_end_on_another_answer_are_left_out_once():
    found = better()
    found["teacher"]["splits"]["train"]["rationale"] = {"disagrees": 0.2}
    assert commands(found)[0] == "dvc exp run -S rationale_filter=consistent"
    for knob in ({"rationale_filter": "consistent"}, {"lambda": 0.0}):
        done = found | {"run": found["run"] | knob}
        assert "dvc exp run -S rationale_filter=consistent" not in commands(done)


def validated(found, student, untrained, majority):
    """Accuracies on validation rows: of references the upper end of the interval."""
    found["student"]["validation_accuracy"] = student
    for name, high in (("untrained", untrained), ("majority", majority)):
        found["references"][name] |= {
            "validation_accuracy": high - 0.1,
            "validation_accuracy_high": high,
        }
    return found


def worse_on_test_rows():
    found = contest(student=40, untrained=90)
    found["teacher"]["splits"]["train"]["status"] = {"ok": 1.0}
    return found


def test_test_rows_choose_no_knob():
    """Whatever the student scores on them: without validation rows these come first."""
    for found in (better(), better(seeds=2)):
        assert not any("limit" in command for command in commands(found))
    first = advice(worse_on_test_rows())[0]
    assert first.command == ASIDE
    assert "test rows choose nothing" in first.reason
    found = commands(worse_on_test_rows())
    assert not any("limit=" in command or "lambda=0.5" in command for command in found)


def test_validation_rows_that_are_there_are_not_asked_for():
    found = worse_on_test_rows()
    found["data"]["rows"]["validation"] = 20
    assert ASIDE not in commands(found)


def test_validation_rows_choose_more_rows():
    found = validated(worse_on_test_rows(), 0.4, untrained=0.41, majority=0.2)
    (step, *_) = advice(found)
    assert step.command == "dvc exp run -S limit=16"
    assert "on the validation rows" in step.reason
    assert "dvc exp run -S lambda=0.5" not in commands(found)


def test_no_more_rows_are_advised_than_there_are():
    found = validated(better(), 0.4, untrained=0.41, majority=0.2)
    found["data"]["unlimited"] = {"train": 11}
    assert commands(found)[0] == "dvc exp run -S limit=11"
    for all_of_them in ({"train": 8}, {}):
        found["data"]["unlimited"] = all_of_them
        assert not any("limit" in command for command in commands(found))
    for fraction, more in ((0.25, "0.5"), (0.75, "1")):  # rows that are distilled already
        found["run"]["fraction"] = fraction
        assert commands(found)[0] == f"dvc exp run -S fraction={more}"


def test_validation_rows_choose_lambda():
    found = validated(better(), 0.4, untrained=0.2, majority=0.41)
    (step, *_) = advice(found)
    assert step.command == "dvc exp run -S lambda=0.5"
    assert "validation rows" in step.reason
    fine = validated(worse_on_test_rows(), 0.5, untrained=0.2, majority=0.41)
    assert commands(fine)[0] == SEEDS


def test_advice_knows_what_was_run():
    found = better(seeds=3)
    assert commands(found)[:2] == ["dvc exp run -S lambda=0", "dvc exp run -S fraction=0.5"]
    found["run"] |= {"lambda": 0.0, "fraction": 0.5}
    assert commands(found) == ["dvc exp run -S fraction=0.25", "dvc metrics diff"]
    found["data"]["rows"]["train"] = 3  # half of a half of which is no row
    assert commands(found) == ["dvc metrics diff"]
    found = validated(better(), 0.4, untrained=0.2, majority=0.41)
    found["run"]["lambda"] = 0.0
    assert not any("lambda" in command for command in commands(found))


def test_further_seeds_are_beside_those_that_are_trained():
    for known, wanted in (([0], "0,1,2"), ([5], "5,0,1"), ([1, 0], "1,0,2")):
        found = better()
        found["run"]["seeds"] = known
        assert f"dvc exp run -S 'seeds=[{wanted}]'" in commands(found)
    assert not any("seeds" in command for command in commands(better(seeds=3)))


def test_retrieval_no_better_than_chance_is_questioned_where_there_is_one():
    found = better()
    found["retrieval"]["same_label_share"] = 0.31
    assert commands(found)[0] == "dvc exp run -S exemplars=random"
    random = found | {"run": found["run"] | {"exemplars": "random"}}
    for none in (random, found | {"retrieval": {}}):
        assert "dvc exp run -S exemplars=random" not in commands(none)


def trained(training=None, **facts):
    found = better()
    found["training"] = {"0": facts}
    found["augment"] = {"real": 16, "synthetic": 4}
    found["run"] = found["run"] | {"training": TRAINING | (training or {})}
    return found


def entry(setting):
    return f"dvc exp run -S conf/student/tiny.yaml:training.{setting}"


def test_few_steps_ask_for_more():
    few = trained(steps=10, label_loss=2.0, falling=0.3)
    assert commands(few)[0] == entry("epochs=10")
    assert advice(few)[0].reason == (
        "the student was trained for 10 steps only (2 passes), and the labels' loss still fell at "
        "the end"
    )
    by_steps = trained({"epochs": None, "steps": 30}, steps=30, label_loss=2.0)
    assert commands(by_steps)[0] == entry("steps=60")
    assert commands(trained(steps=10, label_loss=0.01))[0] == SEEDS  # it learnt what there is


def test_a_loss_that_still_falls_asks_for_more_unless_rows_are_learnt_by_heart():
    few_passes = trained({"epochs": 3.0, "batch_size": 1}, steps=60, label_loss=0.5, falling=0.2)
    assert commands(few_passes)[0] == entry("epochs=6")
    assert "by 20% in the last quarter of the 60 steps (3 passes)" in advice(few_passes)[0].reason
    assert commands(trained(steps=60, label_loss=0.5, falling=0.2))[0] == SEEDS  # twelve passes
    assert commands(trained(steps=60, label_loss=0.5))[0] == SEEDS


def test_rows_learnt_by_heart_ask_for_validation_rows():
    known = trained(steps=100, label_loss=0.001)
    assert commands(known)[0] == ASIDE
    assert "after 20 passes the student knows its rows by heart" in advice(known)[0].reason
    known["data"]["rows"]["validation"] = 20
    assert commands(known)[0] == "training.validation: {epochs: 1, patience: 2}"


@pytest.mark.parametrize(("metric", "sign"), [("accuracy", 1), ("loss", -1)])
def test_scores_on_validation_rows_say_when_it_was_best(metric, sign):
    conf = {"validation": {"metric": metric, "patience": None}}
    levels = [0.5 - 0.2 * sign, 0.5, 0.5 - 0.1 * sign]
    turned = [[10 * (n + 1), level] for n, level in enumerate(levels)]
    over = trained(conf, steps=30, label_loss=0.2, scores=turned)
    assert commands(over)[0] == entry("learning_rate=5e-05")
    assert "over-fitted" in advice(over)[0].reason
    assert "was best after step 20 (0.500)" in advice(over)[0].reason
    patient = {"validation": {"metric": metric, "patience": 1}}
    assert commands(trained(patient, steps=30, label_loss=0.2, scores=turned))[0] == SEEDS
    rising = trained(conf, steps=30, label_loss=0.2, scores=turned[:2])
    assert commands(rising)[0] == entry("epochs=4")
    level = trained(conf, steps=30, label_loss=0.2, scores=[[10, 0.5], [20, 0.5]])
    assert commands(level)[0] == SEEDS


def test_a_bag_of_words_that_does_as_well_is_explained():
    found = better(logistic_tfidf=89)
    (first, *_) = advice(found)
    assert first.command == "stillhouse rows --wrong"
    assert "these labels follow from single words" in first.reason
    assert commands(better(logistic_tfidf=50))[0] == SEEDS


def test_a_teacher_that_knows_less_than_a_bag_of_words_is_questioned():
    found = better(logistic_tfidf=60, teacher=50)
    (first, *_) = advice(found)
    assert first.command == "stillhouse rows --disagree"
    assert "the teacher is right in 50.0% of the test rows, a bag of words" in first.reason
    assert commands(better(logistic_tfidf=60, teacher=95))[0] == SEEDS


def test_agreement_with_the_teacher_chooses_nothing():
    found = validated(worse_on_test_rows(), 0.4, untrained=0.41, majority=0.41)
    found["measure"] = AGREEMENT
    assert commands(found)[:2] == ["stillhouse sample --n 60 --out sheet.csv", SEEDS]


def test_there_is_always_something_to_try_and_never_a_heap():
    for found in (one_seed(), two_seeds(), three_seeds(), better(), better(seeds=2)):
        assert 1 <= len(advice(found)) <= 3


def test_every_knob_that_is_advised_exists():
    known = {field.alias or name for name, field in Knobs.model_fields.items()}
    worst = one_seed()
    worst["retrieval"]["same_label_share"] = 0.0
    for found in (worst, better(), better(seeds=2), worse_on_test_rows()):
        for command in commands(found):
            assert set(re.findall(r"-S '?(\w+)=", command)) <= known
