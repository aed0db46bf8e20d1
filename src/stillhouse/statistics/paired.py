"""Two sides of students over the same test rows: what may be said of them, what of the methods."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from stillhouse.statistics.graded import gap_interval, score_interval
from stillhouse.statistics.intervals import (
    RIGHT_OR_WRONG,
    Groups,
    Interval,
    Scale,
    group_codes,
    standard_error,
)
from stillhouse.statistics.method import MethodTest, method_mean, method_test
from stillhouse.statistics.pairs import PairTest, pair_test

Scores = Mapping[str, float]
"""The score of each row, by id, on one scale: of one student."""

Seeds = Mapping[int, Scores]
"""The scores of each seed's student."""

ByRow = Mapping[str, str | None]
"""The group of each row, by id."""


@dataclass(frozen=True)
class Side:
    """One side: the mean over its seeds with its interval, and the standard error over them."""

    score: Interval
    seeds: int
    standard_error: float | None
    of_method: bool
    """Whether the interval is over seeds, too: with fewer than three it is of these students."""


@dataclass(frozen=True)
class Comparison:
    """`other` against `one`, paired by row."""

    rows: int
    groups: int
    """Of rows; as many as rows when all are apart."""
    one: Side
    other: Side
    difference: Interval
    """Of these students: the interval is over rows alone."""
    pairs: Mapping[int, PairTest]
    """Two students each, by seed, for the seeds that both have; for two single ones under the
    seed of `other`."""
    method: MethodTest | None
    """None with fewer than three seeds on a side: then nothing can be said of the method."""

    @property
    def pair(self) -> PairTest | None:
        """The test of the two students, where each side is a single one."""
        if self.one.seeds == self.other.seeds == 1:
            return next(iter(self.pairs.values()))
        return None


def compare(
    one: Seeds,
    other: Seeds,
    groups: ByRow | None = None,
    *,
    fixed: bool = False,
    scale: Scale = RIGHT_OR_WRONG,
) -> Comparison:
    """Compare two sides; every seed of both must be over the same ids (checked by `KeyError`).

    `fixed`: no seed changes `one`, as the untrained student, so that its one model is the method.
    """
    ids = sorted(next(iter(one.values())))
    before, by_row = aligned(one, groups)
    after = [[float(scores[id_]) for id_ in ids] for scores in other.values()]
    if len(one) == len(other) == 1:
        pairs = {next(iter(other)): pair_test(before[0], after[0], by_row, scale)}
    else:
        by_seed = dict(zip(one, before, strict=True))
        pairs = {
            seed: pair_test(by_seed[seed], scores, by_row, scale)
            for seed, scores in sorted(zip(other, after, strict=True))
            if seed in by_seed
        }
    codes = group_codes(by_row)
    return Comparison(
        rows=len(ids),
        groups=len(ids) if codes is None else int(codes.max()) + 1,
        one=_side(before, by_row, scale),
        other=_side(after, by_row, scale),
        difference=gap_interval(
            [b - a for a, b in zip(_means(before), _means(after), strict=True)], scale, by_row
        ),
        pairs=pairs,
        method=method_test(before, after, by_row, fixed=fixed, scale=scale),
    )


@dataclass(frozen=True)
class Verdict:
    """One answer to whether `other` differs from `one`, whatever numbers of seeds they have.

    Of the method with three seeds a side or more; else of these students, several together their
    mean by row.
    """

    difference: Interval
    p_value: float
    detectable: float
    """The smallest difference that would be seen at 5% with 80% power."""
    of_method: bool


def verdict(
    one: Seeds,
    other: Seeds,
    groups: ByRow | None = None,
    *,
    fixed: bool = False,
    scale: Scale = RIGHT_OR_WRONG,
) -> tuple[Comparison, Verdict]:
    """Compare two sides, and say what there is to say in one line."""
    found = compare(one, other, groups, fixed=fixed, scale=scale)
    if found.method is not None:
        test = found.method
        return found, Verdict(test.difference, test.p_value, test.detectable, of_method=True)
    pair = compare({0: _mean_by_row(one)}, {0: _mean_by_row(other)}, groups, scale=scale).pair
    assert pair is not None  # each side is a single one
    return found, Verdict(found.difference, pair.p_value, pair.detectable, of_method=False)


def _mean_by_row(side: Seeds) -> Scores:
    ids = next(iter(side.values()))
    return {id_: fmean(scores[id_] for scores in side.values()) for id_ in ids}


def measure(side: Seeds, groups: ByRow | None = None, scale: Scale = RIGHT_OR_WRONG) -> Side:
    """One side by itself."""
    return _side(*aligned(side, groups), scale)


def aligned(side: Seeds, groups: ByRow | None = None) -> tuple[list[list[float]], Groups]:
    """A side's scores, (seeds, rows), and the rows' groups, in the order of the ids."""
    ids = sorted(next(iter(side.values())))
    scores = [[float(of_seed[id_]) for id_ in ids] for of_seed in side.values()]
    return scores, None if groups is None else [groups.get(id_) for id_ in ids]


def _means(scores: list[list[float]]) -> list[float]:
    """Of each row, over the seeds."""
    return [sum(row) / len(row) for row in zip(*scores, strict=True)]


def _side(scores: list[list[float]], groups: Groups, scale: Scale) -> Side:
    of_method = method_mean(scores, groups, scale)
    return Side(
        of_method or score_interval(_means(scores), scale, groups),
        len(scores),
        standard_error([sum(rows) / len(rows) for rows in scores]),
        of_method is not None,
    )
