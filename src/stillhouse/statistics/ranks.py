"""Spearman's rank correlation, and the bootstrap of figures that are no means."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stillhouse.statistics.intervals import CELLS, RESAMPLES, TAIL, Groups, group_codes
from stillhouse.statistics.pairs import LEAST_DIFFERING

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

EXTREME = 1 - 1e-9
"""A figure that is 1 or -1 but for rounding."""


@dataclass(frozen=True)
class Coefficient:
    """A figure between -1 and 1, how many values it is of, and the ends of its 95% interval.

    None for the ends where a bootstrap cannot tell them: with fewer than six groups, or at 1 or
    -1, which every resample would give again.
    """

    value: float
    count: int
    low: float | None
    high: float | None


def spearman(
    one: Sequence[float], other: Sequence[float], groups: Groups = None
) -> Coefficient | None:
    """Spearman's (1904) correlation of two values by row, with its 95% interval over groups.

    Equal values share the mean of their ranks. None where one of the two never differs.
    """
    import numpy as np

    if len(one) != len(other):
        raise ValueError(f"{len(one)} and {len(other)} values are no pairs")
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    codes = group_codes(groups)
    places = np.arange(len(one)) if codes is None else codes
    sides = [np.unique(np.asarray(side), return_inverse=True)[1] for side in (one, other)]

    def again(times: "NDArray[float64]") -> "NDArray[float64]":
        weights = times[:, places]
        first, second = (_ranks(side, weights) for side in sides)
        return _correlation(first, second, weights)

    units = int(places.max()) + 1
    value = float(again(np.ones((1, units)))[0])
    return resampled(value, again, units, len(one), len(one))


def resampled(
    value: float,
    again: "Callable[[NDArray[float64]], NDArray[float64]]",
    groups: int,
    count: int,
    cells: int,
) -> Coefficient:
    """A figure with the percentiles of `again`, which takes how often each group is drawn.

    `again` is given counts (resamples, groups), and holds `cells` numbers for each resample. Where
    a resample gives no number, as of equal values, it plays no part.
    """
    import numpy as np

    if groups < LEAST_DIFFERING or abs(value) > EXTREME:
        return Coefficient(value, count, None, None)
    generator, step = np.random.default_rng(0), max(1, CELLS // max(cells, groups))
    drawn = []
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        times = generator.multinomial(groups, np.full(groups, 1 / groups), size=size)
        drawn.append(again(times.astype(float)))
    low, high = np.nanquantile(np.concatenate(drawn), [TAIL, 1 - TAIL])
    return Coefficient(value, count, min(float(low), value), max(float(high), value))


def _ranks(values: "NDArray[int64]", weights: "NDArray[float64]") -> "NDArray[float64]":
    """Mean ranks of values numbered from 0, (resamples, rows), each row counted by its weight."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-1))
    by_value = np.add.reduceat(weights[:, order], starts, axis=1)
    # But for half a rank, the same for all, which a correlation does not see.
    return np.asarray((np.cumsum(by_value, axis=1) - by_value / 2)[:, values])


def _correlation(
    one: "NDArray[float64]", other: "NDArray[float64]", weights: "NDArray[float64]"
) -> "NDArray[float64]":
    import numpy as np

    total = weights.sum(axis=1, keepdims=True)
    a = one - (weights * one).sum(axis=1, keepdims=True) / total
    b = other - (weights * other).sum(axis=1, keepdims=True) / total
    spreads = [(weights * side**2).sum(axis=1) for side in (a, b)]
    # Two values are a rank apart at least: a spread near 0 is of one value, and of rounding.
    differ = (spreads[0] > 0.1) & (spreads[1] > 0.1)
    found = np.full(len(weights), np.nan)
    shared = (weights * a * b).sum(axis=1)
    np.divide(shared, np.sqrt(spreads[0] * spreads[1]), out=found, where=differ)
    return np.asarray(np.clip(found, -1, 1))
