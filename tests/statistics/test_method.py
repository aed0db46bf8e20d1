"""What is said of methods: 5% false positives, the power that is stated, and its known cases."""

import numpy as np
import pytest

from stillhouse.statistics.method import (
    detectable_between,
    estimate_difference,
    method_mean,
    method_test,
)
from stillhouse.statistics.planning import detectable_method, detectable_student
from tests.statistics.simulated import trials


def constant(*means, rows=50):
    """Seeds that score the same on every row: all variance is that of seeds."""
    return [[mean] * rows for mean in means]


def share_significant(seeds, rows, count, **model):
    p_values = [
        estimate_difference(one, other).p_value
        for one, other in trials(count, seeds, rows, **model)
    ]
    return float(np.mean(np.concatenate(p_values) < 0.05))


@pytest.mark.parametrize("deviation", [0.0, 0.02, 0.04])
@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (10, 10), (3, 10), (10, 3), (3, 5)])
def test_without_a_difference_5_percent_are_significant(seeds, deviation):
    assert 0.04 < share_significant(seeds, 200, 6000, deviation=deviation) < 0.065


@pytest.mark.parametrize("seeds", [(3, 3), (10, 10), (3, 10)])
@pytest.mark.parametrize(
    "model",
    [
        {"deviation": 0.0, "interaction": 1.0},  # the methods are good at other rows
        {"deviation": 0.04, "interaction": 1.0},
        {"deviation": 0.02, "accuracy": 0.2, "difficulty": 1.0},
        {"deviation": 0.02, "accuracy": 0.9, "difficulty": 3.0, "interaction": 0.5},
    ],
)
def test_nor_are_more_where_rows_and_accuracies_are_others(seeds, model):
    assert 0.04 < share_significant(seeds, 200, 6000, **model) < 0.065


@pytest.mark.slow
@pytest.mark.parametrize("interaction", [0.0, 1.0])
@pytest.mark.parametrize("deviation", [0.0, 0.02, 0.04])
@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (10, 10), (3, 10)])
def test_nor_with_1221_rows(seeds, deviation, interaction):
    share = share_significant(seeds, 1221, 5000, deviation=deviation, interaction=interaction)
    assert 0.04 < share < 0.065


def test_a_larger_difference_is_found_more_often():
    found = [
        share_significant((5, 5), 200, 2000, deviation=0.02, difference=difference)
        for difference in (0.02, 0.05, 0.08)
    ]
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.85


@pytest.mark.parametrize("seeds", [(3, 3), (5, 5), (3, 10)])
def test_what_could_be_seen_is_seen_in_80_percent_of_trials(seeds):
    """At the mean of what the trials say; what each says scatters about it."""
    model = {"deviation": 0.02, "interaction": 0.5}
    said = [estimate_difference(*sides).detectable() for sides in trials(2000, seeds, 300, **model)]
    share = share_significant(seeds, 300, 2000, difference=np.mean(said), **model)
    assert share == pytest.approx(0.8, abs=0.06)


def test_seeds_alone_give_welchs_test_nearly():
    from scipy.stats import ttest_ind

    one, other = (0.50, 0.54, 0.52, 0.49, 0.53), (0.55, 0.60, 0.54, 0.58, 0.57)
    found = method_test(constant(*one), constant(*other))
    expected = ttest_ind(other, one, equal_var=False)
    assert found.difference.mean == pytest.approx(0.052)
    assert found.p_value == pytest.approx(expected.pvalue, rel=0.1)
    assert found.degrees == pytest.approx(expected.df, rel=0.1)


def test_rows_alone_give_the_paired_t_test():
    """Seeds that are one student: nothing but rows can explain a difference."""
    from scipy.stats import ttest_rel

    random = np.random.default_rng(0)
    one, other = random.random(60), random.random(60) + 0.1
    found = method_test([one] * 3, [other] * 4)
    expected = ttest_rel(other, one)
    assert found.p_value == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx((low, high))


def test_a_fixed_reference_gives_the_test_of_one_sample():
    from scipy.stats import ttest_1samp

    found = method_test(constant(0.1), constant(0.3, 0.36, 0.33), fixed=True)
    expected = ttest_1samp([0.2, 0.26, 0.23], 0)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.degrees == pytest.approx(2)


def test_the_interval_and_the_test_agree():
    for one, other in trials(20, (3, 5), 200, deviation=0.02, difference=0.06):
        for before, after in zip(one, other, strict=True):
            found = method_test(before, after)
            outside = not found.difference.low <= 0 <= found.difference.high
            assert outside == found.significant


def test_many_experiments_at_once_are_each_by_itself():
    (sides,) = trials(1, (3, 5), 60, deviation=0.02)
    found = estimate_difference(*sides)
    for place in (0, 7):
        alone = method_test(*(side[place] for side in sides))
        assert alone.p_value == pytest.approx(found.p_value[place])


def test_copies_of_rows_in_groups_change_nothing():
    (sides,) = trials(1, (3, 4), 80, deviation=0.02, interaction=1.0)
    one, other = (side[0].astype(float) for side in sides)
    groups = [row // 3 for row in range(240)]
    alone = method_test(one, other)
    copies = method_test(one.repeat(3, axis=1), other.repeat(3, axis=1), groups)
    assert copies.p_value == pytest.approx(alone.p_value)
    assert copies.degrees == pytest.approx(alone.degrees)
    assert method_test(one.repeat(3, axis=1), other.repeat(3, axis=1)).p_value != alone.p_value


def test_students_that_never_differ_do_not():
    scores = constant(0.0, 0.0, 0.0)
    found = method_test(scores, scores)
    assert found.p_value == 1
    assert not found.significant
    apart = method_test(scores, constant(1.0, 1.0, 1.0))
    assert apart.significant
    assert apart.difference.low < 1 < apart.difference.high  # 50 rows show no more than that


def test_too_few_seeds_or_rows_have_none():
    three = constant(0.1, 0.2, 0.3)
    assert method_test(three[:2], three) is method_test(three, three[:2]) is None
    assert method_mean(three[:2]) is None
    assert method_test(*([[[1.0]] * 3] * 2)) is None
    assert detectable_method(three[:2]) is detectable_between(three[:1]) is None


def test_a_methods_mean_is_over_seeds_and_rows():
    found = method_mean(constant(0.4, 0.5, 0.6))
    half = 4.302653 * 0.1 / 3**0.5
    assert (found.low, found.mean, found.high) == pytest.approx((0.5 - half, 0.5, 0.5 + half))
    rows = method_mean([[0.0, 1.0] * 100] * 3)
    assert rows.high - rows.low == pytest.approx(2 * 1.97 * 0.5 / 200**0.5, rel=0.02)


def test_a_single_student_is_taken_to_agree_with_others_by_chance():
    random = np.random.default_rng(0)
    right = (random.random(400) < 0.6).astype(float).tolist()
    single = detectable_student([right])
    assert 0.08 < single < 0.11  # about 2.8 * sqrt(2 * 0.6 * 0.4 / 400)
    near = [*[1 - score for score in right[:40]], *right[40:]]
    assert detectable_student([right, near]) < 0.5 * single
    graded = [0.5 * score + 0.25 for score in right]
    assert detectable_student([graded]) == pytest.approx(single / 2, rel=0.1)
    assert detectable_student([right], [row // 4 for row in range(400)]) > 0


def test_more_seeds_see_smaller_differences():
    few, more = constant(0.4, 0.44, 0.42), constant(*[0.4, 0.44, 0.42] * 3)
    assert detectable_method(few) > 2 * detectable_method(more)
