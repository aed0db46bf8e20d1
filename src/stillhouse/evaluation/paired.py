"""Two runs over the same test rows: their difference, and whether it is more than chance."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb

from stillhouse.evaluation.intervals import (
    Interval,
    bootstrap_difference,
    bootstrap_mean,
    standard_error,
)

Correct = Mapping[str, bool]
"""Whether each row, by id, was answered correctly."""

Seeds = Mapping[int, Correct]
"""The rows of each seed's student."""

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Accuracy:
    """One run: the mean over its seeds with its interval, and the standard error over them."""

    accuracy: Interval
    seeds: int
    standard_error: float | None


@dataclass(frozen=True)
class Discordant:
    """The rows on which two students differ, and the p-value of McNemar's exact test."""

    only_one: int
    only_other: int
    p_value: float


@dataclass(frozen=True)
class Comparison:
    """`other` against `one`, paired by row."""

    rows: int
    one: Accuracy
    other: Accuracy
    difference: Interval
    mcnemar: Mapping[int, Discordant]
    """By seed, for the seeds that both have; for two single students under the seed of `other`."""

    @property
    def single(self) -> bool:
        """Whether each side is one student, so that McNemar's test is about all there is."""
        return self.one.seeds == self.other.seeds == 1

    @property
    def significant(self) -> bool:
        """Whether the difference is significant at 5%.

        For two single students by McNemar's exact test. With several seeds by the interval, which
        is the only one of the two that knows how far training again would move the result.
        """
        if self.single:
            return all(test.p_value < SIGNIFICANCE for test in self.mcnemar.values())
        return not self.difference.low <= 0 <= self.difference.high


def compare(one: Seeds, other: Seeds) -> Comparison:
    """Compare two runs; every seed of both must be over the same ids (checked by `KeyError`)."""
    ids = sorted(next(iter(one.values())))
    before, after = _scores(one, ids), _scores(other, ids)
    return Comparison(
        rows=len(ids),
        one=_accuracy(before),
        other=_accuracy(after),
        difference=bootstrap_difference(before, after),
        mcnemar=_by_seed(one, other),
    )


def measure(run: Seeds) -> Accuracy:
    """The accuracy of one run."""
    return _accuracy(_scores(run, sorted(next(iter(run.values())))))


def discordant(one: Correct, other: Correct) -> Discordant:
    """McNemar's test (1947) in its exact, two-sided form: a binomial test of the rows that differ.

    No such row gives a p-value of 1.
    """
    only_one = sum(one[id_] and not other[id_] for id_ in one)
    only_other = sum(other[id_] and not one[id_] for id_ in one)
    total = only_one + only_other
    tail = sum(comb(total, count) for count in range(min(only_one, only_other) + 1))
    return Discordant(only_one, only_other, min(1.0, 2 * tail / 2**total))


def _by_seed(one: Seeds, other: Seeds) -> dict[int, Discordant]:
    if len(one) == len(other) == 1:
        (before,), ((seed, after),) = one.values(), other.items()
        return {seed: discordant(before, after)}
    return {seed: discordant(one[seed], other[seed]) for seed in sorted(one.keys() & other.keys())}


def _scores(run: Seeds, ids: list[str]) -> list[list[float]]:
    return [[float(correct[id_]) for id_ in ids] for correct in run.values()]


def _accuracy(scores: list[list[float]]) -> Accuracy:
    means = [sum(rows) / len(rows) for rows in scores]
    return Accuracy(bootstrap_mean(scores), len(scores), standard_error(means))
