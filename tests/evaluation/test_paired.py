"""Comparing two runs row by row: McNemar's exact test, the interval, the verdict."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhouse.evaluation.paired import compare, discordant, measure


def answers(right, rows=40):
    """The rows 0 to `right` are right."""
    return {f"r{n:03}": n < right for n in range(rows)}


def differing(only_one, only_other, agreed=10):
    """Two runs that differ in so many rows."""
    rows = only_one + only_other + agreed
    one = {f"r{n}": n < only_one or n >= only_one + only_other for n in range(rows)}
    other = {f"r{n}": n >= only_one for n in range(rows)}
    return one, other


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_the_two_sided_binomial_test_of_the_rows_that_differ(only_one, only_other):
    from scipy.stats import binomtest

    found = discordant(*differing(only_one, only_other))
    assert (found.only_one, found.only_other) == (only_one, only_other)
    expected = 1.0
    if only_one + only_other:
        expected = binomtest(only_one, only_one + only_other).pvalue
    assert found.p_value == pytest.approx(expected)


def test_mcnemar_on_thousands_of_rows_neither_overflows_nor_loses_its_tail():
    assert 0 < discordant(*differing(2600, 2000)).p_value < 1e-17
    assert discordant(*differing(2000, 2000)).p_value == 1


def test_rows_on_which_both_agree_play_no_part():
    few, many = (discordant(*differing(9, 1, agreed)) for agreed in (0, 500))
    assert few.p_value == many.p_value == pytest.approx(22 / 1024)


def test_single_students_are_decided_by_mcnemar():
    one, other = differing(0, 5, agreed=3)
    found = compare({0: one}, {7: other})
    assert found.mcnemar.keys() == {7}
    assert found.difference.low > 0  # of few rows, an interval is the less careful of the two
    assert found.mcnemar[7].p_value > 0.05
    assert not found.significant
    assert compare({0: answers(10)}, {0: answers(30)}).significant


def test_several_seeds_are_decided_by_the_interval():
    near = {0: answers(20), 1: answers(22), 2: answers(21)}
    assert not compare(near, {0: answers(21), 1: answers(20), 2: answers(23)}).significant
    assert compare(near, {0: answers(39), 1: answers(38), 2: answers(40)}).significant


def test_one_lucky_seed_is_no_significant_difference():
    single = {0: answers(20)}
    assert compare(single, {0: answers(30)}).significant
    spread = compare({0: answers(20), 1: answers(31)}, {0: answers(30), 1: answers(21)})
    assert spread.mcnemar[0].p_value < 0.05
    assert not spread.significant


def test_mcnemar_is_given_for_the_seeds_that_both_have():
    one = {0: answers(20), 1: answers(22)}
    assert compare(one, {1: answers(30), 2: answers(31)}).mcnemar.keys() == {1}
    assert compare(one, {2: answers(30), 3: answers(31)}).mcnemar == {}


def test_the_difference_turns_round_with_its_sides():
    one, other = {0: answers(10), 1: answers(12)}, {0: answers(18)}
    there, back = compare(one, other), compare(other, one)
    assert there.difference.mean == pytest.approx(-back.difference.mean)
    assert there.one == back.other == measure(one)
    assert there.one.standard_error == pytest.approx(0.025)
    assert there.other.standard_error is None
    assert (there.rows, there.one.seeds, there.other.seeds) == (40, 2, 1)


def test_the_order_of_rows_does_not_matter():
    one, other = answers(10), answers(18)
    mixed = dict(sorted(other.items(), reverse=True))
    assert compare({0: one}, {0: other}) == compare({0: one}, {0: mixed})
