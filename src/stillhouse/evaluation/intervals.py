"""Bootstrap percentile intervals over test rows, and over seeds where there are several."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy import float64
    from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 10_000
# Resampled counts held in memory at once: 32 MB.
CELLS = 1 << 22

Scores = Sequence[Sequence[float]]
"""The scores of one model, (seeds, rows): a list for each training seed, rows in one order."""


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float


def bootstrap_interval(
    values: Sequence[float], *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The mean of `values` with its 95% bootstrap percentile interval (Efron 1979).

    Raises ValueError for no values.
    """
    return bootstrap_mean([values], resamples=resamples, seed=seed)


def bootstrap_mean(scores: Scores, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The mean over rows and seeds, with its 95% interval; resamples both (see `_resample`)."""
    (means,) = _resample([scores], resamples, seed)
    return _interval(_mean(scores), means)


def bootstrap_difference(
    one: Scores, other: Scores, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """`other` minus `one` with its 95% interval, paired by row (Koehn 2004); rows must agree."""
    before, after = _resample([one, other], resamples, seed)
    return _interval(_mean(other) - _mean(one), after - before)


def standard_error(values: Sequence[float]) -> float | None:
    """The standard error of the mean of `values`; a single one has none."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None


def _mean(scores: Scores) -> float:
    return math.fsum(math.fsum(rows) for rows in scores) / (len(scores) * len(scores[0]))


def _resample(models: Sequence[Scores], resamples: int, seed: int) -> "list[NDArray[float64]]":
    """The mean of each model in every resample: the multi-bootstrap of Sellam et al. 2022.

    A resample draws rows, the same for all models, and for each model its seeds, independently:
    equal seed numbers of two models share nothing that pairs them. Rows are drawn as how often each
    distinct column of scores occurs, which has the same distribution and costs no more for 10,000
    rows of 0 and 1 than for ten.
    """
    import numpy as np

    stacked = np.concatenate([np.asarray(scores, dtype=float) for scores in models])
    if not stacked.size:
        raise ValueError("an interval needs at least one value")
    columns, counts = np.unique(stacked, axis=1, return_counts=True)
    total, generator = int(counts.sum()), np.random.default_rng(seed)
    step = max(1, CELLS // len(counts))
    drawn = np.concatenate(
        [
            generator.multinomial(total, counts / total, size=min(step, resamples - start))
            @ columns.T
            / total
            for start in range(0, resamples, step)
        ]
    )
    means, first = [], 0
    for scores in models:
        of_seeds = drawn[:, first : first + len(scores)]
        first += len(scores)
        means.append(_resample_seeds(of_seeds, generator))
    return means


def _resample_seeds(
    of_seeds: "NDArray[float64]", generator: "np.random.Generator"
) -> "NDArray[float64]":
    seeds = of_seeds.shape[1]
    if seeds == 1:
        return of_seeds[:, 0]
    share = generator.multinomial(seeds, [1 / seeds] * seeds, size=len(of_seeds)) / seeds
    result: NDArray[float64] = (of_seeds * share).sum(axis=1)
    return result


def _interval(mean: float, resampled: "NDArray[float64]") -> Interval:
    import numpy as np

    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    # Summing in another order can move the ends past the mean of equal values by one bit.
    return Interval(mean, min(float(low), mean), max(float(high), mean))
