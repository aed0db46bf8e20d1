"""What a training curve says, as the stage writes it."""

import random

import pytest

from stillhouse.report.curve import curve_facts, falling
from stillhouse.train_student.training import Curve, write_curve


def written(tmp_path, losses, scores=(), lambda_=1.0):
    write_curve(tmp_path / "curve.csv", Curve(losses, scores), lambda_)
    return curve_facts((tmp_path / "curve.csv").read_text())


def test_the_facts_are_those_that_training_wrote(tmp_path):
    losses = [(4.0, 2.0)] * 6 + [(1.0, 2.0)] * 2
    scores = [(4, 0.5), (8, 0.75)]
    assert written(tmp_path, losses, scores) == {
        "steps": 8,
        "label_loss": 1.0,
        "falling": 0.75,
        "scores": [[4, 0.5], [8, 0.75]],
    }
    assert written(tmp_path, losses[:6], lambda_=0) == {"steps": 6, "label_loss": 4.0}


def test_a_long_training_keeps_its_steps_and_scores(tmp_path):
    facts = written(tmp_path, [(0.5, 0.0)] * 1_234, [(1_000, 0.25), (1_234, 0.5)])
    assert facts["steps"] == 1_234
    assert [score for _, score in facts["scores"]] == [0.25, 0.5]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_trend(seed):
    noise = random.Random(seed)
    assert falling([1 + noise.gauss(0, 0.2) for _ in range(40)]) < 0.25
    assert falling([0.5] * 40) == 0
    assert falling([10 - step / 5 + noise.gauss(0, 0.1) for step in range(40)]) > 0.2


def test_few_steps_show_no_trend():
    assert falling([9.0, 8.0, 7.0, 6.0, 5.0]) == 0
    assert curve_facts("step,loss,label_loss,rationale_loss\n") == {"steps": 0}
