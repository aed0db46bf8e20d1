"""Properties of intervals: Wilson's, the bootstrap, and rows that belong together."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.statistics.intervals import (
    bootstrap_interval,
    mean_interval,
    standard_error,
    wilson,
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
    with pytest.raises(ValueError, match="at least one"):
        wilson(0, 0)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (0, 500, 0.0, 0.007624),
        (500, 500, 0.992376, 1.0),
        (1, 500, 0.000353, 0.011241),
        (81, 263, 0.255289, 0.366210),  # Newcombe 1998, table I: 0.2553 to 0.3662
        (15, 148, 0.062386, 0.160487),  # 0.0624 to 0.1605
        (1, 29, 0.006113, 0.171755),  # 0.0061 to 0.1718
    ],
)
def test_a_proportion_has_wilsons_interval(right: int, total: int, low: float, high: float):
    found = wilson(right, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    assert found.mean == right / total
    scores = [1.0] * right + [0.0] * (total - right)
    assert mean_interval(scores) == mean_interval(scores[::-1]) == found


def test_graded_scores_have_a_bootstrap_and_no_wilson():
    graded = [0.0, 0.5, 1.0, 0.25] * 10
    assert mean_interval(graded) == bootstrap_interval(graded)
    with pytest.raises(ValueError, match="count of right rows"):
        wilson(sum(graded[:3]) + 0.25, 40)


def test_rows_that_are_apart_are_no_groups():
    scores = [1.0, 0.0, 0.0, 1.0, 1.0]
    assert mean_interval(scores, [None] * 5) == mean_interval(scores, "abcde")
    assert mean_interval(scores, "abcde") == mean_interval(scores)


@pytest.mark.parametrize("scores", [[1.0] * 30 + [0.0] * 70, [0.25] * 30 + [0.75] * 70])
def test_a_row_that_stands_four_times_is_one_row(scores: list[float]):
    """Copies in one group give the interval of the rows themselves, not half of it."""
    groups = [f"g{row}" for row in range(100)] * 4
    found, alone = mean_interval(scores * 4, groups), bootstrap_interval(scores)
    assert (found.low, found.mean, found.high) == pytest.approx((alone.low, alone.mean, alone.high))
    apart = mean_interval(scores * 4)
    assert found.high - found.low > 1.8 * (apart.high - apart.low)


def test_groups_are_resampled_whole_and_rows_without_one_alone():
    scores = [1.0, 1.0, 0.0, 0.0, 1.0]
    groups = ["a", "a", "b", "b", None]
    found = bootstrap_interval(scores, groups, resamples=40_000)
    picks = np.random.default_rng(1).integers(0, 3, size=(40_000, 3))
    sums, sizes = np.array([2.0, 0.0, 1.0])[picks].sum(1), np.array([2, 2, 1])[picks].sum(1)
    low, high = np.quantile(sums / sizes, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high))


def test_wrong_rows_in_groups_are_not_certainly_wrong():
    groups = [row // 5 for row in range(500)]
    found = mean_interval([0.0] * 500, groups)
    assert found == wilson(0, 100)
    assert mean_interval([1.0] * 500, groups) == wilson(100, 100)


@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from("abc")), min_size=1))
@settings(max_examples=30, deadline=None)
def test_the_order_of_grouped_rows_does_not_matter(rows: list[tuple[float, str]]):
    there = mean_interval(*zip(*rows, strict=True))
    back = mean_interval(*zip(*rows[::-1], strict=True))
    assert there == back


def test_the_standard_error_is_of_the_mean():
    assert standard_error([0.5]) is None
    assert standard_error([0.25, 0.75]) == pytest.approx(0.25)
    assert standard_error([0.1] * 4) == pytest.approx(0)
