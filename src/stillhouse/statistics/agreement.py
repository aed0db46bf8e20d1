"""How often two agree, where nobody knows who is right: a share, and the same by label."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from stillhouse.kinds.kind import Kind
from stillhouse.statistics.classes import MOST_LABELS
from stillhouse.statistics.intervals import Groups, as_metrics, mean_interval

AGREEMENT = "agreement_with_teacher"
"""What scores are where no test row has a gold label."""


def agreement(
    name: str, scores: Sequence[float], labels: Sequence[str], groups: Groups
) -> dict[str, Any]:
    """The mean of `scores` as `name`, with the ends of its interval, and `{name}_by_label`.

    `labels` and `groups` are those of the rows. Labels that are nearly as many as the rows, such as
    numbers, are no classes: then there is nothing by label.
    """
    found: dict[str, Any] = dict(as_metrics(name, mean_interval(scores, groups)))
    places: dict[str, list[int]] = defaultdict(list)
    for place, label in enumerate(labels):
        places[label].append(place)
    if len(places) <= min(MOST_LABELS, len(labels) // 2):
        found[f"{name}_by_label"] = {
            label: {"rows": len(of)} | _of_label(name, of, scores, groups)
            for label, of in sorted(places.items())
        }
    return found


def _of_label(
    name: str, places: Sequence[int], scores: Sequence[float], groups: Groups
) -> dict[str, float]:
    within = None if groups is None else [groups[place] for place in places]
    return as_metrics(name, mean_interval([scores[place] for place in places], within))


def pairwise(kind: Kind, labels: Sequence[str | None]) -> float:
    """The share of pairs of labels that are equal; one that is missing equals none."""
    pairs = list(combinations(labels, 2))
    return fmean(a is not None and b is not None and kind.score(a, b) == 1 for a, b in pairs)
