"""Krippendorff's alpha: his own examples, its definition, what it does not depend on."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillhouse.statistics.krippendorff import krippendorff

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", sections A to D: units, a
# character for each observer, `.` where one is missing.
BINARY = "01 11 01 00 00 01 00 00 10 00"
NOMINAL = "ab aa bb bb db cc cc cc ee dd dd ad"
FOUR = "11.1 2232 3333 3333 2222 1234 4444 1121 2222 .555 ..11 .3.."


def units(written):
    return [[float(ord(mark)) for mark in unit if mark != "."] for unit in written.split()]


@pytest.mark.parametrize(
    ("written", "level", "published"),
    [
        (BINARY, "nominal", 0.095),
        (NOMINAL, "nominal", 0.692),
        (FOUR, "nominal", 0.743),
        (FOUR, "ordinal", 0.815),
        (FOUR, "interval", 0.849),
    ],
)
def test_published_examples(written, level, published):
    found = krippendorff(units(written), level)
    assert found.value == pytest.approx(published, abs=5e-4)
    assert found.low < found.value < found.high
    assert found.count == sum(len(unit) > 1 for unit in units(written))


def naive(rated, level):
    """Alpha as its definition has it: pairs within units against pairs of any two ratings."""
    pairable = [unit for unit in rated if len(unit) > 1]
    ratings = [value for unit in pairable for value in unit]

    def apart(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = sum(low <= value <= high for value in ratings)
        return (between - (ratings.count(a) + ratings.count(b)) / 2) ** 2 if a != b else 0.0

    observed = sum(
        apart(a, b) / (len(unit) - 1) for unit in pairable for a, b in permutations(unit, 2)
    ) / len(ratings)
    expected = sum(apart(a, b) for a, b in permutations(ratings, 2))
    expected /= len(ratings) * (len(ratings) - 1)
    return 1 - observed / expected


RATED = st.lists(st.lists(st.integers(1, 5).map(float), max_size=4), min_size=1, max_size=12)
LEVELS = st.sampled_from(["nominal", "ordinal", "interval"])


def says_something(rated):
    return len({value for unit in rated if len(unit) > 1 for value in unit}) > 1


@given(RATED.filter(says_something), LEVELS)
def test_it_is_what_the_definition_says(rated, level):
    assert krippendorff(rated, level).value == pytest.approx(naive(rated, level))


@given(RATED.filter(says_something), LEVELS, st.randoms(use_true_random=False))
def test_the_order_of_raters_and_of_units_is_no_matter(rated, level, random):
    mixed = [random.sample(unit, len(unit)) for unit in random.sample(rated, len(rated))]
    assert krippendorff(mixed, level).value == pytest.approx(krippendorff(rated, level).value)


@given(st.lists(st.integers(1, 5).map(float), min_size=2), st.integers(2, 5), LEVELS)
def test_raters_of_one_mind(values, raters, level):
    found = krippendorff([[value] * raters for value in values], level)
    if len(set(values)) == 1:
        assert found is None  # chance would agree, too
    else:
        assert found.value == pytest.approx(1)
        assert found.low is found.high is None  # every resample says the same


def test_units_that_one_rater_saw_say_nothing():
    rated = units(FOUR)
    assert krippendorff([*rated, [1.0], []], "ordinal") == krippendorff(rated, "ordinal")
    assert krippendorff([[1.0], [2.0]], "ordinal") is None


def test_groups_are_resampled_whole_and_few_have_no_interval():
    rated = units(FOUR)
    alone, twice = krippendorff(rated, "ordinal"), krippendorff(rated * 2, "ordinal")
    groups = [str(place) for place in range(len(rated))] * 2
    paired = krippendorff(rated * 2, "ordinal", groups)
    assert twice.high - twice.low < alone.high - alone.low
    assert paired.high - paired.low == pytest.approx(alone.high - alone.low, abs=0.05)
    few = krippendorff(rated, "ordinal", [place % 5 for place in range(len(rated))])
    assert (few.value, few.low, few.high) == (pytest.approx(alone.value), None, None)


def test_the_interval_covers_what_many_units_would_give():
    generator = np.random.default_rng(5)

    def sample(size):
        true = generator.integers(1, 6, size)
        noise = generator.integers(-1, 2, (size, 3))
        return [[float(v) for v in np.clip(row, 1, 5)] for row in true[:, None] + noise]

    truth = krippendorff(sample(3000), "interval", [n % 5 for n in range(3000)]).value
    found = [krippendorff(sample(40), "interval") for _ in range(40)]
    assert sum(each.low <= truth <= each.high for each in found) >= 34  # 38 are expected
