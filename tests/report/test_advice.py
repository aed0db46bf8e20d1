"""Advice follows from the results, and its commands are ones that work."""

import re

import pytest

from stillhouse.config.knobs import Knobs
from stillhouse.report.advice import advice
from tests.report.test_summary import one_seed, three_seeds, two_seeds


def better(summary):
    """A student clear of both references."""
    summary["student"] |= {"accuracy": 0.9, "accuracy_low": 0.85, "accuracy_high": 0.95}
    summary["teacher"]["status"] = {"ok": 1.0}
    return summary


def commands(summary):
    return [step.command for step in advice(summary)]


def test_completions_cut_short_come_first():
    first = advice(one_seed())[0]
    assert "max_tokens" in first.reason
    assert "25%" in first.reason


@pytest.mark.parametrize("status", ["no_marker", "ambiguous", "empty", "malformed", "refused"])
def test_unreadable_completions_ask_for_another_prompt(status):
    summary = better(one_seed())
    summary["teacher"]["status"] = {"ok": 0.7, status: 0.3}
    assert commands(summary)[0] == "stillhouse list prompt"


def validated(summary, student, untrained, majority):
    """Accuracies on validation rows: of references the upper end of the interval."""
    summary["student"]["validation_accuracy"] = student
    for name, high in (("untrained", untrained), ("majority", majority)):
        summary[name] |= {"validation_accuracy": high - 0.1, "validation_accuracy_high": high}
    return summary


def worse_on_test_rows(summary):
    for name in ("untrained", "majority"):
        summary[name] |= {"accuracy_low": 0.97, "accuracy_high": 0.99}
    return summary


def test_test_rows_choose_no_knob():
    """Whatever the student scores on them: without validation rows these come first."""
    for summary in (better(one_seed()), better(two_seeds())):
        assert not any("limit" in command for command in commands(summary))
        first = advice(worse_on_test_rows(summary))[0]
        assert first.command == "splits: {validation: {hold_out_from: train, share: 0.1}}"
        assert "test rows choose nothing" in first.reason
        found = commands(worse_on_test_rows(summary))
        assert not any("limit=" in command or "lambda=0.5" in command for command in found)


def test_validation_rows_choose_more_rows():
    summary = validated(worse_on_test_rows(better(one_seed())), 0.4, untrained=0.41, majority=0.2)
    (step, *_) = advice(summary)
    assert step.command == "dvc exp run -S limit=16"
    assert "on the validation rows" in step.reason
    assert "dvc exp run -S lambda=0.5" not in commands(summary)


def test_no_more_rows_are_advised_than_there_are():
    summary = validated(better(one_seed()), 0.4, untrained=0.41, majority=0.2)
    summary["data"]["unlimited"] = {"train": 11}
    assert commands(summary)[0] == "dvc exp run -S limit=11"
    for all_of_them in ({"train": 8}, {}):
        summary["data"]["unlimited"] = all_of_them
        assert not any("limit" in command for command in commands(summary))


def test_validation_rows_choose_lambda():
    summary = validated(better(one_seed()), 0.4, untrained=0.2, majority=0.41)
    (step, *_) = advice(summary)
    assert step.command == "dvc exp run -S lambda=0.5"
    assert "validation rows" in step.reason
    fine = validated(worse_on_test_rows(better(one_seed())), 0.5, untrained=0.2, majority=0.41)
    assert commands(fine)[0] == "dvc exp run -S 'seeds=[0,1,2]'"


def test_advice_knows_what_was_run():
    summary = better(three_seeds())
    assert commands(summary)[:2] == ["dvc exp run -S lambda=0", "dvc exp run -S fraction=0.5"]
    summary["knobs"] = {"lambda": 0.0, "fraction": 0.5}
    assert commands(summary) == ["dvc exp run -S fraction=0.25", "dvc metrics diff"]
    summary = validated(better(one_seed()), 0.4, untrained=0.2, majority=0.41)
    summary["knobs"]["lambda"] = 0.0
    assert not any("lambda" in command for command in commands(summary))
    del summary["knobs"]  # as it was before
    assert not any("fraction" in command for command in commands(summary))


def test_retrieval_no_better_than_chance_is_questioned():
    summary = better(one_seed())
    summary["retrieval"]["same_label_share"] = 0.31
    assert commands(summary)[0] == "dvc exp run -S exemplars=random"
    summary["retrieval"] = {}
    assert "dvc exp run -S exemplars=random" not in commands(summary)


def test_fewer_than_three_seeds_ask_for_more():
    for summary in (one_seed(), two_seeds()):
        assert commands(better(summary))[0] == "dvc exp run -S 'seeds=[0,1,2]'"
    assert not any("seeds" in command for command in commands(better(three_seeds())))


def test_there_is_always_something_to_try_and_never_a_heap():
    for summary in (one_seed(), two_seeds(), better(one_seed()), better(two_seeds())):
        assert 1 <= len(advice(summary)) <= 3


def test_every_knob_that_is_advised_exists():
    known = {field.alias or name for name, field in Knobs.model_fields.items()}
    worst = one_seed()
    worst["retrieval"]["same_label_share"] = 0.0
    for summary in (worst, better(one_seed()), better(two_seeds())):
        for command in commands(summary):
            assert set(re.findall(r"-S '?(\w+)=", command)) <= known
