"""A share of a population, from rows that were drawn from each of its parts (strata) by itself.

Each part counts as much as it is of the population, however many of its rows were drawn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stillhouse.statistics.intervals import NORMAL, Interval, wilson


@dataclass(frozen=True)
class Stratum:
    """A part of the population: its rows, how many were drawn, and how many of those are right."""

    population: int
    drawn: int
    right: int = 0


def stratified_interval(strata: Sequence[Stratum]) -> Interval:
    """The share of right rows in the population with its 95% interval.

    The estimate is the strata's shares, weighted by their populations (Cochran 1977, chapter 5).
    The interval joins Wilson's of each stratum by its distances from the estimate (Zou, Huang and
    Zhang 2009, for sums of binomial proportions): unlike the textbook's variance it has a width
    where all rows of a stratum are right, and with one stratum it is Wilson's. Rows are drawn as
    from an endless population, which is no narrower. Every stratum needs a drawn row (ValueError).
    """
    weights = _weights(strata)
    shares = [wilson(stratum.right, stratum.drawn) for stratum in strata]
    mean = math.fsum(w * s.mean for w, s in zip(weights, shares, strict=True))
    below = math.fsum((w * (s.mean - s.low)) ** 2 for w, s in zip(weights, shares, strict=True))
    above = math.fsum((w * (s.high - s.mean)) ** 2 for w, s in zip(weights, shares, strict=True))
    return Interval(mean, max(0.0, mean - math.sqrt(below)), min(1.0, mean + math.sqrt(above)))


def expected_half_width(strata: Sequence[Stratum], share: float) -> float:
    """Half of the interval that such a draw will give, if `share` of every stratum is right."""
    drawn = [(w, s.drawn) for w, s in zip(_weights(strata), strata, strict=True)]
    variance = math.fsum(w * w * share * (1 - share) / rows for w, rows in drawn)
    return NORMAL * math.sqrt(variance)


def _weights(strata: Sequence[Stratum]) -> list[float]:
    if not strata or any(stratum.drawn < 1 for stratum in strata):
        raise ValueError("every stratum needs a row that was drawn")
    total = sum(stratum.population for stratum in strata)
    return [stratum.population / total for stratum in strata]
