"""The student by label: how many of each it finds, and which it takes for which."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.agreement import AGREEMENT
from stillhouse.statistics.paired import ByRow, Seeds, measure

Metrics = Mapping[str, Any]

FEW = 10
"""Labels of which the whole confusion is kept; of more, the pairs that are confused most."""
PAIRS = 10
MEANS = ("precision", "recall", "f1", "predicted")


def by_label(
    evaluations: Mapping[int, Metrics],
    students: Seeds,
    test: Iterable[Mapping[str, Any]],
    groups: ByRow,
) -> dict[str, dict[str, float]]:
    """Each label's `rows`, `recall`, `precision`, `f1` and how often it is `predicted`.

    One student's are its own, intervals included; several students' are means over them, where the
    recall alone has an interval: the ends for the rows of the label, as for accuracy over all rows.
    Empty where the labels are no classes. Without gold labels the recall is the agreement with the
    teacher on the rows that it gave the label.
    """
    found = [metrics.get("by_label") or _agreement(metrics) for metrics in evaluations.values()]
    if len(found) == 1 or not all(found):
        return dict(found[0]) if all(found) else {}
    together: dict[str, dict[str, float]] = {}
    for label, first in found[0].items():
        values = {name: [of[label][name] for of in found if name in of[label]] for name in MEANS}
        means = {name: fmean(given) for name, given in values.items() if given}
        together[label] = {"rows": first["rows"]} | means
    ids: dict[str, list[str]] = {label: [] for label in together}
    for row in (row for row in test if row["label"] is not None):
        ids.get(kind_of("choice", row["choices"]).canonical(row["label"]) or "", []).append(
            row["id"]
        )
    for label, of_label in ids.items():
        if of_label:
            shared = {seed: {id_: of[id_] for id_ in of_label} for seed, of in students.items()}
            recall = measure(shared, groups).score
            together[label] |= {"recall_low": recall.low, "recall_high": recall.high}
    return together


def _agreement(metrics: Metrics) -> dict[str, dict[str, float]]:
    return {
        label: {name.replace(AGREEMENT, "recall"): value for name, value in values.items()}
        for label, values in metrics.get(f"{AGREEMENT}_by_label", {}).items()
    }


def confusion(tables: Iterable[str]) -> list[tuple[str, str | None, int]]:
    """Gold label, predicted one and how many rows, of all students together.

    `tables` are CSV with `actual`, `predicted` and `rows`, one for each seed; what is predicted is
    None where it is no label. Of up to ten labels every pair that occurs, of more the ten most
    frequent pairs of two that differ.
    """
    counts: Counter[tuple[str, str | None]] = Counter()
    for table in tables:
        for row in csv.DictReader(io.StringIO(table)):
            counts[row["actual"], row["predicted"] or None] += int(row["rows"])
    pairs = sorted(
        ((gold, predicted, count) for (gold, predicted), count in counts.items() if count),
        key=lambda pair: (-pair[2], pair[0], pair[1] or ""),
    )
    if len({gold for gold, _ in counts}) <= FEW:
        return pairs
    return [pair for pair in pairs if pair[0] != pair[1]][:PAIRS]
