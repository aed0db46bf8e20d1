"""Properties of bootstrap intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.evaluation.intervals import bootstrap_interval

values = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60)


@given(values)
@settings(max_examples=50, deadline=None)
def test_the_mean_lies_in_the_interval_and_both_in_the_range(sample: list[float]):
    found = bootstrap_interval(sample, resamples=200)
    assert found.mean == pytest.approx(np.mean(sample), abs=1e-9)
    assert found.low <= found.mean <= found.high
    assert min(sample) - 1e-9 <= found.low
    assert found.high <= max(sample) + 1e-9


@given(values, st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_rows_does_not_matter(sample: list[float], random: object):
    mixed = sorted(sample)
    assert bootstrap_interval(sample, resamples=100) == bootstrap_interval(mixed, resamples=100)


def test_equal_values_have_no_width():
    found = bootstrap_interval([0.1] * 7)
    assert found.low == found.mean == found.high == pytest.approx(0.1)


def test_seeds_fix_the_result():
    sample = [0.0, 1.0, 1.0, 0.0, 1.0]
    assert bootstrap_interval(sample) == bootstrap_interval(sample)
    uneven = [1.1, 2.7, 4.3, 9.2, 0.4, 7.7]
    assert bootstrap_interval(uneven, seed=0) != bootstrap_interval(uneven, seed=1)


def test_the_width_is_that_of_the_normal_approximation():
    sample = [1.0] * 300 + [0.0] * 700
    found = bootstrap_interval(sample)
    error = math.sqrt(0.3 * 0.7 / 1000)
    assert found.low == pytest.approx(0.3 - 1.96 * error, abs=0.003)
    assert found.high == pytest.approx(0.3 + 1.96 * error, abs=0.003)


def test_equals_resampling_row_by_row():
    sample = np.random.default_rng(5).normal(size=40)
    picks = np.random.default_rng(6).integers(0, 40, size=(20_000, 40))
    low, high = np.quantile(sample[picks].mean(axis=1), [0.025, 0.975])
    found = bootstrap_interval(sample.tolist(), resamples=20_000)
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)


def test_no_values_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval([])
