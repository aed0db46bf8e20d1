"""How candidates stand on one set of rows: which is best, which are as good, which one is taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stillhouse.config.search import Candidate
from stillhouse.config.teacher import Price
from stillhouse.kinds.measures import Measure
from stillhouse.statistics.graded import gap_interval, score_interval
from stillhouse.statistics.intervals import SIGNIFICANCE, Groups, Interval
from stillhouse.statistics.pairs import pair_test
from stillhouse.teacher_generate.estimate import has_price

ANSWERS = 1_000
"""Whose cost is compared and shown."""


@dataclass(frozen=True)
class Standing:
    """How one candidate did in a round; all of a round are over the same rows in one order."""

    candidate: Candidate
    place: int
    """In the order of the search's entry."""
    round: int
    scores: Sequence[float]
    measure: Measure
    """What the scores are."""
    groups: Groups
    usable: float
    """The share of completions that could be parsed."""
    prompt_tokens: float | None
    completion_tokens: float | None
    """Of one answer, on average; None where nobody counted."""
    cost: float
    """Of 1,000 answers: money, or tokens of a teacher without a price; infinite where unknown."""

    @property
    def mean(self) -> float:
        """The mean score."""
        return math.fsum(self.scores) / len(self.scores)

    @property
    def interval(self) -> Interval:
        """The mean score with its 95% interval."""
        return score_interval(self.scores, self.measure.scale, self.groups)

    @property
    def thrift(self) -> tuple[float, int]:
        """What decides among those that are as good: the cost, then the place."""
        return self.cost, self.place


@dataclass(frozen=True)
class Gap:
    """How far a candidate is below the best of its round."""

    difference: Interval
    p_value: float

    @property
    def is_worse(self) -> bool:
        """Whether it is below by more than chance explains.

        Both the interval and the exact test have to say so: with few rows an interval alone is
        too sure.
        """
        return self.difference.high < 0 and self.p_value < SIGNIFICANCE


def cost_of(price: Price, prompt: float | None, completion: float | None) -> float:
    """What 1,000 answers with so many tokens each cost; see `Standing.cost`."""
    if prompt is None or completion is None:
        return math.inf
    if not has_price(price):
        return ANSWERS * (prompt + completion)
    return ANSWERS * (prompt * price.prompt + completion * price.completion) / 1e6


@dataclass(frozen=True)
class Placed:
    """A standing beside the best of its round."""

    standing: Standing
    gap: Gap | None
    """None of the best itself."""

    @property
    def is_as_good(self) -> bool:
        """Whether it is the best, or as good for all that these rows can tell."""
        return self.gap is None or not self.gap.is_worse


def placed(standings: Sequence[Standing]) -> list[Placed]:
    """The standings of one round, the best first; equal scores in the order of cost, then of the
    entry.
    """
    best, *others = sorted(standings, key=lambda each: (-each.mean, *each.thrift))
    return [Placed(best, None), *(Placed(each, _gap(best, each)) for each in others)]


def _gap(best: Standing, other: Standing) -> Gap:
    gaps = [b - a for a, b in zip(best.scores, other.scores, strict=True)]
    scale, groups = best.measure.scale, best.groups
    test = pair_test(best.scores, other.scores, groups, scale)
    return Gap(gap_interval(gaps, scale, groups), test.p_value)


def going_on(order: Sequence[Placed], keep: float) -> list[Placed]:
    """The candidates of the next round: the better share `keep`, and whoever is as good as the
    best for all that these rows can tell. `order`: the best first.
    """
    better = math.ceil(keep * len(order))
    return [each for rank, each in enumerate(order) if rank < better or each.is_as_good]


def taken(order: Sequence[Placed]) -> Placed:
    """The cheapest of those that are as good as the best; equal costs in the order of the entry."""
    return min((each for each in order if each.is_as_good), key=lambda each: each.standing.thrift)
