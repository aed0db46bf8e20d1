"""Comparing two runs: what holds of these students, what of the methods, and when neither."""

import pytest

from stillhouse.statistics.intervals import bootstrap_interval, wilson
from stillhouse.statistics.paired import compare, measure


def answers(right, rows=40):
    """The rows 0 to `right` are right."""
    return {f"r{n:03}": float(n < right) for n in range(rows)}


def test_two_single_students_have_mcnemars_test_and_no_word_on_the_method():
    one = {f"r{n}": float(n >= 5) for n in range(8)}
    other = {f"r{n}": 1.0 for n in range(8)}
    found = compare({0: one}, {7: other})
    assert found.pairs.keys() == {7}
    assert found.pair == found.pairs[7]
    assert found.difference.low > 0  # of few rows, an interval is the less careful of the two
    assert not found.pair.significant
    assert found.method is None
    assert compare({0: answers(10)}, {0: answers(30)}).pair.significant
    assert compare({0: answers(30)}, {0: answers(10)}).pair.significant


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 2), (2, 10), (1, 1)])
def test_fewer_than_three_seeds_a_side_give_no_word_on_the_method(before, after):
    one = {seed: answers(10 + seed) for seed in range(before)}
    other = {seed: answers(30 + seed) for seed in range(after)}
    found = compare(one, other)
    assert found.method is None
    assert found.difference.low > 0  # these students differ all the same


def test_three_seeds_a_side_say_something_either_way_round():
    near = {0: answers(20), 1: answers(22), 2: answers(21)}
    assert not compare(near, {0: answers(21), 1: answers(20), 2: answers(23)}).method.significant
    far = {0: answers(37), 1: answers(36), 2: answers(38)}
    there, back = compare(near, far).method, compare(far, near).method
    assert there.significant
    assert back.significant
    assert there.p_value == pytest.approx(back.p_value)
    assert (there.difference.low > 0, back.difference.high < 0) == (True, True)


def test_one_lucky_seed_is_no_word_on_the_method():
    spread = compare(
        {0: answers(20), 1: answers(31), 2: answers(25)},
        {0: answers(30), 1: answers(27), 2: answers(26)},
    )
    assert spread.pairs[0].significant
    assert not spread.method.significant


def test_mcnemar_is_given_for_the_seeds_that_both_have():
    one = {0: answers(20), 1: answers(22)}
    assert compare(one, {1: answers(30), 2: answers(31)}).pairs.keys() == {1}
    assert compare(one, {2: answers(30), 3: answers(31)}).pairs == {}
    assert compare(one, {1: answers(30), 2: answers(31)}).pair is None


def test_the_difference_of_these_students_is_over_rows_and_paired():
    """Row noise that both share cancels. Seeds are not drawn: another one is another student."""
    one = {seed: answers(20) for seed in range(2)}
    found = compare(one, {0: answers(24), 1: answers(24)})
    gaps = [float(20 <= n < 24) for n in range(40)]
    assert found.difference == bootstrap_interval(gaps)
    same = compare(one, one).difference
    none = wilson(0, 40).high  # of 40 rows none differs, which does not show that none can
    assert (same.low, same.mean, same.high) == (-none, 0, none)


def test_the_interval_of_few_seeds_is_of_these_students_that_of_three_of_the_method():
    single = measure({0: answers(20)})
    assert (single.score, single.of_method, single.standard_error) == (
        wilson(20, 40),
        False,
        None,
    )
    two = measure({0: answers(10), 1: answers(30)})
    assert not two.of_method
    three = measure({0: answers(10), 1: answers(20), 2: answers(30)})
    assert three.of_method
    assert three.standard_error == pytest.approx(0.25 / 3**0.5)
    # Two degrees of freedom: 4.3 standard errors to either side, cut at what can be.
    assert (three.score.low, three.score.high) == (0, 1)
    close = measure({0: answers(19), 1: answers(20), 2: answers(21)}).score
    rows = measure({0: answers(20)}).score
    assert 0.9 < (close.high - close.low) / (rows.high - rows.low) < 1.2


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


def test_rows_of_a_group_count_once_in_every_figure():
    groups = {f"r{n:03}": f"g{n // 4}" for n in range(160)}

    def repeated(scores):
        return {f"r{n:03}": scores[f"r{n // 4:03}"] for n in range(160)}

    one = {seed: answers(18 + seed) for seed in range(3)}
    other = {seed: answers(22 + 3 * seed) for seed in range(3)}
    alone = compare(one, other)
    copies = [{seed: repeated(rows) for seed, rows in side.items()} for side in (one, other)]
    grouped, apart = compare(*copies, groups), compare(*copies)
    assert (grouped.rows, grouped.groups, apart.groups) == (160, 40, 160)
    assert grouped.difference.low == pytest.approx(alone.difference.low)
    assert grouped.method.p_value == pytest.approx(alone.method.p_value)
    assert grouped.one.score.low == pytest.approx(alone.one.score.low)
    for seed, test in alone.pairs.items():
        assert grouped.pairs[seed].p_value == pytest.approx(test.p_value)
        assert apart.pairs[seed].p_value < test.p_value


def test_a_reference_that_no_seed_changes_needs_no_seeds():
    untrained, students = {0: answers(2)}, {seed: answers(28 + seed) for seed in range(3)}
    found = compare(untrained, students, fixed=True).method
    assert found.significant
    assert found.difference.low > 0.4
    assert compare(untrained, {0: answers(28)}, fixed=True).method is None
