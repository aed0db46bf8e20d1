"""The figures of a set of ratings: means, differences, agreement, the judge, length."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from stillhouse.ratings.judged import Judged
from stillhouse.ratings.key import Key
from stillhouse.ratings.raters import Rating, Scale, Sheets
from stillhouse.statistics.graded import GapTest, bounded_interval, gap_test
from stillhouse.statistics.intervals import SIGNIFICANCE, Interval
from stillhouse.statistics.krippendorff import krippendorff
from stillhouse.statistics.pairs import holm
from stillhouse.statistics.ranks import Coefficient, spearman

ByRater = Mapping[str, Mapping[str, Rating]]
"""The ratings of each rater, by rating id."""


@dataclass(frozen=True)
class Mean:
    """A mean rating with its 95% interval over rows, and how many replies it is of."""

    mean: Interval
    replies: int


@dataclass(frozen=True)
class OfModel:
    """One model's ratings: of all raters, where a reply counts by their mean, and of each."""

    all: Mean
    raters: Mapping[str, Mean]
    words: float
    """The mean length of its rated replies."""
    judge: float | None
    """The judge's mean score of them."""


@dataclass(frozen=True)
class Gap:
    """The second of two models minus the first, in points of the scale.

    Paired by row, and within raters: a strict rater who rated one model alone moves nothing.
    """

    one: str
    other: str
    rows: int
    test: GapTest
    adjusted: float
    """The p-value, adjusted for the number of pairs (Holm)."""

    @property
    def significant(self) -> bool:
        """Whether the two differ, at 5% over all pairs of models."""
        return self.adjusted < SIGNIFICANCE


@dataclass(frozen=True)
class Measures:
    """All figures. Correlations are Spearman's, over replies; a reply's rating is its mean."""

    scale: Scale
    rows: int
    replies: int
    raters: Mapping[str, int]
    """How many ratings each gave."""
    missing: Sequence[str]
    models: Mapping[str, OfModel]
    gaps: Sequence[Gap]
    unpaired: Sequence[tuple[str, str]]
    """Models of which no rater rated replies to the same row."""
    ordinal: Coefficient | None
    """Krippendorff's alpha; None with one rater, no reply that two rated, or equal ratings."""
    interval: Coefficient | None
    judge: str | None
    """Where the judge's scores are from."""
    judged: int
    """Rated replies that the judge scored."""
    with_judge: Coefficient | None
    with_judge_by_model: Mapping[str, Coefficient | None]
    with_length: Coefficient | None
    """With the number of characters, which all scripts have."""
    with_length_by_model: Mapping[str, Coefficient | None]


def measure(sheets: Sheets, key: Key, scale: Scale, judged: Judged | None) -> Measures:
    """All figures of the ratings. Intervals are over rows, or groups of rows: of these raters."""
    data = _Data(sheets.by_rater(), key, scale)
    scores = judged.scores if judged else {}
    lengths = {id_: float(rated.characters) for id_, rated in key.ratings.items()}
    gaps, unpaired = data.gaps()
    values = [data.values[id_] for id_ in data.means]
    units = data.units(data.means)
    return Measures(
        scale=scale,
        rows=len({key.ratings[id_].row for id_ in data.means}),
        replies=len(data.means),
        raters={rater: len(ratings) for rater, ratings in data.by_rater.items()},
        missing=sheets.missing,
        models={model: data.of_model(model, scores) for model in data.models},
        gaps=gaps,
        unpaired=unpaired,
        ordinal=krippendorff(values, "ordinal", units),
        interval=krippendorff(values, "interval", units),
        judge=judged.source if judged else None,
        judged=len(scores.keys() & data.means.keys()),
        with_judge=data.correlation(scores, data.means),
        with_judge_by_model=data.by_model(scores) if judged else {},
        with_length=data.correlation(lengths, data.means),
        with_length_by_model=data.by_model(lengths),
    )


class _Data:
    """The ratings, and what stands behind them."""

    def __init__(self, by_rater: ByRater, key: Key, scale: Scale) -> None:
        self.by_rater, self.key, self.scale = by_rater, key, scale
        self.values: dict[str, list[float]] = {}
        """The ratings of each reply by rating id, of whichever raters."""
        for ratings in by_rater.values():
            for id_, rating in ratings.items():
                self.values.setdefault(id_, []).append(rating.value)
        self.means = {id_: fmean(given) for id_, given in sorted(self.values.items())}
        self.models = [model for model in key.models if self.ids(model)]

    def ids(self, model: str) -> list[str]:
        """The rated replies of a model."""
        return [id_ for id_ in self.means if model in self.key.ratings[id_].models]

    def units(self, ids: Iterable[str]) -> list[Hashable]:
        """What is resampled together."""
        return [self.key.unit(id_) for id_ in ids]

    def of_model(self, model: str, scores: Mapping[str, float]) -> OfModel:
        ids = self.ids(model)
        given = {
            rater: {id_: ratings[id_].value for id_ in ids if id_ in ratings}
            for rater, ratings in self.by_rater.items()
        }
        judged = [scores[id_] for id_ in ids if id_ in scores]
        return OfModel(
            all=self.mean({id_: self.means[id_] for id_ in ids}),
            raters={rater: self.mean(values) for rater, values in given.items() if values},
            words=fmean(self.key.ratings[id_].words for id_ in ids),
            judge=fmean(judged) if judged else None,
        )

    def mean(self, values: Mapping[str, float]) -> Mean:
        scale, units = self.scale, self.units(values)
        found = bounded_interval(list(values.values()), scale.low, scale.high, units)
        return Mean(found, len(values))

    def gaps(self) -> tuple[list[Gap], list[tuple[str, str]]]:
        """Every pair of models in their order; and the pairs that no rater rated side by side."""
        tested, unpaired = [], []
        rows = sorted({rated.row for rated in self.key.ratings.values()})
        # The least that a row can differ by: one step of one rater's scale.
        step = (0.5 if self.scale.fractions else 1.0) / len(self.by_rater)
        for one, other in combinations(self.models, 2):
            found = {row: gap for row in rows if (gap := self.row_gap(row, one, other))}
            if not found:
                unpaired.append((one, other))
                continue
            units = self.units(self.key.ids[row, one] for row in found)
            test = gap_test([fmean(gap) for gap in found.values()], self.scale.width, step, units)
            tested.append((one, other, len(found), test))
        adjusted = holm([test.p_value for *_, test in tested])
        return [Gap(*each, p) for each, p in zip(tested, adjusted, strict=True)], unpaired

    def row_gap(self, row: str, one: str, other: str) -> list[float]:
        """The differences on one row, of each rater who rated both."""
        before, after = self.key.ids.get((row, one), ""), self.key.ids.get((row, other), "")
        return [
            ratings[after].value - ratings[before].value
            for ratings in self.by_rater.values()
            if before in ratings and after in ratings
        ]

    def correlation(self, others: Mapping[str, float], ids: Iterable[str]) -> Coefficient | None:
        """Of the mean ratings of these replies with other values of theirs, where they have one."""
        both = [id_ for id_ in ids if id_ in others]
        means = [self.means[id_] for id_ in both]
        return spearman(means, [others[id_] for id_ in both], self.units(both))

    def by_model(self, others: Mapping[str, float]) -> dict[str, Coefficient | None]:
        return {model: self.correlation(others, self.ids(model)) for model in self.models}
