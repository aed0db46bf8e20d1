"""Two students on the same test rows: an exact test of these two, and what it could have seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from stillhouse.statistics.intervals import (
    NORMAL,
    POWER,
    RIGHT_OR_WRONG,
    SIGNIFICANCE,
    Groups,
    Scale,
    group_codes,
    group_sums,
)

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

DRAWS = 10_000
LEAST_DIFFERING = 6
"""Rows that must differ before McNemar's test can be significant at 5%: 2 / 2**6 < 0.05."""

Kind = Literal["mcnemar", "sign_flip"]


@dataclass(frozen=True)
class PairTest:
    """The rows on which two students differ, and whether that is more than chance.

    `mcnemar`: McNemar's exact test (1947). `sign_flip`: the randomisation test (Fisher 1935) that
    turns the difference of each group of rows round, where rows are grouped or scores graded.
    """

    only_one: int
    """Rows on which the first scores higher."""
    only_other: int
    p_value: float
    test: Kind
    detectable: float
    """The smallest difference that is found with 80% power, where as many rows differ."""

    @property
    def significant(self) -> bool:
        """Whether the two differ, at 5%."""
        return self.p_value < SIGNIFICANCE


def pair_test(
    one: Sequence[float],
    other: Sequence[float],
    groups: Groups = None,
    scale: Scale = RIGHT_OR_WRONG,
) -> PairTest:
    """Compare two students' scores, row by row.

    What graded scores could show is not taken from fewer rows than the test needs, each of them
    differing by the least of the scale: as for McNemar's.
    """
    import numpy as np

    codes = group_codes(groups)
    gaps = np.asarray(other, dtype=float) - np.asarray(one, dtype=float)
    counts = int((gaps < 0).sum()), int((gaps > 0).sum())
    plain = not scale.graded and is_right_or_wrong(one) and is_right_or_wrong(other)
    if codes is None and plain:
        found = detectable_by_mcnemar(sum(counts), len(gaps))
        return PairTest(*counts, mcnemar(*counts), "mcnemar", found)
    by_group, _ = group_sums(gaps, codes)
    squares = float((by_group**2).sum())
    if scale.graded:
        squares = max(squares, LEAST_DIFFERING * scale.step**2)
    error = math.sqrt(squares) / len(gaps)
    return PairTest(*counts, sign_flip(by_group), "sign_flip", detectable_by_error(error))


def is_right_or_wrong(scores: Sequence[float]) -> bool:
    """Whether all scores are 0 or 1, as McNemar's test and Wilson's interval need them."""
    return set(scores) <= {0, 1}


def mcnemar(only_one: int, only_other: int) -> float:
    """The two-sided p-value of McNemar's exact test: a binomial test of the rows that differ.

    For rows that are right or wrong, and apart from each other. None that differs gives 1.
    """
    total = only_one + only_other
    tail = next(islice(_tails(total), min(only_one, only_other), None))
    return min(1.0, 2 * tail / (1 << total))


def _tails(total: int) -> Iterator[int]:
    """The sums of the first binomial coefficients of `total`: of one, of two, and so on."""
    term = tail = 1
    for count in range(total + 1):
        yield tail
        term = term * (total - count) // (count + 1)
        tail += term


def sign_flip(by_group: "NDArray[float64]") -> float:
    """The two-sided p-value of the groups' sums of differences, each as likely turned round.

    Exact for whole numbers, as of right and wrong rows; of other sums 10,000 draws of a fixed seed.
    """
    import numpy as np

    sums = by_group[by_group != 0]
    if not len(sums):
        return 1.0
    if np.array_equal(sums, np.rint(sums)):
        return _exact(sums.astype(int))
    # As far but for rounding: of graded scores a sum that is nil is seldom exactly so.
    seen = abs(math.fsum(sums)) - 1e-9 * math.fsum(abs(sums))
    generator, step = np.random.default_rng(0), max(1, (1 << 22) // len(sums))
    as_far = 0
    for start in range(0, DRAWS, step):
        size = min(step, DRAWS - start), len(sums)
        signs = 2.0 * generator.integers(0, 2, size=size, dtype=np.int8) - 1
        as_far += int(np.count_nonzero(np.abs(signs @ sums) >= seen))
    return float(as_far + 1) / (DRAWS + 1)


def _exact(sums: "NDArray[int64]") -> float:
    import numpy as np

    # The sum of those that are not turned round, as a product of binomials: one for each size.
    probabilities = np.ones(1)
    for size, count in zip(*np.unique(np.abs(sums), return_counts=True), strict=True):
        binomial = np.zeros(int(size * count) + 1)
        binomial[::size] = [
            math.exp(
                math.lgamma(count + 1)
                - math.lgamma(kept + 1)
                - math.lgamma(count - kept + 1)
                - count * math.log(2)
            )
            for kept in range(count + 1)
        ]
        probabilities = np.convolve(probabilities, binomial)
    total = len(probabilities) - 1
    as_far = np.abs(2 * np.arange(total + 1) - total) >= abs(int(sums.sum()))
    return min(1.0, math.fsum(probabilities[as_far]))


def detectable_by_mcnemar(differing: int, rows: int) -> float:
    """The smallest difference that McNemar's exact test finds with 80% power.

    Where so many of the rows differ; below six of them it can find nothing, so six are taken.
    """
    from scipy.special import betaincinv

    total = max(differing, LEAST_DIFFERING)
    # With at most so many of the rows that differ lost, the test is significant.
    whole = 1 << total
    significant = takewhile(lambda tail: 2 * tail / whole < SIGNIFICANCE, _tails(total))
    lost = sum(1 for _ in significant) - 1
    share = float(betaincinv(total - lost, lost + 1, POWER))
    return total / rows * (2 * share - 1)


def detectable_by_error(error: float) -> float:
    """The same of a difference with a normal distribution and this standard error."""
    return (NORMAL + NormalDist().inv_cdf(POWER)) * error


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests, adjusted for how many there are (Holm 1979).

    Calling those below 5% significant errs in at most 5% of such families.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for done, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - done) * p_values[place]))
        adjusted[place] = highest
    return adjusted
