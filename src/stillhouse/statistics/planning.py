"""What a side's own students tell of the differences that another's could show on these rows."""

import math
from itertools import combinations
from statistics import fmean

from stillhouse.statistics.intervals import (
    RIGHT_OR_WRONG,
    Groups,
    Scale,
    group_codes,
    group_sums,
)
from stillhouse.statistics.method import LEAST_SEEDS, Scores, detectable_between
from stillhouse.statistics.pairs import (
    detectable_by_error,
    detectable_by_mcnemar,
    is_right_or_wrong,
    pair_test,
)


def detectable_student(
    scores: Scores, groups: Groups = None, scale: Scale = RIGHT_OR_WRONG
) -> float:
    """The smallest difference from one other student that is found with 80% power.

    Two students agree on the more rows, the more alike they are. How much is seen between the
    seeds; a single one is taken to agree with others by chance alone, which is the least.
    """
    if len(scores) > 1:
        pairs = combinations(scores, 2)
        return fmean(pair_test(a, b, groups, scale).detectable for a, b in pairs)
    (only,) = scores
    codes, mean = group_codes(groups), fmean(only)
    if codes is None and not scale.graded and is_right_or_wrong(only):
        return detectable_by_mcnemar(round(2 * mean * (1 - mean) * len(only)), len(only))
    sums, _ = group_sums([score - mean for score in only], codes)
    return detectable_by_error(math.sqrt(2 * float((sums**2).sum())) / len(only))


def detectable_method(scores: Scores, groups: Groups = None) -> float | None:
    """The same between two methods of as many seeds as here; None with fewer than three."""
    return detectable_between(scores, groups) if len(scores) >= LEAST_SEEDS else None
