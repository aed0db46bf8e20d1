"""Advice follows from the results, and its commands are ones that work."""

import re

from stillhouse.config.knobs import Knobs
from stillhouse.reporting.advice import advice, overlap
from tests.reporting.test_summary import one_seed, two_seeds


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


def test_unreadable_completions_ask_for_another_prompt():
    summary = better(one_seed())
    summary["teacher"]["status"] = {"ok": 0.5, "no_marker": 0.3, "empty": 0.2}
    assert commands(summary)[0] == "stillhouse list prompt"


def test_a_student_no_better_than_untrained_needs_rows():
    summary = better(one_seed())
    summary["untrained"] |= {"accuracy_low": 0.8, "accuracy_high": 0.92}
    assert commands(summary)[0] == "dvc exp run -S limit=16"


def test_a_student_that_loses_to_the_majority_weighs_labels_more():
    summary = better(one_seed())
    summary["majority"] |= {"accuracy_low": 0.88, "accuracy_high": 0.99}
    (step, *_) = advice(summary)
    assert step.command == "dvc exp run -S lambda=0.5"
    assert "overlap" in step.reason
    summary["majority"] |= {"accuracy_low": 0.97, "accuracy_high": 0.99}
    assert "lies below" in advice(summary)[0].reason


def test_retrieval_no_better_than_chance_is_questioned():
    summary = better(one_seed())
    summary["retrieval"]["same_label_share"] = 0.31
    assert commands(summary)[0] == "dvc exp run -S exemplars=random"
    summary["retrieval"] = {}
    assert "dvc exp run -S exemplars=random" not in commands(summary)


def test_a_good_single_seed_asks_for_more_seeds_and_several_do_not():
    assert commands(better(one_seed()))[0] == "dvc exp run -S 'seeds=[0,1,2]'"
    assert not any("seeds" in command for command in commands(better(two_seeds())))


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


def test_intervals_overlap_when_they_touch():
    low = {"accuracy_low": 0.1, "accuracy_high": 0.3}
    high = {"accuracy_low": 0.3, "accuracy_high": 0.5}
    higher = {"accuracy_low": 0.31, "accuracy_high": 0.5}
    assert overlap(low, high)
    assert overlap(high, low)
    assert not overlap(low, higher)
