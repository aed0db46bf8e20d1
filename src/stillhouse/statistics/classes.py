"""Measures beside accuracy where every row is of one of a few classes.

Precision, recall and F1 of each class, their unweighted mean over the classes (macro F1), and the
confusion matrix. A prediction that is none of the classes is wrong for its row, and no class's.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from stillhouse.statistics.intervals import (
    CELLS,
    DIGITS,
    RESAMPLES,
    TAIL,
    Groups,
    Interval,
    as_metrics,
    group_codes,
    mean_interval,
)

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

MOST_LABELS = 50
"""Classes that are measured one by one; of more, those with the most rows."""
MOST_IN_GRID = 30
"""Classes whose confusion matrix is written with its zeros."""

Predicted = Sequence[str | None]
"""The class that each row is predicted to be; None for what is no class."""


def class_measures(
    classes: Sequence[str], actual: Sequence[str], predicted: Predicted, groups: Groups = None
) -> dict[str, Any]:
    """`macro_f1` with the ends of its interval, `by_label`, and `none`: how many are no class.

    Macro F1 is over the classes that some row is or is predicted to be. `by_label` has of each
    class `rows` and how often it is `predicted`, and where that is more than nothing `recall` and
    `precision` with their 95% intervals, and `f1`.
    """
    found = macro_f1(classes, actual, predicted, groups)
    counts = Counter(actual)
    order = {label: place for place, label in enumerate(classes)}
    shown = sorted(classes, key=lambda label: (-counts[label], order[label]))[:MOST_LABELS]
    return {
        **as_metrics("macro_f1", found),
        "by_label": {
            label: _of_label(label, actual, predicted, groups)
            for label in sorted(shown, key=order.__getitem__)
        },
        "none": sum(label is None for label in predicted),
    }


def confusion(
    classes: Sequence[str], actual: Sequence[str], predicted: Predicted
) -> Iterator[tuple[str, str | None, int]]:
    """How many rows of each class are predicted to be which, in the order of the classes.

    Zeros are there but with many classes, and None is but where a prediction is no class.
    """
    counts = Counter(zip(actual, predicted, strict=True))
    whole = len(classes) <= MOST_IN_GRID
    columns = [*classes, *([None] if None in predicted else [])]
    for label, other in product(classes, columns):
        if whole or counts[label, other]:
            yield label, other, counts[label, other]


def macro_f1(
    classes: Sequence[str],
    actual: Sequence[str],
    predicted: Predicted,
    groups: Groups = None,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """The unweighted mean of the classes' F1, with its 95% bootstrap interval.

    A resample draws groups of rows and leaves out the classes that it has nothing of, as the
    figure itself does. With few rows a class macro F1 comes out too low, a resample's doubly so:
    the percentiles are moved up by twice the bias that the resamples show (Efron and Tibshirani
    1993, chapter 10). Where all rows are right, or all wrong, they would have no width: then the
    ends are those of the share of right rows.
    """
    import numpy as np

    counts, patterns = _patterns(classes, actual, predicted, groups)
    mean = float(_mean_f1(counts[None, :].astype(float), patterns)[0])
    scores = [float(a == p) for a, p in zip(actual, predicted, strict=True)]
    if len(set(scores)) == 1:
        share = mean_interval(scores, groups)
        return Interval(mean, share.low, share.high)
    generator, total = np.random.default_rng(0), int(counts.sum())
    step, drawn = max(1, CELLS // len(counts)), []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        times = generator.multinomial(total, counts / total, size=size).astype(float)
        drawn.append(_mean_f1(times, patterns))
    resampled = np.concatenate(drawn)
    bias = float(resampled.mean()) - mean
    low, high = (float(end) - 2 * bias for end in np.quantile(resampled, [TAIL, 1 - TAIL]))
    return Interval(mean, max(0.0, min(low, mean)), min(1.0, max(high, mean)))


def _patterns(
    classes: Sequence[str], actual: Sequence[str], predicted: Predicted, groups: Groups
) -> "tuple[NDArray[float64], csr_matrix]":
    """How many groups are alike, and what each kind of them counts: (kinds, 3 x classes).

    Of each class the rows that are right, those that are it, those that are predicted to be it.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    place = {label: number for number, label in enumerate(classes)}
    codes = group_codes(groups)
    units: dict[int, list[tuple[int, int]]] = {}
    for row, (label, other) in enumerate(zip(actual, predicted, strict=True)):
        cell = place[label], -1 if other is None else place[other]
        units.setdefault(row if codes is None else int(codes[row]), []).append(cell)
    alike = Counter(tuple(sorted(cells)) for cells in units.values())
    kinds, width, entries = sorted(alike), len(classes), []
    for number, cells in enumerate(kinds):
        for own, said in cells:
            entries.append((number, width + own))
            if said >= 0:
                entries.append((number, 2 * width + said))
            if said == own:
                entries.append((number, own))
    rows, columns = np.asarray(entries).T
    shape = (len(kinds), 3 * width)
    counted = csr_matrix((np.ones(len(entries)), (rows, columns)), shape=shape)
    return np.asarray([alike[kind] for kind in kinds], dtype=float), counted


def _mean_f1(times: "NDArray[float64]", patterns: "csr_matrix") -> "NDArray[float64]":
    """The macro F1 of each resample, given how often it has each pattern: (resamples, patterns)."""
    import numpy as np

    counted = np.asarray(times @ patterns)
    right, *either = np.split(counted, 3, axis=1)
    of_both = either[0] + either[1]
    there = of_both > 0
    by_class = np.where(there, 2 * right / np.where(there, of_both, 1.0), 0.0)
    return np.asarray(by_class.sum(axis=1) / there.sum(axis=1))


def _of_label(label: str, actual: Sequence[str], predicted: Predicted, groups: Groups) -> Any:
    right = [float(a == p == label) for a, p in zip(actual, predicted, strict=True)]
    rows = [row for row, other in enumerate(actual) if other == label]
    named = [row for row, other in enumerate(predicted) if other == label]
    found: dict[str, float | int] = {"rows": len(rows), "predicted": len(named)}
    for name, among in (("precision", named), ("recall", rows)):
        if among:
            within = None if groups is None else [groups[row] for row in among]
            found |= as_metrics(name, mean_interval([right[row] for row in among], within))
    if rows or named:
        found["f1"] = round(2 * sum(right) / (len(rows) + len(named)), DIGITS)
    return found
