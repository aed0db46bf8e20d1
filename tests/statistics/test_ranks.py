"""Spearman's correlation: scipy's value, and an interval over groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from stillhouse.statistics.ranks import spearman

PAIRS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=2, max_size=30)


@given(PAIRS)
def test_it_is_the_correlation_of_mean_ranks(pairs):
    one, other = ([float(value) for value in side] for side in zip(*pairs, strict=True))
    found = spearman(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found.value == pytest.approx(spearmanr(one, other).statistic)
        assert found.low is None or -1 <= found.low <= found.value <= found.high <= 1


def test_the_interval_is_that_of_rows_drawn_again():
    generator = np.random.default_rng(2)
    one = generator.integers(1, 6, 60)
    other = one + generator.integers(0, 6, 60)
    found = spearman(list(one), list(other))
    drawn = [
        spearmanr(one[places], other[places]).statistic
        for places in generator.integers(0, 60, (800, 60))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.low, found.high) == (pytest.approx(low, abs=0.04), pytest.approx(high, abs=0.04))


def test_rows_of_one_group_say_less():
    one, other = [1, 2, 3, 4, 5, 5, 2, 1] * 4, [2, 2, 1, 4, 3, 5, 1, 2] * 4
    apart = spearman(one, other)
    together = spearman(one, other, [f"g{place % 8}" for place in range(32)])
    assert together.value == apart.value
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_no_interval_where_a_bootstrap_is_blind():
    order = list(range(20))
    assert spearman(order, order).value == pytest.approx(1)
    assert spearman(order, order).low is None
    assert spearman(order[:5], [3, 1, 2, 5, 4]).low is None
    with pytest.raises(ValueError, match="no pairs"):
        spearman([1], [1, 2])
