"""95% intervals of a mean over test rows: Wilson's for rights and wrongs, a bootstrap for the rest.

Rows of one group, such as the hypotheses of one premise, say less than as many rows apart. They
are resampled together, here as in every test (`paired`, `method`).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

SIGNIFICANCE = 0.05
TAIL = SIGNIFICANCE / 2
"""Of a 95% interval, on either side."""
POWER = 0.8
"""Of a smallest detectable difference."""
NORMAL = NormalDist().inv_cdf(1 - TAIL)
RESAMPLES = 10_000
DIGITS = 6
# Resampled counts held in memory at once: 32 MB.
CELLS = 1 << 22

Groups = Sequence[Hashable] | None
"""The group of each row, in the order of the rows; a row whose group is None is one of its own.

None for rows that are all apart.
"""


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Scale:
    """What scores lie between, and the least that two scores of a row differ by."""

    low: float = 0.0
    high: float = 1.0
    step: float = 1.0

    @property
    def width(self) -> float:
        """The most that two scores differ by."""
        return self.high - self.low

    @property
    def graded(self) -> bool:
        """Whether there are scores between the two ends."""
        return self.step < self.width


RIGHT_OR_WRONG = Scale()
"""0 and 1, and what lies between them where a project's own metric says so."""


def mean_interval(scores: Sequence[float], groups: Groups = None) -> Interval:
    """The mean of scores between 0 and 1, with its 95% interval over rows.

    Wilson's (1927) for scores of 0 and 1 in rows that are apart, since a bootstrap of a few
    rights or none is too narrow: of 500 wrong rows it says that no row can be right. Otherwise the
    bootstrap over groups, but for scores that are all 0 or all 1, which it could not tell apart:
    for these Wilson's again, where each group counts as one row, the least that they can say.
    """
    codes = group_codes(groups)
    plain = set(scores) <= {0, 1}
    if plain and (codes is None or len(set(scores)) == 1):
        if codes is None:
            return wilson(int(sum(scores)), len(scores))
        units = int(codes.max()) + 1
        return wilson(units * int(scores[0]), units)
    return bootstrap_interval(scores, groups)


def as_metrics(name: str, interval: Interval) -> dict[str, float]:
    """A mean and its ends as `name`, `name_low` and `name_high`, rounded."""
    return {
        name: round(interval.mean, DIGITS),
        f"{name}_low": round(interval.low, DIGITS),
        f"{name}_high": round(interval.high, DIGITS),
    }


def wilson(right: int, total: int) -> Interval:
    """Wilson's interval of a proportion: so many right of `total` rows that are apart.

    Graded scores have no count of rights: for these it is wrong, and a ValueError.
    """
    if total < 1:
        raise ValueError("an interval needs at least one value")
    if right != int(right):
        raise ValueError(f"Wilson's interval needs a count of right rows, not {right}")
    share = right / total
    spread = NORMAL**2 / total
    centre = (share + spread / 2) / (1 + spread)
    half = NORMAL * math.sqrt((share * (1 - share) + spread / 4) / total) / (1 + spread)
    return Interval(share, max(0.0, min(centre - half, share)), min(1.0, max(centre + half, share)))


def bootstrap_interval(
    values: Sequence[float], groups: Groups = None, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The mean of any values with its 95% bootstrap percentile interval (Efron 1979).

    A resample draws groups. They are drawn as how often each distinct group occurs, which has the
    same distribution and costs no more for 10,000 rows of 0 and 1 than for ten.
    """
    import numpy as np

    if not len(values):
        raise ValueError("an interval needs at least one value")
    sums, sizes = group_sums(values, group_codes(groups))
    pairs, counts = np.unique(np.stack([sums, sizes]), axis=1, return_counts=True)
    total, generator = int(counts.sum()), np.random.default_rng(seed)
    step = max(1, CELLS // len(counts))
    drawn = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        times = generator.multinomial(total, counts / total, size=size)
        drawn.append((times @ pairs[0]) / (times @ pairs[1]))
    low, high = np.quantile(np.concatenate(drawn), [TAIL, 1 - TAIL])
    mean = math.fsum(values) / len(values)
    # Summing in another order can move the ends past the mean of equal values by one bit.
    return Interval(mean, min(float(low), mean), max(float(high), mean))


def difference_interval(gaps: Sequence[float], groups: Groups = None) -> Interval:
    """The mean of two students' differences by row, each from -1 to 1, with its 95% interval.

    A bootstrap; where every row says the same, such as that nothing differs, it would have no
    width. Then rows that say otherwise may be as many as Wilson's interval of none has them.
    """
    if min(gaps) < max(gaps):
        return bootstrap_interval(gaps, groups)
    codes = group_codes(groups)
    unseen = wilson(0, len(gaps) if codes is None else int(codes.max()) + 1).high
    return Interval(gaps[0], max(-1.0, gaps[0] - unseen), min(1.0, gaps[0] + unseen))


def group_codes(groups: Groups) -> "NDArray[int64] | None":
    """Each row's group as a number from 0; None when no group has two rows."""
    import numpy as np

    if groups is None:
        return None
    known: dict[Hashable, int] = {}
    codes = [
        known.setdefault(("row", row) if group is None else ("group", group), len(known))
        for row, group in enumerate(groups)
    ]
    return None if len(known) == len(codes) else np.asarray(codes)


def group_sums(
    values: "Sequence[float] | NDArray[float64]", codes: "NDArray[int64] | None"
) -> "tuple[NDArray[float64], NDArray[float64]]":
    """The sum of each group's values (in the last axis), and how many rows each group has."""
    import numpy as np

    array = np.asarray(values, dtype=float)
    if codes is None:
        return array, np.ones(array.shape[-1])
    order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return np.add.reduceat(array[..., order], starts, axis=-1), sizes.astype(float)


def standard_error(values: Sequence[float]) -> float | None:
    """The standard error of the mean of `values`; a single one has none."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
