"""Values on a bounded scale, such as ratings from 1 to 5: a mean, and paired differences."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stillhouse.statistics.intervals import (
    Groups,
    Interval,
    Scale,
    as_metrics,
    bootstrap_interval,
    difference_interval,
    group_codes,
    group_sums,
    mean_interval,
    wilson,
)
from stillhouse.statistics.method import Estimate
from stillhouse.statistics.pairs import LEAST_DIFFERING, sign_flip


@dataclass(frozen=True)
class GapTest:
    """The mean of differences by row, and whether they are more than chance.

    The randomisation test (Fisher 1935) turns the differences of each group of rows round.
    """

    difference: Interval
    p_value: float
    groups: int
    detectable: float | None
    """The smallest difference that is found with 80% power, where rows differ as these do; None
    with so few groups that the test can find nothing, whatever is seen."""


def score_interval(values: Sequence[float], scale: Scale, groups: Groups = None) -> Interval:
    """The mean of scores with its 95% interval over groups of rows, as their scale has it."""
    if scale.graded:
        return bounded_interval(values, scale.low, scale.high, groups)
    return mean_interval(values, groups)


def gap_interval(gaps: Sequence[float], scale: Scale, groups: Groups = None) -> Interval:
    """The mean of two students' differences by row, likewise."""
    if scale.graded:
        return bounded_interval(gaps, -scale.width, scale.width, groups)
    return difference_interval(gaps, groups)


def beside_metrics(
    names: Iterable[str], figures: Sequence[Mapping[str, float]], groups: Groups = None
) -> dict[str, float]:
    """The mean of each of `names` with the ends of its interval, over the rows that have it.

    `figures` are those of each row, in the order of `groups`. What no row has is left out.
    """
    found: dict[str, float] = {}
    for name in names:
        having = [place for place, of_row in enumerate(figures) if name in of_row]
        if having:
            within = None if groups is None else [groups[place] for place in having]
            values = [figures[place][name] for place in having]
            found |= as_metrics(name, bootstrap_interval(values, within))
    return found


def bounded_interval(
    values: Sequence[float], low: float, high: float, groups: Groups = None
) -> Interval:
    """The mean of values from `low` to `high`, with its 95% interval over groups of rows.

    The bootstrap. Where all values are equal it would have no width: then as many rows may lie at
    an end of the scale as Wilson's interval of none has them.
    """
    if min(values) < max(values):
        return bootstrap_interval(values, groups)
    value, unseen = values[0], wilson(0, count_groups(groups, len(values))).high
    return Interval(value, value - (value - low) * unseen, value + (high - value) * unseen)


def gap_test(gaps: Sequence[float], widest: float, step: float, groups: Groups = None) -> GapTest:
    """Test the differences of two models by row, each from -`widest` to `widest`.

    `step` is the least that a row can differ by. What could be seen is not taken from fewer
    differing rows than the test needs, as with `detectable_by_mcnemar`.
    """
    import numpy as np

    sums, sizes = group_sums(gaps, group_codes(groups))
    count, mean = len(sums), math.fsum(gaps) / len(gaps)
    detectable = None
    if count >= LEAST_DIFFERING:
        # As the t-test sees it: for sums like these the two find nearly the same.
        spread = float(((sums - mean * sizes) ** 2).sum()) * count / (count - 1)
        variance = max(spread, LEAST_DIFFERING * step**2) / len(gaps) ** 2
        detectable = float(Estimate(0.0, np.float64(variance), count - 1).detectable())
    difference = bounded_interval(gaps, -widest, widest, groups)
    return GapTest(difference, sign_flip(sums), count, detectable)


def count_groups(groups: Groups, rows: int) -> int:
    """How many groups so many rows are in; as many as rows when all are apart."""
    codes = group_codes(groups)
    return rows if codes is None else int(codes.max()) + 1
