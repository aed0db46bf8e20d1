"""Predictions against gold labels: a row for each, and the metrics with their intervals."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Answer, Metric
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.kinds.classes import fixed_classes
from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.classes import class_measures, confusion
from stillhouse.statistics.intervals import as_metrics, mean_interval

Metrics = dict[str, Any]
"""Numbers by name, and by label below `by_label`."""

BESIDE: Mapping[Metric, Metric] = {
    "number": "exact",
    "equation": "exact",
    "latex": "exact",
    "exact": "choice",
}
"""What else is counted as right beside each dataset's own metric, where that is another thing."""
NAMES: Mapping[Metric, str] = {"exact": "exact_match", "choice": "choice_match"}


def split_rows(examples: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """The labelled rows of one split; none is an error."""
    rows = labelled_rows(examples, split)
    if not rows:
        raise StillhouseError(
            f"The dataset has no labelled rows in its {split} split, which evaluation needs. Add "
            f"`splits: {split}:` to the dataset's conf: `read:` names one of the source's own, "
            "`hold_out_from: train` with a `share` sets rows aside. Where the teacher's labels "
            "stand in for gold ones, it gave none (see metrics/parse.json)."
        )
    return rows


def labelled_rows(examples: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """The rows of one split that have a label, if any."""
    return [row for row in examples if row["split"] == split and row["label"] is not None]


def score(
    predictions: Mapping[str, str], rows: Sequence[Mapping[str, Any]], answer: Answer
) -> tuple[list[Row], Metrics]:
    """The predictions table and the metrics, each share with `_low` and `_high` at 95%.

    `accuracy` is the dataset's own metric. What else counts as right stands beside it (`BESIDE`),
    and with fixed choices the measures of classes (`statistics.classes`).
    """
    examples = by_id(rows, "examples")
    require_ids(examples, predictions, "examples", "predictions")
    require_ids(predictions, examples, "predictions", "examples")
    table = [_scored(row, predictions[row["id"]], answer.metric) for row in rows]
    groups = [row["group"] for row in rows]
    metrics: Metrics = {"rows": len(rows)}
    metrics |= as_metrics("accuracy", mean_interval([row["score"] for row in table], groups))
    other = BESIDE.get(answer.metric)
    if other == "exact" or (other and all(row["choices"] for row in rows)):
        beside = [_scored(row, predictions[row["id"]], other)["score"] for row in rows]
        metrics |= as_metrics(NAMES[other], mean_interval(beside, groups))
    if classes := fixed_classes(rows, answer.metric):
        metrics |= class_measures(classes, *_classified(table, rows, classes), groups)
    return table, metrics


def confusion_csv(table: Sequence[Row], rows: Sequence[Mapping[str, Any]], answer: Answer) -> str:
    """`actual,predicted,rows` of scored predictions; the heading alone without fixed classes.

    What is predicted is blank where it is no class.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("actual", "predicted", "rows"))
    if classes := fixed_classes(rows, answer.metric):
        writer.writerows(confusion(classes, *_classified(table, rows, classes)))
    return text.getvalue()


def _classified(
    table: Sequence[Row], rows: Sequence[Mapping[str, Any]], classes: Sequence[str]
) -> tuple[list[str], list[str | None]]:
    """The class of each row, and the one that it is predicted to be, in the order of `rows`."""
    kind, predicted = kind_of("choice", classes), by_id(table, "predictions")
    said = [predicted[row["id"]]["normalised"] for row in rows]
    # No label that is no choice gets past ingest.
    actual = [kind.canonical(row["label"]) or row["label"] for row in rows]
    return actual, [None if label is None else kind.canonical(label) for label in said]


def _scored(row: Mapping[str, Any], prediction: str, metric: Metric) -> Row:
    kind = kind_of(metric, row["choices"])
    return {
        "id": row["id"],
        "prediction": prediction,
        "normalised": kind.canonical(prediction),
        "score": kind.score(prediction, row["label"]),
    }
