"""Scores as probabilities: the temperature, the calibration error, the diagram."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.config.dataset import Answer
from stillhouse.evaluate.calibration import (
    FEWEST_ROWS,
    HIGHEST,
    LOWEST,
    Scored,
    calibrate,
    calibration_error,
    fit_temperature,
    place_of,
    reliability_csv,
    score_of,
    softmax,
)
from stillhouse.students.predict import Answered

VALUES = st.floats(-30, 0)
ROWS = st.lists(
    st.lists(VALUES, min_size=2, max_size=5).flatmap(
        lambda values: st.tuples(st.just(values), st.integers(0, len(values) - 1))
    ),
    min_size=FEWEST_ROWS,
    max_size=FEWEST_ROWS + 20,
)


def loss(rows, temperature):
    """The negative log-likelihood of targets that are never quite certain, written out."""
    rest, total = 1 / (len(rows) + 2), 0.0
    for values, gold in rows:
        for place, share in enumerate(softmax(values, temperature)):
            alone = len(values) == 1
            weight = 1 - rest if place == gold else rest / (len(values) - 1)
            total -= (1 if alone else weight) * math.log(max(1e-300, share))
    return total


@given(ROWS)
def test_no_other_temperature_makes_the_right_choices_likelier(rows):
    found = fit_temperature(rows)
    assert LOWEST <= found <= HIGHEST
    for other in (LOWEST, found * 0.9, found * 1.1, 1.0, HIGHEST):
        if LOWEST <= other <= HIGHEST:
            assert loss(rows, found) <= loss(rows, other) + 1e-3


def test_likelihoods_that_are_right_need_no_temperature_and_scaled_ones_the_scale():
    """Drawn as they say: of rows with odds 3 to 1 three in four are the likelier choice."""
    true = [([math.log(0.75), math.log(0.25)], int(n % 4 == 0)) for n in range(400)]
    assert fit_temperature(true) == pytest.approx(1.0, rel=0.02)
    for scale in (0.5, 3.0):
        scaled = [([value * scale for value in values], gold) for values, gold in true]
        assert fit_temperature(scaled) == pytest.approx(scale, rel=0.02)


def test_rows_that_are_all_right_prove_no_certainty_and_few_say_nothing():
    right = [([0.0, -1.0], 0)] * FEWEST_ROWS
    score = max(softmax([0.0, -1.0], fit_temperature(right)))
    assert score == pytest.approx((FEWEST_ROWS + 1) / (FEWEST_ROWS + 2), abs=1e-3)
    assert fit_temperature(right[1:]) is None


@given(st.lists(VALUES, min_size=1, max_size=6), st.floats(LOWEST, HIGHEST))
def test_softmax_is_a_distribution_in_the_order_of_the_likelihoods(values, temperature):
    found = softmax(values, temperature)
    assert math.fsum(found) == pytest.approx(1)
    assert max(found) == found[values.index(max(values))]


def test_the_calibration_error_is_that_of_the_paper():
    """By hand: bins of a tenth, |share right - mean score| weighted with rows."""
    rows = [Scored(0.95, True), Scored(0.91, False), Scored(0.55, True), Scored(0.51, True)]
    wanted = 0.5 * abs(0.5 - 0.93) + 0.5 * abs(1 - 0.53)
    assert calibration_error(rows) == pytest.approx(wanted)
    assert calibration_error([Scored(1.0, True)] * 3) == 0
    assert reliability_csv(rows) == "score,accuracy,rows\n0.5300,1.0000,2\n0.9300,0.5000,2\n"


def test_a_score_is_that_of_the_label_among_the_choices():
    answered = Answered("B", (math.log(0.6), math.log(0.2)))
    assert score_of(answered, ["a", "b"]) == pytest.approx(0.25)
    assert score_of(Answered("neither", answered.likelihoods), ["a", "b"]) is None
    assert score_of(Answered("free", (math.log(0.3),)), []) == pytest.approx(0.3)
    assert place_of("(b) no", ["yes", "no"]) == 1


def row(id_, split, label, choices=("yes", "no")):
    return {"id": id_, "split": split, "label": label, "choices": list(choices)}


def test_a_temperature_comes_of_validation_rows_and_is_shown_on_test_rows():
    """Sure of everything, and right in three of four."""
    sure = {f"{split}{n}": Answered("yes", (-0.01, -9.0)) for split in "tv" for n in range(40)}
    rows = {
        split: [row(f"{split}{n}", split, "no" if n % 4 == 0 else "yes") for n in range(40)]
        for split in "tv"
    }
    metrics, plot = calibrate(sure, rows["t"], rows["v"], Answer(metric="choice"))
    assert metrics["rows"] == metrics["validation_rows"] == 40
    assert metrics["ece"] == pytest.approx(0.25, abs=1e-3)
    assert metrics["calibrated_ece"] == pytest.approx(0.5 / 42, abs=1e-3)  # never quite certain
    assert metrics["temperature"] > 1
    assert plot.splitlines() == ["score,accuracy,rows", "0.7381,0.7500,40"]
    # Test rows choose nothing.
    for row_ in rows["t"]:
        row_["label"] = "no"
    other, _ = calibrate(sure, rows["t"], rows["v"], Answer(metric="choice"))
    assert other["temperature"] == metrics["temperature"]


def test_without_validation_rows_or_choices_nothing_is_calibrated():
    test = [row(f"t{n}", "test", "yes") for n in range(3)]
    sure = {each["id"]: Answered("yes", (-0.01, -9.0)) for each in test}
    metrics, plot = calibrate(sure, test, [], Answer(metric="choice"))
    assert metrics.keys() == {"rows", "validation_rows", "ece"}
    assert len(plot.splitlines()) == 2
    free = [each | {"choices": []} for each in test]
    metrics, plot = calibrate(sure, free, free * 20, Answer(metric="exact"))
    assert metrics == {"rows": 0, "validation_rows": 0}
    assert plot == "score,accuracy,rows\n"
