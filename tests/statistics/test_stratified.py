"""A population's share from rows drawn by stratum: weighted back, and covered as it should be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.statistics.intervals import wilson
from stillhouse.statistics.stratified import Stratum, expected_half_width, stratified_interval

STRATA = st.lists(
    st.tuples(st.integers(1, 1000), st.integers(1, 30), st.floats(0, 1)).map(
        lambda s: Stratum(s[0], s[1], round(s[1] * s[2]))
    ),
    min_size=1,
    max_size=6,
)


def test_one_stratum_is_wilsons_interval():
    found, plain = stratified_interval([Stratum(900, 60, 48)]), wilson(48, 60)
    for end in ("mean", "low", "high"):
        assert getattr(found, end) == pytest.approx(getattr(plain, end))


def test_each_stratum_counts_as_much_as_it_is_of_the_population():
    found = stratified_interval([Stratum(900, 10, 9), Stratum(100, 10, 1)])
    assert found.mean == pytest.approx(0.9 * 0.9 + 0.1 * 0.1)


@given(STRATA)
def test_the_estimate_lies_within_and_has_a_width(strata):
    found = stratified_interval(strata)
    assert 0 <= found.low <= found.mean + 1e-12
    assert found.mean - 1e-12 <= found.high <= 1
    assert found.low < found.high


@pytest.mark.parametrize("strata", [[], [Stratum(5, 0)]])
def test_nothing_is_said_of_what_was_not_drawn(strata):
    with pytest.raises(ValueError, match="every stratum"):
        stratified_interval(strata)


def test_what_sixty_rows_will_say():
    assert expected_half_width([Stratum(1000, 60)], 0.8) == pytest.approx(0.1012, abs=1e-4)
    # Balanced rows of unequal labels say less of the whole than as many drawn plainly.
    unequal = [Stratum(900, 20), Stratum(50, 20), Stratum(50, 20)]
    assert expected_half_width(unequal, 0.8) > 0.15


@pytest.mark.parametrize(
    ("populations", "drawn", "shares"),
    [
        ((500, 500), (30, 30), (0.8, 0.8)),
        ((900, 60, 40), (20, 20, 20), (0.9, 0.6, 0.5)),
        ((900, 60, 40), (20, 20, 20), (0.97, 0.9, 0.8)),
        ((300, 300, 300, 100), (15, 15, 15, 15), (0.95, 0.7, 0.85, 0.5)),
    ],
)
def test_the_interval_covers_the_truth_in_95_of_100_trials(populations, drawn, shares):
    generator = np.random.default_rng(0)
    total = sum(populations)
    truth = sum(n * p for n, p in zip(populations, shares, strict=True)) / total
    covered, trials = 0, 2_000
    for _ in range(trials):
        right = generator.binomial(drawn, shares)
        strata = [Stratum(n, d, int(r)) for n, d, r in zip(populations, drawn, right, strict=True)]
        found = stratified_interval(strata)
        covered += found.low <= truth <= found.high
    assert 0.93 <= covered / trials <= 0.99
