"""Bootstrap percentile intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95
# Resampled counts held in memory at once: 32 MB.
CELLS = 1 << 22


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float


def bootstrap_interval(
    values: Sequence[float], *, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """The mean of `values` with its 95% bootstrap percentile interval (Efron 1979).

    A resample of n values is drawn as how often each distinct value occurs in it, which has the
    same distribution and costs no more for 10,000 rows of 0 and 1 than for ten.
    Raises ValueError for no values.
    """
    import numpy as np

    if not len(values):
        raise ValueError("an interval needs at least one value")
    distinct, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    total, generator = int(counts.sum()), np.random.default_rng(seed)
    rows = max(1, CELLS // len(distinct))
    means = np.concatenate(
        [
            generator.multinomial(total, counts / total, size=min(rows, resamples - start))
            @ distinct
            / total
            for start in range(0, resamples, rows)
        ]
    )
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    mean = float(distinct @ counts / total)
    # Summing in another order can move the ends past the mean of equal values by one bit.
    return Interval(mean, min(float(low), mean), max(float(high), mean))
