"""Krippendorff's alpha: how far raters agree beyond what their ratings would by chance.

    alpha = 1 - (n - 1) * sum of o[c, k] d[c, k] / sum of n[c] n[k] d[c, k]

over the values c and k that were given (Krippendorff 2011, "Computing Krippendorff's
Alpha-Reliability"). A unit with m ratings adds 1 / (m - 1) to the coincidence o[c, k] for each of
its ordered pairs of ratings c and k; n[c] is the sum of a row of o, n that of all. The difference d
is 1 between unequal values (nominal); the square of c - k (interval); or the square of the number
of ratings from c to k, those of c and k counted half (ordinal). Units with one rating say nothing
and are left out, so raters may have rated other units each, and missing ratings are no matter.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from stillhouse.statistics.intervals import Groups, group_codes
from stillhouse.statistics.ranks import Coefficient, resampled

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

Level = Literal["nominal", "ordinal", "interval"]
Units = Sequence[Sequence[float]]
"""The ratings of each unit, in any order of raters; those that are missing are not in it."""


def krippendorff(units: Units, level: Level, groups: Groups = None) -> Coefficient | None:
    """Alpha with its 95% interval, or None where nothing can be said.

    That is where no unit has two ratings, or all ratings are equal: then chance agrees, too. The
    interval is a bootstrap over groups of units (Zapf et al. 2016).
    """
    import numpy as np

    pairable = [place for place, ratings in enumerate(units) if len(ratings) > 1]
    values = sorted({value for place in pairable for value in units[place]})
    if len(values) < 2:
        return None
    by_unit = np.stack([_coincidences(units[place], values) for place in pairable])
    codes = group_codes(None if groups is None else [groups[place] for place in pairable])
    if codes is not None:
        order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        by_unit = np.add.reduceat(by_unit[order], starts, axis=0)
    alpha = float(_alpha(by_unit.sum(axis=0), values, level))
    flat = by_unit.reshape(len(by_unit), -1)

    def again(times: "NDArray[float64]") -> "NDArray[float64]":
        return _alpha((times @ flat).reshape(-1, len(values), len(values)), values, level)

    return resampled(alpha, again, len(by_unit), len(pairable), flat.shape[1])


def _coincidences(ratings: Sequence[float], values: Sequence[float]) -> "NDArray[float64]":
    """What one unit adds to the coincidences, (values, values)."""
    import numpy as np

    counts = Counter(ratings)
    given = np.array([counts[value] for value in values], dtype=float)
    found = (np.outer(given, given) - np.diag(given)) / (len(ratings) - 1)
    return np.asarray(found)


def _alpha(
    coincidences: "NDArray[float64]", values: Sequence[float], level: Level
) -> "NDArray[float64]":
    """Alpha of coincidences (..., values, values); not a number where only one value occurs."""
    import numpy as np

    totals = coincidences.sum(axis=-1)
    apart = _differences(totals, values, level)
    observed = (coincidences * apart).sum(axis=(-1, -2))
    expected = (totals[..., :, None] * totals[..., None, :] * apart).sum(axis=(-1, -2))
    scale = totals.sum(axis=-1) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - scale * observed / expected)


def _differences(
    totals: "NDArray[float64]", values: Sequence[float], level: Level
) -> "NDArray[float64]":
    import numpy as np

    if level == "nominal":
        return 1 - np.eye(len(values))
    # Between the middles of two values lie the ratings between them, and half of either's own.
    places = np.cumsum(totals, axis=-1) - totals / 2 if level == "ordinal" else np.asarray(values)
    return np.asarray((places[..., :, None] - places[..., None, :]) ** 2)
