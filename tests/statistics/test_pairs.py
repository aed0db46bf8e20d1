"""Two students: McNemar's exact test, its kin for grouped and graded rows, Holm, what is seen."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.statistics.pairs import (
    detectable_by_mcnemar,
    holm,
    mcnemar,
    pair_test,
    sign_flip,
)


def differing(only_one, only_other, agreed=10):
    """Two students that differ in so many rows."""
    rows = only_one + only_other + agreed
    one = [float(n < only_one or n >= only_one + only_other) for n in range(rows)]
    return one, [float(n >= only_one) for n in range(rows)]


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_two_sided_binomial_test_of_the_rows_that_differ(only_one, only_other):
    from scipy.stats import binomtest

    found = pair_test(*differing(only_one, only_other))
    assert (found.only_one, found.only_other, found.test) == (only_one, only_other, "mcnemar")
    expected = 1.0
    if only_one + only_other:
        expected = binomtest(only_one, only_one + only_other).pvalue
    assert found.p_value == pytest.approx(expected)


def test_mcnemar_on_thousands_of_rows_neither_overflows_nor_loses_its_tail():
    assert 0 < mcnemar(2600, 2000) < 1e-17
    assert mcnemar(2000, 2000) == 1


def test_rows_on_which_both_agree_play_no_part():
    few, many = (pair_test(*differing(9, 1, agreed)) for agreed in (0, 500))
    assert few.p_value == many.p_value == pytest.approx(22 / 1024)


def test_a_lower_second_is_as_significant_as_a_higher():
    there, back = pair_test(*differing(3, 20)), pair_test(*differing(20, 3))
    assert there.significant
    assert back.significant
    assert there.p_value == back.p_value
    assert not pair_test(*differing(9, 8)).significant


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=30, deadline=None)
def test_turning_single_rows_round_is_mcnemars_test(only_one, only_other):
    gaps = np.array([-1.0] * only_one + [1.0] * only_other + [0.0] * 5)
    assert sign_flip(gaps) == pytest.approx(mcnemar(only_one, only_other))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
@settings(max_examples=40, deadline=None)
def test_turning_groups_round_is_exact(sums):
    turned = [abs(np.dot(signs, sums)) for signs in product((-1, 1), repeat=len(sums))]
    expected = np.mean([far >= abs(sum(sums)) for far in turned])
    assert sign_flip(np.array(sums, dtype=float)) == pytest.approx(expected)


@given(st.lists(st.floats(-1, 1).map(lambda gap: round(gap, 3)), min_size=1, max_size=9))
@settings(max_examples=20, deadline=None)
def test_graded_differences_are_turned_round_many_times(sums):
    turned = [abs(np.dot(signs, sums)) for signs in product((-1, 1), repeat=len(sums))]
    expected = np.mean([far >= abs(sum(sums)) - 1e-9 for far in turned])
    assert sign_flip(np.array(sums)) == pytest.approx(expected, abs=0.03)


def test_copies_of_a_row_are_no_evidence():
    """McNemar's test takes rows as independent: the hypotheses of one premise are not."""
    one, other = differing(2, 8, agreed=90)
    groups = [f"premise {row}" for row in range(100)] * 4
    grouped, apart = pair_test(one * 4, other * 4, groups), pair_test(one * 4, other * 4)
    assert grouped.test == "sign_flip"
    assert grouped.p_value == pytest.approx(mcnemar(2, 8))
    assert not grouped.significant
    assert apart.significant
    assert grouped.detectable > 1.5 * apart.detectable


def test_graded_scores_are_compared_without_mcnemar():
    one = [0.2, 0.5, 0.4, 0.9, 0.1] * 20
    found = pair_test(one, [score + 0.05 for score in one])
    assert found.test == "sign_flip"
    assert (found.only_one, found.only_other) == (0, 100)
    assert found.significant
    assert not pair_test(one, [*one[1:], one[0]]).significant


@pytest.mark.parametrize(("differing_rows", "rows"), [(60, 500), (140, 1221), (200, 500)])
def test_what_could_be_seen_is_seen_in_80_percent_of_trials(differing_rows, rows):
    gap = detectable_by_mcnemar(differing_rows, rows)
    generator = np.random.default_rng(0)
    won = generator.binomial(differing_rows, (1 + gap * rows / differing_rows) / 2, size=2000)
    seen = np.mean([mcnemar(differing_rows - w, w) < 0.05 for w in won.tolist()])
    assert seen == pytest.approx(0.8, abs=0.03)


def test_fewer_than_six_rows_that_differ_show_nothing():
    assert mcnemar(0, 5) > 0.05 > mcnemar(0, 6)
    assert detectable_by_mcnemar(0, 100) == detectable_by_mcnemar(6, 100)
    assert 0.05 < detectable_by_mcnemar(0, 100) <= 0.06


def test_holms_p_values():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []
