"""Two methods, each known by a few students: whether they differ by more than chance explains.

A student's score on a row is seen as mean + method + seed + row x method + noise. The difference of
two means over seeds and rows then has the variance

    sum of (seed variance + noise / rows) / seeds, over both sides      what the seeds' means show
    + variance of (row x method) / rows                                 what the rows add to it

Rows' own difficulty is the same on both sides and cancels. A seed's mean holds the noise of its
rows already, so of the rows' differences only what exceeds that noise is added, not counted twice.
The first part is known from few seeds, hence the t distribution and few degrees of freedom.

Plain Welch's test of the seeds' means calls too little significant with 3 seeds a side (3.5% at
nominal 5%) and too much with 3 against 10 (6.4%). So each side's variance is drawn towards the mean
of the two by `SHARED`, and the degrees of freedom are the mean of Welch's two approximations (1938,
which is Satterthwaite's, and 1947). A simulation in tests/evaluate holds what that gives.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stillhouse.statistics.intervals import (
    POWER,
    RIGHT_OR_WRONG,
    SIGNIFICANCE,
    TAIL,
    Groups,
    Interval,
    Scale,
    group_codes,
    group_sums,
)

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

LEAST_SEEDS = 3
"""A side: with two seeds the variance of seeds is next to unknown."""
SHARED = 0.25
"""Of each side's seed variance, the share that is taken from the mean of the two."""

Scores = Sequence[Sequence[float]]
"""The scores of one method, (seeds, rows): a list for each training seed, rows in one order."""


@dataclass(frozen=True)
class MethodTest:
    """A difference of methods: its 95% interval over seeds and rows, and its test."""

    difference: Interval
    degrees: float
    p_value: float
    detectable: float
    """The smallest difference that is found with 80% power, at the variance that was seen."""

    @property
    def significant(self) -> bool:
        """Whether the two differ, at 5%."""
        return self.p_value < SIGNIFICANCE


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means, its variance, and the degrees of freedom of that.

    Numbers, or arrays over leading axes when many experiments are estimated at once.
    """

    value: Any
    variance: Any
    degrees: Any

    @property
    def p_value(self) -> Any:
        """Of the two-sided t-test against 0."""
        import numpy as np
        from scipy.special import stdtr

        return 2 * stdtr(self.degrees, -np.abs(self.value) / np.sqrt(self.variance))

    def interval(self) -> Interval:
        """The 95% interval of a single estimate."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.degrees, 1 - TAIL)) * math.sqrt(self.variance)
        return Interval(float(self.value), float(self.value) - half, float(self.value) + half)

    def detectable(self) -> Any:
        """The difference that the test finds with a power of 80%."""
        import numpy as np
        from scipy.special import nctdtrinc, poch, stdtrit

        limit = stdtrit(self.degrees, 1 - TAIL)
        # The root of a variance that is known from little is too small on average.
        short = np.sqrt(2 / self.degrees) * poch(self.degrees / 2, 0.5)
        return nctdtrinc(self.degrees, 1 - POWER, limit) * np.sqrt(self.variance) / short


def method_test(
    one: Scores,
    other: Scores,
    groups: Groups = None,
    *,
    fixed: bool = False,
    scale: Scale = RIGHT_OR_WRONG,
) -> MethodTest | None:
    """`other` minus `one`; None with too few seeds to say anything.

    `fixed`: `one` is a single model that no seed changes, such as the untrained student.
    """
    enough = [len(other)] if fixed else [len(one), len(other)]
    if min(enough) < LEAST_SEEDS or len(one[0]) < 2:
        return None
    codes = group_codes(groups)
    sides = units(one, codes), units(other, codes)
    found = estimate_difference(*sides, fixed=fixed, step=scale.step)
    return MethodTest(
        difference=found.interval(),
        degrees=float(found.degrees),
        p_value=float(found.p_value),
        detectable=float(found.detectable()),
    )


def method_mean(
    scores: Scores, groups: Groups = None, scale: Scale = RIGHT_OR_WRONG
) -> Interval | None:
    """A method's mean score with its 95% interval over seeds and rows; None with too few seeds."""
    if len(scores) < LEAST_SEEDS or len(scores[0]) < 2:
        return None
    found = estimate_mean(units(scores, group_codes(groups)), step=scale.step)
    interval = found.interval()
    ends = max(scale.low, interval.low), min(scale.high, interval.high)
    return Interval(interval.mean, *ends)


def detectable_between(scores: Scores, groups: Groups = None) -> float | None:
    """What could be seen between this method and one that is like it, of as many seeds."""
    if len(scores) < LEAST_SEEDS or len(scores[0]) < 2:
        return None
    seeds = _Side.of(units(scores, group_codes(groups))).seeds
    return float(Estimate(0.0, 2 * seeds, 2.0 * (len(scores) - 1)).detectable()) if seeds else None


def units(scores: Any, codes: "NDArray[int64] | None") -> "NDArray[float64]":
    """Scores (..., seeds, rows) as (..., seeds, groups), with the same means.

    A group stands for what its rows move the mean by, so that variances over groups are those of
    a cluster sample: large groups weigh more, and rows of one group are not independent.
    """
    import numpy as np

    array = np.asarray(scores, dtype=float)
    if codes is None:
        return array
    means = array.mean(axis=-1, keepdims=True)
    sums, sizes = group_sums(array - means, codes)
    return np.asarray(means + sums * (len(sizes) / array.shape[-1]))


@dataclass(frozen=True)
class _Side:
    """One method: its mean, by unit and over all, and the variances of the latter."""

    by_unit: Any
    mean: Any
    seeds: Any
    """What the seeds' means show, the noise of their rows included."""
    noise: Any
    """What of it is the noise of rows."""

    @classmethod
    def of(cls, scores: "NDArray[float64]") -> "_Side":
        import numpy as np

        seeds, count = scores.shape[-2:]
        by_unit, by_seed = scores.mean(axis=-2), scores.mean(axis=-1)
        mean = by_seed.mean(axis=-1)
        zero = np.zeros_like(mean)
        if seeds == 1:
            return cls(by_unit, mean, zero, zero)
        centred = scores - by_seed[..., None]
        within = (centred**2).sum(axis=(-1, -2))
        within -= seeds * ((by_unit - mean[..., None]) ** 2).sum(axis=-1)
        noise = within / ((seeds - 1) * (count - 1) * count * seeds)
        return cls(by_unit, mean, by_seed.var(axis=-1, ddof=1) / seeds, np.maximum(noise, 0.0))


def estimate_difference(
    one: "NDArray[float64]", other: "NDArray[float64]", *, fixed: bool = False, step: float = 1.0
) -> Estimate:
    """The difference of two methods from scores (..., seeds, units); units agree.

    `step` is the least that two scores of a row differ by.
    """
    before, after = _Side.of(one), _Side.of(other)
    seeds = (one.shape[-2], other.shape[-2])
    if fixed:
        variances = [after.seeds]
        degrees = [seeds[1] - 1]
    else:
        # The variances of one seed's mean, each drawn towards the mean of both.
        single = [side.seeds * number for side, number in zip((before, after), seeds, strict=True)]
        shared = (single[0] + single[1]) / 2
        variances = [
            ((1 - SHARED) * own + SHARED * shared) / number
            for own, number in zip(single, seeds, strict=True)
        ]
        degrees = [number - 1 for number in seeds]
    return _combined(
        after.mean - before.mean,
        variances,
        degrees,
        after.by_unit - before.by_unit,
        before.noise + after.noise,
        step=step,
    )


def estimate_mean(scores: "NDArray[float64]", *, step: float = 1.0) -> Estimate:
    """The mean of one method from scores (..., seeds, units)."""
    side = _Side.of(scores)
    degrees = [scores.shape[-2] - 1]
    return _combined(side.mean, [side.seeds], degrees, side.by_unit, side.noise, step=step)


def _combined(
    value: Any,
    variances: Sequence[Any],
    degrees: Sequence[int],
    by_unit: Any,
    noise: Any,
    *,
    step: float,
) -> Estimate:
    import numpy as np

    count = by_unit.shape[-1]
    rows = np.maximum(by_unit.var(axis=-1, ddof=1) / count - noise, 0.0)
    seeds = sum(variances)
    few = _degrees(variances, degrees)
    combined = _ratio((seeds + rows) ** 2, seeds**2 / few + rows**2 / (count - 1), few)
    # A mean is known no finer than half a step of one row, even where nothing differs.
    return Estimate(value, np.maximum(seeds + rows, (0.5 * step / count) ** 2), combined)


def _degrees(variances: Sequence[Any], degrees: Sequence[int]) -> Any:
    """The mean of Welch's two approximations of the degrees of freedom of a sum of variances."""
    import numpy as np

    least, most = min(degrees), sum(degrees)
    pairs = list(zip(variances, degrees, strict=True))
    total = sum(variances) ** 2
    first = _ratio(total, sum(v**2 / f for v, f in pairs), most)
    second = _ratio(total, sum(v**2 / (f + 2) for v, f in pairs), most + 2) - 2
    return (np.clip(first, least, most) + np.clip(second, least, most)) / 2


def _ratio(above: Any, below: Any, otherwise: Any) -> Any:
    """A quotient, or something else where there is nothing to divide by."""
    import numpy as np

    there = np.asarray(below) > 0
    return np.where(there, above / np.where(there, below, 1.0), otherwise)
