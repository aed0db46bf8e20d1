"""Predictions against the test rows: a score for each, and the metrics with their intervals."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from stillhouse.config.dataset import Answer, Metric
from stillhouse.core.errors import StillhouseError
from stillhouse.core.joins import by_id, require_ids
from stillhouse.core.tables import Row
from stillhouse.kinds.classes import fixed_classes
from stillhouse.kinds.measures import measure_of
from stillhouse.kinds.registry import kind_of
from stillhouse.statistics.classes import class_measures, confusion
from stillhouse.statistics.graded import beside_metrics, score_interval
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


def split_rows(
    examples: Sequence[Mapping[str, Any]], split: str, metric: Metric
) -> list[Mapping[str, Any]]:
    """The rows of one split that can be scored; none is an error."""
    rows = scorable_rows(examples, split, metric)
    if not rows and not measure_of(metric).needs_label:
        raise StillhouseError(
            f"The dataset has no rows in its {split} split, which evaluation needs. Add `splits: "
            f"{split}:` to the dataset's conf."
        )
    if not rows:
        raise StillhouseError(
            f"The dataset has no labelled rows in its {split} split, which evaluation needs. Add "
            f"`splits: {split}:` to the dataset's conf: `read:` names one of the source's own, "
            "`hold_out_from: train` with a `share` sets rows aside. Where the teacher's labels "
            "stand in for gold ones, it gave none (see metrics/parse.json)."
        )
    return rows


def scorable_rows(
    examples: Sequence[Mapping[str, Any]], split: str, metric: Metric
) -> list[Mapping[str, Any]]:
    """The rows of one split that a prediction can be scored on: the labelled ones, or all."""
    if measure_of(metric).needs_label:
        return labelled_rows(examples, split)
    return [row for row in examples if row["split"] == split]


def labelled_rows(examples: Sequence[Mapping[str, Any]], split: str) -> list[Mapping[str, Any]]:
    """The rows of one split that have a label, if any."""
    return [row for row in examples if row["split"] == split and row["label"] is not None]


def score(
    predictions: Mapping[str, str], rows: Sequence[Mapping[str, Any]], answer: Answer
) -> tuple[list[Row], Metrics]:
    """The predictions table and the metrics, each mean with `_low` and `_high` at 95%.

    First is what the metric measures (`kinds.measures`): `accuracy` but where scores are graded.
    What else counts as right stands beside it (`BESIDE`), or the further figures of a graded one,
    and with fixed choices the measures of classes (`statistics.classes`).
    """
    examples = by_id(rows, "examples")
    require_ids(examples, predictions, "examples", "predictions")
    require_ids(predictions, examples, "predictions", "examples")
    table = [_scored(row, predictions[row["id"]], answer.metric) for row in rows]
    groups = [row["group"] for row in rows]
    metrics: Metrics = {"rows": len(rows)}
    measure, scores = measure_of(answer.metric), [row["score"] for row in table]
    metrics |= as_metrics(measure.name, score_interval(scores, measure.scale, groups))
    figures = [_beside(row, predictions[row["id"]], answer.metric) for row in rows]
    metrics |= beside_metrics([figure.name for figure in measure.beside], figures, groups)
    if scored_with := kind_of(answer.metric).scored_with():
        metrics["scored_with"] = scored_with
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
        "score": kind.score_row(prediction, row),
    }


def _beside(row: Mapping[str, Any], prediction: str, metric: Metric) -> dict[str, float]:
    return kind_of(metric, row["choices"]).beside(prediction, row)
