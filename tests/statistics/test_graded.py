"""Means on a bounded scale, and paired differences of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.statistics.graded import beside_metrics, bounded_interval, gap_test
from stillhouse.statistics.intervals import Scale, bootstrap_interval, mean_interval
from stillhouse.statistics.paired import compare
from stillhouse.statistics.pairs import pair_test, sign_flip
from stillhouse.statistics.planning import detectable_student

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


STARS = Scale(1.0, 5.0, step=1 / 3)
SHARES = Scale(0.0, 1.0, step=1 / 12)
"""The same scale, moved and stretched."""
SIDES = st.integers(2, 4).flatmap(
    lambda seeds: st.lists(
        st.lists(st.integers(0, 12), min_size=2 * seeds, max_size=2 * seeds),
        min_size=3,
        max_size=12,
    )
)


@given(SIDES, st.booleans())
@settings(max_examples=30)
def test_another_scale_moves_every_figure_and_changes_no_test(rows, grouped):
    """Rows of scores in twelfths: the first half of each are one side's seeds."""
    groups = {str(n): f"g{n // 2}" if grouped else None for n in range(len(rows))}

    def compared(scale):
        sides = [
            {
                seed: {str(n): scale.low + row[at] / 12 * scale.width for n, row in enumerate(rows)}
                for seed, at in enumerate(range(start, start + len(rows[0]) // 2))
            }
            for start in (0, len(rows[0]) // 2)
        ]
        return compare(*sides, groups, scale=scale)

    one, other = compared(SHARES), compared(STARS)
    for a, b in ((one.one, other.one), (one.other, other.other)):
        for end in ("mean", "low", "high"):
            moved = 1 + 4 * getattr(a.score, end)
            # Rounding tells apart what was equal, and so draws other resamples.
            assert getattr(b.score, end) == pytest.approx(moved, abs=1e-9 if end == "mean" else 0.2)
    assert other.difference.mean == pytest.approx(4 * one.difference.mean, abs=1e-9)
    for seed, test in one.pairs.items():
        assert test.test == other.pairs[seed].test == "sign_flip"
        assert other.pairs[seed].detectable == pytest.approx(4 * test.detectable)
        assert other.pairs[seed].p_value == pytest.approx(test.p_value, abs=0.02)
    assert (one.method is None) == (other.method is None)
    if one.method and other.method:
        assert other.method.p_value == pytest.approx(one.method.p_value, abs=1e-6)
        assert other.method.detectable == pytest.approx(4 * one.method.detectable)


def test_ratings_that_are_all_one_are_no_right_rows():
    """1 on a scale from 1 to 5 is the lowest, not all right."""
    lowest, perfect = ({0: {str(n): value for n in range(20)}} for value in (1.0, 5.0))
    found = compare(lowest, perfect, scale=STARS)
    assert (found.one.score.low, found.one.score.mean) == (1.0, 1.0)
    assert 1.0 < found.one.score.high < 2.0
    assert 4.0 < found.other.score.low < found.other.score.high == 5.0
    assert found.difference.mean == found.difference.high == 4.0
    assert found.pairs[0].test == "sign_flip"
    assert found.pairs[0].p_value < 1e-4
    assert 0 < found.pairs[0].detectable < 4


def test_what_one_student_tells_of_another_is_on_the_scale():
    ratings = [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0]
    assert detectable_student([ratings], None, STARS) == pytest.approx(
        4 * detectable_student([[(value - 1) / 4 for value in ratings]], None, SHARES)
    )


def test_figures_beside_a_score_are_over_the_rows_that_have_them():
    rows = [{"rouge_l": 0.5, "tokens": 80.0}, {"tokens": 100.0}, {"rouge_l": 0.7, "tokens": 90.0}]
    found = beside_metrics(["rouge_l", "tokens", "absent"], rows, [None, None, None])
    assert found["rouge_l"] == pytest.approx(0.6)
    assert found["tokens"] == pytest.approx(90)
    assert found["tokens_low"] < 90 < found["tokens_high"]
    assert "absent" not in found
