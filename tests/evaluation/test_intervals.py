"""Properties of bootstrap intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.evaluation.intervals import (
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_mean,
    standard_error,
)

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


def test_several_seeds_widen_the_interval():
    scores = [[1.0] * 200 + [0.0] * 200, [1.0] * 280 + [0.0] * 120]
    both = bootstrap_mean(scores)
    rows_alone = bootstrap_interval([sum(column) / 2 for column in zip(*scores, strict=True)])
    assert both.mean == rows_alone.mean == 0.6
    assert both.high - both.low > 1.5 * (rows_alone.high - rows_alone.low)


def test_the_spread_of_resamples_is_that_of_rows_and_seeds():
    """Seeds that differ and rows that do not: the variance over n seeds has the factor 1 / n."""
    scores = [[mean] * 50 for mean in (0.2, 0.4, 0.6)]
    found = bootstrap_mean(scores, resamples=40_000)
    # All three draws the lowest or the highest seed: 1 / 27 each, more than the 2.5% cut off.
    assert (found.low, found.mean, found.high) == pytest.approx((0.2, 0.4, 0.6))


def test_a_difference_is_paired_by_row():
    """Row noise that both models share cancels, however wide each one's own interval is."""
    one = [[0.0, 1.0] * 100]
    other = [[0.25, 1.25] * 100]
    found = bootstrap_difference(one, other)
    assert (found.low, found.mean, found.high) == pytest.approx((0.25, 0.25, 0.25))
    turned = bootstrap_difference(other, one)
    assert turned.mean == -found.mean
    alone = bootstrap_mean(one)
    assert alone.high - alone.low > 0.1


def test_seeds_of_two_models_are_not_paired():
    """The same scores on both sides still differ when the seeds are drawn for each side."""
    scores = [[0.0] * 20, [1.0] * 20]
    found = bootstrap_difference(scores, scores)
    assert (found.low, found.mean, found.high) == (-1, 0, 1)


def test_the_standard_error_is_of_the_mean():
    assert standard_error([0.5]) is None
    assert standard_error([0.25, 0.75]) == pytest.approx(0.25)
    assert standard_error([0.1] * 4) == pytest.approx(0)
