"""Means on a bounded scale, and paired differences of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.statistics.graded import bounded_interval, gap_test
from stillhouse.statistics.intervals import bootstrap_interval, mean_interval
from stillhouse.statistics.pairs import pair_test, sign_flip

RATINGS = st.lists(st.integers(1, 5).map(float), min_size=1, max_size=40)


@given(RATINGS)
def test_an_interval_lies_on_the_scale_around_its_mean(values):
    found = bounded_interval(values, 1, 5)
    assert 1 <= found.low <= found.mean <= found.high <= 5
    if len(set(values)) > 1:
        assert found == bootstrap_interval(values)
    else:
        assert found.low < found.high  # though the bootstrap sees no spread


@given(st.integers(1, 50), st.sampled_from([0.0, 1.0]))
def test_equal_values_at_an_end_have_the_interval_of_rights_and_wrongs(count, value):
    found, expected = bounded_interval([value] * count, 0, 1), mean_interval([value] * count)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_the_test_is_the_one_for_students():
    one, other = [1, 2, 3, 4, 5, 2, 3], [2.0, 4, 3, 5, 5, 4, 2]
    gaps = [b - a for a, b in zip(one, other, strict=True)]
    groups = ["a", "a", None, None, "b", "b", None]
    found = gap_test(gaps, 4, 1, groups)
    assert found.p_value == pair_test(one, other, groups).p_value
    assert found.groups == 5
    assert found.detectable is None  # five groups can show nothing
    assert gap_test([4.0] * 5, 4, 1).p_value > 0.05


def test_what_could_be_seen_is_seen_in_about_80_percent_of_trials():
    generator = np.random.default_rng(1)
    limits = [gap_test(list(generator.normal(0, 1, 25)), 4, 1).detectable for _ in range(30)]
    limit = float(np.mean(limits))
    draws = np.rint(3 * generator.normal(limit, 1, (200, 25)))  # a mean of three raters
    assert 0.7 < np.mean([sign_flip(gaps) < 0.05 for gaps in draws]) < 0.9


def test_what_could_be_seen_is_not_nil_where_nothing_differs():
    found = gap_test([0.0] * 30, 4, 1)
    assert found.p_value == 1
    assert found.detectable > 6 / 30
    assert found.difference.low < 0 < found.difference.high
